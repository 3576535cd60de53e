import Synchronization

/// One call at a time on behalf of many: whoever arrives while a call is under way waits for the next one, so that the
/// answer is never from before the question. That is what makes a linearizable read shareable.
package final class SharedCall<Value: Sendable>: Sendable {
  private struct State {
    var isRunning = false
    var isPoked = false
    var nextID = 0
    var waiting: [(id: Int, continuation: CheckedContinuation<Value, any Error>)] = []
  }
  private let state = Mutex(State())
  private let call: @Sendable () async throws -> Value

  package init(_ call: @escaping @Sendable () async throws -> Value) { self.call = call }

  /// The result of a call that begins after this one does.
  package func value() async throws -> Value {
    let id = state.withLock { s in
      s.nextID += 1
      return s.nextID
    }
    return try await withTaskCancellationHandler {
      try await withCheckedThrowingContinuation { continuation in
        let mustStart: Bool? = state.withLock { s in
          // Looked at under the lock that the handler takes too, so a cancellation is seen here or finds the waiter.
          if Task.isCancelled { return nil }
          s.waiting.append((id, continuation))
          defer { s.isRunning = true }
          return !s.isRunning
        }
        guard let mustStart else { return continuation.resume(throwing: CancellationError()) }
        if mustStart { start() }
      }
    } onCancel: {
      let waiter = state.withLock { s in
        s.waiting.firstIndex { $0.id == id }.map { s.waiting.remove(at: $0) }
      }
      waiter?.continuation.resume(throwing: CancellationError())
    }
  }

  /// Sees to it that a call begins after this one, without waiting for it.
  package func poke() {
    let mustStart = state.withLock { s in
      s.isPoked = true
      defer { s.isRunning = true }
      return !s.isRunning
    }
    if mustStart { start() }
  }

  /// Unstructured: the call belongs to all who wait, and must outlive the one who came first and gave up.
  private func start() {
    Task {
      while true {
        let waiting: [CheckedContinuation<Value, any Error>]? = state.withLock { s in
          guard s.isPoked || !s.waiting.isEmpty else {
            s.isRunning = false
            return nil
          }
          s.isPoked = false
          defer { s.waiting = [] }
          return s.waiting.map(\.continuation)
        }
        guard let waiting else { return }
        let result: Result<Value, any Error>
        do { result = .success(try await call()) } catch { result = .failure(error) }
        for continuation in waiting { continuation.resume(with: result) }
      }
    }
  }
}
