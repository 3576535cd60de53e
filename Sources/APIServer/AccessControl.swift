public import Access
import HTTPServer
import Machinery
import Registry

/// Who may come in, and what they may do: the two questions that every request over TLS is asked. Plain HTTP, which
/// only this machine reaches, asks nothing: whoever is there is `system:unsecured` (as on kube-apiserver's insecure
/// port, while it had one).
public struct AccessControl: Sendable {
  public var authenticator: AuthenticatorChain
  public var authorizer: any Authorizer
  /// Headers, and beginnings of headers, that authenticators want to see; in small letters.
  public var headers: [String]
  /// The names by which tokens know this API. (kube-apiserver: `--api-audiences`)
  public var audiences: [String]

  public init(
    authenticator: AuthenticatorChain, authorizer: any Authorizer, headers: [String] = [], audiences: [String] = []
  ) {
    self.audiences = audiences
    self.authenticator = authenticator
    self.authorizer = authorizer
    self.headers = headers
  }

  /// What a request brings to say who it is by.
  func credentials(_ request: Request, path: String) -> Credentials {
    var credentials = Credentials(authorization: request.header("Authorization"), path: path)
    if credentials.authorization == nil, request.isWebSocket {
      do throws(WebSocketToken.Fault) {
        let token = try WebSocketToken.find(in: request.headers("Sec-WebSocket-Protocol"))
        credentials.authorization = token.map { "Bearer " + $0 }
      } catch {
        credentials.fault = error.text
      }
    }
    var client = request.client
    if case .proxy(let name, let besides) = client {
      credentials.proxyName = name
      client = besides
    }
    if case .unverified(let reason) = client { credentials.certificateFault = "x509: \(reason)" }
    if case .verified(let certificate) = client {
      credentials.certificate = CertificateIdentity(
        commonName: certificate.commonName, organizations: certificate.organizations,
        uids: certificate.userID.map { [$0] } ?? [],
        fingerprint: certificate.fingerprint)
    }
    for name in headers { credentials.headers += request.headers(beginningWith: name) }
    return credentials
  }
}

extension Impersonation {
  /// The wish of a request; nil for nearly all. Throws 400.
  init?(_ request: Request) throws(Status) {
    guard request.hasHeader(beginningWith: "impersonate-") else { return nil }
    try self.init(headers: request.headers(beginningWith: "impersonate-"))
  }
}
