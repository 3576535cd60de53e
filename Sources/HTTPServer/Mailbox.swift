import CNetwork
import Glibc
import Synchronization

/// The one door into an event loop from other threads.
///
/// Invariant: a non-empty `pending` has a wake-up on its way. So the loop clears its eventfd before it drains; the
/// other order loses a post made in between, and all later posters would stay silent.
final class Mailbox: Sendable {
  private let pending = Mutex<ContiguousArray<Reactor.Job>>([])
  let descriptor: Int32

  init() throws(SystemError) {
    descriptor = eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC))
    guard descriptor >= 0 else { throw SystemError(errno, in: "eventfd") }
  }

  deinit { close(descriptor) }

  func post(_ job: Reactor.Job) {
    let wasEmpty = pending.withLock { jobs in
      defer { jobs.append(job) }
      return jobs.isEmpty
    }
    if wasEmpty {
      var one: UInt64 = 1
      _ = write(descriptor, &one, 8)  // can fail only when the count is at its end, and then the loop is awake
    }
  }

  /// Loop thread only. Swaps the buffers, so the steady state allocates nothing.
  func drain(into batch: inout ContiguousArray<Reactor.Job>) {
    var count: UInt64 = 0
    _ = read(descriptor, &count, 8)
    batch.removeAll(keepingCapacity: true)
    pending.withLock { swap(&$0, &batch) }
  }
}
