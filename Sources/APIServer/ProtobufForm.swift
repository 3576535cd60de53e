import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Schema

/// Answers in `application/vnd.kubernetes.protobuf`: messages made once an object, shared by every list, read and
/// watch, with what stands around them. (apimachinery `serializer/protobuf`.)
struct ProtobufForm: Sendable {
  /// The message of a document, without envelope.
  private let encode: @Sendable (ByteSlice) -> [UInt8]
  private let hidden: [String]
  private let kind: String
  private let listKind: String
  private let apiVersion: String
  static let tail = ByteSlice(SharedBytes(ProtobufEnvelope.tail))

  /// `hiding`: see `ResourceDefinition.hiddenAnnotations`.
  init(_ info: ResourceInfo, hiding hidden: [String], encode: @escaping @Sendable (ByteSlice) -> [UInt8]) {
    self.hidden = hidden
    self.encode = encode
    kind = info.kind
    listKind = info.listKind
    apiVersion = info.groupVersion.description
  }

  // MARK: objects

  func document(_ object: CachedObject) -> [ByteSlice] {
    Self.enveloped([Self.message(ofItem: item(object))], apiVersion: apiVersion, kind: kind)
  }

  /// The same for bytes outside the cache.
  func document(_ document: ByteSlice) -> [ByteSlice] {
    Self.enveloped([ByteSlice(SharedBytes(encode(document)))], apiVersion: apiVersion, kind: kind)
  }

  func partial(_ object: CachedObject, version: String) -> [ByteSlice] {
    Self.enveloped(
      [Self.message(ofItem: partialItem(object))], apiVersion: "meta.k8s.io/\(version)", kind: "PartialObjectMetadata")
  }

  func partial(_ document: ByteSlice, version: String) -> [ByteSlice] {
    Self.enveloped(
      [ByteSlice(SharedBytes(metadataMessage(document)))], apiVersion: "meta.k8s.io/\(version)",
      kind: "PartialObjectMetadata")
  }

  /// The first member of a list's message.
  func metadata(of list: ListResult) -> [UInt8] {
    var metadata: [String: JSONValue] = ["resourceVersion": .string(list.resourceVersion)]
    if !list.continueToken.isEmpty {
      metadata["continue"] = .string(list.continueToken)
      if let remaining = list.remaining { metadata["remainingItemCount"] = .int(Int64(remaining)) }
    }
    return Self.listMetadata(metadata)
  }

  /// What stands before a list's message of `size` bytes; `tail` follows it. `version`: of meta.k8s.io, of a list of
  /// metadata; nil for whole objects.
  func listHead(size: Int, partial version: String?) -> [UInt8] {
    if let version {
      return ProtobufEnvelope.head(apiVersion: "meta.k8s.io/\(version)", kind: "PartialObjectMetadataList", count: size)
    }
    return ProtobufEnvelope.head(apiVersion: apiVersion, kind: listKind, count: size)
  }

  /// An object of a long list, as it stands in the list's message. `isShared`: the cache holds the bytes too; with
  /// `isKept` it is asked to. Throws for what can't be read.
  func item(
    _ object: CachedObject, partial version: String?, isKept: Bool
  ) throws(Status) -> (bytes: SharedBytes, isShared: Bool) {
    let id = version == nil ? ObjectEncoding.protobuf : ObjectEncoding.partialProtobuf
    if let known = object.knownEncoding(id) { return (known, true) }
    let message = version == nil ? encode(object.object) : metadataMessage(object.object)
    // Every object has metadata.
    guard !message.isEmpty else { throw .unrenderable(object.key) }
    let made = Self.asItem(message)
    return isKept ? object.encodingOfMany(id) { made } : (made, false)
  }

  /// Field 2 of a list: the form that is kept, because the message alone is its end.
  private func item(_ object: CachedObject) -> ByteSlice {
    ByteSlice(object.encoding(ObjectEncoding.protobuf) { Self.asItem(encode(object.object)) })
  }

