import ByteBuffers
import COpenSSL
import Cryptography
import Glibc

/// OpenSSL's part of a TLS connection: the handshake, and all of a connection of TLS 1.2. On the connection's reactor.
///
/// It reads the socket itself, through a BIO of ours; what it writes gathers in the reactor's `gathered`, and whoever
/// has called takes it from there.
final class OpenSSLSession {
  private let ssl: OpaquePointer
  private let context: TLSContext
  private let descriptor: Int32
  private unowned let reactor: Reactor
  private(set) var isShaking = true
  private var shakenBytes = 0
  private(set) var sawEnd = false
  /// Of TLS 1.3, for the time behind the handshake.
  private var clientSecret: SecretKey?
  private var serverSecret: SecretKey?

  /// Most that a client may send before the handshake is done: a hello and a chain of certificates.
  private static let handshakeBytesMax = 128 << 10

  /// nil when memory is out.
  init?(_ context: TLSContext, descriptor: Int32, reactor: Reactor) {
    guard let ssl = context.makeSSL() else { return nil }
    guard let bio = BIO_new(ReactorBIO.method) else {
      SSL_free(ssl)
      return nil
    }
    self.ssl = ssl
    self.context = context
    self.descriptor = descriptor
    self.reactor = reactor
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    BIO_set_init(bio, 1)
    SSL_set_bio(ssl, bio, bio)
  }

  deinit { SSL_free(ssl) }

  // MARK: the handshake

  enum Handshake {
    case done, waiting
    /// `plainAnswer`: the client spoke plain HTTP and can be told so.
    case failed(String, plainAnswer: Bool)
  }

  /// Goes on with the handshake.
  func shake() -> Handshake {
    OpenSSLErrors.clear()
    let result = SSL_do_handshake(ssl)
    if result == 1 {
      isShaking = false
      return .done
    }
    if SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ && !sawEnd { return .waiting }
    if shakenBytes > Self.handshakeBytesMax {
      return .failed("more than \(Self.handshakeBytesMax) bytes of handshake", plainAnswer: false)
    }
    if sawEnd { return .failed("the client went away", plainAnswer: false) }
    let isPlainHTTP = OpenSSLErrors.firstReason == SSL_R_HTTP_REQUEST
    return .failed(OpenSSLErrors.take(), plainAnswer: isPlainHTTP)
  }

