import ByteBuffers
import JSON
import Machinery
import Storage

/// A node of etcd2's tree, as far as an answer shows it.
struct Node {
  /// etcd2's own path.
  var path = ""
  var isDirectory = false
  var modified: Int64 = 0
  var created: Int64 = 0
  /// When it goes away by itself, in nanoseconds since 1970; 0 for never. It serves as the lease: it changes with each write that has a TTL.
  var expiration: Int64 = 0
  var value: JSONNode?
  var children: JSONNode?

  init(_ node: JSONNode) {
    for (name, member) in node.members {
      if name.isString("key") {
        path = member.string ?? ""
      } else if name.isString("value") {
        value = member
      } else if name.isString("modifiedIndex") {
        modified = member.int ?? 0
      } else if name.isString("createdIndex") {
        created = member.int ?? 0
      } else if name.isString("dir") {
        isDirectory = member.bool ?? false
      } else if name.isString("nodes") {
        children = member
      } else if name.isString("expiration") {
        expiration = Node.nanoseconds(member.string ?? "")
      }
    }
  }

  private static func nanoseconds(_ text: String) -> Int64 {
    guard let instant = try? Timestamp.parse(text) else { return 0 }
    let (scaled, overflow) = instant.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = scaled.addingReportingOverflow(Int64(instant.nanoseconds))
    return overflow || carry ? .max : sum
  }

  /// The object at a leaf; nil for a directory and for a key that is hidden or not of ours.
  func object(_ cache: ValueCache) -> StoredObject? {
    guard !isDirectory, let key = KeyPath.key(ofPath: path) else { return nil }
    let bytes = cache.value(at: modified) { value.map(ValueText.bytes) ?? .empty }
    return StoredObject(key: key, value: bytes, revision: Revision(modified), lease: expiration)
  }

  /// The objects below whose keys begin with `prefix`, in the tree's order.
  func collect(_ prefix: String, _ cache: ValueCache, into objects: inout [StoredObject]) {
    guard isDirectory else {
      if let object = object(cache), object.key.utf8.starts(with: prefix.utf8) { objects.append(object) }
      return
    }
    guard let children else { return }
    for child in children.elements { Node(child).collect(prefix, cache, into: &objects) }
  }
}
