import ByteBuffers
import JSON
import Machinery
import Registry
import Schema
import Storage
import Synchronization

/// Ports of nodes as they are kept, under one key for all replicas: each change is a conditional write of the whole.
/// (Kubernetes: pkg/registry/core/service/allocator/storage)
final class NodePortLedger: Sendable {
  private let ports: ClosedRange<UInt16>
  private let storage: any Storage
  private let key: String
  private let form: StorageMediaType
  /// What was stored when it was last looked at: mostly it is so still.
  private let last = Mutex<StoredObject?>(nil)
  private let turn = Turns()

  init(_ ports: ClosedRange<UInt16>, in storage: any Storage, key: String, form: StorageMediaType) {
    self.ports = ports
    self.storage = storage
    self.key = key
    self.form = form
  }

  /// Changes what is taken, all or nothing; `change` may be asked several times. Throws what `change` throws, and the
  /// storage's errors.
  func change<Result: Sendable>(
    _ change: @Sendable (inout NodePortRange) throws -> Result
  ) async throws -> Result {
    // One after the other: they would only lose races against each other.
    try await turn.take {
      let found = Mutex<Result?>(nil)
      let outcome = try await storage.guaranteedUpdate(
        key: key, ignoreNotFound: true, origin: last.withLock { $0 }
      ) { stored in
        var range = try stored.map { try self.read($0) } ?? NodePortRange(self.ports)
        guard range.text == NodePortRange(self.ports).text else { throw NodePortRange.Failure.mismatched }
        let before = range
        let result = try change(&range)
        found.withLock { $0 = result }
        return stored != nil && range == before ? .keep : .write(self.written(range), ttl: nil)
      }
      last.withLock { $0 = outcome.object }
      guard let result = found.withLock({ $0 }) else { throw StorageError.keyNotFound(key: key) }
      return result
    }
  }

  /// What is stored, with its revision; nil where there is nothing.
  func stored() async throws -> (range: NodePortRange, revision: Revision)? {
    do {
      let object = try await storage.get(key: key, isConsistent: true)
      return (try read(object), object.revision)
    } catch StorageError.keyNotFound { return nil }
  }

  /// Replaces what was stored at a revision (nil: nothing was). False where something else is stored by now.
  func replace(_ revision: Revision?, with range: NodePortRange) async throws -> Bool {
    try await turn.take {
      let isStill = Mutex(false)
      let outcome = try await storage.guaranteedUpdate(key: key, ignoreNotFound: true, origin: nil) { stored in
        guard stored?.revision == revision else {
          isStill.withLock { $0 = false }
          guard stored != nil else { return .write(self.written(range), ttl: nil) }
          return .keep
        }
        isStill.withLock { $0 = true }
        if let stored, (try? self.read(stored)) == range { return .keep }
        return .write(self.written(range), ttl: nil)
      }
      last.withLock { $0 = outcome.object }
      return isStill.withLock { $0 }
    }
  }

  var empty: NodePortRange { NodePortRange(ports) }

  // MARK: the stored form

  private func read(_ object: StoredObject) throws -> NodePortRange {
    guard let range = RangeAllocation.read(object.value) else {
      throw StorageError.corruptObject(key: key, reason: "it is no RangeAllocation")
    }
    return range
  }

  private func written(_ range: NodePortRange) -> SharedBytes { RangeAllocation.written(range, form) }
}

/// The object that ports are stored as, in either form. Nobody is served it, so there are no facts about it.
enum RangeAllocation {
  private static let kind = "RangeAllocation"
  private static let (rangeNumber, dataNumber): (UInt32, UInt32) = (2, 3)

  static func written(_ range: NodePortRange, _ form: StorageMediaType) -> SharedBytes {
    switch form {
    case .json:
      let object: JSONValue = [
        "kind": .string(kind), "apiVersion": "v1", "metadata": [:], "range": .string(range.text),
        "data": .string(Base64.text(range.data)),
      ]
      return SharedBytes(object.encoded().array + [UInt8(ascii: "\n")])
    case .protobuf:
      var writer = ProtobufWriter(.builtin, capacity: 512)
      writer.data([], 1)
      writer.text(range.text, rangeNumber)
      writer.data(range.data, dataNumber)
      return SharedBytes(
        ProtobufEnvelope.head(apiVersion: "v1", kind: kind, count: writer.bytes.count) + writer.bytes
          + ProtobufEnvelope.tail)
    }
  }

  static func read(_ value: SharedBytes) -> NodePortRange? {
    if let envelope = try? ProtobufEnvelope(ByteSlice(value)) {
      guard envelope.kind == kind, let members = try? envelope.raw.protobufMembers() else { return nil }
      let text = members[rangeNumber].map { String(decoding: $0.array, as: UTF8.self) } ?? ""
      return NodePortRange(text: text, data: members[dataNumber]?.array ?? [])
    }
    guard let object = try? JSONValue(parsing: ByteSlice(value)), object["kind"]?.string == kind else { return nil }
    var text = object["data"]?.string ?? ""
    let data = text.withUTF8 { Base64.decode(UnsafeRawBufferPointer($0)) }.map { ByteSlice($0).array } ?? []
    return NodePortRange(text: object["range"]?.string ?? "", data: data)
  }
}