  private func partialItem(_ object: CachedObject) -> ByteSlice {
    ByteSlice(object.encoding(ObjectEncoding.partialProtobuf) { Self.asItem(metadataMessage(object.object)) })
  }

  // MARK: messages

  private static func asItem(_ message: [UInt8]) -> SharedBytes {
    SharedBytes(ProtobufWriter.lead(2, count: message.count) + message)
  }

  private static func message(ofItem item: ByteSlice) -> ByteSlice {
    // One byte of tag, then a length whose last byte has no high bit.
    let lead = item.withUnsafeBytes { bytes in 2 + (bytes.dropFirst().firstIndex { $0 < 0x80 } ?? 1) - 1 }
    return item.dropFirst(lead)
  }

  private func metadataMessage(_ document: ByteSlice) -> [UInt8] {
    var writer = ProtobufWriter(.builtin)
    guard let type = TypeModel.builtin.type("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
      let metadata = try? JSONTape.parse(document).root["metadata"],
      let root = hidden.isEmpty
        ? metadata : try? JSONTape.parse(ObjectEncoding.shown(metadata, hiding: hidden)).root
    else { return [] }
    writer.message(1) { $0.structure(root, type) }
    return writer.bytes
  }

  private static func listMetadata(_ metadata: [String: JSONValue]) -> [UInt8] {
    var writer = ProtobufWriter(.builtin, capacity: 64)
    let text = ByteSlice(
      JSONValue.object(JSONObject(unchecked: metadata.map { JSONObject.Member($0.key, $0.value) })).encoded())
    guard let type = TypeModel.builtin.type("io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta"),
      let root = try? JSONTape.parse(text).root
    else { return [] }
    writer.message(1) { $0.structure(root, type) }
    return writer.bytes
  }

  /// A document of any type that the model knows by its kind (a Status, mostly, or discovery's, of which some do not
  /// say their version). Others have no message and come as nothing.
  static func document(_ json: ByteSlice) -> [ByteSlice] {
    guard let root = try? JSONTape.parse(json).root, let kind = root["kind"]?.string else { return [] }
    let apiVersion = root["apiVersion"]?.string ?? ""
    let groupVersion = apiVersion.isEmpty ? "v1" : apiVersion
    guard
      let structure = TypeModel.builtin.structures.first(where: {
        $0.groupVersionKind?.kind == kind && $0.groupVersionKind?.groupVersion.description == groupVersion
      }),
      let type = TypeModel.builtin.type(structure.name)
    else { return [] }
    var writer = ProtobufWriter(.builtin, capacity: json.count)
    writer.structure(root, type)
    return enveloped([ByteSlice(SharedBytes(writer.bytes))], apiVersion: apiVersion, kind: kind)
  }

  // MARK: framing

  /// A message, whatever its pieces, as a document: four bytes and a `runtime.Unknown`.
  static func enveloped(_ message: [ByteSlice], apiVersion: String, kind: String) -> [ByteSlice] {
    [ByteSlice(SharedBytes(ProtobufEnvelope.head(apiVersion: apiVersion, kind: kind, count: size(message))))] + message
      + [tail]
  }

  /// A watch event: a `WatchEvent` whose object is a document, behind its length in four bytes where the transport has
  /// no messages of its own (`isDelimited`).
  static func frame(_ type: String, _ document: [ByteSlice], isDelimited: Bool, into slices: inout [ByteSlice]) {
    let count = size(document)
    let object = ProtobufWriter.lead(1, count: count)
    var event = ProtobufWriter(.builtin, capacity: 32)
    event.text(type, 1)
    let head = event.bytes + ProtobufWriter.lead(2, count: object.count + count) + object
    let whole = UInt32(clamping: head.count + count)
    slices.append(ByteSlice(SharedBytes(isDelimited ? withUnsafeBytes(of: whole.bigEndian, Array.init) + head : head)))
    slices += document
  }

  private static func size(_ slices: [ByteSlice]) -> Int { slices.reduce(0) { $0 + $1.count } }
}
