import ByteBuffers
import EtcdTransport
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
  /// When it goes away by itself, in nanoseconds since 1970; 0 for never. It serves as the lease: it changes with each
  /// write that has a TTL.
  var expiration: Int64 = 0
  var value: JSONNode?
  var children: JSONNode?

  /// Throws `.wrongAnswer`.
  init(_ node: JSONNode) throws(StorageError) {
    for (name, member) in try node.wireObject("node").members {
      if name.isString("key") {
        path = try member.wireText("key")
      } else if name.isString("value") {
        value = member.kind == .null ? nil : member
      } else if name.isString("modifiedIndex") {
        modified = try member.wireNumber("modifiedIndex")
      } else if name.isString("createdIndex") {
        created = try member.wireNumber("createdIndex")
      } else if name.isString("dir") {
        isDirectory = try member.wireBool("dir")
      } else if name.isString("nodes") {
        children = member
      } else if name.isString("expiration") {
        let text = try member.wireText("expiration")
        if !text.isEmpty { expiration = try Node.nanoseconds(text) }
      }
    }
    if let value, value.kind != .string { throw WireShape.wrong("value of \(path) is not a string") }
    // The root, which is a directory, has neither name nor index.
    if isDirectory { return }
    guard path.utf8.first == UInt8(ascii: "/") else { throw WireShape.wrong("a node has no key") }
    guard modified > 0, created > 0, created <= modified else {
      throw WireShape.wrong("an index of \(path) is missing, or makes no sense")
    }
  }

  private static func nanoseconds(_ text: String) throws(StorageError) -> Int64 {
    guard let instant = try? Timestamp.parse(text) else { throw WireShape.wrong("expiration \(text) is no time") }
    let (scaled, overflow) = instant.seconds.multipliedReportingOverflow(by: 1_000_000_000)
    let (sum, carry) = scaled.addingReportingOverflow(Int64(instant.nanoseconds))
    return overflow || carry ? .max : sum
  }

  /// The object at a leaf; nil for a directory and for a key that is hidden or not of ours.
  func object(_ cache: ValueCache) throws(StorageError) -> StoredObject? {
    guard !isDirectory, let key = KeyPath.key(ofPath: path) else { return nil }
    guard let value else { throw WireShape.wrong("value of \(path) is missing") }
    let bytes = cache.value(at: modified) { ValueText.bytes(value) }
    return StoredObject(key: key, value: bytes, revision: Revision(modified), lease: expiration)
  }

  /// The objects below whose keys begin with `prefix`, in the tree's order.
  func collect(_ prefix: String, _ cache: ValueCache, into objects: inout [StoredObject]) throws(StorageError) {
    guard isDirectory else {
      if let object = try object(cache), object.key.utf8.starts(with: prefix.utf8) { objects.append(object) }
      return
    }
    guard let children else { return }
    for child in try children.wireList("nodes") { try Node(child).collect(prefix, cache, into: &objects) }
  }
}
