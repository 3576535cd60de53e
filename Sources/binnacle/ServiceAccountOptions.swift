import APIServer
import Access
import AccessJWT
import ArgumentParser
import ByteBuffers
import Cacher
import Capacity
import Glibc
import JSON
import Machinery
import Registry
import Resources
import Storage

/// Flags of service accounts' tokens, under kube-apiserver's names.
struct ServiceAccountOptions: ParsableArguments {
  @Option(
    parsing: .unconditionalSingleValue,
    help: "Whose name tokens of service accounts bear. May be repeated: the first signs, all are believed.")
  var serviceAccountIssuer: [String] = []

  @Option(help: "Private key that signs tokens of service accounts, PEM. Default: one that is made at first need.")
  var serviceAccountSigningKeyFile = ""

  @Option(
    parsing: .unconditionalSingleValue,
    help: "Keys by which tokens of service accounts are believed, PEM. May be repeated. Default: the one that signs.")
  var serviceAccountKeyFile: [String] = []

  @Option(help: "Comma-separated names of this server: for whom a token has to be. Default: the issuer.")
  var apiAudiences: [String] = []

  @Option(
    help: "No token of a service account lives longer; between 1h and 2^32 seconds. Default: no bound.",
    transform: Seconds.init(parsing:))
  var serviceAccountMaxTokenExpiration = Seconds(0)

  @Option(
    help: "Let tokens that kubelets put into pods live on for a year, for programs that never read them again.")
  var serviceAccountExtendTokenExpiration = true

  @Option(help: "Where the issuer's keys are published, https. Default: /openid/v1/jwks of the first address.")
  var serviceAccountJwksUri = ""

  private static let defaultIssuer = "https://kubernetes.default.svc"
  private static let longest: Duration = .seconds(1 << 32)

  /// What the flags come to. `folder`: where a key is kept that is made here. Throws `StartFailure`.
  func made(folder: String) throws -> ServiceAccountAccess {
    for issuer in serviceAccountIssuer {
      if issuer.isEmpty { throw StartFailure("--service-account-issuer: an issuer can't be empty") }
      if issuer.contains(":"), (try? GoURL(parsing: issuer)) == nil {
        throw StartFailure(
          "--service-account-issuer: \(GoText.quoted(issuer)) contained a ':' but was not a valid URL")
      }
    }
    if Set(serviceAccountIssuer).count < serviceAccountIssuer.count {
      throw StartFailure("--service-account-issuer: an issuer is named twice")
    }
    if !serviceAccountJwksUri.isEmpty && !serviceAccountJwksUri.hasPrefix("https://") {
      throw StartFailure("--service-account-jwks-uri: requires https scheme: \(serviceAccountJwksUri)")
    }
    let longest = serviceAccountMaxTokenExpiration.duration
    if longest != .zero && !(.seconds(3_600)...Self.longest).contains(longest) {
      throw StartFailure(
        "--service-account-max-token-expiration: must be between 1 hour and 2^32 seconds, or 0 for no bound")
    }
    let believed = try serviceAccountKeyFile.filter { !$0.isEmpty }.flatMap { path in
      let pem = try TextFile.contents(of: path, flag: "--service-account-key-file")
      do throws(TokenKey.Unusable) { return try TokenKey.all(pem: pem) } catch {
        throw StartFailure("--service-account-key-file: \(path): \(error)")
      }
    }
    let signing: ServiceAccountTokens.SigningKey
    if !serviceAccountSigningKeyFile.isEmpty {
      let pem = try TextFile.contents(of: serviceAccountSigningKeyFile, flag: "--service-account-signing-key-file")
      do throws(TokenKey.Unusable) { signing = .given(try TokenKey(signingKey: pem)) } catch {
        throw StartFailure("--service-account-signing-key-file: \(serviceAccountSigningKeyFile): \(error)")
      }
    } else {
      signing = SigningKeyFile(path: "\(folder)/service-account.key").source
    }
    let audiences = apiAudiences == [""] ? [] : apiAudiences
    if audiences.contains("") { throw StartFailure("--api-audiences: an entry is empty") }
    return ServiceAccountAccess(
      tokens: ServiceAccountTokens(
        issuers: serviceAccountIssuer.isEmpty ? [Self.defaultIssuer] : serviceAccountIssuer, audiences: audiences,
        signing: signing, believed: believed),
      lifetimeMax: longest == .zero ? nil : longest.components.seconds, extends: serviceAccountExtendTokenExpiration,
      keySetURL: serviceAccountJwksUri)
  }
}

