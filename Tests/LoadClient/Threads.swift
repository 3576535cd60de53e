import Glibc

/// Runs `body(i)` on `count` threads and waits for all of them. For blocking work, which the cooperative pool must not
/// do.
public func onThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) {
  final class Job: Sendable {
    let index: Int
    let body: @Sendable (Int) -> Void
    init(_ index: Int, _ body: @escaping @Sendable (Int) -> Void) {
      self.index = index
      self.body = body
    }
  }
  var threads: [pthread_t] = []
  for index in 0..<count {
    var thread = pthread_t()
    let job = Unmanaged.passRetained(Job(index, body))
    let code = pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        let job = Unmanaged<Job>.fromOpaque(raw).takeRetainedValue()
        job.body(job.index)
        return nil
      }, job.toOpaque())
    precondition(code == 0, "can't start thread \(index): \(code)")
    threads.append(thread)
  }
  for thread in threads { pthread_join(thread, nil) }
}

/// Waits for threads from async code without holding a thread of the cooperative pool.
public func awaitingThreads(_ count: Int, _ body: @escaping @Sendable (Int) -> Void) async {
  await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
    final class Start: Sendable {
      let run: @Sendable () -> Void
      init(_ run: @escaping @Sendable () -> Void) { self.run = run }
    }
    let start = Unmanaged.passRetained(
      Start {
        onThreads(count, body)
        done.resume()
      })
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { raw in
        guard let raw else { return nil }
        Unmanaged<Start>.fromOpaque(raw).takeRetainedValue().run()
        return nil
      }, start.toOpaque())
    precondition(code == 0, "can't start a thread: \(code)")
    pthread_detach(thread)
  }
}

/// Seconds on the monotonic clock.
public func monotonicSeconds() -> Double {
  var time = timespec()
  clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

/// Runs blocking work on a thread of its own: the cooperative pool has as many threads as cores, and servers under test
/// need them.
public func blocking<R: Sendable>(_ body: @escaping @Sendable () throws -> R) async throws -> R {
  let box = ResultBox<R>()
  await awaitingThreads(1) { _ in box.result = Result { try body() } }
  guard let result = box.result else { throw Failure("the thread left no result") }
  return try result.get()
}

// Sendable: written by the one thread before the continuation resumes the reader.
private final class ResultBox<R>: @unchecked Sendable {
  var result: Result<R, any Error>?
}
