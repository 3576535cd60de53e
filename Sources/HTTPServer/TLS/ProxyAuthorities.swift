import COpenSSL

/// The authorities that vouch for proxies in front of the server, apart from those of clients. (kube-apiserver's `--requestheader-client-ca-file`.)
///
/// Sendable: filled in init; afterwards OpenSSL locks what it changes (X509_STORE_new(3)).
final class ProxyAuthorities: @unchecked Sendable {
  private let store: OpaquePointer
  /// Their names are told to clients, who choose a certificate by them.
  let certificates: [Certificate]

  init(_ file: PEMFile) throws(TLSError) {
    certificates = try file.certificates()
    if let last = certificates.last, certificates.allSatisfy(\.hasExpired) { throw file.failure("every certificate in it has expired, the last on \(last.expiry)") }
    guard let store = X509_STORE_new() else { throw .library("X509_STORE_new: \(OpenSSLErrors.take())") }
    self.store = store
    for certificate in certificates {
      OpenSSLErrors.clear()
      guard X509_STORE_add_cert(store, certificate.handle) == 1 else { throw file.failure(OpenSSLErrors.take()) }
    }
  }

  deinit { X509_STORE_free(store) }

  /// Have they signed this certificate, for a client, with the help of what came with it?
  func vouch(for certificate: Certificate, chain: OpaquePointer?) -> Bool {
    guard let verification = X509_STORE_CTX_new() else { return false }
    defer {
      X509_STORE_CTX_free(verification)
      OpenSSLErrors.clear()
    }
    guard X509_STORE_CTX_init(verification, store, certificate.handle, chain) == 1 else { return false }
    X509_STORE_CTX_set_purpose(verification, X509_PURPOSE_SSL_CLIENT)
    return X509_verify_cert(verification) == 1
  }
}
