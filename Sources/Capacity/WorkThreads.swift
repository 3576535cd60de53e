import Dispatch
import Glibc
import Synchronization

/// Threads for work of one request that may take long: large bodies, large objects, long selectors. A reactor serves
/// many connections, and Swift's pool has no more threads than there are cores, so neither may be kept busy by one
/// client.
///
/// Tasks are run one after another in the order in which they come; there are no more of them than requests at work
/// (`InflightLimiter`). Sendable: the queue is behind a lock, the rest does not change.
public final class WorkThreads: TaskExecutor, @unchecked Sendable {
  public static let shared = WorkThreads(count: max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN))))

  private struct Queue {
    var jobs: [UnownedJob] = []
    /// The first that was not taken.
    var first = 0
  }

  private let queue = Mutex(Queue())
  private let ready = DispatchSemaphore(value: 0)
  /// Set on the threads of this executor alone.
  private let mark: pthread_key_t

  private init(count: Int) {
    var key = pthread_key_t()
    let code = pthread_key_create(&key, nil)
    precondition(code == 0, "pthread_key_create: \(code)")
    mark = key
    for _ in 0..<count { start() }
  }

  private func start() {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    // As reactors have it: code that walks trees recurses.
    pthread_attr_setstacksize(&attributes, 64 << 20)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let code = pthread_create(
      &thread, &attributes,
      { raw in
        guard let raw else { return nil }
        Unmanaged<WorkThreads>.fromOpaque(raw).takeUnretainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    precondition(code == 0, "pthread_create: \(code)")
  }

  private func run() {
    pthread_setspecific(mark, UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque()))
    while true {
      ready.wait()
      take()?.runSynchronously(on: asUnownedTaskExecutor())
    }
  }

  private func take() -> UnownedJob? {
    queue.withLock { queue in
      guard queue.first < queue.jobs.count else { return nil }
      let job = queue.jobs[queue.first]
      queue.first += 1
      if queue.first == queue.jobs.count {
        queue.jobs.removeAll(keepingCapacity: queue.jobs.count < 1_024)
        queue.first = 0
      } else if queue.first > 1_024 && queue.first * 2 > queue.jobs.count {
        // Under steady load it is never empty.
        queue.jobs.removeFirst(queue.first)
        queue.first = 0
      }
      return job
    }
  }

  public func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    queue.withLock { $0.jobs.append(job) }
    ready.signal()
  }

  /// Is this code on one of these threads?
  public var isCurrent: Bool { pthread_getspecific(mark) != nil }

  /// Texts longer than this (bodies, stored objects) are not worked on by a reactor.
  public static let inlineBytesMax = 32 << 10
}

/// Runs `work` on `WorkThreads`, and goes on where it was called.
public func onWorkThreads<T: Sendable, Failure: Error>(
  _ work: @Sendable () async throws(Failure) -> T
) async throws(Failure) -> T {
  let result = await withTaskExecutorPreference(WorkThreads.shared) { () async -> Result<T, Failure> in
    do throws(Failure) { return .success(try await work()) } catch { return .failure(error) }
  }
  return try result.get()
}
