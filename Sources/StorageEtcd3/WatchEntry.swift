import ByteBuffers
import EtcdTransport
import JSON
import Storage

/// One watch on the stream. Confined to the HTTP client's thread.
///
/// Invariant: what was offered ends at a whole revision; `held` are the events of revision `last` while more of it may
/// follow.
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
    id: Int64, range: KeyRange, after: Revision?, sink: StorageWatch,
    opening: UnsafeContinuation<Result<Void, any Error>, Never>
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

  /// Takes the events of one answer and hands on what is whole. Returns the newest revision. Typed errors:
  /// `Regression`, `ReaderIsGone`, and `StorageError.wrongAnswer`.
  func add(_ events: JSONNode.Elements, isFragment: Bool) throws -> Int64 {
    var batch = held
    held = []
    // An answer begins with a new revision unless the one before it was a fragment.
    var canContinue = !batch.isEmpty
    for element in events {
      let event = try read(element)
      let revision = event.revision.rawValue
      guard revision > last || (revision == last && canContinue) else {
        throw Regression(revision: revision, last: last)
      }
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
    var pair: JSONNode?
    for (name, member) in try node.wireObject("an event").members {
      if name.isString("type") {
        isDelete = member.isString("DELETE")
        guard isDelete || member.isString("PUT") || member.kind == .null else {
          throw WireShape.wrong("an event is of an unknown type")
        }
      }
      if name.isString("kv") { pair = member }
    }
    guard let pair else { throw WireShape.wrong("an event has no key") }
    let found = try KeyValue(pair, isRemoved: isDelete)
    guard range.contains(found.key) else { throw WireShape.wrong("an event is of \(found.key), which is not watched") }
    return StorageEvent(
      kind: isDelete ? .delete : .put, key: found.key, value: isDelete ? nil : found.value,
      revision: Revision(found.modRevision), lease: found.lease)
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
  /// nil: there are none, and none was sent.
  var events: JSONNode.Elements?

  /// Throws `.wrongAnswer`. Cancellations may have a header without revision.
  init(_ node: JSONNode) throws(StorageError) {
    var hasHeader = false
    for (name, member) in try node.wireObject("result").members {
      if name.isString("header") {
        header = try Header(member)
        hasHeader = true
      } else if name.isString("watch_id") {
        id = try member.wireInt("watch_id")
      } else if name.isString("events") {
        events = member.kind == .null ? nil : try member.wireList("events")
      } else if name.isString("created") {
        isCreated = try member.wireBool("created")
      } else if name.isString("canceled") {
        isCanceled = try member.wireBool("canceled")
      } else if name.isString("fragment") {
        isFragment = try member.wireBool("fragment")
      } else if name.isString("compact_revision") {
        compactRevision = try member.wireInt("compact_revision")
      } else if name.isString("cancel_reason") {
        reason = try member.wireText("cancel_reason")
      }
    }
    guard hasHeader else { throw WireShape.wrong("header is missing") }
    guard header.revision > 0 || isCanceled || isCreated else { throw WireShape.wrong("header has no revision") }
  }
}
