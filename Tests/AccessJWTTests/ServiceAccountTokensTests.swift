import Access
import Glibc
import JSON
import Synchronization
import Testing

@testable import AccessJWT

@Suite("Tokens of service accounts")
struct ServiceAccountTokensTests {
  /// Accounts, and what tokens are bound to, as a test has them.
  private final class Objects: Sendable {
    let uids = Mutex<[String: String]>(["serviceAccount/a/bot": "1", "pod/a/p": "2"])
    let looks = Mutex(0)

    func authenticator(_ tokens: ServiceAccountTokens) -> ServiceAccountAuthenticator {
      let authenticator = ServiceAccountAuthenticator(tokens)
      authenticator.connect { kind, namespace, name, since in
        self.looks.withLock { $0 += 1 }
        guard let uid = self.uids.withLock({ $0["\(kind)/\(namespace)/\(name)"] }) else { return (.missing, 0) }
        let revision = UInt64(uid) ?? 0
        return revision == since ? (.unchanged, revision) : (.found(uid: uid, deleted: nil), revision)
      }
      return authenticator
    }
  }

  private static func tokens() throws -> ServiceAccountTokens {
    let pem = try #require(TokenKey.make())
    return ServiceAccountTokens(issuers: ["https://own"], signing: .given(try TokenKey(signingKey: pem)))
  }

  private static func claims(_ change: (inout JSONObject) -> Void = { _ in }) -> JSONObject {
    let now = Int64(time(nil))
    var claims: JSONObject = [
      "aud": ["https://own"], "exp": .int(now + 600), "iat": .int(now), "nbf": .int(now), "jti": "j",
      "sub": "system:serviceaccount:a:bot",
      "kubernetes.io": ["namespace": "a", "serviceaccount": ["name": "bot", "uid": "1"]],
    ]
    change(&claims)
    return claims
  }

  private static func outcome(_ authenticator: ServiceAccountAuthenticator, _ token: String) -> String {
    switch authenticator.authenticate(Credentials(authorization: "Bearer \(token)")) {
    case .user(let user): "user \(user.name)"
    case .invalid(let why): why
    case .absent: "absent"
    case .later: "later"
    }
  }

