import ByteBuffers
import Synchronization

/// Values that were decoded from answers, by the index of their write: a list then decodes only what changed.
/// (Kubernetes 1.6: `--deserialization-cache-size`.)
///
/// Two generations: what is used moves into the young one, and when that is full it becomes the old one. So what was
/// used within the last `capacity / 2` different values is there, at constant cost. Invariant: entries <= `capacity`.
final class ValueCache: Sendable {
  /// Kubernetes' `etcd_helper_cache_hit_count`, `_miss_count` and `_entry_count`.
  struct Statistics: Sendable, Equatable {
    var hits = 0
    var misses = 0
    var entries = 0
  }

  private struct State {
    var young: [Int64: SharedBytes] = [:]
    var old: [Int64: SharedBytes] = [:]
    var hits = 0
    var misses = 0
  }
  private let state = Mutex(State())
  private let generation: Int

  /// `capacity` 0: remembers nothing.
  init(capacity: Int) { generation = max(0, capacity) / 2 }

  /// The value of the write at `index`, decoded by `decode` if it is not at hand.
  func value(at index: Int64, decode: () -> SharedBytes) -> SharedBytes {
    guard generation > 0 else { return decode() }
    let found = state.withLock { state -> SharedBytes? in
      if let value = state.young[index] {
        state.hits += 1
        return value
      }
      guard let value = state.old.removeValue(forKey: index) else {
        state.misses += 1
        return nil
      }
      state.hits += 1
      keep(value, at: index, in: &state)
      return value
    }
    if let found { return found }
    let value = decode()
    remember(value, at: index)
    return value
  }

  /// A value that we wrote ourselves.
  func remember(_ value: SharedBytes, at index: Int64) {
    guard generation > 0 else { return }
    state.withLock { keep(value, at: index, in: &$0) }
  }

  private func keep(_ value: SharedBytes, at index: Int64, in state: inout State) {
    if state.young.count >= generation {
      swap(&state.young, &state.old)
      state.young.removeAll(keepingCapacity: true)
    }
    state.young[index] = value
  }

  var statistics: Statistics {
    state.withLock { Statistics(hits: $0.hits, misses: $0.misses, entries: $0.young.count + $0.old.count) }
  }
}
