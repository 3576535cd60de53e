import CNetwork
import Glibc
import Synchronization

/// The one door into an event loop from other threads.
///
/// Invariant: a non-empty `pending` has a wake-up on its way. So the loop clears its eventfd before it drains; the
/// other order loses a post made in between, and all later posters would stay silent.
final class Mailbox: Sendable {
  private struct Pending {
    var jobs: ContiguousArray<Reactor.Job> = []
    var isClosed = false
  }
  private let pending = Mutex(Pending())
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard descriptor >= 0 else { throw SystemError(errno, in: "eventfd") }
  }

  deinit { Glibc.close(descriptor) }

  /// False where nobody will take it any more.
  @discardableResult
  func post(_ job: Reactor.Job) -> Bool {
    let (wasEmpty, isClosed) = pending.withLock { pending in
      if pending.isClosed { return (false, true) }
      defer { pending.jobs.append(job) }
      return (pending.jobs.isEmpty, false)
    }
    if wasEmpty {
      var one: UInt64 = 1
      _ = write(descriptor, &one, 8)  // can fail only when the count is at its end, and then the loop is awake
    }
    return !isClosed
  }

  /// Loop thread only. Swaps the buffers, so the steady state allocates nothing.
  func drain(into batch: inout ContiguousArray<Reactor.Job>) {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
    batch.removeAll(keepingCapacity: true)
    pending.withLock { swap(&$0.jobs, &batch) }
  }

  /// Takes nothing more; what is in it can still be drained.
  func close() { pending.withLock { $0.isClosed = true } }
}
