/// What a request brings to say who it is by, taken out of it as values.
public struct Credentials: Sendable {
  /// The `Authorization` header.
  public var authorization: String?
  /// Subject of the client certificate, if one was sent and a CA that we trust for clients has signed it.
  public var certificate: CertificateIdentity?
  /// Why the client certificate that was sent counts for nothing: then the request fails, unless other credentials say
  /// who it is by.
  public var certificateFault: String?
  /// Common name of the client certificate where the front proxies' CA has signed it.
  public var proxyName: String?
  /// Path without query, for what is anonymous on some paths only.
  public var path: String
  /// Headers that authenticators asked for, names in small letters.
  public var headers: [(name: String, value: String)]
  /// What is wrong with them whoever is asked; nil for nothing. A certificate or a proxy may still say who it is.
  public var fault: String?

  public init(
    authorization: String? = nil, certificate: CertificateIdentity? = nil, proxyName: String? = nil, path: String = "", headers: [(name: String, value: String)] = []
  ) {
    self.authorization = authorization
    self.certificate = certificate
    self.proxyName = proxyName
    self.path = path
    self.headers = headers
  }

  /// The token of `Authorization: Bearer …`; nil when there is none. (`bearertoken.AuthenticateRequest`.)
  public var bearerToken: String? {
    guard let authorization, let end = authorization.utf8.firstIndex(of: UInt8(ascii: " ")) else { return nil }
    let scheme = authorization.utf8[..<end]
    guard scheme.count == 6, zip(scheme, "bearer".utf8).allSatisfy({ $0 | 0x20 == $1 }) else { return nil }
    let token = authorization.utf8[authorization.utf8.index(after: end)...].prefix { $0 != UInt8(ascii: " ") }
    return token.isEmpty ? nil : String(Substring(token))
  }
}

/// What kube-apiserver reads of a client certificate.
public struct CertificateIdentity: Sendable, Equatable {
  public var commonName: String
  public var organizations: [String]
  /// Values of the subject's attributes 1.3.6.1.4.1.57683.2, by which a certificate carries a user's uid.
  public var uids: [String]
  /// SHA-256 of the certificate, in hex.
  public var fingerprint: String

  public init(commonName: String, organizations: [String] = [], uids: [String] = [], fingerprint: String = "") {
    self.commonName = commonName
    self.organizations = organizations
    self.uids = uids
    self.fingerprint = fingerprint
  }
}
