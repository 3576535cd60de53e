import COpenSSL

/// Authorities that vouch for clients (kube-apiserver's `--client-ca-file`), or for proxies in front of the server
/// (`--requestheader-client-ca-file`).
///
/// Sendable: filled in init; afterwards OpenSSL locks what it changes (X509_STORE_new(3)).
final class ClientAuthorities: @unchecked Sendable {
  private let store: OpaquePointer
  /// Their names are told to clients, who choose a certificate by them.
  let certificates: [Certificate]
  private let securityLevel: Int32

  /// `securityLevel`: what keys and digests must come to, in OpenSSL's steps. At least one certificate in the file must
  /// be good.
  init(_ file: PEMFile, securityLevel: Int32) throws(TLSError) {
    self.securityLevel = securityLevel
    certificates = try file.certificates()
    if let last = certificates.last, certificates.allSatisfy(\.hasExpired) {
      throw file.failure("every certificate in it has expired, the last on \(last.expiry)")
    }
    guard let store = X509_STORE_new() else { throw .library("X509_STORE_new: \(OpenSSLErrors.take())") }
    self.store = store
    for certificate in certificates {
      OpenSSLErrors.clear()
      guard X509_STORE_add_cert(store, certificate.handle) == 1 else { throw file.failure(OpenSSLErrors.take()) }
    }
  }

  deinit { X509_STORE_free(store) }

  enum Verdict {
    /// Vouched for as long as every certificate of the chain is good.
    case good(Validity)
    /// `passes`: time alone may change it.
    case bad(reason: String, passes: Bool)
  }

  /// Have they signed this certificate, for a client, with the help of what came with it? Every certificate in the file
  /// is believed, not only those that sign themselves, as Go does with its pools of roots.
  func verify(_ certificate: Certificate, with others: [Certificate]) -> Verdict {
    let outOfMemory = Verdict.bad(reason: "out of memory", passes: true)
    guard let verification = X509_STORE_CTX_new() else { return outOfMemory }
    defer {
      X509_STORE_CTX_free(verification)
      OpenSSLErrors.clear()
    }
    guard let list = copenssl_x509_list() else { return outOfMemory }
    // The certificates stay their owners'; they live until this returns.
    defer { copenssl_x509_list_free(list) }
    for other in others where copenssl_x509_push(list, other.handle) == 0 { return outOfMemory }
    guard X509_STORE_CTX_init(verification, store, certificate.handle, list) == 1 else { return outOfMemory }
    X509_STORE_CTX_set_purpose(verification, X509_PURPOSE_SSL_CLIENT)
    X509_STORE_CTX_set_flags(verification, UInt(X509_V_FLAG_PARTIAL_CHAIN))
    X509_VERIFY_PARAM_set_auth_level(X509_STORE_CTX_get0_param(verification), securityLevel)
    let isGood = withExtendedLifetime(others) { X509_verify_cert(verification) == 1 }
    guard isGood else {
      let code = X509_STORE_CTX_get_error(verification)
      let passes = code == X509_V_ERR_CERT_NOT_YET_VALID || code == X509_V_ERR_CERT_HAS_EXPIRED
      return .bad(reason: String(cString: X509_verify_cert_error_string(Int(code))), passes: passes)
    }
    var validity = Validity.always
    let chain = X509_STORE_CTX_get0_chain(verification)
    for place in 0..<copenssl_x509_count(chain) {
      guard let link = copenssl_x509_at(chain, place) else { continue }
      validity = validity.within(Certificate.validity(link))
    }
    return .good(validity)
  }
}

/// When something holds: from a second since 1970 on, and before another.
struct Validity: Equatable {
  var from: Int
  var until: Int

  static let always = Validity(from: .min, until: .max)

  func within(_ other: Validity) -> Validity { Validity(from: max(from, other.from), until: min(until, other.until)) }
  func holds(at second: Int) -> Bool { second >= from && second < until }
}
