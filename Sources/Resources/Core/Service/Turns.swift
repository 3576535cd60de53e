import Synchronization

/// Lets one task after the other do something, in the order in which they come. Those who wait are requests at work, of
/// which there is a limit.
final class Turns: Sendable {
  private struct State {
    var isTaken = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  func take<Result: Sendable>(_ body: () async throws -> Result) async rethrows -> Result {
    await withCheckedContinuation { (next: CheckedContinuation<Void, Never>) in
      let isNow = state.withLock { state in
        if state.isTaken {
          state.waiting.append(next)
          return false
        }
        state.isTaken = true
        return true
      }
      if isNow { next.resume() }
    }
    defer { pass() }
    return try await body()
  }

  private func pass() {
    let next = state.withLock { state -> CheckedContinuation<Void, Never>? in
      if state.waiting.isEmpty {
        state.isTaken = false
        return nil
      }
      return state.waiting.removeFirst()
    }
    next?.resume()
  }
}
