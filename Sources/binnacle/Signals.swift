#if canImport(Glibc)
  import Glibc
#endif

/// SIGTERM and SIGINT as something to wait for. They are blocked in every thread, so this must be made before any other thread is.
struct Signals: Sendable {
  init() {
    var set = Self.set
    pthread_sigmask(SIG_BLOCK, &set, nil)
    signal(SIGPIPE, SIG_IGN)
  }

  private static var set: sigset_t {
    var set = sigset_t()
    sigemptyset(&set)
    sigaddset(&set, SIGTERM)
    sigaddset(&set, SIGINT)
    return set
  }

  /// Waits for the next signal on a thread of its own, so that nothing of the cooperative pool blocks.
  func next() async -> Int32 {
    await withCheckedContinuation { continuation in
      let box = Unmanaged.passRetained(Waiter(continuation))
      var thread = pthread_t()
      let made = pthread_create(&thread, nil, { raw in
        let waiter = Unmanaged<Waiter>.fromOpaque(raw!).takeRetainedValue()
        var set = Signals.set
        var number: Int32 = 0
        while sigwait(&set, &number) != 0 {}
        waiter.continuation.resume(returning: number)
        return nil
      }, box.toOpaque())
      if made == 0 { pthread_detach(thread) } else { box.takeRetainedValue().continuation.resume(returning: SIGTERM) }
    }
  }

  private final class Waiter: Sendable {
    let continuation: CheckedContinuation<Int32, Never>
    init(_ continuation: CheckedContinuation<Int32, Never>) { self.continuation = continuation }
  }
}
