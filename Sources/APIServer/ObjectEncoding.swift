import ByteBuffers
import Cacher
import JSON
import Machinery
import Schema

/// Encodings of whole objects that more than one client asks for. The ids are known to this layer only.
enum ObjectEncoding {
  static let pretty = EncodingID(1)
  static let yaml = EncodingID(2)
  static let partialV1 = EncodingID(3)
  static let partialV1beta1 = EncodingID(4)
  static let protobuf = EncodingID(5)
  static let partialProtobuf = EncodingID(6)
  /// A `GzipPiece` of the object as an item of a list with the separator behind it, and of its message in a list.
  static let gzippedItem = EncodingID(7)
  static let gzippedMessage = EncodingID(8)

  /// The object as `PartialObjectMetadata` of a version of meta.k8s.io, made once an object and shared. `hidden`: see
  /// `ResourceDefinition.hiddenAnnotations`.
  static func partial(_ object: CachedObject, version: String, hiding hidden: [String]) -> SharedBytes {
    object.encoding(version == "v1beta1" ? partialV1beta1 : partialV1) {
      partialDocument(object.object, version: version, hiding: hidden)
    }
  }

  /// The same for one object of a long list; `isKept`: the cache holds the bytes too. Throws for what has no metadata
  /// that could be read.
  static func partialOfMany(
    _ object: CachedObject, version: String, hiding hidden: [String]
  ) throws(Status) -> (bytes: SharedBytes, isKept: Bool) {
    try object.encodingOfMany(version == "v1beta1" ? partialV1beta1 : partialV1) { () throws(Status) in
      guard let metadata = try? JSONTape.parse(object.object).root["metadata"] else { throw .unrenderable(object.key) }
      var writer = JSONWriter(capacity: metadata.range.count + 96)
      write(shown(metadata, hiding: hidden), version: version, to: &writer)
      return writer.finish()
    }
  }

  /// Writes object metadata as `PartialObjectMetadata`.
  static func write(_ metadata: ByteSlice, version: String, to writer: inout JSONWriter) {
    writer.raw(#"{"kind":"PartialObjectMetadata","apiVersion":"meta.k8s.io/"#)
    writer.raw(version)
    writer.raw(#"","metadata":"#)
    writer.raw(metadata)
    writer.raw("}")
  }

  /// The same for bytes outside the cache. Object metadata reads the same in both kinds, so its bytes are taken as they
  /// are.
  static func partialDocument(_ document: ByteSlice, version: String, hiding hidden: [String]) -> SharedBytes {
    var writer = JSONWriter(capacity: min(document.count, 4096) + 96)
    let metadata = try? JSONTape.parse(document).root["metadata"]
    write(shown(metadata, hiding: hidden), version: version, to: &writer)
    return writer.finish()
  }

  /// The metadata of an object as it is shown without the object.
  static func shown(_ metadata: JSONNode?, hiding hidden: [String]) -> ByteSlice {
    guard let metadata else { return Bytes.emptyObject }
    guard !hidden.isEmpty, let annotations = metadata["annotations"], hidden.contains(where: { annotations[$0] != nil })
    else { return metadata.raw }
    var left = JSONValue(metadata)
    for name in hidden { left["annotations"]?[name] = nil }
    if left["annotations"]?.object?.isEmpty == true { left["annotations"] = nil }
    return ByteSlice(left.encoded())
  }
}

/// Bytes that many answers share.
enum Bytes {
  static let newline = ByteSlice(SharedBytes("\n"))
  static let emptyObject = ByteSlice(SharedBytes("{}"))
  static let comma = ByteSlice(SharedBytes(","))
  static let listEnd = ByteSlice(SharedBytes("]}\n"))
  static let listEndCompact = ByteSlice(SharedBytes("]}"))
  static let frameEnd = ByteSlice(SharedBytes("}\n"))
  static let addedPrefix = ByteSlice(SharedBytes(#"{"type":"ADDED","object":"#))
  static let modifiedPrefix = ByteSlice(SharedBytes(#"{"type":"MODIFIED","object":"#))
  static let deletedPrefix = ByteSlice(SharedBytes(#"{"type":"DELETED","object":"#))
  static let bookmarkPrefix = ByteSlice(SharedBytes(#"{"type":"BOOKMARK","object":"#))
  static let errorPrefix = ByteSlice(SharedBytes(#"{"type":"ERROR","object":"#))

  /// How a line of an event begins.
  static func prefix(of kind: WatchEvent.Kind) -> ByteSlice {
    switch kind {
    case .added: addedPrefix
    case .modified: modifiedPrefix
    case .deleted: deletedPrefix
    case .bookmark: bookmarkPrefix
    case .error: errorPrefix
    }
  }
}

/// A document on its way out: compact JSON in slices, turned into what the client asked for.
struct Document: Sendable {
  /// Compact JSON without the closing newline.
  let slices: [ByteSlice]

  init(_ slices: [ByteSlice]) { self.slices = slices }
  init(_ slice: ByteSlice) { slices = [slice] }
  init(_ value: JSONValue) { slices = [ByteSlice(value.encoded())] }

  /// The body in a media type. Compact JSON ends in a newline, indented JSON does not (semantics 1.10).
  func body(_ media: MediaType, pretty: Bool) -> [ByteSlice] {
    switch media {
    case .yaml:
      let whole = slices.count == 1 ? slices[0] : joined
      guard let value = try? JSONValue(parsing: whole) else { return slices }
      return [ByteSlice(value.yaml())]
    case .protobuf: return ProtobufForm.document(slices.count == 1 ? slices[0] : joined)
    case .json:
      return pretty ? [ByteSlice(JSONIndent.pretty(slices))] : slices + [Bytes.newline]
    }
  }

  private var joined: ByteSlice {
    var writer = JSONWriter(capacity: slices.reduce(0) { $0 + $1.count })
    for slice in slices { writer.raw(slice) }
    return ByteSlice(writer.finish())
  }
}

extension WatchEvent.Kind {
  /// As events of the API name it.
  var name: String {
    switch self {
    case .added: "ADDED"
    case .modified: "MODIFIED"
    case .deleted: "DELETED"
    case .bookmark: "BOOKMARK"
    case .error: "ERROR"
    }
  }
}
