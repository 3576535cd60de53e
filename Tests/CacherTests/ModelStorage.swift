import ByteBuffers
import Cacher
import Machinery
import Storage
import Synchronization

/// A storage in memory for tests of the Cacher alone: it can lose watches, hold events back, let progress overtake them
/// and compact, all at the test's command. It keeps the whole log for comparison, also what it pretends to have
/// compacted.
final class ModelStorage: Storage, Sendable {
  struct Change: Sendable {
    let revision: Revision
    let key: String
    /// nil for a removal.
    let value: String?
  }
  struct World: Sendable {
    var revision: Int64 = 1
    var compacted: Int64 = 0
    var log: [Change] = []
    var live: [String: (value: String, revision: Revision)] = [:]
    var watches: [Int: (watch: StorageWatch, prefix: String)] = [:]
    var nextWatch = 0
    /// While true, events wait here.
    var isHolding = false
    var held: [Change] = []
    /// Calls that fail before one succeeds.
    var watchFailures = 0
    var isUnreachable = false
    var calls: [String: Int] = [:]
    var proof: FreshnessProofKind
    var announcesProgress = true
  }
  let world: Mutex<World>
  var versioner: any Versioner { APIObjectVersioner() }

  init(_ proof: FreshnessProofKind) { world = Mutex(World(proof: proof)) }

  // MARK: What the test does

  /// Removing what is not there changes nothing, unless the test wants a storage that lies.
  @discardableResult
  func put(_ key: String, _ value: String?, isLie: Bool = false) -> Revision {
    world.withLock { w in
      if value == nil && w.live[key] == nil && !isLie { return Revision(w.revision) }
      w.revision += 1
      let change = Change(revision: Revision(w.revision), key: key, value: value)
      w.log.append(change)
      w.live[key] = value.map { ($0, change.revision) }
      if w.isHolding { w.held.append(change) } else { Self.send([change], &w) }
      return change.revision
    }
  }

  func hold() { world.withLock { $0.isHolding = true } }
  func release() {
    world.withLock { w in
      w.isHolding = false
      let held = w.held
      w.held = []
      // Lost watches get them from the log when they come back.
      if !held.isEmpty { Self.send(held, &w) }
    }
  }

  func loseWatches() {
    world.withLock { w in
      for entry in w.watches.values { entry.watch.finish(StorageError.watchClosed("lost")) }
      w.watches = [:]
      // What was held back is in the log for whoever comes back.
      w.held = []
    }
  }
  func compactAll() { world.withLock { $0.compacted = $0.revision } }
  func calls(_ name: String) -> Int { world.withLock { $0.calls[name] ?? 0 } }
  func set(_ change: (inout World) -> Void) { world.withLock { change(&$0) } }
  var now: Revision { world.withLock { Revision($0.revision) } }

  private static func send(_ changes: [Change], _ w: inout World) {
    for (id, entry) in w.watches {
      let events = changes.filter { $0.key.hasPrefix(entry.prefix) }.map(\.event)
      if !events.isEmpty && !entry.watch.offer(.events(events)) { w.watches[id] = nil }
      if w.proof == .inProcess { entry.watch.offer(.progress(Revision(w.revision))) }
    }
  }

  // MARK: Storage

  private func count(_ call: String) throws {
    try world.withLock { w in
      w.calls[call, default: 0] += 1
      if w.isUnreachable { throw StorageError.unreachable("the test said so") }
    }
  }

