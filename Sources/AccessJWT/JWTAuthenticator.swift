public import Access
import Glibc
import JSON
import Machinery

/// Bearer tokens that an issuer has signed. (apiserver `plugin/pkg/authenticator/token/oidc`.)
public final class JWTAuthenticator: Authenticator {
  private let issuer: JWTIssuer
  private let algorithms: Set<SigningAlgorithm>
  private let keys: IssuerKeys
  private let metrics: JWTMetrics
  private let believed = ExpiringCache<UserInfo>(countMax: 4_096)
  /// Asks for the keys until it has them.
  private let fetching: Task<Void, Never>

  /// No token is longer.
  private static let tokenBytesMax = 16 << 10
  /// As long as kube-apiserver remembers a good token.
  private static let memory: Duration = .seconds(10)
  /// Clocks differ: so early a token may be used. (go-oidc)
  private static let leeway = 300.0
  /// Before the keys of an issuer are asked for again at the start.
  private static let retryPause: Duration = .seconds(10)
  /// The same where somebody waits.
  private static let keysPause: Duration = .seconds(1)

  /// The issuer can't be asked.
  public struct Unusable: Error, CustomStringConvertible {
    public let description: String
  }

  /// Begins to fetch the issuer's keys; `report` hears why they can't be had. Throws `Unusable`.
  public init(
    _ issuer: JWTIssuer, algorithms: [SigningAlgorithm] = SigningAlgorithm.allCases, metrics: JWTMetrics,
    report: @escaping @Sendable (String) -> Void = { _ in }
  ) throws(Unusable) {
    self.issuer = issuer
    self.algorithms = Set(algorithms)
    self.metrics = metrics
    do throws(IssuerKeys.Failure) {
      keys = try IssuerKeys(
        issuer: issuer.url, discovery: issuer.discovery, authority: issuer.certificateAuthority, metrics)
    } catch {
      throw Unusable(description: error.description)
    }
    let url = issuer.url
    metrics.joined(url)
    fetching = Task { [keys] in
      while keys.known == nil {
        do throws(IssuerKeys.Failure) { _ = try await keys.refreshed() } catch {
          report("oidc authenticator: initializing plugin for \(url): \(error)")
          guard (try? await Task.sleep(for: Self.retryPause)) != nil else { return }
        }
      }
    }
  }

  deinit {
    fetching.cancel()
    metrics.left(issuer.url)
  }

  /// Waits until the issuer's keys are here, at most so long; returns why they are not.
  public func waitForKeys(_ time: Duration) async -> String? {
    let end = ContinuousClock.now + time
    while keys.known == nil {
      let problem: IssuerKeys.Failure
      do throws(IssuerKeys.Failure) {
        _ = try await keys.refreshed()
        continue
      } catch { problem = error }
      guard .now + Self.keysPause < end, (try? await Task.sleep(for: Self.keysPause)) != nil else {
        return "its keys can't be had: \(problem)"
      }
    }
    return nil
  }

  public func authenticate(_ credentials: Credentials) -> AuthenticationVerdict {
    guard let text = credentials.bearerToken, text.utf8.count <= Self.tokenBytesMax else { return .absent }
    if let user = believed[text] { return .user(user) }
    // What is no token of this issuer is for others.
    guard let token = JSONWebToken(text), token.claims["iss"]?.string == issuer.url else { return .absent }
    let start = ContinuousClock.now
    let verdict = look(at: text, token)
    guard case .later(let work) = verdict else { return noted(verdict, since: start) }
    return .later { [self] in noted(await work(), since: start) }
  }

  private func noted(_ verdict: AuthenticationVerdict, since start: ContinuousClock.Instant) -> AuthenticationVerdict {
    let isGood = if case .user = verdict { true } else { false }
    metrics.looked(issuer.url, isGood: isGood, .now - start)
    return verdict
  }

  private func look(at text: String, _ token: JSONWebToken) -> AuthenticationVerdict {
    guard let algorithm = SigningAlgorithm(rawValue: token.algorithm), algorithms.contains(algorithm) else {
      return .invalid(
        "oidc: verify token: oidc: id token signed with unsupported algorithm, got \(GoText.quoted(token.algorithm))")
    }
    if let known = keys.known, Self.isSigned(token, algorithm, by: known) { return verdict(text, token) }
    return .later { [self] in
      do throws(IssuerKeys.Failure) {
        guard Self.isSigned(token, algorithm, by: try await keys.refreshed()) else {
          return .invalid("oidc: verify token: failed to verify signature: failed to verify id token signature")
        }
      } catch { return .invalid("oidc: verify token: failed to verify signature: fetching keys \(error)") }
      return verdict(text, token)
    }
  }

  private static func isSigned(_ token: JSONWebToken, _ algorithm: SigningAlgorithm, by keys: [JSONWebKey]) -> Bool {
    keys.contains { key in
      (token.keyID.isEmpty || key.id.isEmpty || key.id == token.keyID)
        && key.verifies(token.message, token.signature, algorithm)
    }
  }

  private func verdict(_ text: String, _ token: JSONWebToken) -> AuthenticationVerdict {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    let seconds = Double(now.tv_sec)
    do throws(JWTIssuer.Refusal) {
      let expiry = try Self.lifetime(token.claims, now: seconds)
      let user = try issuer.user(of: token.claims)
      believed.keep(user, for: text, min(Self.memory, .seconds(min(expiry - seconds, 60))))
      return .user(user)
    } catch { return .invalid(error.description) }
  }

  /// When a token ends, in seconds since 1970. Throws for one that is not good now.
  static func lifetime(_ claims: JSONValue, now: Double) throws(JWTIssuer.Refusal) -> Double {
    func time(_ name: String) -> Double? {
      switch claims[name] {
      case .int(let seconds): Double(seconds)
      case .double(let seconds): seconds
      default: nil
      }
    }
    let expiry = time("exp") ?? 0
    if expiry < now {
      throw JWTIssuer.Refusal(
        "oidc: verify token: oidc: token is expired (Token Expiry: \(Timestamp.text(Int64(max(min(expiry, 1e11), -1e10)))))"
      )
    }
    if let start = time("nbf"), start > now + leeway {
      throw JWTIssuer.Refusal("oidc: verify token: current time before the nbf (not before) time")
    }
    return expiry
  }
}
