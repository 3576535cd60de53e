import CNetwork
import Glibc

/// SIGTERM, SIGINT and SIGHUP as something to wait for. A handler writes the number into a pipe, so it does not matter
/// which thread the kernel picks.
struct Signals: Sendable {
  /// The pipe's ends. Written once, before the handlers stand.
  private nonisolated(unsafe) static var ends: (read: Int32, write: Int32) = (-1, -1)

  /// Takes the signals over. Once a process.
  init() {
    var made: [Int32] = [-1, -1]
    // without descriptors left nothing else will start either, and the default action ends us
    guard pipe(&made) == 0 else { return }
    for end in made { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    Self.ends = (made[0], made[1])
    for number in [SIGTERM, SIGINT, SIGHUP] {
      signal(number) { number in
        let saved = errno
        var byte = UInt8(truncatingIfNeeded: number)
        _ = write(Signals.ends.write, &byte, 1)
        errno = saved
      }
    }
    for number in Self.withoutMeaning { signal(number, SIG_IGN) }
  }

  /// Signals that would end (or stop) a program that does not know them, and that say nothing to this one: what people
  /// send to other daemons, timers that it does not set, a terminal that it does not read, and failures that the system
  /// call tells too. It starts no programs, which would inherit that they are ignored.
  private static let withoutMeaning: [Int32] =
    [SIGPIPE, SIGUSR1, SIGUSR2, SIGALRM, SIGVTALRM, SIGPROF, SIGIO, SIGPWR, SIGSTKFLT, SIGTTIN, SIGTTOU, SIGXFSZ]
    + Array(__libc_current_sigrtmin()...__libc_current_sigrtmax())

  /// Waits for the next signal on a thread of its own, so that nothing of the cooperative pool blocks.
  func next() async -> Int32 {
    await withCheckedContinuation { continuation in
      let box = Unmanaged.passRetained(Waiter(continuation))
      var thread = pthread_t()
      let made = pthread_create(
        &thread, nil,
        { raw in
          guard let raw else { return nil }
          let waiter = Unmanaged<Waiter>.fromOpaque(raw).takeRetainedValue()
          var byte: UInt8 = 0
          while read(Signals.ends.read, &byte, 1) < 0 && errno == EINTR {}
          waiter.continuation.resume(returning: Int32(byte))
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
