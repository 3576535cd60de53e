/// A condition that did not come true in time.
public struct DeadlinePassed: Error, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

/// Asks again and again until `condition` holds; throws when it does not within the time. Errors of the condition count
/// as "not yet".
public func eventually(
  _ what: String, within limit: Duration = .seconds(10), every pause: Duration = .milliseconds(10),
  _ condition: () async throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + limit
  var last: (any Error)?
  repeat {
    do {
      if try await condition() { return }
      last = nil
    } catch { last = error }
    try await Task.sleep(for: pause)
  } while ContinuousClock.now < deadline
  throw DeadlinePassed("not within \(limit): \(what)\(last.map { " (\($0))" } ?? "")")
}

/// Runs `body` and throws if it has not returned in time; it is cancelled then.
public func within<R: Sendable>(
  _ limit: Duration, _ what: String, isolation: isolated (any Actor)? = #isolation,
  _ body: @escaping @Sendable () async throws -> R
) async throws -> R {
  try await withThrowingTaskGroup(of: R?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: limit)
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let result = first else {
      throw DeadlinePassed("not within \(limit): \(what)")
    }
    return result
  }
}
