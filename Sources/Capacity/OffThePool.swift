import Dispatch

/// Does work that may block, such as reading a file, on a thread that nobody waits for: a disk, or a network behind it,
/// may take its time, and neither a reactor nor Swift's pool has threads to spare.
public func offThePool<T: Sendable>(_ work: @escaping @Sendable () -> T) async -> T {
  await withCheckedContinuation { continuation in
    DispatchQueue.global(qos: .utility).async { continuation.resume(returning: work()) }
  }
}
