import ByteBuffers
import JSON
import Storage

/// One watch on the stream. Confined to the HTTP client's thread.
///
/// Invariant: what was offered ends at a whole revision; `held` are the events of revision `last` while more of it may follow.
final class WatchEntry: @unchecked Sendable {  // Sendable: made by the caller, then only on that thread.
  let id: Int64
  let range: KeyRange
  let after: Revision?
  private let sink: StorageWatch
  private var opening: UnsafeContinuation<Result<Void, any Error>, Never>?
  private var held: [StorageEvent] = []
  /// Newest revision seen.
  private(set) var last: Int64

  /// etcd sent an older revision after a newer one.
  struct Regression: Error {
    let revision: Int64
    let last: Int64
  }
  /// The reader has gone, or its queue is full and has been ended.
  struct ReaderIsGone: Error {}

  init(
    id: Int64, range: KeyRange, after: Revision?, sink: StorageWatch, opening: UnsafeContinuation<Result<Void, any Error>, Never>
  ) {
    self.id = id
    self.range = range
    self.after = after
    self.sink = sink
    self.opening = opening
    last = after?.rawValue ?? 0
  }

  var isOpening: Bool { opening != nil }

  func opened() {
    opening?.resume(returning: .success(()))
    opening = nil
  }

  func fail(_ error: StorageError) {
    if let opening {
      self.opening = nil
      // Nobody has the watch yet: a lost stream is then a failed call.
      if case .watchClosed(let reason) = error {
        opening.resume(returning: .failure(StorageError.unreachable(reason)))
      } else {
        opening.resume(returning: .failure(error))
      }
    }
    sink.finish(error)
  }

  func progress(_ revision: Int64) {
    guard !isOpening, held.isEmpty, revision > last else { return }
    sink.offer(.progress(Revision(revision)))
  }

  /// Takes the events of one answer and hands on what is whole. Returns the newest revision. Typed errors: `Regression`,
  /// `ReaderIsGone`, and `StorageError.corruptObject` for what is not base64.
  func add(_ events: JSONNode, isFragment: Bool) throws -> Int64 {
    var batch = held
    held = []
    // An answer begins with a new revision unless the one before it was a fragment.
    var canContinue = !batch.isEmpty
    for element in events.elements {
      let event = try read(element)
      let revision = event.revision.rawValue
      guard revision > last || (revision == last && canContinue) else { throw Regression(revision: revision, last: last) }
      canContinue = true
      last = revision
      batch.append(event)
    }
    if isFragment {
      // More of the last revision may come: keep it whole.
      let start = (batch.lastIndex { $0.revision.rawValue != last } ?? -1) + 1
      held = Array(batch[start...])
      batch.removeSubrange(start...)
    }
    if !batch.isEmpty && !sink.offer(.events(batch)) { throw ReaderIsGone() }
    return last
  }

  private func read(_ node: JSONNode) throws -> StorageEvent {
    var isDelete = false
    var found: KeyValue?
    for (name, member) in node.members {
      if name.isString("type") { isDelete = member.isString("DELETE") }
      if name.isString("kv") { found = try KeyValue(member) }
    }
    guard let found else { throw StorageError.watchClosed("etcd sent an event without a key") }
    return StorageEvent(
      kind: isDelete ? .delete : .put, key: found.key, value: isDelete ? nil : found.value, revision: Revision(found.modRevision), lease: found.lease)
  }
}

/// One line of a watch stream.
struct WatchAnswer {
  var header = Header()
  /// No member means 0; progress has -1.
  var id: Int64 = 0
  var isCreated = false
  var isCanceled = false
  var isFragment = false
  var compactRevision: Int64 = 0
  var reason: String?
  var events: JSONNode?

  init(_ node: JSONNode) {
    for (name, member) in node.members {
      if name.isString("header") {
        header = Header(member)
      } else if name.isString("watch_id") {
        id = member.wireInt
      } else if name.isString("events") {
        if member.kind == .array { events = member }
      } else if name.isString("created") {
        isCreated = member.bool ?? false
      } else if name.isString("canceled") {
        isCanceled = member.bool ?? false
      } else if name.isString("fragment") {
        isFragment = member.bool ?? false
      } else if name.isString("compact_revision") {
        compactRevision = member.wireInt
      } else if name.isString("cancel_reason") {
        reason = member.string
      }
    }
  }
}
