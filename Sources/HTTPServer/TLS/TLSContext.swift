import COpenSSL

/// Everything that new TLS connections are made from, read once from its files: certificates by server name, client
/// authorities, versions, suites.
///
/// Connections keep the context that they began with, so a later one takes nothing from them.
final class TLSContext: Sendable {
  /// Presented when no server name is asked for or none fits.
  let standard: ServerContext
  /// By server name in lower case, `*.` names as they are written.
  private let byName: [ByteString: ServerContext]
  let asksForCertificates: Bool
  /// nil where clients are verified against nobody.
  let clients: ClientAuthorities?
  let proxies: ClientAuthorities?

  init(_ configuration: TLSConfiguration) throws(TLSError) {
    standard = try ServerContext(configuration, presenting: configuration.keyPair, isStandard: true)
    asksForCertificates = configuration.clientCAFile != nil || configuration.proxyCAFile != nil
    let securityLevel = SSL_CTX_get_security_level(standard.handle)
    clients = try configuration.clientCAFile.map { path throws(TLSError) in
      try ClientAuthorities(try PEMFile(.clientCA, path), securityLevel: securityLevel)
    }
    proxies = try configuration.proxyCAFile.map { path throws(TLSError) in
      try ClientAuthorities(try PEMFile(.proxyCA, path), securityLevel: securityLevel)
    }
    var byName: [ByteString: ServerContext] = [:]
    var extracted: [(name: String, context: ServerContext)] = []
    var others: [ServerContext] = []
    for pair in configuration.sniKeyPairs {
      let context = try ServerContext(configuration, presenting: pair, isStandard: false)
      others.append(context)
      for name in pair.names.map({ $0.lowercased() }) where byName[name] == nil { byName[name] = context }
      if pair.names.isEmpty { extracted += context.names.map { ($0.lowercased(), context) } }
    }
    // Names that were asked for beat those that only stand in a certificate, as in kube-apiserver.
    for entry in extracted where byName[entry.name] == nil { byName[entry.name] = entry.context }
    self.byName = byName
    guard asksForCertificates else { return }
    // OpenSSL asks with the context that the server name has chosen.
    let authorities = (clients?.certificates ?? []) + (proxies?.certificates ?? [])
    for context in [standard] + others { context.ask(naming: authorities) }
  }

  static func checkAllButTheFirst(_ configuration: TLSConfiguration) throws(TLSError) {
    // At which level they would be used does not matter here.
    if let path = configuration.proxyCAFile { _ = try ClientAuthorities(try PEMFile(.proxyCA, path), securityLevel: 1) }
    for pair in configuration.sniKeyPairs { _ = try ServerContext(configuration, presenting: pair, isStandard: false) }
    if let path = configuration.clientCAFile {
      _ = try ClientAuthorities(try PEMFile(.clientCA, path), securityLevel: 1)
    }
  }

  /// Presents the certificate of the server name that the client asks for. A whole name beats `*.` in place of its
  /// first label.
  fileprivate func choose(for ssl: OpaquePointer) {
    guard !byName.isEmpty, let text = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name) else { return }
    let name = String(cString: text).lowercased()
    let wildcard = name.firstIndex(of: ".").map { "*" + name[$0...] }
    if let context = byName[name] ?? wildcard.flatMap({ byName[$0] }) { SSL_set_SSL_CTX(ssl, context.handle) }
  }

  /// A new connection's state; nil when memory is out.
  func makeSSL() -> OpaquePointer? {
    guard let ssl = SSL_new(standard.handle) else { return nil }
    // For the callback that chooses by server name. The session keeps this object as long as the handle.
    SSL_set_ex_data(ssl, Self.place, Unmanaged.passUnretained(self).toOpaque())
    SSL_set_accept_state(ssl)
    return ssl
  }

  private static let place = CRYPTO_get_ex_new_index(CRYPTO_EX_INDEX_SSL, 0, nil, nil, nil, nil)

  fileprivate static func of(_ ssl: OpaquePointer) -> TLSContext? {
    SSL_get_ex_data(ssl, place).map { Unmanaged<TLSContext>.fromOpaque($0).takeUnretainedValue() }
  }
}

/// One SSL_CTX: a certificate with everything that is the same for all. Owns its handle.
///
/// Sendable: configured in init and by `ask` before it is shared; afterwards OpenSSL locks what it changes
/// (SSL_CTX_new(3)).
final class ServerContext: @unchecked Sendable {
  let handle: OpaquePointer
  /// The names that the certificate is for.
  let names: [String]

  fileprivate init(
    _ configuration: TLSConfiguration, presenting pair: TLSConfiguration.KeyPair, isStandard: Bool
  ) throws(TLSError) {
    guard let handle = SSL_CTX_new(TLS_server_method()) else { throw .library("SSL_CTX_new: \(OpenSSLErrors.take())") }
    self.handle = handle
    let certFile = try PEMFile(isStandard ? .certificate : .sniCertificate, pair.certFile)
    let chain = try certFile.certificates()
    let names = chain[0].alternativeNames
    self.names = names.dns + names.addresses + (names.dns.isEmpty ? chain[0].subject(NID_commonName) : [])
    if chain[0].hasExpired { throw certFile.failure("the certificate expired on \(chain[0].expiry)") }
    OpenSSLErrors.clear()
    guard SSL_CTX_use_certificate(handle, chain[0].handle) == 1 else { throw certFile.failure(OpenSSLErrors.take()) }
    for certificate in chain.dropFirst() {
      guard copenssl_ctx_add1_chain_cert(handle, certificate.handle) == 1 else {
        throw certFile.failure(OpenSSLErrors.take())
      }
    }
    let keyFile = try PEMFile(isStandard ? .privateKey : .sniPrivateKey, pair.keyFile)
    let key = try keyFile.privateKey()
    guard X509_check_private_key(chain[0].handle, key.handle) == 1 else {
      throw keyFile.failure("the private key does not belong to the certificate in \(pair.certFile)")
    }
    OpenSSLErrors.clear()
    guard SSL_CTX_use_PrivateKey(handle, key.handle) == 1 else { throw keyFile.failure(OpenSSLErrors.take()) }
    try configure(configuration)
  }

