import ByteBuffers
import Storage

/// A change that COMMIT has made durable.
struct CommittedChange: Sendable {
  let key: StorageKey
  let version: KeyVersion
  /// The bytes as the caller wrote them; nil for a removal.
  let value: SharedBytes?

  var event: StorageEvent {
    StorageEvent(
      kind: version.isTombstone ? .delete : .put, key: key.text, value: value, revision: Revision(version.revision),
      lease: version.lease)
  }
}

/// A watch that has caught up and is fed by the writer.
struct LiveWatch: Sendable {
  let watch: StorageWatch
  let prefix: String
  /// It may have been asked to start in the future.
  let after: Int64
}

/// Everything that is committed, as all may see it: one lock, so that no reader can see a change before (or after)
/// another reader could, and so that a watch joins the live ones at an exact revision.
///
/// Invariant: `compacted <= published`, every revision in (compacted, published] has a row, and each live watch has
/// been offered every event under its prefix up to `published`.
struct CommittedState: ~Copyable {
  var index = KeyIndex()
  /// The newest committed revision; an empty store is at 1, as etcd's.
  var published: Int64 = 1
  /// History up to here is gone (the state *at* this revision can still be read).
  var compacted: Int64 = 0
  var isClosed = false
  private var watches: [Int: LiveWatch] = [:]
  private var nextWatch = 0

  /// Takes over a batch and feeds the watches; called by the writer before it answers anybody.
  mutating func publish(_ changes: [CommittedChange]) {
    guard let last = changes.last else { return }
    for change in changes { index.record(change.key, change.version) }
    published = last.version.revision
    offer(changes)
  }

  /// Feeds the watches alone (after a reopen, when the index was read from the file).
  mutating func offer(_ changes: [CommittedChange]) {
    guard !watches.isEmpty else { return }
    let events = changes.map(\.event)
    for (id, live) in watches {
      let wanted =
        changes.allSatisfy { live.wants($0) } ? events : zip(changes, events).filter { live.wants($0.0) }.map(\.1)
      // A watch without news still learns how far it has come, so that its reader can answer consistent reads.
      var isOpen = true
      if !wanted.isEmpty { isOpen = live.watch.offer(.events(wanted)) }
      if isOpen && wanted.last?.revision.rawValue != published && published >= live.after {
        isOpen = live.watch.offer(.progress(Revision(published)))
      }
      if !isOpen { watches[id] = nil }
    }
  }

  /// Joins a watch that has been offered everything up to `published`. Nil when the watch has ended meanwhile.
  mutating func join(_ live: LiveWatch) -> Int? {
    if published >= live.after {
      guard live.watch.offer(.progress(Revision(published))) else { return nil }
    }
    nextWatch += 1
    watches[nextWatch] = live
    return nextWatch
  }

  mutating func leave(_ id: Int) { watches[id] = nil }

  mutating func offerProgress() {
    for (id, live) in watches where published >= live.after && !live.watch.offer(.progress(Revision(published))) {
      watches[id] = nil
    }
  }

  /// Takes all watches out, to be ended outside the lock.
  mutating func close() -> [StorageWatch] {
    isClosed = true
    defer { watches = [:] }
    return watches.values.map(\.watch)
  }
}

extension LiveWatch {
  func wants(_ change: CommittedChange) -> Bool { change.version.revision > after && change.key.hasPrefix(prefix) }
}
