import ByteBuffers
import JSON
import Storage
import Synchronization

/// An object as it is stored, with what the writer knows of it. What was written here need not be parsed to be served.
struct EncodedObject: Sendable {
  /// What is stored.
  let value: SharedBytes
  /// nil where only a parse can tell, as of protobuf.
  let outline: ObjectOutline?
}

/// What this process is writing right now, by key: the event that shows a write often comes before the storage tells
/// the writer, and then finds here what is known of the bytes. Whoever notes something forgets it, so there is at most
/// one for each write that is under way.
final class WritesUnderWay: Sendable {
  private let all = Mutex<[ByteString: EncodedObject]>([:])

  func note(_ key: String, _ encoded: EncodedObject) {
    guard encoded.outline != nil else { return }
    all.withLock { $0[key] = encoded }
  }

  /// Of two writes of one key the later is known.
  func forget(_ key: String) { all.withLock { $0[key] = nil } }

  /// How many are known.
  var count: Int { all.withLock { $0.count } }

  /// What is known of these bytes.
  func outline(of stored: StoredObject) -> ObjectOutline? {
    let known = all.withLock { $0.isEmpty ? nil : $0[stored.key] }
    guard let known, known.value.hasSameBytes(as: stored.value) else { return nil }
    return known.outline
  }
}

/// Where in an object's stored JSON the served form differs from it, and what selectors ask for.
struct ObjectOutline: Sendable {
  /// Where resourceVersion belongs: at the quote of the next member's name, or before the brace that closes metadata.
  var place: Int
  /// Is there no member of metadata behind it?
  var isLast = true
  /// Where the object ends.
  var end: Int
  var labels: [(name: String, value: String)] = []
  var fields: [(name: String, value: String)] = []

  /// Members of metadata that stand before resourceVersion.
  static let before: [StaticString] = ["name", "generateName", "namespace", "selfLink", "uid"]

  /// Where members stand by their names, these are behind resourceVersion; all others before it.
  static func isBehind(_ name: String) -> Bool { "resourceVersion".utf8.lexicographicallyPrecedes(name.utf8) }

  /// Reads it from a parsed object. `isByName`: members stand by their names.
  init(metadata: JSONNode, end: Int, isByName: Bool = false) {
    var place = metadata.range.upperBound - 1
    var isLast = true
    var labels: [(name: String, value: String)] = []
    metadata.withView { view, at in
      view.forEachMember(of: at) { name, value in
        let isBehind =
          isByName
          ? isLast && Self.isBehind(view.string(name)) : isLast && !Self.before.contains { view.isString(name, $0) }
        if isBehind {
          place = view.start(name) - 1  // at its quote
          isLast = false
        }
        guard view.isString(name, "labels") else { return }
        view.forEachMember(of: value) { key, label in
          labels.append((view.string(key), view.kind(label) == .string ? view.string(label) : ""))
        }
      }
    }
    self.place = place
    self.isLast = isLast
    self.end = end
    self.labels = labels
  }

  fileprivate init() {
    place = 0
    end = 0
  }
}

extension JSONWriter {
  /// Writes an object as it is stored, without what is not: metadata's resourceVersion and selfLink (but with
  /// `keepsLink`). nil: it has no metadata to speak of.
  /// `isByName`: members stand by their names.
  mutating func stored(_ tree: JSONValue, keepsLink: Bool = false, isByName: Bool = false) -> ObjectOutline? {
    guard case .object(let object) = tree else {
      value(tree)
      return nil
    }
    var outline: ObjectOutline?
    raw(UInt8(ascii: "{"))
    for (place, member) in object.members.enumerated() {
      if place > 0 { raw(UInt8(ascii: ",")) }
      string(member.name)
      raw(UInt8(ascii: ":"))
      if member.name == "metadata", case .object(let metadata) = member.value {
        outline = stored(metadata: metadata, keepsLink: keepsLink, isByName: isByName)
      } else {
        value(member.value)
      }
    }
    raw(UInt8(ascii: "}"))
    outline?.end = count
    return outline
  }

  private mutating func stored(metadata: JSONObject, keepsLink: Bool, isByName: Bool) -> ObjectOutline? {
    var outline = ObjectOutline()
    var isFirst = true
    raw(UInt8(ascii: "{"))
    for member in metadata.members {
      if member.name == "resourceVersion" || member.name == "selfLink" && !keepsLink { continue }
      if !isFirst { raw(UInt8(ascii: ",")) }
      isFirst = false
      let isBehind =
        isByName
        ? ObjectOutline.isBehind(member.name) : !ObjectOutline.before.contains { member.name.isSame(as: $0) }
      if outline.isLast && isBehind {
        outline.place = count
        outline.isLast = false
      }
      string(member.name)
      raw(UInt8(ascii: ":"))
      value(member.value)
      if member.name == "labels" {
        outline.labels = (member.value.object?.members ?? []).map { ($0.name, $0.value.string ?? "") }
      }
    }
    if outline.isLast { outline.place = count }
    raw(UInt8(ascii: "}"))
    return isFirst ? nil : outline
  }
}

extension String {
  fileprivate func isSame(as text: StaticString) -> Bool {
    utf8.elementsEqual(UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }
}
