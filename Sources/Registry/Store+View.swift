public import ByteBuffers
public import Cacher
import FieldManagement
import JSON
public import Machinery
import Schema

/// A kind as clients speak of it at a path: how bodies are read, and who comes to own what by them.
struct SpokenKind: Sendable {
  let info: ResourceInfo
  let type: TypeModel.TypeID
  let model: TypeModel
  let reader: ObjectReader
  let fields: FieldManager
  /// What they see instead of the object; nil where they see that.
  let view: SubresourceView?
}

extension Store {
  /// What clients see of an object at a part of it; nil where that is the object.
  public func view(at subresource: Subresource) -> SubresourceView? {
    subresource == .main ? nil : self.subresource(subresource)?.view
  }

  /// What is written to a part of an object.
  func spoken(at subresource: Subresource) -> SpokenKind {
    guard let view = view(at: subresource) else {
      return SpokenKind(info: info, type: type, model: model, reader: reader, fields: fields, view: nil)
    }
    return SpokenKind(
      info: view.info, type: view.type, model: model, reader: view.reader, fields: view.fields, view: view)
  }

  /// An object of the storage as a view shows it. Throws where it can't.
  public func shown(_ object: CachedObject, through view: SubresourceView) throws(Status) -> CachedObject {
    let whole = shown(object)
    guard let tape = try? JSONTape.parse(whole.object) else { throw .internalError("\(object.key) can't be read") }
    return whole.remade(as: try view.view(of: JSONValue(tape.root, leavingUnread: "managedFields")), itemOffset: 0)
  }
}

extension SubresourceView {
  /// The message of a view's document, without envelope. Empty for a document that is no JSON.
  public func protobufMessage(of document: ByteSlice) -> [UInt8] {
    guard let tape = try? JSONTape.parse(document) else { return [] }
    var writer = ProtobufWriter(.builtin, capacity: document.count)
    writer.structure(tape.root, type)
    return writer.bytes
  }
}

extension CachedObject {
  /// The same object, looking otherwise. `itemOffset`: where it begins as an item of a list. `facts`: nil for the same.
  func remade(
    as tree: JSONValue, itemOffset: Int, facts: (any Sendable)? = nil
  ) -> CachedObject {
    let document = tree.encoded()
    let whole = SharedBytes(capacity: document.count + 2) { room in
      document.withUnsafeBytes { room.copyMemory(from: $0) }
      room[document.count] = UInt8(ascii: ",")
      room[document.count + 1] = UInt8(ascii: "{")
      return document.count + 2
    }
    // The digits stand between quotes.
    let text = (try? JSONTape.parse(document))?.root["metadata"]?["resourceVersion"]?.range
    let digits = text.map { $0.count >= 2 ? ($0.lowerBound + 1)..<($0.upperBound - 1) : 0..<0 } ?? 0..<0
    return CachedObject(
      key: key, revision: revision, document: whole, objectEnd: document.count, itemOffset: itemOffset,
      revisionRange: digits, labels: labels, fields: fields, facts: facts ?? self.facts, lease: lease, isStale: isStale,
      encodings: encodings)
  }
}
