import ByteBuffers
import JSON
import Schema
import Storage

/// How objects are written into storage (`--storage-media-type`). What stands there already is read in either form, as
/// kube-apiserver reads it.
public enum StorageMediaType: String, Sendable, CaseIterable {
  case json = "application/json"
  case protobuf = "application/vnd.kubernetes.protobuf"

  /// The form of a stored value.
  static func of(_ value: SharedBytes) -> StorageMediaType {
    value.withUnsafeBytes {
      $0.first == ProtobufEnvelope.magic[0]
        && $0.prefix(ProtobufEnvelope.magic.count).elementsEqual(ProtobufEnvelope.magic)
    } ? .protobuf : .json
  }
}

/// kube-apiserver's protobuf as a stored form. (semantics 1.13, 1.14)
extension ResourceCodec {
  /// An object that was stored as protobuf, in the form that is served. Throws `corruptObject`, or why it can't be
  /// decrypted.
  func object(ofProtobuf stored: StoredObject) throws -> JSONValue {
    do {
      let envelope = try ProtobufEnvelope(ByteSlice(stored.value))
      guard envelope.kind == kind, envelope.apiVersion == apiVersion else {
        throw StorageError.corruptObject(
          key: stored.key,
          reason: "no kind \"\(envelope.kind)\" is registered for version \"\(envelope.apiVersion)\" here")
      }
      return envelope.named(try model.decodeProtobuf(envelope.raw, as: type))
    } catch let error as ProtobufError { throw stored.undecodable(error.description) }
  }

  /// A stored JSON document as protobuf.
  func protobuf(of document: SharedBytes) -> SharedBytes {
    // It was written here a moment ago; what is no JSON all the same is told by whoever reads it.
    guard let root = try? JSONTape.parse(document).root else { return document }
    var writer = ProtobufWriter(model, capacity: document.count)
    writer.structure(root, type)
    return SharedBytes(
      ProtobufEnvelope.head(apiVersion: apiVersion, kind: kind, count: writer.bytes.count) + writer.bytes
        + ProtobufEnvelope.tail)
  }
}
