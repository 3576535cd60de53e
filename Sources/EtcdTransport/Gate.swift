package import Storage
import Synchronization

/// Counts the calls inside a storage, so that its end can wait for them.
package final class Gate: Sendable {
  private struct State {
    var inside = 0
    var isClosed = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())

  package init() {}

  package var isClosed: Bool { state.withLock { $0.isClosed } }

  package func enter() throws(StorageError) {
    let isIn = state.withLock { state in
      if state.isClosed { return false }
      state.inside += 1
      return true
    }
    if !isIn { throw .shutDown }
  }

  package func leave() {
    let waiting = state.withLock { state -> [CheckedContinuation<Void, Never>] in
      state.inside -= 1
      guard state.inside == 0 && state.isClosed else { return [] }
      defer { state.waiting = [] }
      return state.waiting
    }
    for continuation in waiting { continuation.resume() }
  }

  /// Lets nobody in any more.
  package func close() { state.withLock { $0.isClosed = true } }

  /// Returns when everybody has left. After `close`.
  package func waitUntilEmpty() async {
    await withCheckedContinuation { continuation in
      let isEmpty = state.withLock { state in
        if state.inside > 0 { state.waiting.append(continuation) }
        return state.inside == 0
      }
      if isEmpty { continuation.resume() }
    }
  }
}
