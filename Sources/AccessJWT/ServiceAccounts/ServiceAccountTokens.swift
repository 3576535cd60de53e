public import JSON
import Synchronization

/// The tokens of service accounts: signs them, and says which were signed by whom it believes. (Kubernetes:
/// pkg/serviceaccount/jwt.go)
public final class ServiceAccountTokens: Sendable {
  /// Where the key that signs comes from.
  public enum SigningKey: Sendable {
    case given(TokenKey)
    /// It is made when it is first needed, and then the same for good: `load` finds one that was made before, `store`
    /// keeps a new one, in PEM, and throws where it can't.
    case made(load: @Sendable () -> TokenKey?, store: @Sendable ([UInt8]) throws -> Void)
    /// Nothing is signed here.
    case none
  }

  /// The key can't be made or kept.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
  }

  /// Whose tokens are believed; the first signs. Never empty.
  public let issuers: [String]
  /// Whom tokens are for that name nobody, and for whom they have to be to count here. Never empty.
  public let audiences: [String]
  private let source: SigningKey
  private let believed: [TokenKey]
  private let made = Mutex<TokenKey?>(nil)

  /// `believed`: other keys whose tokens count. `audiences`: empty for the first issuer.
  public init(issuers: [String], audiences: [String] = [], signing: SigningKey, believed: [TokenKey] = []) {
    self.issuers = issuers
    self.audiences = audiences.isEmpty ? Array(issuers.prefix(1)) : audiences
    source = signing
    self.believed = believed
    switch signing {
    case .given(let key): made.withLock { $0 = key }
    case .made(let load, _): made.withLock { $0 = load() }
    case .none: break
    }
  }

  /// A token of these claims, which get the issuer's name. Takes a millisecond, and a tenth of a second when the key is
  /// made: not for reactors.
  public func issue(_ claims: JSONObject) throws(Failure) -> String {
    guard let key = try signingKey() else { throw Failure(description: "no key to sign with") }
    var claims = claims
    claims["iss"] = .string(issuers.first ?? "")
    claims.sortByName()
    guard let token = key.sign(.object(claims)) else { throw Failure(description: "the key does not sign") }
    return token
  }

  private func signingKey() throws(Failure) -> TokenKey? {
    // Who comes second waits for the key that the first makes.
    let outcome: Result<TokenKey?, Failure> = made.withLock { made in
      if let made { return .success(made) }
      guard case .made(let load, let store) = source else { return .success(nil) }
      if let key = load() {
        made = key
        return .success(key)
      }
      guard let pem = TokenKey.make(), let key = try? TokenKey(signingKey: pem) else {
        return .failure(Failure(description: "OpenSSL makes no key"))
      }
      do { try store(pem) } catch { return .failure(Failure(description: "\(error)")) }
      made = key
      return .success(key)
    }
    return try outcome.get()
  }

  /// Those that are believed, the one that signs first.
  private var keys: [JSONWebKey] {
    let own = made.withLock { $0?.verifier }
    return (own.map { [$0] } ?? []) + believed.map(\.verifier).filter { $0.id != own?.id }
  }

  // MARK: what is published

  /// A set of the keys that are believed. (RFC 7517)
  public func keySet() throws(Failure) -> JSONValue {
    _ = try signingKey()
    return ["keys": .array(keys.map(\.published))]
  }

  /// What others have to know of the issuer. (OpenID Connect Discovery 1.0, as far as kube-apiserver goes)
  public func discovery(keySetURL: String) throws(Failure) -> JSONValue {
    _ = try signingKey()
    var algorithms: [String] = []
    for key in keys {
      if let name = key.ownAlgorithm?.rawValue, !algorithms.contains(name) { algorithms.append(name) }
    }
    return [
      "issuer": .string(issuers.first ?? ""), "jwks_uri": .string(keySetURL), "response_types_supported": ["id_token"],
      "subject_types_supported": ["public"],
      "id_token_signing_alg_values_supported": .array(algorithms.map { .string($0) }),
    ]
  }

  // MARK: what is believed

  /// What becomes of a text.
  enum Reading {
    /// No token of these issuers.
    case foreign
    case refused(String)
    case claims(JSONValue)
  }

  func read(_ text: String) -> Reading {
    guard let token = JSONWebToken(text), issuers.contains(token.claims["iss"]?.string ?? "") else { return .foreign }
    let keys = keys.filter { token.keyID.isEmpty || $0.id == token.keyID }
    if keys.isEmpty { return .refused("invalid signature, no keys found") }
    guard let algorithm = SigningAlgorithm(rawValue: token.algorithm),
      keys.contains(where: { $0.verifies(token.message, token.signature, algorithm) })
    else { return .refused("square/go-jose: error in cryptographic primitive") }
    return .claims(token.claims)
  }

  /// For whom a token is; nil where it says nothing, or is none of these issuers'. Nothing is believed.
  public func audiences(of text: String) -> [String]? {
    guard let token = JSONWebToken(text), issuers.contains(token.claims["iss"]?.string ?? "") else { return nil }
    return Self.audiences(token.claims)
  }

  static func audiences(_ claims: JSONValue) -> [String]? {
    switch claims["aud"] {
    case .string(let one)?: [one]
    case .array(let several)?: several.compactMap(\.string)
    default: nil
    }
  }
}
