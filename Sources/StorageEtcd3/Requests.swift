import ByteBuffers
import JSON
import Storage

/// The gateway's messages. They are built here alone: it ignores misspelt members and would store an empty value for a
/// `valu`.
enum Requests {
  /// What a range asks for beside its keys.
  struct Range {
    var keys: KeyRange
    var revision: Int64 = 0
    var limit = 0
    var isSerializable = false
    var isCountOnly = false
    var isKeysOnly = false
    /// Newest first: dear for etcd, which then reads the whole range.
    var isByNewest = false
  }

  static func range(_ range: Range) -> SharedBytes {
    var writer = JSONWriter(capacity: 256)
    write(range, into: &writer)
    return writer.finish()
  }

  private static func write(_ range: Range, into writer: inout JSONWriter) {
    writer.raw("{")
    keys(range.keys, into: &writer)
    if range.revision > 0 { member(",\"revision\":", range.revision, into: &writer) }
    if range.limit > 0 { member(",\"limit\":", Int64(range.limit), into: &writer) }
    if range.isSerializable { writer.raw(",\"serializable\":true") }
    if range.isCountOnly { writer.raw(",\"count_only\":true") }
    if range.isKeysOnly { writer.raw(",\"keys_only\":true") }
    if range.isByNewest { writer.raw(",\"sort_order\":\"DESCEND\",\"sort_target\":\"MOD\"") }
    writer.raw("}")
  }

  /// Writes `value` if the key's newest change is `expected`, zero meaning that the key must not exist; else reads the
  /// key.
  static func put(_ key: String, _ value: SharedBytes, lease: Int64, ifAt expected: Int64) -> SharedBytes {
    var writer = JSONWriter(capacity: 320 + Base64.encodedCount(value.count) + key.utf8.count * 5)
    compare(key, ifAt: expected, into: &writer)
    writer.raw(",\"success\":[{\"request_put\":{\"key\":")
    writer.base64(key)
    writer.raw(",\"value\":")
    value.withUnsafeBytes { writer.base64($0) }
    if lease != 0 { member(",\"lease\":", lease, into: &writer) }
    writer.raw("}}]")
    orRead(key, into: &writer)
    return writer.finish()
  }

  /// Removes the key if its newest change is `expected`; else reads it.
  static func delete(_ key: String, ifAt expected: Int64) -> SharedBytes {
    var writer = JSONWriter(capacity: 512)
    compare(key, ifAt: expected, into: &writer)
    writer.raw(",\"success\":[{\"request_delete_range\":{\"key\":")
    writer.base64(key)
    writer.raw("}}]")
    orRead(key, into: &writer)
    return writer.finish()
  }

  /// The compactors' agreement: puts `value` if the key was written `version` times; else reads it.
  static func put(_ key: String, _ value: String, ifVersion version: Int64) -> SharedBytes {
    var writer = JSONWriter()
    writer.raw("{\"compare\":[{\"key\":")
    writer.base64(key)
    writer.raw(",\"target\":\"VERSION\",\"result\":\"EQUAL\"")
    member(",\"version\":", version, into: &writer)
    writer.raw("}],\"success\":[{\"request_put\":{\"key\":")
    writer.base64(key)
    writer.raw(",\"value\":")
    writer.base64(value)
    writer.raw("}}]")
    orRead(key, into: &writer)
    return writer.finish()
  }

  static func compaction(through revision: Int64) -> SharedBytes {
    var writer = JSONWriter(capacity: 64)
    writer.raw("{")
    member("\"revision\":", revision, into: &writer)
    writer.raw("}")
    return writer.finish()
  }

  static func leaseGrant(seconds: Int64) -> SharedBytes {
    var writer = JSONWriter(capacity: 64)
    writer.raw("{")
    member("\"TTL\":", seconds, into: &writer)
    writer.raw("}")
    return writer.finish()
  }

  static func authenticate(_ name: String, _ password: Secret) -> SharedBytes {
    var writer = JSONWriter(capacity: 128)
    writer.raw("{\"name\":")
    writer.string(name)
    writer.raw(",\"password\":")
    writer.string(password.exposed)
    writer.raw("}")
    return writer.finish()
  }

  /// `startRevision` zero: from now. A line of a watch stream.
  static func watch(_ id: Int64, _ range: KeyRange, startRevision: Int64) -> SharedBytes {
    var writer = JSONWriter()
    writer.raw("{\"create_request\":{")
    keys(range, into: &writer)
    if startRevision > 0 { member(",\"start_revision\":", startRevision, into: &writer) }
    member(",\"watch_id\":", id, into: &writer)
    writer.raw(",\"progress_notify\":true,\"fragment\":true}}\n")
    return writer.finish()
  }

  static func cancelWatch(_ id: Int64) -> SharedBytes {
    var writer = JSONWriter(capacity: 64)
    writer.raw("{\"cancel_request\":{")
    member("\"watch_id\":", id, into: &writer)
    writer.raw("}}\n")
    return writer.finish()
  }

  /// Asks a server about itself.
  static let status = SharedBytes("{}")
  /// Asks which alarms are raised.
  static let alarms = SharedBytes("{\"action\":\"GET\"}")

  static let progress = SharedBytes("{\"progress_request\":{}}\n")

  // MARK: - Parts

  private static func keys(_ range: KeyRange, into writer: inout JSONWriter) {
    writer.raw("\"key\":")
    range.key.withUnsafeBytes { writer.base64($0) }
    if let end = range.end {
      writer.raw(",\"range_end\":")
      end.withUnsafeBytes { writer.base64($0) }
    }
  }

  /// 64-bit numbers are strings in protobuf's JSON.
  private static func member(_ name: StaticString, _ value: Int64, into writer: inout JSONWriter) {
    writer.raw(name)
    writer.raw("\"")
    writer.int(value)
    writer.raw("\"")
  }

  private static func compare(_ key: String, ifAt expected: Int64, into writer: inout JSONWriter) {
    writer.raw("{\"compare\":[{\"key\":")
    writer.base64(key)
    writer.raw(",\"target\":\"MOD\",\"result\":\"EQUAL\"")
    member(",\"mod_revision\":", expected, into: &writer)
    writer.raw("}]")
  }

  private static func orRead(_ key: String, into writer: inout JSONWriter) {
    writer.raw(",\"failure\":[{\"request_range\":{\"key\":")
    writer.base64(key)
    writer.raw("}}]}")
  }
}
