import ByteBuffers
import Storage

/// A conditional write, checked and done by the writer.
struct Change: Sendable {
  enum Action: Sendable {
    /// `lease`: milliseconds since 1970, 0 for none.
    case put(value: SharedBytes, lease: Int64)
    case remove
  }
  let key: StorageKey
  /// The revision that the key must have; 0: it must not exist.
  let expected: Int64
  let action: Action
}

/// What became of a change. Every case but `failed` is told after COMMIT.
enum ChangeResult: Sendable {
  case committed(Int64)
  /// The key was not as expected.
  case conflict(ConditionalOutcome.Standing)
  case failed(StorageError)
}

/// What the writer is told.
enum WriterMessage: Sendable {
  case change(Change, CheckedContinuation<ChangeResult, Never>)
  /// Forget one slice of history, not beyond `through`; `done` gets the compacted revision. It must not block.
  case compactSlice(through: Int64, done: @Sendable (Result<Int64, StorageError>) -> Void)
}

/// Keys that go away by themselves, the next one first: a binary heap. An entry whose key was written again is skipped
/// when it comes up.
struct LeaseQueue {
  struct Entry {
    let deadline: Int64
    let key: StorageKey
    let revision: Int64
  }
  private var heap: [Entry] = []

  /// Milliseconds since 1970.
  var nextDeadline: Int64? { heap.first?.deadline }

  mutating func add(_ key: StorageKey, _ version: KeyVersion) {
    guard version.lease != 0 && !version.isTombstone else { return }
    heap.append(Entry(deadline: version.lease, key: key, revision: version.revision))
    var child = heap.count - 1
    while child > 0, heap[child].deadline < heap[(child - 1) / 2].deadline {
      heap.swapAt(child, (child - 1) / 2)
      child = (child - 1) / 2
    }
  }

  /// Takes the next entry that is due.
  mutating func popDue(at now: Int64) -> Entry? {
    guard let first = heap.first, first.deadline <= now else { return nil }
    let last = heap.removeLast()
    guard !heap.isEmpty else { return first }
    heap[0] = last
    var parent = 0
    while true {
      var least = parent
      for child in [2 * parent + 1, 2 * parent + 2]
      where child < heap.count && heap[child].deadline < heap[least].deadline { least = child }
      if least == parent { return first }
      heap.swapAt(parent, least)
      parent = least
    }
  }
}