  func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try count("create")
    if world.withLock({ $0.live[key] }) != nil { throw StorageError.keyExists(key: key) }
    return StoredObject(key: key, value: value, revision: put(key, value.text))
  }
  func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    try count("get")
    guard let found = world.withLock({ $0.live[key] }) else { throw StorageError.keyNotFound(key: key) }
    return StoredObject(key: key, value: SharedBytes(found.value), revision: found.revision)
  }
  func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    try count("getList")
    return try world.withLock { w in
      if let exact = options.exactRevision {
        guard exact.rawValue >= w.compacted else {
          throw StorageError.compacted(requested: exact, compacted: Revision(w.compacted))
        }
        guard exact.rawValue <= w.revision else {
          throw StorageError.futureRevision(requested: exact, current: Revision(w.revision))
        }
      }
      let revision = options.exactRevision ?? Revision(w.revision)
      let state = Self.state(of: w.log, at: revision)
      var keys = state.keys.filter { $0.hasPrefix(prefix) }.sorted()
      if let start = options.startKey { keys.removeAll { $0 < start } }
      let page = options.limit > 0 ? Array(keys.prefix(options.limit)) : keys
      let objects = page.map {
        StoredObject(key: $0, value: SharedBytes(state[$0]!.value), revision: state[$0]!.revision)
      }
      return StorageList(
        objects: objects, revision: revision, hasMore: page.count < keys.count, remaining: keys.count - page.count)
    }
  }
  func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    var shown = origin
    while true {
      let current = world.withLock { $0.live[key] }.map {
        StoredObject(key: key, value: SharedBytes($0.value), revision: $0.revision)
      }
      let decision = try await tryUpdate(shown ?? current)
      if let old = shown, old.revision != current?.revision {
        shown = nil
        continue
      }
      switch decision {
      case .write(let bytes, _):
        return UpdateOutcome(
          object: StoredObject(key: key, value: bytes, revision: put(key, bytes.text)), wasWritten: true)
      case .keep:
        guard let current else { throw StorageError.keyNotFound(key: key) }
        return UpdateOutcome(object: current, wasWritten: false)
      case .delete: throw StorageError.refused("the model does not delete in updates")
      }
    }
  }
  func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    let found = try await get(key: key, isConsistent: true)
    return StoredObject(key: key, value: found.value, revision: put(key, nil))
  }
  func watch(prefix: String, after: Revision?) async throws -> StorageWatch {
    try count("watch")
    return try world.withLock { w in
      if w.watchFailures > 0 {
        w.watchFailures -= 1
        throw StorageError.watchClosed("the test said so")
      }
      let after = after ?? Revision(w.revision)
      guard after.rawValue >= w.compacted else {
        throw StorageError.compacted(requested: after, compacted: Revision(w.compacted))
      }
      let id = w.nextWatch
      w.nextWatch += 1
      let watch = StorageWatch(onCancel: { [weak self] in self?.world.withLock { $0.watches[id] = nil } })
      w.watches[id] = (watch, prefix)
      let heldFrom = w.held.first?.revision ?? Revision(.max)
      let events = w.log.filter { $0.revision > after && $0.revision < heldFrom && $0.key.hasPrefix(prefix) }.map(
        \.event)
      if !events.isEmpty { watch.offer(.events(events)) }
      if w.proof == .inProcess && !w.isHolding { watch.offer(.progress(Revision(w.revision))) }
      return watch
    }
  }
  func count(prefix: String) async throws -> Int {
    try count("count")
    return world.withLock { $0.live.keys.count { $0.hasPrefix(prefix) } }
  }
  func requestProgress() async throws {
    try count("requestProgress")
    world.withLock { w in
      // With an untrustworthy proof it overtakes what is held back, as etcd before 3.4.31 does.
      guard w.announcesProgress, w.proof == .newestAndCount || !w.isHolding else { return }
      for entry in w.watches.values { entry.watch.offer(.progress(Revision(w.revision))) }
    }
  }
  func currentRevision() async throws -> Revision {
    try count("currentRevision")
    return now
  }
  var revisionInProcess: Revision? { world.withLock { $0.proof == .inProcess ? Revision($0.revision) : nil } }
  func freshnessProof() async throws -> FreshnessProofKind { world.withLock { $0.proof } }
  func fence(prefix: String) async throws -> StorageFence {
    try count("fence")
    return world.withLock { w in
      let mine = w.live.filter { $0.key.hasPrefix(prefix) }
      return StorageFence(
        revision: Revision(w.revision), newest: mine.values.map(\.revision).max() ?? .zero, count: mine.count)
    }
  }
  func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision {
    world.withLock { w in Revision(max(w.compacted, w.revision - revisions, 0)) }
  }
  func compact(through revision: Revision) async throws {
    world.withLock { $0.compacted = max($0.compacted, revision.rawValue) }
  }
  func readinessCheck() async throws {}

  // MARK: What ought to be

  static func state(of log: [Change], at revision: Revision) -> [String: (value: String, revision: Revision)] {
    var state: [String: (value: String, revision: Revision)] = [:]
    for change in log where change.revision <= revision {
      state[change.key] = change.value.map { ($0, change.revision) }
    }
    return state
  }

  /// What a watcher must see of the log after a revision, as text.
  static func stream(
    of log: [Change], after: Revision, covers: (String) -> Bool, _ predicate: SelectionPredicate
  ) -> [String] {
    var state: [String: String] = [:]
    var lines: [String] = []
    for change in log {
      let wasIn = state[change.key].map { TestCodec.matches($0, predicate) } ?? false
      let isIn = change.value.map { TestCodec.matches($0, predicate) } ?? false
      let before = state[change.key]
      state[change.key] = change.value
      guard change.revision > after && covers(change.key) else { continue }
      switch (wasIn, isIn) {
      case (false, false): break
      case (false, true): lines.append("added \(change.key) \(change.revision) \(change.value ?? "")")
      case (true, true): lines.append("modified \(change.key) \(change.revision) \(change.value ?? "")")
      case (true, false): lines.append("deleted \(change.key) \(change.revision) \(before ?? "")")
      }
    }
    return lines
  }
}

extension ModelStorage.Change {
  var event: StorageEvent {
    StorageEvent(
      kind: value == nil ? .delete : .put, key: key, value: value.map { SharedBytes($0) }, revision: revision)
  }
}
