import COpenSSL

/// What the certificate makes of a client that it showed in the TLS handshake. Names are taken as written; who they
/// stand for is the authenticator's to say.
public enum ClientIdentity: Sendable, Equatable {
  /// No TLS, or no certificate.
  case none
  /// A certificate that the client CA file vouches for.
  case verified(ClientCertificate)
  /// A certificate that it does not, and why. The connection is served all the same, as kube-apiserver does: other
  /// credentials may come with requests.
  case unverified(reason: String)
  /// A certificate that the front proxies' authorities vouch for, by its common name, and what the client CA file makes
  /// of it.
  indirect case proxy(name: String, besides: ClientIdentity)
}

/// A client's certificate.
public struct ClientCertificate: Sendable, Equatable {
  /// The subject's last CN: Kubernetes' user name.
  public let commonName: String
  /// The subject's Os: Kubernetes' groups.
  public let organizations: [String]
  /// The subject's 1.3.6.1.4.1.57683.2, Kubernetes' user ID.
  public let userID: String?
  public let dnsNames: [String]
  public let emailAddresses: [String]
  public let uris: [String]
  public let ipAddresses: [String]
  /// SHA-256 of the certificate in lower-case hexadecimal.
  public let fingerprint: String

  init(_ certificate: Certificate) {
    commonName = certificate.subject(NID_commonName).last ?? ""
    organizations = certificate.subject(NID_organizationName)
    userID = certificate.subject(oid: "1.3.6.1.4.1.57683.2").last
    let names = certificate.alternativeNames
    dnsNames = names.dns
    emailAddresses = names.emails
    uris = names.uris
    ipAddresses = names.addresses
    fingerprint = certificate.fingerprint
  }
}
