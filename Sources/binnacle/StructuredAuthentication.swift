import Access
import AccessJWT
import Capacity
import Logging
import Machinery
import Metrics
import Synchronization

/// What `--authentication-config` says, taken over again when the file changes: whose signed tokens are believed, and
/// where requests without credentials are let in. What was in force stays in force where a change can't be taken over.
/// (kube-apiserver: `reload of authentication config`, `authenticationconfigmetrics`.)
final class StructuredAuthentication: Sendable {
  /// What the flags say, which a file can't change.
  struct Flags: Sendable {
    let path: String
    /// Asked before the file's issuers, and after them.
    let before: [any Authenticator]
    let after: [any Authenticator]
    /// `--anonymous-auth`; nil when it is not given.
    let anonymous: Bool?
    let metrics: JWTMetrics
  }

  private struct Member {
    let issuer: JWTIssuer
    let authenticator: JWTAuthenticator
  }

  private struct State {
    var text: [UInt8]
    var members: [Member]
    /// One at a time.
    var isReloading = false
    /// Why the last change could not be taken over; empty when it was.
    var problem = ""
    /// By outcome: how many, and when the last one was, in seconds since 1970.
    var outcomes: [Bool: (count: Int, last: Int64)] = [:]
  }

  let chain: AuthenticatorChain
  /// Where requests without credentials are let in at the start.
  let anonymous: AnonymousAccess
  private let flags: Flags
  /// Whether a change may let strangers in everywhere; told once all flags are known.
  private let mayOpen = Atomic<Bool>(true)
  private let state: Mutex<State>

  /// How long a new issuer may take to tell its keys before the change is given up. (kube-apiserver: a minute.)
  private static let keysWait: Duration = .seconds(60)

  /// Reads the file. Throws `StartFailure`.
  init(_ flags: Flags) throws {
    let text = try TextFile.contents(of: flags.path, flag: "--authentication-config")
    let configuration = try Self.configuration(text, flags)
    let members = try Self.members(configuration, keeping: [], flags)
    anonymous = Self.anonymous(configuration, flags)
    chain = AuthenticatorChain(flags.before + members.map(\.authenticator) + flags.after, anonymous: anonymous)
    self.flags = flags
    state = Mutex(State(text: text, members: members))
  }

  /// From now on a change that lets strangers do everything is refused, as the network is one where the start would
  /// have been.
  func keepClosed() { mayOpen.store(false, ordering: .relaxed) }

  private static func failure(_ flags: Flags, _ why: String) -> StartFailure {
    StartFailure("--authentication-config: \(flags.path): \(why)")
  }

  private static func configuration(_ text: [UInt8], _ flags: Flags) throws -> AuthenticationConfiguration {
    let configuration: AuthenticationConfiguration
    do {
      let (tree, duplicates) = try TextFile.tree(yaml: text)
      configuration = try AuthenticationConfiguration(tree, duplicates: duplicates)
    } catch { throw failure(flags, "\(error)") }
    if configuration.anonymous != nil && flags.anonymous != nil {
      throw StartFailure(
        "--anonymous-auth flag cannot be set when anonymous field is configured in authentication configuration file: leave one of them out"
      )
    }
    return configuration
  }

  private static func anonymous(_ configuration: AuthenticationConfiguration, _ flags: Flags) -> AnonymousAccess {
    configuration.anonymous ?? (flags.anonymous == false ? .denied : .everywhere)
  }

  /// An issuer that is as it was keeps its authenticator, and so its keys.
  private static func members(
    _ configuration: AuthenticationConfiguration, keeping old: [Member], _ flags: Flags
  ) throws -> [Member] {
    try configuration.issuers.map { issuer in
      if let known = old.first(where: { $0.issuer == issuer }) { return known }
      do {
        return Member(
          issuer: issuer, authenticator: try JWTAuthenticator(issuer, metrics: flags.metrics, report: report))
      } catch { throw failure(flags, "\(issuer.url): \(error)") }
    }
  }

  @Sendable static func report(_ problem: String) {
    Logger(label: "binnacle").error("token issuer", metadata: ["why": "\(problem)"])
  }

  // MARK: changes

  /// Looks at the file once; true when a change was taken over. Throws a `StartFailure` that says why one could not be.
  func reloadIfChanged() async throws -> Bool {
    guard
      state.withLock({ state in
        if state.isReloading { return false }
        state.isReloading = true
        return true
      })
    else { return false }
    defer { state.withLock { $0.isReloading = false } }
    do {
      let text = try await offThePool { [flags] in
        Result { try TextFile.contents(of: flags.path, flag: "--authentication-config") }
      }.get()
      let (known, old) = state.withLock { ($0.text, $0.members) }
      if text == known { return false }
      try await takeOver(text, old)
      note(true)
      return true
    } catch {
      note(false)
      throw error
    }
  }

  private func takeOver(_ text: [UInt8], _ old: [Member]) async throws {
    let configuration = try Self.configuration(text, flags)
    let anonymous = Self.anonymous(configuration, flags)
    if anonymous == .everywhere && !mayOpen.load(ordering: .relaxed) {
      throw Self.failure(
        flags, "it would let everybody in from other machines: set anonymous, or start with --allow-insecure-network")
    }
    let members = try Self.members(configuration, keeping: old, flags)
    for member in members where !old.contains(where: { $0.authenticator === member.authenticator }) {
      if let problem = await member.authenticator.waitForKeys(Self.keysWait) {
        throw Self.failure(flags, "\(member.issuer.url): \(problem)")
      }
    }
    chain.replace(flags.before + members.map(\.authenticator) + flags.after, anonymous: anonymous)
    state.withLock { state in
      state.text = text
      state.members = members
    }
  }

  /// Looks at the file again and again, until it is cancelled.
  func follow(every period: Duration, _ logger: Logger) async {
    while true {
      do { try await Task.sleep(for: period) } catch { return }
      await look(logger)
    }
  }

  /// Looks at the file and tells the log what came of it, but not of the same problem twice.
  func look(_ logger: Logger) async {
    do {
      if try await reloadIfChanged() {
        logger.info("authentication config reloaded", metadata: ["file": "\(flags.path)"])
      }
      state.withLock { $0.problem = "" }
    } catch {
      let isNew = state.withLock { state in
        defer { state.problem = "\(error)" }
        return state.problem != "\(error)"
      }
      if isNew { logger.error("authentication config not reloaded: the old one stays", metadata: ["why": "\(error)"]) }
    }
  }

  // MARK: metrics

  private func note(_ isSuccess: Bool) {
    let now = Timestamp.now
    state.withLock { $0.outcomes[isSuccess] = (($0.outcomes[isSuccess]?.count ?? 0) + 1, now) }
  }

  func write(_ text: inout MetricsText) {
    let outcomes = state.withLock { $0.outcomes }.sorted { !$0.key && $1.key }
    let prefix = "apiserver_authentication_config_controller_automatic_reload"
    text.family(
      prefix + "s_total", .counter,
      "Times that a changed authentication configuration file was taken over, or could not be, by status.")
    for (isSuccess, outcome) in outcomes { text.sample([("status", isSuccess ? "success" : "failure")], outcome.count) }
    text.family(prefix + "_last_timestamp_seconds", .gauge, "When that was last, in seconds since 1970, by status.")
    for (isSuccess, outcome) in outcomes {
      text.sample([("status", isSuccess ? "success" : "failure")], Int(outcome.last))
    }
  }
}
