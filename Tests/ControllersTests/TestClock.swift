import Cacher
import Synchronization

/// Time that stands still until a test moves it.
final class TestClock: Sendable {
  private struct State {
    var now = ContinuousClock.now
    var sleepers: [Int: (due: ContinuousClock.Instant, CheckedContinuation<Void, any Error>)] = [:]
    var begun = 0
    var watchers: [(due: ContinuousClock.Instant, CheckedContinuation<Void, Never>)] = []
  }
  private let state = Mutex(State())

  var clock: CacherClock {
    CacherClock(now: { self.state.withLock { $0.now } }, sleep: { try await self.sleep($0) })
  }

  /// Moves time on and wakes whoever has slept long enough.
  func advance(by duration: Duration) {
    let due = state.withLock { s in
      s.now += duration
      let due = s.sleepers.filter { $0.value.due <= s.now }
      for id in due.keys { s.sleepers[id] = nil }
      return due.values.map(\.1)
    }
    for sleeper in due { sleeper.resume() }
  }

  /// Returns when somebody sleeps that wakes after this time and not before; so that time is moved only after they do.
  func sleeping(for duration: Duration) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { s in
        let due = s.now + duration
        if s.sleepers.values.contains(where: { $0.due == due }) { return true }
        s.watchers.append((due, continuation))
        return false
      }
      if isThere { continuation.resume() }
    }
  }

  private func sleep(_ duration: Duration) async throws {
    let id = state.withLock { s in
      s.begun += 1
      return s.begun
    }
    try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let (mayGo, told) = state.withLock { s in
          let due = s.now + duration
          let isDue = duration <= .zero || Task.isCancelled
          if !isDue { s.sleepers[id] = (due, continuation) }
          let told = s.watchers.filter { $0.due == due }
          s.watchers.removeAll { $0.due == due }
          return (isDue, told)
        }
        if mayGo { continuation.resume() }
        for (_, watcher) in told { watcher.resume() }
      }
    } onCancel: {
      let sleeper = state.withLock { $0.sleepers.removeValue(forKey: id) }
      sleeper?.1.resume(throwing: CancellationError())
    }
  }
}
