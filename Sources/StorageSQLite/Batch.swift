import Storage

/// One transaction of the writer, as long as it lasts.
struct Batch {
  var nextRevision: Int64
  var isInTransaction = false
  var changes: [CommittedChange] = []
  /// The place in `changes` of the newest change of each key.
  var newest: [StorageKey: Int] = [:]
  var replies: [(CheckedContinuation<ChangeResult, Never>, ChangeResult)] = []
  var slice: Slice?
  var sliceDone: (@Sendable (Result<Int64, StorageError>) -> Void)?
  /// Asked for in the same batch: told how far the first came.
  var laterSlices: [@Sendable (Result<Int64, StorageError>) -> Void] = []

  init(firstRevision: Int64) { nextRevision = firstRevision }

  /// After the batch was published. `doubt` is told instead of success.
  func answer(doubt: StorageError? = nil) {
    for (continuation, result) in replies {
      if let doubt, case .committed = result {
        continuation.resume(returning: .failed(doubt))
      } else {
        continuation.resume(returning: result)
      }
    }
    if let slice {
      sliceDone?(.success(slice.reached))
      for done in laterSlices { done(.success(slice.reached)) }
    }
  }
}

/// A stretch of history that compaction has walked.
struct Slice: Sendable {
  struct Row: Sendable {
    let revision: Int64
    let key: StorageKey
    let previous: Int64
    let isTombstone: Bool
  }
  let rows: [Row]
  /// The compacted revision from now on.
  let reached: Int64
}

extension CommittedState {
  /// Takes a committed slice out of the index.
  mutating func forget(_ slice: Slice) {
    for row in slice.rows { index.compact(row.key, at: row.revision, isTombstone: row.isTombstone) }
    compacted = max(compacted, slice.reached)
  }
}

extension KeyIndex {
  /// The revision at which a change whose COMMIT reported an error was done after all.
  func outcome(of change: Change, notBefore first: Int64) -> Int64? {
    guard let entry = find(change.key.text) else { return nil }
    let isRemoval = if case .remove = change.action { true } else { false }
    return entry.change(after: change.expected, notBefore: first, isTombstone: isRemoval)
  }
}