  @Test func `a token is good as long as its account and what it is bound to are there`() throws {
    let tokens = try Self.tokens()
    let objects = Objects()
    let authenticator = objects.authenticator(tokens)
    let token = try tokens.issue(
      Self.claims {
        $0["kubernetes.io"] = [
          "namespace": "a", "serviceaccount": ["name": "bot", "uid": "1"], "pod": ["name": "p", "uid": "2"],
        ]
      })
    guard case .user(let user) = authenticator.authenticate(Credentials(authorization: "Bearer \(token)")) else {
      Issue.record("no user")
      return
    }
    #expect(user.name == "system:serviceaccount:a:bot" && user.uid == "1")
    #expect(user.groups == ["system:serviceaccounts", "system:serviceaccounts:a"])
    #expect(
      user.extra.map(\.key) == ["pod-name", "pod-uid", "credential-id"].map { "authentication.kubernetes.io/\($0)" })
    objects.uids.withLock { $0["pod/a/p"] = "3" }
    #expect(
      Self.outcome(authenticator, token) == "pod UID (3) does not match service account pod ref claim (2)")
    objects.uids.withLock { $0["pod/a/p"] = nil }
    #expect(Self.outcome(authenticator, token) == "service account token has been invalidated")
    objects.uids.withLock { $0["pod/a/p"] = "2" }
    #expect(Self.outcome(authenticator, token) == "user system:serviceaccount:a:bot")
    objects.uids.withLock { $0["serviceAccount/a/bot"] = nil }
    #expect(Self.outcome(authenticator, token) == #"serviceaccount "bot" not found"#)
  }

  @Test func `a token that is spoiled, over, early or for others is refused`() throws {
    let tokens = try Self.tokens()
    let authenticator = Objects().authenticator(tokens)
    let now = Int64(time(nil))
    func outcome(_ change: (inout JSONObject) -> Void) throws -> String {
      Self.outcome(authenticator, try tokens.issue(Self.claims(change)))
    }
    #expect(try outcome { $0["exp"] = .int(now - 100) } == "service account token has expired")
    #expect(try outcome { $0["nbf"] = .int(now + 100) } == "service account token is not valid yet")
    #expect(try outcome { $0["iat"] = .int(now + 100) } == "service account token is issued in the future")
    #expect(
      try outcome { $0["aud"] = ["vault", "x"] }
        == #"token audiences ["vault" "x"] is invalid for the target audiences ["https://own"]"#)
    #expect(try outcome { $0["aud"] = nil } == "user system:serviceaccount:a:bot")
    #expect(
      try outcome { $0["kubernetes.io"] = ["namespace": "a", "serviceaccount": ["name": "bot", "uid": "9"]] }
        == "service account UID (1) does not match claim (9)")
    let token = try tokens.issue(Self.claims())
    // Not the last letter, of which some bits count for nothing.
    var spoiled = Array(token.utf8)
    spoiled[spoiled.count - 10] =
      spoiled[spoiled.count - 10] == UInt8(ascii: "A") ? UInt8(ascii: "B") : UInt8(ascii: "A")
    #expect(Self.outcome(authenticator, String(decoding: spoiled, as: UTF8.self)).contains("cryptographic"))
    let strange = try Self.tokens()
    #expect(
      Self.outcome(authenticator, try strange.issue(Self.claims())) == "invalid signature, no keys found")
    let foreign = ServiceAccountTokens(
      issuers: ["https://other"], signing: .given(try TokenKey(signingKey: try #require(TokenKey.make()))))
    #expect(Self.outcome(authenticator, try foreign.issue(Self.claims())) == "absent")
    #expect(Self.outcome(authenticator, "secret-token") == "absent")
  }

  @Test(arguments: ["P-256", "P-384", "P-521"])
  func `elliptic keys sign and are published`(_ curve: String) throws {
    let pem = try #require(Self.ellipticKey(curve))
    let key = try TokenKey(signingKey: pem)
    let tokens = ServiceAccountTokens(issuers: ["i"], signing: .given(key))
    let claims = Self.claims { $0["aud"] = ["i"] }
    // Short numbers are written out with zeros before them.
    for _ in 0..<50 {
      let token = try tokens.issue(claims)
      guard case .claims = tokens.read(token) else {
        Issue.record("not believed")
        return
      }
    }
    let published = try #require(try tokens.keySet()["keys"]?.array?.first)
    #expect(published["crv"]?.string == curve && published["kty"]?.string == "EC")
    let token = try #require(JSONWebToken(try tokens.issue(claims)))
    let again = try #require(JSONWebKey(published))
    let algorithm = try #require(SigningAlgorithm(rawValue: token.algorithm))
    #expect(again.id == token.keyID && again.verifies(token.message, token.signature, algorithm))
  }

  @Test func `a key is made once, when it is needed, and found again`() throws {
    let kept = Mutex<[[UInt8]]>([])
    func tokens() -> ServiceAccountTokens {
      ServiceAccountTokens(
        issuers: ["i"],
        signing: .made(
          load: { kept.withLock { $0.first }.flatMap { try? TokenKey(signingKey: $0) } },
          store: { pem in kept.withLock { $0.append(pem) } }))
    }
    let first = tokens()
    #expect(kept.withLock { $0.count } == 0)
    let token = try first.issue(Self.claims { $0["aud"] = ["i"] })
    _ = try first.issue(Self.claims())
    #expect(kept.withLock { $0.count } == 1)
    guard case .claims = tokens().read(token) else {
      Issue.record("another key")
      return
    }
    let published = try #require(try first.keySet()["keys"]?.array?.first)
    let parsed = try #require(JSONWebToken(token))
    #expect(try #require(JSONWebKey(published)).verifies(parsed.message, parsed.signature, .rs256))
  }

  @Test func `a file may hold several keys, private and public`() throws {
    let (first, second) = (try #require(TokenKey.make()), try #require(Self.ellipticKey("P-256")))
    let keys = try TokenKey.all(pem: first + second)
    #expect(keys.count == 2)
    #expect(throws: TokenKey.Unusable.self) { try TokenKey.all(pem: Array("nothing\n".utf8)) }
    #expect(throws: TokenKey.Unusable.self) { try TokenKey(signingKey: Array("nothing\n".utf8)) }
  }

  /// By openssl, as an operator makes one.
  private static func ellipticKey(_ curve: String) -> [UInt8]? {
    guard let pipe = popen("openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:\(curve) 2>/dev/null", "r") else {
      return nil
    }
    defer { pclose(pipe) }
    var pem = [UInt8](repeating: 0, count: 4_096)
    let count = fread(&pem, 1, pem.count, pipe)
    return count > 0 ? Array(pem.prefix(count)) : nil
  }
}
