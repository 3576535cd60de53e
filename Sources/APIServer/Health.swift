/// One thing that `/livez`, `/readyz` or `/healthz` looks at.
public struct HealthCheck: Sendable {
  /// As kube-apiserver calls it, where it has the same (`ping`, `etcd`, `informer-sync`, `shutdown`).
  public let name: String
  /// Throws with the reason when all is not well.
  public let check: @Sendable () async throws -> Void
  /// What `/livez` asks in its place: only what a restart may mend. nil: the same.
  let live: (@Sendable () async throws -> Void)?

  public init(
    name: String, live: (@Sendable () async throws -> Void)? = nil, check: @escaping @Sendable () async throws -> Void
  ) {
    self.name = name
    self.live = live
    self.check = check
  }

  /// The check as `/livez` makes it.
  var ofLife: HealthCheck { live.map { HealthCheck(name: name, check: $0) } ?? self }

  /// True as long as anything is.
  public static let ping = HealthCheck(name: "ping") {}
}

/// The outcome of a health request: a status code and plain text.
struct HealthAnswer: Equatable {
  let code: Int
  let text: String
}

/// The three health endpoints over their checks. (apiserver `healthz.handleRootHealth`.)
struct HealthEndpoint: Sendable {
  /// `readyz`.
  let name: String
  let checks: [HealthCheck]

  /// The endpoint itself. Reasons are withheld: anyone may ask.
  func all(_ query: Query) async -> HealthAnswer {
    let excluded = Set<ByteString>(query.all("exclude"))
    var lines = ""
    var failed = false
    for check in checks {
      if excluded.contains(check.name) {
        lines += "[+]\(check.name) excluded: ok\n"
        continue
      }
      do {
        try await check.check()
        lines += "[+]\(check.name) ok\n"
      } catch {
        failed = true
        lines += "[-]\(check.name) failed: reason withheld\n"
      }
    }
    let unknown = excluded.subtracting(Set<ByteString>(checks.map(\.name))).map(\.text).sorted()
    if !unknown.isEmpty {
      let names = unknown.map { "\"\($0)\"" }.joined(separator: ",")
      lines += "warn: some health checks cannot be excluded: no matches for \(names)\n"
    }
    if failed { return HealthAnswer(code: 500, text: "\(lines)\(name) check failed\n") }
    return HealthAnswer(code: 200, text: query.has("verbose") ? "\(lines)\(name) check passed\n" : "ok")
  }

  /// One check by name, with its reason; nil when there is none of that name.
  func single(_ name: String) async -> HealthAnswer? {
    guard let check = checks.first(where: { $0.name == name }) else { return nil }
    do {
      try await check.check()
      return HealthAnswer(code: 200, text: "ok")
    } catch {
      return HealthAnswer(code: 500, text: "internal server error: \(error)\n")
    }
  }
}
