public import JSON
import HTTPServer
import Machinery

/// The documents by which others believe the tokens of service accounts. (OpenID Connect Discovery 1.0; kube-apiserver:
/// `routes.OpenIDMetadataServer`)
public struct TokenDocuments: Sendable {
  /// May take long, and throw why there is none.
  public typealias Document = @Sendable () throws -> JSONValue
  let discovery: Document
  let keySet: Document

  public init(discovery: @escaping Document, keySet: @escaping Document) {
    self.discovery = discovery
    self.keySet = keySet
  }

  /// Which of them.
  enum Kind: Sendable { case discovery, keySet }

  static func kind(_ path: String) -> Kind? {
    switch path {
    case "/.well-known/openid-configuration", "/.well-known/openid-configuration/": .discovery
    case "/openid/v1/jwks", "/openid/v1/jwks/": .keySet
    default: nil
    }
  }
}

/// For whom tokens are, which reviews have to tell.
public struct TokenAudiences: Sendable {
  /// This server's names.
  let own: [String]
  /// Those that a token names; nil where it names nobody.
  let named: @Sendable (_ token: String) -> [String]?

  public init(own: [String], named: @escaping @Sendable (_ token: String) -> [String]?) {
    self.own = own
    self.named = named
  }
}

extension APIServer {
  func tokenDocument(_ kind: TokenDocuments.Kind, _ context: RequestContext) {
    guard let documents = configuration.tokenDocuments else { return context.reply.send(.pathNotFound) }
    let type = kind == .discovery ? "application/json" : "application/jwk-set+json"
    guard isThroughRoute(context, producing: [type]) else { return }
    context.reply.exchange.perform {
      do {
        let document = try kind == .discovery ? documents.discovery() : documents.keySet()
        var answer = Answer.rawJSON(document)
        answer.contentType = type
        answer.headers.append(ResponseHeader("Cache-Control", "public, max-age=3600"))
        context.reply.send(answer)
      } catch { context.reply.send(context.error(.internalError("\(error)"))) }
    }
  }
}
