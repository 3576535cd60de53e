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
  /// For whom a token has to be; nil for this server.
  public var audiences: [String]?
  /// What is wrong with them whoever is asked; nil for nothing. A certificate or a proxy may still say who it is.
  public var fault: String?

  public init(
    authorization: String? = nil, certificate: CertificateIdentity? = nil, proxyName: String? = nil, path: String = "",
    headers: [(name: String, value: String)] = []
  ) {
    self.authorization = authorization
    self.certificate = certificate
    self.proxyName = proxyName
    self.path = path
    self.headers = headers
  }

  /// The token of `Authorization: Bearer …`; nil when there is none. (`bearertoken.AuthenticateRequest`.)
  public var bearerToken: String? {
    guard let authorization, let token = BearerToken.text(in: authorization.utf8), !token.isEmpty else { return nil }
    return String(decoding: token, as: UTF8.self)
  }
}

/// `Bearer …` of an `Authorization` header. (bearertoken.go)
public enum BearerToken {
  /// What stands between the first blank and the second; nil where another scheme is meant, or nothing follows.
  static func text<Bytes: BidirectionalCollection<UInt8>>(in header: Bytes) -> Bytes.SubSequence? {
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    guard let first = header.firstIndex(where: { !isSpace($0) }), let last = header.lastIndex(where: { !isSpace($0) })
    else { return nil }
    let header = header[first...last]
    guard let end = header.firstIndex(of: 0x20), header[..<end].count == 6,
      zip(header[..<end], "bearer".utf8).allSatisfy({ $0 | 0x20 == $1 })
    else { return nil }
    return header[header.index(after: end)...].prefix { $0 != 0x20 }
  }

  /// Is there a blank too many, so that what follows is no token?
  public static func hasSpaceBefore(_ header: UnsafeRawBufferPointer?) -> Bool {
    header.flatMap { text(in: $0) }?.isEmpty ?? false
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
