import ByteBuffers
import EtcdTransport
import JSON
import Storage

/// One event of etcd2's whole store.
struct FeedEvent: Sendable {
  let index: Int64
  /// The change of a key that may be ours; nil for hidden keys and those that we would not have written.
  let change: StorageEvent?
  /// A whole directory was removed, or ran out of its TTL: its path as a key, ending in a slash. Which keys went with
  /// it is not told.
  let removedDirectory: String?

  /// Nil if the answer is a refusal. Throws `.wrongAnswer` where it should hold an event and does not.
  init?(_ answer: Etcd2Answer, _ cache: ValueCache) throws(StorageError) {
    guard answer.code == 0 else { return nil }
    let action = try answer.action()
    guard let node = try answer.node() else { return nil }
    guard action != "get", node.modified > 0 else { throw WireShape.wrong("what was waited for is no event") }
    index = node.modified
    if action == "delete" || action == "compareAndDelete" || action == "expire" {
      let wasDirectoryBefore = try answer.tape?.root["prevNode"]?["dir"]?.wireBool("dir") ?? false
      let wasDirectory = node.isDirectory || wasDirectoryBefore
      let key = KeyPath.key(ofPath: node.path)
      removedDirectory = wasDirectory ? (key ?? node.path) + "/" : nil
      change =
        wasDirectory
        ? nil : key.map { StorageEvent(kind: .delete, key: $0, value: nil, revision: Revision(node.modified)) }
    } else {
      removedDirectory = nil
      change = try node.object(cache).map {
        StorageEvent(kind: .put, key: $0.key, value: $0.value, revision: $0.revision, lease: $0.lease)
      }
    }
  }
}

/// The last events that the feed has seen, for watches that begin a little back.
///
/// Invariant: holds every event with `start < index <= end` that concerns keys; at most `most` of them, which is as
/// many as etcd2 keeps, and not more than `mostBytes` of values.
struct EventWindow: Sendable {
  private(set) var start: Int64
  private(set) var end: Int64
  private var events: ArraySlice<FeedEvent> = []
  private var bytes = 0
  private static let most = 1_000
  private static let mostBytes = 32 << 20

  init(at index: Int64) {
    start = index
    end = index
  }

  mutating func append(_ event: FeedEvent) {
    end = event.index
    events.append(event)
    bytes += event.change?.value?.count ?? 0
    while events.count > Self.most || bytes > Self.mostBytes, let first = events.popFirst() {
      start = first.index
      bytes -= first.change?.value?.count ?? 0
    }
  }

  /// The events behind `index`, which is not before `start`.
  func events(after index: Int64) -> ArraySlice<FeedEvent> {
    precondition(index >= start, "\(index) is before the window's start \(start)")
    return events[(events.firstIndex { $0.index > index } ?? events.endIndex)...]
  }
}