  /// Was `name` agreed on by ALPN?
  func speaks(_ name: StaticString) -> Bool {
    var bytes: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &bytes, &count)
    return UnsafeBufferPointer(start: bytes, count: Int(count)).elementsEqual(
      UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// What the client showed of itself, its own certificate first; empty for nothing. Once the handshake is done.
  var shownCertificates: [Certificate] {
    guard context.asksForCertificates, let handle = SSL_get1_peer_certificate(ssl) else { return [] }
    let others = Self.chain(of: ssl)
    // A resumed session has the client's own certificate and nothing else, but for what we have put beside it.
    return [Certificate(adopting: handle)] + (others.isEmpty ? SSL_get_session(ssl).map(Self.keptChain) ?? [] : others)
  }

  private static func chain(of ssl: OpaquePointer) -> [Certificate] {
    let list = SSL_get_peer_cert_chain(ssl)
    return (0..<copenssl_x509_count(list)).compactMap { place in
      guard let handle = copenssl_x509_at(list, place), X509_up_ref(handle) == 1 else { return nil }
      return Certificate(adopting: handle)
    }
  }

  private static func keptChain(_ session: OpaquePointer) -> [Certificate] { Certificate.all(der: appData(session)) }

  private static func appData(_ session: OpaquePointer) -> [UInt8] {
    var start: UnsafeMutableRawPointer?
    var count = 0
    guard SSL_SESSION_get0_ticket_appdata(session, &start, &count) == 1, let start else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }

  /// Stands in a ticket for certificates that are too many to be put there. No certificate begins with it.
  private static let tooLong: [UInt8] = [0]

  /// Puts the certificates that came with a client's own into its tickets, where OpenSSL leaves them out: whoever needs
  /// them to be verified is not refused in a resumed session. Where they are too many, sessions are not resumed.
  static func keepChains(of context: OpaquePointer) {
    SSL_CTX_set_session_ticket_cb(
      context,
      { ssl, _ in
        guard let ssl, let session = SSL_get_session(ssl) else { return 1 }
        let others = OpenSSLSession.chain(of: ssl)
        if others.isEmpty { return 1 }
        var bytes = Certificate.der(of: others)
        let own = i2d_X509(SSL_SESSION_get0_peer(session), nil)
        if bytes.count + Int(max(own, 0)) > ClientCredential.keptBytesMax { bytes = OpenSSLSession.tooLong }
        return SSL_SESSION_set1_ticket_appdata(session, bytes, bytes.count)
      },
      { _, session, _, _, status, _ in
        switch status {
        case SSL_TICKET_SUCCESS, SSL_TICKET_SUCCESS_RENEW:
          if let session, OpenSSLSession.appData(session) == OpenSSLSession.tooLong {
            return SSL_TICKET_RETURN_IGNORE_RENEW
          }
          return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW
        default: return SSL_TICKET_RETURN_IGNORE_RENEW
        }
      }, nil)
  }

  /// Sends the ticket for later sessions and gives out the keys of those that go on; nil where OpenSSL must: TLS 1.2.
  /// Once the handshake is done.
  func handOver() -> (reading: TrafficKeys, writing: TrafficKeys)? {
    defer { (clientSecret, serverSecret) = (nil, nil) }
    guard SSL_version(ssl) == TLS1_3_VERSION, SSL_has_pending(ssl) == 0, let clientSecret, let serverSecret,
      let suite = RecordSuite(number: SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl))),
      let reading = TrafficKeys(suite, secret: clientSecret), var writing = TrafficKeys(suite, secret: serverSecret)
    else {
      // Nobody else reads the socket from now on, so it may be read ahead.
      SSL_set_read_ahead(ssl, 1)
      return nil
    }
    let before = reactor.gathered.count
    OpenSSLErrors.clear()
    if SSL_new_session_ticket(ssl) == 1 { SSL_do_handshake(ssl) }
    writing.skip(Self.records(in: reactor.gathered[before...]))
    return (reading, writing)
  }

  /// How many records `bytes` are.
  private static func records(in bytes: ArraySlice<UInt8>) -> Int {
    var rest = bytes
    var count = 0
    while rest.count >= RecordCipher.headerBytes {
      let size = rest.dropFirst(3).prefix(2).reduce(0) { $0 << 8 | Int($1) }
      rest = rest.dropFirst(RecordCipher.headerBytes + size)
      count += 1
    }
    return count
  }

  // MARK: TLS 1.2

  /// OpenSSL holds bytes that epoll will not tell of.
  var hasMore: Bool { SSL_has_pending(ssl) == 1 }

  func receive(into room: UnsafeMutableRawBufferPointer) -> Connection.Received {
    OpenSSLErrors.clear()
    let count = SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
    if count > 0 { return .bytes(Int(count), mayHaveMore: hasMore) }
    switch SSL_get_error(ssl, count) {
    case SSL_ERROR_WANT_READ: return sawEnd ? .end : .nothing
    case SSL_ERROR_ZERO_RETURN: return .end
    default: return sawEnd ? .end : .broken
    }
  }

  /// Makes a record; false when that fails.
  func seal(_ plain: UnsafeRawBufferPointer) -> Bool {
    OpenSSLErrors.clear()
    return SSL_write(ssl, plain.baseAddress, Int32(clamping: plain.count)) == plain.count
  }

  /// Tells the client that nothing follows, so that it knows an end from a cut.
  func close() {
    guard !isShaking else { return }
    OpenSSLErrors.clear()
    SSL_shutdown(ssl)
  }

  // MARK: for OpenSSL

  /// As read(2), for as much as a handshake may take.
  fileprivate func read(into room: UnsafeMutableRawPointer, count: Int) -> Int {
    if isShaking && shakenBytes > Self.handshakeBytesMax {
      errno = EMSGSIZE
      return -1
    }
    let count = SocketCalls.receive(descriptor, UnsafeMutableRawBufferPointer(start: room, count: count))
    if count > 0 && isShaking { shakenBytes += count }
    if count == 0 { sawEnd = true }
    return count
  }

  fileprivate func gather(_ bytes: UnsafeRawBufferPointer) { reactor.gathered.append(contentsOf: bytes) }

  /// OpenSSL's only way to give its secrets out: lines of NSS's key log, which it wipes. None is logged.
  static func tellSecrets(of context: OpaquePointer) {
    SSL_CTX_set_keylog_callback(context) { ssl, line in
      guard let ssl, let line, let bio = SSL_get_rbio(ssl), let session = ReactorBIO.session(bio) else { return }
      session.heard(UnsafeRawBufferPointer(start: line, count: strlen(line)))
    }
  }

  /// `line`: label, the client's random bytes and a secret, the latter two in hexadecimal digits.
  private func heard(_ line: UnsafeRawBufferPointer) {
    let words = line.split(separator: UInt8(ascii: " "))
    guard words.count == 3 else { return }
    if words[0].elementsEqual("CLIENT_TRAFFIC_SECRET_0".utf8) { clientSecret = Self.secret(words[2]) }
    if words[0].elementsEqual("SERVER_TRAFFIC_SECRET_0".utf8) { serverSecret = Self.secret(words[2]) }
  }

  private static func secret(_ digits: Slice<UnsafeRawBufferPointer>) -> SecretKey? {
    SecretKey(count: digits.count / 2) { room in
      var place = digits.startIndex
      for index in 0..<(digits.count / 2) {
        guard let high = Hex.value(of: digits[place]), let low = Hex.value(of: digits[place + 1]) else { return false }
        room[index] = high << 4 | low
        place += 2
      }
      return true
    }
  }
}

/// The BIO between OpenSSL and an `OpenSSLSession`: plain functions that find the session in the BIO's data.
private enum ReactorBIO {
  /// Made once and never freed, as OpenSSL keeps pointers to it.
  nonisolated(unsafe) static let method: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "reactor") else { return nil }
    BIO_meth_set_read(method) { bio, room, count in
      guard let bio, let room, let session = ReactorBIO.session(bio) else { return -1 }
      copenssl_bio_clear_retry(bio)
      let result = session.read(into: room, count: Int(count))
      if result < 0 && errno == EAGAIN { copenssl_bio_should_retry_read(bio) }
      return Int32(result)
    }
    BIO_meth_set_write(method) { bio, bytes, count in
      guard let bio, let session = ReactorBIO.session(bio) else { return -1 }
      session.gather(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
      return count
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()

  static func session(_ bio: OpaquePointer) -> OpenSSLSession? {
    BIO_get_data(bio).map { Unmanaged<OpenSSLSession>.fromOpaque($0).takeUnretainedValue() }
  }
}
