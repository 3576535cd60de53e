import ByteBuffers
import EtcdTransport
import JSON
import Storage

/// What every answer of etcd begins with.
struct Header: Sendable, Equatable {
  var cluster: UInt64 = 0
  var revision: Int64 = 0

  init() {}
  init(_ node: JSONNode?) {
    guard let node else { return }
    for (name, value) in node.members {
      if name.isString("cluster_id") { cluster = UInt64(bitPattern: value.wireInt) }
      if name.isString("revision") { revision = value.wireInt }
    }
  }
}

extension Integrity {
  /// Looks at the header of a linearizable answer.
  func check(_ header: Header, floor: Int64) throws(StorageError) { try check(cluster: header.cluster, revision: header.revision, floor: floor) }
}

/// A key with its value, still as stored.
struct KeyValue: Sendable {
  var key = ""
  var value: SharedBytes = .empty
  var createRevision: Int64 = 0
  var modRevision: Int64 = 0
  var version: Int64 = 0
  var lease: Int64 = 0

  /// Throws `.corruptObject` for what is not base64.
  init(_ node: JSONNode) throws(StorageError) {
    for (name, member) in node.members {
      if name.isString("key") {
        key = try member.wireBytes().text
      } else if name.isString("value") {
        value = try member.wireBytes()
      } else if name.isString("mod_revision") {
        modRevision = member.wireInt
      } else if name.isString("create_revision") {
        createRevision = member.wireInt
      } else if name.isString("version") {
        version = member.wireInt
      } else if name.isString("lease") {
        lease = member.wireInt
      }
    }
  }
}

/// The answer to a range.
struct RangeAnswer: Sendable {
  var header = Header()
  var values: [KeyValue] = []
  var hasMore = false
  /// Keys in the whole range, beyond the limit too.
  var count = 0

  init(_ node: JSONNode, header: Header? = nil) throws(StorageError) {
    for (name, member) in node.members {
      if name.isString("header") {
        self.header = Header(member)
      } else if name.isString("kvs") {
        for element in member.elements { values.append(try KeyValue(element)) }
      } else if name.isString("more") {
        hasMore = member.bool ?? false
      } else if name.isString("count") {
        count = Int(clamping: member.wireInt)
      }
    }
    if let header { self.header = header }
  }
}

/// The answer to one of our transactions.
struct TransactionAnswer: Sendable {
  let header: Header
  let succeeded: Bool
  /// What stands at the key if the condition did not hold.
  let current: KeyValue?

  init(_ node: JSONNode) throws(StorageError) {
    header = Header(node["header"])
    succeeded = node["succeeded"]?.bool ?? false
    var found: KeyValue?
    if !succeeded, let responses = node["responses"] {
      for response in responses.elements {
        if let range = response["response_range"] { found = try RangeAnswer(range, header: header).values.first }
      }
    }
    current = found
  }
}

extension JSONNode {
  /// A 64-bit number, which protobuf's JSON writes as a string; zero if it is none. Unsigned numbers keep their bits.
  var wireInt: Int64 {
    switch kind {
    case .int: return int ?? 0
    case .string:
      return withContent { bytes in
        var magnitude: UInt64 = 0
        let isNegative = bytes.first == UInt8(ascii: "-")
        for byte in bytes.dropFirst(isNegative ? 1 : 0) {
          guard byte >= 0x30 && byte <= 0x39 else { return 0 }
          let (scaled, overflow) = magnitude.multipliedReportingOverflow(by: 10)
          let (sum, carry) = scaled.addingReportingOverflow(UInt64(byte &- 0x30))
          if overflow || carry { return 0 }
          magnitude = sum
        }
        let value = Int64(bitPattern: magnitude)
        return isNegative ? 0 &- value : value
      }
    default: return 0
    }
  }

  /// Bytes, which protobuf's JSON writes as base64.
  func wireBytes() throws(StorageError) -> SharedBytes {
    guard kind == .string, let bytes = withContent({ Base64.decode($0) }) else {
      throw StorageError.corruptObject(key: "", reason: "etcd's answer holds something that is not base64")
    }
    return bytes
  }
}