  deinit { SSL_CTX_free(handle) }

  private func configure(_ configuration: TLSConfiguration) throws(TLSError) {
    let version =
      switch configuration.minVersion {
      case .tls12: TLS1_2_VERSION
      case .tls13: TLS1_3_VERSION
      }
    guard copenssl_ctx_set_min_version(handle, version) == 1 else {
      throw .library("TLS version: \(OpenSSLErrors.take())")
    }
    let chosen = configuration.cipherSuites?.map(\.openSSLName).filter { !$0.isEmpty }.joined(separator: ":") ?? ""
    guard SSL_CTX_set_cipher_list(handle, chosen.isEmpty ? TLSCipherSuite.preferred : chosen) == 1 else {
      throw .library("cipher suites: \(OpenSSLErrors.take())")
    }
    guard SSL_CTX_set_ciphersuites(handle, TLSCipherSuite.preferredOfTLS13) == 1 else {
      throw .library("cipher suites: \(OpenSSLErrors.take())")
    }
    // One renegotiation costs a client little and us a key exchange; and nothing here needs it. A peer that just closes
    // is a client like others.
    SSL_CTX_set_options(
      handle,
      SSL_OP_NO_RENEGOTIATION_BIT | SSL_OP_CIPHER_SERVER_PREFERENCE_BIT | SSL_OP_NO_COMPRESSION_BIT
        | SSL_OP_IGNORE_UNEXPECTED_EOF_BIT)
    // Idle connections hold no record buffers.
    copenssl_ctx_set_mode(handle, SSL_MODE_RELEASE_BUFFERS_BIT)
    // What comes behind the handshake is for whoever goes on, see `OpenSSLSession.handOver`, which sends the one ticket
    // too.
    copenssl_ctx_set_read_ahead(handle, 0)
    OpenSSLSession.tellSecrets(of: handle)
    copenssl_ctx_set_max_cert_list(handle, 64 << 10)
    // Sessions live in tickets, which clients keep; one a connection is enough. Tickets of another context can't be
    // opened, so whoever was verified against older authorities is verified again.
    copenssl_ctx_set_session_cache_mode(handle, Int(SSL_SESS_CACHE_OFF))
    SSL_CTX_set_num_tickets(handle, 0)
    let name = Array("binnacle".utf8)
    SSL_CTX_set_session_id_context(handle, name, UInt32(name.count))
    SSL_CTX_set_alpn_select_cb(
      handle,
      { _, chosen, length, offered, count, _ in
        guard let offered, let protocolName = ALPN.choose(from: UnsafeBufferPointer(start: offered, count: Int(count)))
        else { return SSL_TLSEXT_ERR_ALERT_FATAL }
        chosen?.pointee = protocolName.baseAddress
        length?.pointee = UInt8(clamping: protocolName.count)
        return SSL_TLSEXT_ERR_OK
      }, nil)
    copenssl_ctx_set_servername_callback(
      handle,
      { ssl, _, _ in
        if let ssl { TLSContext.of(ssl)?.choose(for: ssl) }
        return SSL_TLSEXT_ERR_OK
      }, nil)
  }

  /// Asks clients for a certificate.
  fileprivate func ask(naming authorities: [Certificate]) {
    for authority in authorities { SSL_CTX_add_client_CA(handle, authority.handle) }
    // Who can't be verified is let in, as by kube-apiserver: a request may bring other credentials. `ClientCredential`
    // looks at what was shown.
    SSL_CTX_set_verify(handle, SSL_VERIFY_PEER | SSL_VERIFY_CLIENT_ONCE, nil)
    SSL_CTX_set_cert_verify_callback(handle, { _, _ in 1 }, nil)
    OpenSSLSession.keepChains(of: handle)
  }
}

// C macros with a cast, which Swift can't import.
private let SSL_OP_IGNORE_UNEXPECTED_EOF_BIT = UInt64(1) << 7
private let SSL_OP_NO_COMPRESSION_BIT = UInt64(1) << 17
private let SSL_OP_CIPHER_SERVER_PREFERENCE_BIT = UInt64(1) << 22
private let SSL_OP_NO_RENEGOTIATION_BIT = UInt64(1) << 30
private let SSL_MODE_RELEASE_BUFFERS_BIT = 0x10

/// What is spoken over TLS (RFC 7301).
enum ALPN {
  static let http1: StaticString = "http/1.1"
  static let http2: StaticString = "h2"

  /// The best of ours in the client's list of length-prefixed names; nil when there is none.
  static func choose(from offered: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8>? {
    for name in [http2, http1] {
      var at = 0
      while at < offered.count {
        let end = at + 1 + Int(offered[at])
        guard end <= offered.count else { return nil }
        let candidate = UnsafeBufferPointer(rebasing: offered[(at + 1)..<end])
        if candidate.elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount)) {
          return candidate
        }
        at = end
      }
    }
    return nil
  }
}
