import CSQLite
import Glibc

/// A bounded queue that one thread empties: the door to a thread that owns SQLite connections.
///
/// Invariant: `count <= limit` (but for `overLimit`). A producer never blocks; a full queue refuses. The consumer takes
/// everything at once, which is what makes a group commit out of many small writes.
// Sendable: `items` and `isClosed` are touched under `mutex` only.
final class BlockingQueue<Element: Sendable>: @unchecked Sendable {
  enum PushResult { case taken, full, closed }

  private let mutex: UnsafeMutablePointer<pthread_mutex_t>
  private let condition: UnsafeMutablePointer<pthread_cond_t>
  private var items: [Element] = []
  private var isClosed = false
  private let limit: Int

  init(limit: Int) {
    self.limit = limit
    mutex = .allocate(capacity: 1)
    condition = .allocate(capacity: 1)
    var status = pthread_mutex_init(mutex, nil)
    precondition(status == 0, "pthread_mutex_init: \(status)")
    var attributes = pthread_condattr_t()
    pthread_condattr_init(&attributes)
    // Deadlines must not move when an operator sets the clock.
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC)
    status = pthread_cond_init(condition, &attributes)
    precondition(status == 0, "pthread_cond_init: \(status)")
    pthread_condattr_destroy(&attributes)
  }

  deinit {
    pthread_cond_destroy(condition)
    pthread_mutex_destroy(mutex)
    condition.deallocate()
    mutex.deallocate()
  }

  /// `overLimit` is for the few messages that threads of ours send each other and that must not be refused.
  func push(_ element: Element, overLimit: Bool = false) -> PushResult {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    if isClosed { return .closed }
    if items.count >= limit && !overLimit { return .full }
    items.append(element)
    // Only the first element can find the consumer asleep.
    if items.count == 1 { pthread_cond_signal(condition) }
    return .taken
  }

  /// From now on nothing is taken in; what is queued is still taken out.
  func close() {
    pthread_mutex_lock(mutex)
    isClosed = true
    pthread_cond_broadcast(condition)
    pthread_mutex_unlock(mutex)
  }

  var count: Int {
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    return items.count
  }

  /// Moves everything into `batch` (emptied first), waiting while there is nothing until `deadline` (monotonic
  /// nanoseconds, nil for ever). False when the queue is closed and empty.
  func takeAll(into batch: inout [Element], deadline: UInt64?) -> Bool {
    batch.removeAll(keepingCapacity: true)
    pthread_mutex_lock(mutex)
    defer { pthread_mutex_unlock(mutex) }
    while items.isEmpty && !isClosed {
      if let deadline {
        var time = timespec(tv_sec: Int(deadline / 1_000_000_000), tv_nsec: Int(deadline % 1_000_000_000))
        if pthread_cond_timedwait(condition, mutex, &time) == ETIMEDOUT { break }
      } else {
        pthread_cond_wait(condition, mutex)
      }
    }
    swap(&items, &batch)
    return !(batch.isEmpty && isClosed)
  }
}

/// A counter that a thread of ours waits on; never used on the cooperative pool.
final class ThreadSignal: @unchecked Sendable {  // Sendable: sem_t is made for several threads.
  private let semaphore: UnsafeMutablePointer<sem_t>
  init() {
    semaphore = .allocate(capacity: 1)
    sem_init(semaphore, 0, 0)
  }
  deinit {
    sem_destroy(semaphore)
    semaphore.deallocate()
  }
  func signal() { sem_post(semaphore) }
  func wait() { while sem_wait(semaphore) != 0 && errno == EINTR {} }
}

/// A thread. The owner must `join` or `detach` it exactly once.
struct WorkerThread: @unchecked Sendable {  // Sendable: a pthread_t is a number that any thread may join.
  private let id: pthread_t

  private final class Start {
    let name: String
    let body: @Sendable () -> Void
    init(name: String, body: @escaping @Sendable () -> Void) {
      self.name = name
      self.body = body
    }
  }

  /// Starts `body`. `name` is what `top -H` shows (15 bytes). Throws when the system has no thread to give.
  init(name: String, body: @escaping @Sendable () -> Void) throws(SQLiteError) {
    let start = Unmanaged.passRetained(Start(name: name, body: body))
    var id = pthread_t()
    let status = pthread_create(
      &id, nil,
      { context in
        guard let context else { return nil }
        let start = Unmanaged<Start>.fromOpaque(context).takeRetainedValue()
        csqlite_name_thread(start.name)
        start.body()
        return nil
      }, start.toOpaque())
    guard status == 0 else {
      start.release()
      throw SQLiteError(code: 0, message: String(cString: strerror(status)), action: "starting a thread")
    }
    self.id = id
  }

  func join() { pthread_join(id, nil) }
  func detach() { pthread_detach(id) }
}

/// Clocks, read without Foundation.
enum Clock {
  /// For deadlines; does not jump.
  static var monotonicNanoseconds: UInt64 {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return UInt64(time.tv_sec) &* 1_000_000_000 &+ UInt64(time.tv_nsec)
  }
  /// For what must survive a restart: milliseconds since 1970.
  static var wallMilliseconds: Int64 {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    return Int64(time.tv_sec) &* 1_000 &+ Int64(time.tv_nsec / 1_000_000)
  }
}

extension Duration {
  /// Nanoseconds, at most what fits; a negative duration is 0.
  var clampedNanoseconds: UInt64 {
    let (seconds, attoseconds) = components
    guard seconds >= 0 && attoseconds >= 0 else { return 0 }
    let (scaled, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = scaled.addingReportingOverflow(UInt64(attoseconds / 1_000_000_000))
    return overflow || carry ? .max : sum
  }
  var clampedMilliseconds: Int64 { Int64(clamping: clampedNanoseconds / 1_000_000) }
}
