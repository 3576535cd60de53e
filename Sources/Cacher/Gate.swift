import Synchronization

/// Where tasks wait for something that others tell of. Who waits looks for it once more before and after.
final class Gate: Sendable {
  private struct State {
    var waiting: [Int: CheckedContinuation<Void, Never>] = [:]
    var last = 0
  }
  private let state = Mutex(State())

  /// Returns at the next `open`, when the task is cancelled, or at once where `isOpen` says so.
  func wait(unless isOpen: @Sendable () -> Bool) async {
    let id = state.withLock { s in
      s.last += 1
      return s.last
    }
    await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        state.withLock { $0.waiting[id] = continuation }
        // What has happened since has found nobody here.
        if Task.isCancelled || isOpen() { leave(id) }
      }
    } onCancel: {
      leave(id)
    }
  }

  /// Lets all go that wait.
  func open() {
    let all = state.withLock { s in
      defer { s.waiting = [:] }
      return s.waiting.values
    }
    for continuation in all { continuation.resume() }
  }

  private func leave(_ id: Int) { state.withLock { $0.waiting.removeValue(forKey: id) }?.resume() }
}
