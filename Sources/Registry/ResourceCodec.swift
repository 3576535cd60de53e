public import ByteBuffers
public import Cacher
import JSON
public import Schema
public import Storage
import Machinery

/// Stored values to served objects and back, for one resource.
public struct ResourceCodec: ObjectCodec {
  private let definition: ResourceDefinition
  let model: TypeModel
  let type: TypeModel.TypeID
  let kind: String
  let apiVersion: String
  /// What is written.
  private let mediaType: StorageMediaType
  /// nil for built-in kinds.
  let form: (any ObjectForm)?
  /// Where an item of a list begins in an object.
  private let itemOffset: Int
  /// `{"kind":"Node","apiVersion":"v1",`
  private let head: [UInt8]
  private static let revisionLead = Array(#""resourceVersion":""#.utf8)

  public let encodings: EncodingCache
  /// What is being written now.
  let underWay = WritesUnderWay()

  /// `encodings`: counts what objects keep in encodings; one for all resources.
  public init(
    _ definition: ResourceDefinition, mediaType: StorageMediaType = .json, model: TypeModel = .builtin,
    encodings: EncodingCache = EncodingCache()
  ) {
    let info = definition.infos[0]
    guard let type = model.type(info.typeName) else { preconditionFailure("no facts about \(info.typeName)") }
    self.definition = definition
    self.model = model
    self.type = type
    form = definition.versions[0].custom?.form
    self.mediaType = form == nil ? mediaType : .json
    self.encodings = encodings
    kind = info.kind
    apiVersion = info.groupVersion.description
    head = Array("{\"kind\":\"\(info.kind)\",\"apiVersion\":\"\(info.groupVersion)\",".utf8)
    itemOffset = form == nil ? head.count : 1
  }

  public func decode(_ stored: StoredObject) throws -> CachedObject {
    try make(stored, revisionText: String(stored.revision.rawValue), outline: underWay.outline(of: stored))
  }

  /// An object that was never stored (a dry run): without resourceVersion, or with what the client wrote there.
  func unstored(_ encoded: EncodedObject, key: String, resourceVersion: String) throws -> CachedObject {
    let text = JSONValue.string(resourceVersion).encoded().text.dropFirst().dropLast()
    return try make(
      StoredObject(key: key, value: encoded.value, revision: .zero), revisionText: text.isEmpty ? nil : String(text),
      outline: encoded.outline)
  }

  /// An object that this process encoded: `stored` is what a storage made of it, so its bytes are not parsed.
  func decode(_ stored: StoredObject, encoded: EncodedObject) throws -> CachedObject {
    let isSame = stored.value.hasSameBytes(as: encoded.value)
    return try make(
      stored, revisionText: String(stored.revision.rawValue), outline: isSame ? encoded.outline : nil)
  }

  private func make(
    _ stored: StoredObject, revisionText: String?, outline: ObjectOutline? = nil
  ) throws -> CachedObject {
    if let outline { return made(of: stored, revisionText: revisionText, outline) }
    if let form {
      return try make(
        json: stored.holding(canonicalBytes(stored, form), isStale: stored.isStale), revisionText: revisionText,
        isCanonical: true)
    }
    let form = StorageMediaType.of(stored.value)
    if form == .protobuf {
      let value = try canonical(JSONTape.parse(try object(ofProtobuf: stored).encoded()).root, key: stored.key)
      return try make(
        json: stored.holding(value.encoded(), isStale: stored.isStale || mediaType != form), revisionText: revisionText,
        isCanonical: true)
    }
    return try make(
      json: mediaType == form ? stored : stored.holding(stored.value, isStale: true), revisionText: revisionText)
  }

  private func make(json stored: StoredObject, revisionText: String?, isCanonical: Bool = false) throws -> CachedObject
  {
    let tape: JSONTape
    do { tape = try JSONTape.parse(stored.value) } catch { throw stored.undecodable(error.description) }
    let root = tape.root
    guard let metadata = root["metadata"], metadata.kind == .object, form != nil || hasHead(stored.value),
      metadata["resourceVersion"] == nil, metadata.range.count > 2
    else {
      // Another writer's form: bring it into ours. What can't be read even so is corrupt.
      guard !isCanonical else { throw StorageError.corruptObject(key: stored.key, reason: "no metadata") }
      let value = try canonical(root, key: stored.key)
      return try make(
        json: stored.holding(value.encoded(), isStale: stored.isStale), revisionText: revisionText, isCanonical: true)
    }
    var outline = ObjectOutline(metadata: metadata, end: root.range.upperBound, isByName: form != nil)
    outline.fields = definition.selectableFields.values(FieldReader(root))
    return made(of: stored, revisionText: revisionText, outline)
  }

  /// The served form of an object that is stored as we write it.
  private func made(of stored: StoredObject, revisionText: String?, _ outline: ObjectOutline) -> CachedObject {
    let (place, isLast, end) = (outline.place, outline.isLast, outline.end)
    let digits = Array((revisionText ?? "").utf8)
    let addition = revisionText == nil ? 0 : Self.revisionLead.count + digits.count + 2
    // With members behind it the comma follows, at the end it goes before.
    let digitsStart = place + Self.revisionLead.count + (isLast ? 1 : 0)
    let document = SharedBytes(capacity: end + addition + 2) { room in
      stored.value.withUnsafeBytes { source in
        var at = 0
        func put(_ bytes: UnsafeRawBufferPointer) {
          UnsafeMutableRawBufferPointer(rebasing: room[at..<(at + bytes.count)]).copyMemory(from: bytes)
          at += bytes.count
        }
        put(UnsafeRawBufferPointer(rebasing: source[..<place]))
        if revisionText != nil {
          if isLast { put(comma) }
          Self.revisionLead.withUnsafeBytes(put)
          digits.withUnsafeBytes(put)
          put(quote)
          if !isLast { put(comma) }
        }
        put(UnsafeRawBufferPointer(rebasing: source[place..<end]))
        put(tail)
        return at
      }
    }
    let range = revisionText == nil ? 0..<0 : digitsStart..<(digitsStart + digits.count)
    return CachedObject(
      key: stored.key, revision: stored.revision, document: document, objectEnd: end + addition, itemOffset: itemOffset,
      revisionRange: range,
      labels: StringMap(outline.labels), fields: StringMap(outline.fields), lease: stored.lease,
      isStale: stored.isStale,
      encodings: encodings)
  }

  private func hasHead(_ value: SharedBytes) -> Bool {
    value.withUnsafeBytes { $0.count > head.count && head.elementsEqual($0.prefix(head.count)) }
  }

  /// A stored value in the form of the type.
  private func canonical(_ root: JSONNode, key: String) throws -> JSONValue {
    do {
      var value = try model.decode(root, as: type).value
      value["metadata"]?["resourceVersion"] = nil
      value["metadata"]?["selfLink"] = nil
      definition.defaults(&value)
      return value
    } catch { throw StorageError.corruptObject(key: key, reason: "\(error)") }
  }

  /// FieldsV1 was measured by itself before it came to stand in an object.
  private static let limits: JSONTape.Limits = {
    var limits = JSONTape.Limits.tree
    limits.maxDepth += 16
    return limits
  }()

  /// A stored value of a custom kind as its schema has it today.
  private func canonical(_ stored: StoredObject, _ form: any ObjectForm) throws -> JSONValue {
    let tape: JSONTape
    do { tape = try JSONTape.parse(stored.value, limits: Self.limits) } catch {
      throw stored.undecodable(error.description)
    }
    var value = JSONValue(tape.root, leavingUnread: "fieldsV1")
    guard value["metadata"]?.object != nil else {
      throw StorageError.corruptObject(key: stored.key, reason: "no metadata")
    }
    value["metadata"]?["resourceVersion"] = nil
    value["metadata"]?["selfLink"] = nil
    var form = form
    // It may have been written while another version was the stored one. What a webhook has to convert stays as it is:
    // it is asked when the object is shown.
    if let given = value["apiVersion"]?.string, given != apiVersion {
      if definition.custom?.conversion == nil {
        value["apiVersion"] = .string(apiVersion)
      } else if let place = definition.infos.firstIndex(where: { $0.groupVersion.description == given }) {
        form = definition.versions[place].custom?.form ?? form
      }
    }
    form.restore(&value)
    value.sortByName()
    return value
  }

  /// The same as bytes: those that are stored, where nothing is to be changed.
  private func canonicalBytes(_ stored: StoredObject, _ form: any ObjectForm) throws -> SharedBytes {
    var writer = JSONWriter(capacity: stored.value.count + 64)
    writer.value(try canonical(stored, form))
    writer.raw("\n")
    let bytes = writer.finish()
    return bytes.hasSameBytes(as: stored.value) ? stored.value : bytes
  }

  /// The tree of a stored object, resourceVersion set.
  func tree(of stored: StoredObject) throws -> JSONValue {
    if let form {
      var value = try canonical(stored, form)
      value["metadata"]?["resourceVersion"] = .string(String(stored.revision.rawValue))
      return value
    }
    if StorageMediaType.of(stored.value) == .protobuf {
      var value = try canonical(JSONTape.parse(try object(ofProtobuf: stored).encoded()).root, key: stored.key)
      value["metadata"]?["resourceVersion"] = .string(String(stored.revision.rawValue))
      return value
    }
    let tape: JSONTape
    do { tape = try JSONTape.parse(stored.value, limits: Self.limits) } catch {
      throw stored.undecodable(error.description)
    }
    var value =
      hasHead(stored.value)
      ? JSONValue(tape.root, leavingUnread: "fieldsV1") : try canonical(tape.root, key: stored.key)
    value["metadata"]?["resourceVersion"] = .string(String(stored.revision.rawValue))
    return value
  }

  /// What is stored for a tree: compact JSON with a newline, or protobuf, as kube-apiserver writes it. `size`: about
  /// how many bytes it will have. `keepsLink`: what will not be stored may have a selfLink.
  func encode(_ tree: JSONValue, size: Int = 4_096, keepsLink: Bool = false) -> EncodedObject {
    var writer = JSONWriter(capacity: size + size / 4)
    // Hooks and admission may have set members at any place.
    var outline =
      form == nil
      ? writer.stored(tree, keepsLink: keepsLink)
      : writer.stored(tree.sortedByName, keepsLink: keepsLink, isByName: true)
    writer.raw("\n")
    let value = writer.finish()
    guard mediaType == .json else { return EncodedObject(value: protobuf(of: value), outline: nil) }
    outline?.fields = definition.selectableFields.values(FieldReader(tree))
    return EncodedObject(value: value, outline: form != nil || hasHead(value) ? outline : nil)
  }

  public func storedBytes(of object: CachedObject) -> SharedBytes {
    mediaType == .json ? document(of: object) : protobuf(of: document(of: object))
  }

  /// The stored document, without resourceVersion.
  private func document(of object: CachedObject) -> SharedBytes {
    let range = object.revisionRange
    guard !range.isEmpty else { return copy(object, cutting: 0..<0) }
    var start = range.lowerBound - Self.revisionLead.count
    var end = range.upperBound + 1
    object.document.withUnsafeBytes { bytes in
      if bytes[end] == UInt8(ascii: ",") { end += 1 } else if bytes[start - 1] == UInt8(ascii: ",") { start -= 1 }
    }
    return copy(object, cutting: start..<end)
  }

  private func copy(_ object: CachedObject, cutting cut: Range<Int>) -> SharedBytes {
    object.document.withUnsafeBytes { source in
      SharedBytes(capacity: object.objectEnd - cut.count + 1) { room in
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<cut.lowerBound]))
        UnsafeMutableRawBufferPointer(rebasing: room[cut.lowerBound...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[cut.upperBound..<object.objectEnd]))
        room[object.objectEnd - cut.count] = 0x0A
        return object.objectEnd - cut.count + 1
      }
    }
  }

  public func restamped(_ object: CachedObject, revision: Revision) -> CachedObject {
    let digits = Array(String(revision.rawValue).utf8)
    let range = object.revisionRange
    let growth = digits.count - range.count
    let document = object.document.withUnsafeBytes { source in
      SharedBytes(capacity: source.count + max(growth, 0)) { room in
        room.copyMemory(from: UnsafeRawBufferPointer(rebasing: source[..<range.lowerBound]))
        UnsafeMutableRawBufferPointer(rebasing: room[range.lowerBound...]).copyBytes(from: digits)
        UnsafeMutableRawBufferPointer(rebasing: room[(range.lowerBound + digits.count)...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: source[range.upperBound...]))
        return source.count + growth
      }
    }
    return CachedObject(
      key: object.key, revision: revision, document: document, objectEnd: object.objectEnd + growth,
      itemOffset: object.itemOffset,
      revisionRange: range.lowerBound..<(range.lowerBound + digits.count), labels: object.labels, fields: object.fields,
      facts: object.facts,
      lease: object.lease, isStale: object.isStale, encodings: encodings)
  }

  private var comma: UnsafeRawBufferPointer { Self.text(",") }
  private var quote: UnsafeRawBufferPointer { Self.text("\"") }
  private var tail: UnsafeRawBufferPointer { Self.text(",{") }
  private static func text(_ text: StaticString) -> UnsafeRawBufferPointer {
    UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)
  }
}

extension StoredObject {
  fileprivate func holding(_ value: SharedBytes, isStale: Bool) -> StoredObject {
    StoredObject(key: key, value: value, revision: revision, lease: lease, isStale: isStale, unreadable: unreadable)
  }
}
