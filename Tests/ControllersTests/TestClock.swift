import Cacher
import Synchronization

/// Time that stands still until a test moves it.
final class TestClock: Sendable {
  private struct State {
    var now = ContinuousClock.now
    var sleepers: [Int: (due: ContinuousClock.Instant, CheckedContinuation<Void, any Error>)] = [:]
    var begun = 0
    var watchers: [(count: Int, CheckedContinuation<Void, Never>)] = []
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

  /// Returns when somebody has slept so often; so that time is moved only after they do.
  func sleeping(times count: Int) async {
    await withCheckedContinuation { continuation in
      let isThere = state.withLock { s in
        if s.begun >= count { return true }
        s.watchers.append((count, continuation))
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
          let told = s.watchers.filter { $0.count <= s.begun }
          s.watchers.removeAll { $0.count <= s.begun }
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
