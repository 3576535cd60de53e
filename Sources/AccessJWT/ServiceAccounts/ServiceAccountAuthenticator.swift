public import Access
import Glibc
import JSON
import Machinery
import Synchronization

/// Bearer tokens of service accounts. A signature is looked at once; that the account and what the token is bound to are
/// there still, and that its time is not over, each time. (Kubernetes: `JWTTokenAuthenticator`, pkg/serviceaccount)
public final class ServiceAccountAuthenticator: Authenticator {
  /// What a token speaks of.
  public enum Kind: Sendable { case serviceAccount, pod, secret, node }

  /// What is known of such an object.
  public enum Finding: Sendable {
    /// `deleted`: when it was asked to go, in seconds since 1970.
    case found(uid: String, deleted: Int64?)
    /// As when it was found in that revision.
    case unchanged
    case missing
    /// It is not in memory.
    case unknown
  }

  /// Looks an object up in memory; `since`: the revision that was last seen of it, 0 for none. Tells the revision.
  public typealias Look =
    @Sendable (_ kind: Kind, _ namespace: String, _ name: String, _ since: UInt64) -> (Finding, revision: UInt64)

  private let tokens: ServiceAccountTokens
  private let look = Mutex<Look?>(nil)
  private let believed = ExpiringCache<Token>(countMax: 4_096)

  /// No token is longer.
  private static let tokenBytesMax = 16 << 10
  /// So long the signature of a token is remembered.
  private static let memory: Duration = .seconds(600)
  /// Clocks differ. (`jwt.DefaultLeeway`)
  private static let leeway: Int64 = 60

  /// A token whose signature is good, with what was last seen of the objects that it names.
  private final class Token: Sendable {
    let claims: Claims
    let seen = Mutex<[UInt64]>([0, 0])
    init(_ claims: Claims) { self.claims = claims }
  }

  public init(_ tokens: ServiceAccountTokens) { self.tokens = tokens }

  /// Where objects are looked up. Until it is called no token is good.
  public func connect(_ look: @escaping Look) { self.look.withLock { $0 = look } }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict {
    guard let text = credentials.bearerToken, text.utf8.count <= Self.tokenBytesMax else { return .absent }
    let token: Token
    if let known = believed[text] {
      token = known
    } else {
      switch tokens.read(text) {
      case .foreign: return .absent
      case .refused(let why): return .invalid(why)
      case .claims(let claims):
        token = Token(Claims(claims))
        believed.keep(token, for: text, Self.memory)
      }
    }
    let claims = token.claims
    let audiences = claims.audiences ?? tokens.audiences
    let wanted = credentials.audiences ?? tokens.audiences
    guard audiences.contains(where: wanted.contains) else {
      return .invalid(
        "token audiences \(GoText.quoted(audiences)) is invalid for the target audiences \(GoText.quoted(wanted))")
    }
    if let fault = fault(of: token) { return .invalid(fault) }
    return .user(claims.user)
  }

  /// Why a token is good no more; nil where it is.
  private func fault(of token: Token) -> String? {
    let claims = token.claims
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    let now = Int64(time.tv_sec)
    if let expiry = claims.expiry, now - Self.leeway > expiry { return "service account token has expired" }
    if let start = claims.start, now + Self.leeway < start { return "service account token is not valid yet" }
    if let issued = claims.issued, now + Self.leeway < issued {
      return "service account token is issued in the future"
    }
    guard let look = look.withLock({ $0 }) else { return "service accounts are not known yet" }
    let account = claims.account
    switch check(look, token, 0, .serviceAccount, account, now) {
    case .good: break
    case .missing: return "serviceaccount \(GoText.quoted(account.name)) not found"
    case .deleted: return "service account \(claims.namespace)/\(account.name) has been deleted"
    case .other(let uid): return "service account UID (\(uid)) does not match claim (\(account.uid))"
    }
    guard let (kind, bound) = claims.bound else { return nil }
    switch check(look, token, 1, kind, bound, now) {
    case .good: return nil
    case .missing, .deleted: return "service account token has been invalidated"
    case .other(let uid):
      switch kind {
      case .pod: return "pod UID (\(uid)) does not match service account pod ref claim (\(bound.uid))"
      case .secret: return "secret UID (\(uid)) does not match service account secret ref claim (\(bound.uid))"
      case .node: return "node UID (\(uid)) does not match service account node ref claim (\(bound.uid))"
      case .serviceAccount: return nil
      }
    }
  }

  private enum Outcome {
    case good, missing, deleted
    /// Another of the same name.
    case other(uid: String)
  }

  /// `place`: of what was last seen of it.
  private func check(
    _ look: Look, _ token: Token, _ place: Int, _ kind: Kind, _ wanted: Claims.Reference, _ now: Int64
  ) -> Outcome {
    let namespace = kind == .node ? "" : token.claims.namespace
    let (finding, revision) = look(kind, namespace, wanted.name, token.seen.withLock { $0[place] })
    switch finding {
    case .unchanged: return .good
    case .missing, .unknown: return .missing
    case .found(let uid, let deleted):
      guard uid == wanted.uid else { return .other(uid: uid) }
      guard let deleted else {
        token.seen.withLock { $0[place] = revision }
        return .good
      }
      return deleted < now - Self.leeway ? .deleted : .good
    }
  }
}

/// What a token of a service account says.
private struct Claims: Sendable {
  struct Reference: Sendable {
    let name: String
    let uid: String
    init(_ value: JSONValue) {
      name = value["name"]?.string ?? ""
      uid = value["uid"]?.string ?? ""
    }
  }

  let audiences: [String]?
  let expiry: Int64?
  let start: Int64?
  let issued: Int64?
  let namespace: String
  let account: Reference
  let bound: (kind: ServiceAccountAuthenticator.Kind, Reference)?
  let user: UserInfo

  init(_ claims: JSONValue) {
    func time(_ name: String) -> Int64? {
      switch claims[name] {
      case .int(let seconds)?: seconds
      case .double(let seconds)?: Int64(exactly: seconds.rounded(.down))
      default: nil
      }
    }
    audiences = ServiceAccountTokens.audiences(claims)
    expiry = time("exp")
    start = time("nbf")
    issued = time("iat")
    let own = claims["kubernetes.io"]
    namespace = own?["namespace"]?.string ?? ""
    func reference(_ name: String) -> Reference? {
      own?[name].flatMap { $0.object == nil ? nil : Reference($0) }
    }
    account = reference("serviceaccount") ?? Reference([:])
    let (pod, secret, node) = (reference("pod"), reference("secret"), reference("node"))
    bound = secret.map { (.secret, $0) } ?? pod.map { (.pod, $0) } ?? node.map { (.node, $0) }
    var extra: [(key: String, values: [String])] = []
    func add(_ name: String, _ value: String?) {
      if let value, !value.isEmpty { extra.append(("authentication.kubernetes.io/\(name)", [value])) }
    }
    add("pod-name", pod?.name)
    add("pod-uid", pod?.uid)
    add("credential-id", claims["jti"]?.string.map { $0.isEmpty ? "" : "JTI=\($0)" })
    add("node-name", node?.name)
    add("node-uid", node?.uid)
    user = UserInfo(
      name: "system:serviceaccount:\(namespace):\(account.name)", uid: account.uid,
      groups: ["system:serviceaccounts", "system:serviceaccounts:\(namespace)"], extra: extra)
  }
}
