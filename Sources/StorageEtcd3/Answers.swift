import ByteBuffers
import EtcdTransport
import JSON
import Storage

/// What every answer of etcd begins with.
struct Header: Sendable, Equatable {
  var cluster: UInt64 = 0
  var revision: Int64 = 0

  init() {}
  /// Of the answer to a unary call. Throws `.wrongAnswer` where it is missing or has no revision, which no store is
  /// without.
  init(of answer: JSONNode) throws(StorageError) {
    guard let node = try answer.wireObject("the answer")["header"] else { throw WireShape.wrong("header is missing") }
    try self.init(node)
    guard revision > 0 else { throw WireShape.wrong("header has no revision") }
  }

  init(_ node: JSONNode) throws(StorageError) {
    for (name, value) in try node.wireObject("header").members {
      if name.isString("cluster_id") { cluster = try value.wireUnsigned("cluster_id") }
      if name.isString("revision") { revision = try value.wireInt("revision") }
    }
    guard revision >= 0 else { throw WireShape.wrong("revision is negative") }
  }
}

extension Integrity {
  /// Looks at the header of a linearizable answer.
  func check(_ header: Header, floor: Int64) throws(StorageError) {
    try check(cluster: header.cluster, revision: header.revision, floor: floor)
  }
}

/// A key with its value, still as stored.
struct KeyValue: Sendable {
  var key = ""
  var value: SharedBytes = .empty
  var createRevision: Int64 = 0
  var modRevision: Int64 = 0
  var version: Int64 = 0
  var lease: Int64 = 0

  /// Throws `.wrongAnswer`. A removed key, as an event shows it, has but a name and the revision of its removal.
  init(_ node: JSONNode, isRemoved: Bool = false) throws(StorageError) {
    for (name, member) in try node.wireObject("a key").members {
      if name.isString("key") {
        key = try member.wireBytes("key").text
      } else if name.isString("value") {
        value = try member.wireBytes("value")
      } else if name.isString("mod_revision") {
        modRevision = try member.wireInt("mod_revision")
      } else if name.isString("create_revision") {
        createRevision = try member.wireInt("create_revision")
      } else if name.isString("version") {
        version = try member.wireInt("version")
      } else if name.isString("lease") {
        lease = try member.wireInt("lease")
      }
    }
    if key.isEmpty { throw WireShape.wrong("a key has no name") }
    if modRevision <= 0 { throw WireShape.wrong("mod_revision of \(key) is missing") }
    if isRemoved { return }
    if createRevision <= 0 || createRevision > modRevision {
      throw WireShape.wrong("create_revision of \(key) is missing, or makes no sense")
    }
    if version <= 0 { throw WireShape.wrong("version of \(key) is missing") }
  }
}

/// The answer to a range.
struct RangeAnswer: Sendable {
  var header = Header()
  var values: [KeyValue] = []
  var hasMore = false
  /// Keys in the whole range, beyond the limit too.
  var count = 0

  /// `header`: that of the transaction whose part this is.
  init(_ node: JSONNode, header: Header? = nil) throws(StorageError) {
    self.header = if let header { header } else { try Header(of: node) }
    for (name, member) in try node.wireObject("a range").members {
      if name.isString("kvs") {
        for element in try member.wireList("kvs") { values.append(try KeyValue(element)) }
      } else if name.isString("more") {
        hasMore = try member.wireBool("more")
      } else if name.isString("count") {
        count = Int(clamping: try member.wireInt("count"))
      }
    }
    if count < values.count { throw WireShape.wrong("count is \(count), with \(values.count) keys") }
    if hasMore && values.isEmpty { throw WireShape.wrong("more is true, without a key") }
  }

  /// Throws where it holds what was not asked for.
  func check(against keys: KeyRange) throws(StorageError) {
    for value in values where !keys.contains(value.key) {
      throw WireShape.wrong("it holds \(value.key), which was not asked for")
    }
  }
}

/// The answer to one of our transactions.
struct TransactionAnswer: Sendable {
  let header: Header
  let succeeded: Bool
  /// What stands at the key if the condition did not hold.
  let current: KeyValue?

  /// Each of our transactions does one thing, or else reads `key`.
  init(_ node: JSONNode, key: String) throws(StorageError) {
    header = try Header(of: node)
    succeeded = try node["succeeded"]?.wireBool("succeeded") ?? false
    var responses: [JSONNode] = []
    if let list = node["responses"] {
      for response in try list.wireList("responses") { responses.append(try response.wireObject("a response")) }
    }
    guard responses.count == 1, let response = responses.first else {
      throw WireShape.wrong("responses has \(responses.count) members where 1 is due")
    }
    if succeeded {
      guard let done = response["response_put"] ?? response["response_delete_range"] else {
        throw WireShape.wrong("a transaction that succeeded shows neither a put nor a removal")
      }
      _ = try done.wireObject("what a transaction did")
      current = nil
    } else {
      guard let range = response["response_range"] else {
        throw WireShape.wrong("a transaction that failed shows no range")
      }
      let found = try RangeAnswer(range, header: header)
      try found.check(against: KeyRange(key: key))
      current = found.values.first
    }
  }
}

extension JSONNode {
  /// Bytes, which protobuf's JSON writes as base64.
  func wireBytes(_ name: StaticString) throws(StorageError) -> SharedBytes {
    if kind == .null { return .empty }
    guard kind == .string, let bytes = withContent({ Base64.decode($0) }) else {
      throw WireShape.wrong("\(name) is not base64")
    }
    return bytes
  }
}
