import Synchronization

/// A flag that one task waits for.
final class Signal: Sendable {
  private struct State {
    var isRaised = false
    var waiter: CheckedContinuation<Void, Never>?
  }
  private let state = Mutex(State())

  func raise() {
    let waiter = state.withLock { s in
      s.isRaised = s.waiter == nil
      defer { s.waiter = nil }
      return s.waiter
    }
    waiter?.resume()
  }

  /// Returns once raised, and lowers the flag; also returns on cancellation.
  func wait() async {
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        let isReady = state.withLock { s in
          if s.isRaised || Task.isCancelled {
            s.isRaised = false
            return true
          }
          s.waiter = continuation
          return false
        }
        if isReady { continuation.resume() }
      }
    } onCancel: {
      raise()
    }
  }
}