/// A key that is made when it is first needed, and kept.
private struct SigningKeyFile: Sendable {
  let path: String
  private static let flag = "--service-account-signing-key-file"

  var source: ServiceAccountTokens.SigningKey {
    .made(
      load: {
        guard TextFile.exists(path), let pem = try? TextFile.contents(of: path, flag: Self.flag) else { return nil }
        return try? TokenKey(signingKey: pem)
      },
      store: { pem in
        if TextFile.exists(path) { throw StartFailure("\(path) holds no RSA or ECDSA key: remove it, or restore it") }
        try TextFile.makeFolders(above: path, flag: Self.flag)
        try TextFile.write(pem, to: path, mode: 0o600, flag: Self.flag)
      })
  }
}

/// Who service accounts are by their tokens, and who gives them these.
struct ServiceAccountAccess: Sendable {
  let tokens: ServiceAccountTokens
  let authenticator: ServiceAccountAuthenticator
  let lifetimeMax: Int64?
  let extends: Bool
  /// Empty where it is this server's.
  let keySetURL: String

  init(tokens: ServiceAccountTokens, lifetimeMax: Int64?, extends: Bool, keySetURL: String) {
    self.tokens = tokens
    authenticator = ServiceAccountAuthenticator(tokens)
    self.lifetimeMax = lifetimeMax
    self.extends = extends
    self.keySetURL = keySetURL
  }

  /// Who signs what is asked for.
  var issuer: TokenIssuer {
    TokenIssuer(audiences: tokens.audiences, lifetimeMax: lifetimeMax, extends: extends) { [tokens] claims in
      // A signature takes a millisecond, a new key a tenth of a second.
      try await offThePool { Result { try tokens.issue(claims) } }.get()
    }
  }

  /// For whom a token that was found good is meant, as reviews tell.
  var audiences: TokenAudiences {
    TokenAudiences(own: tokens.audiences) { [tokens] text in tokens.audiences(of: text) }
  }

  /// The documents by which others believe the tokens.
  func documents(address: String) -> TokenDocuments {
    let url = keySetURL.isEmpty ? "\(address)/openid/v1/jwks" : keySetURL
    return TokenDocuments(
      discovery: { [tokens] in try tokens.discovery(keySetURL: url) }, keySet: { [tokens] in try tokens.keySet() })
  }

  /// From now on accounts, and what tokens are bound to, are looked up in these stores. `store`: that of a resource.
  func connect(_ store: (GroupResource) -> Store?) {
    func find(_ plural: String) -> Store? { store(GroupResource(resource: plural)) }
    let (accounts, pods, secrets, nodes) = (find("serviceaccounts"), find("pods"), find("secrets"), find("nodes"))
    authenticator.connect { kind, namespace, name, since in
      let store =
        switch kind {
        case .serviceAccount: accounts
        case .pod: pods
        case .secret: secrets
        case .node: nodes
        }
      guard let store else { return (.missing, 0) }
      do throws(Status) {
        guard let object = try store.getNow(name, namespace: namespace, resourceVersion: "0") else {
          return (.unknown, 0)
        }
        let revision = UInt64(clamping: object.revision.rawValue)
        if revision == since { return (.unchanged, revision) }
        let metadata = (try? JSONTape.parse(object.object))?.root["metadata"]
        let deleted = metadata?["deletionTimestamp"]?.string.flatMap { try? Timestamp.parse($0).seconds }
        return (.found(uid: metadata?["uid"]?.string ?? "", deleted: deleted), revision)
      } catch { return (.missing, 0) }
    }
  }
}
