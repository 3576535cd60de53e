import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Schema

/// A list as indented JSON or YAML, or in another kind, made some objects at a time.
final class ListPieces: AnswerSource, @unchecked Sendable {  // Sendable: one thread at a time, as the protocol says.
  /// What becomes of an object.
  enum Form: Sendable {
    case whole
    case partial(version: String)
    case table(TableRows)

    /// Of meta.k8s.io, of a list of metadata.
    var version: String? { if case .partial(let version) = self { version } else { nil } }
  }

  private enum Style: Sendable {
    case compact
    case pretty(JSONIndenter)
    case yaml(YAMLListWriter)
    var isCompact: Bool { if case .compact = self { true } else { false } }
  }

  private let objects: [CachedObject]
  private let form: Form
  private let head: String
  /// In compact JSON.
  private let end: ByteSlice
  private let hidden: [String]
  private var style: Style
  private var place = 0
  /// Compact, of what is to be indented, and whether nothing comes after it.
  private var waiting: ArraySlice<ByteSlice> = []
  private var isAtEnd = false

  /// `media` is JSON or YAML.
  init(
    _ endpoint: ResourceEndpoint, _ list: ListResult, _ form: Form, _ media: MediaType, pretty: Bool
  ) throws(Status) {
    objects = if case .table(let rows) = form { rows.ordered(list.objects) } else { list.objects }
    self.form = form
    hidden = endpoint.hiddenAnnotations
    let items: String
    switch form {
    case .whole: (head, items, end) = (endpoint.listHead(list), "items", endpoint.listEnd(list, isLine: false))
    case .partial(let version):
      (head, items, end) = (endpoint.partialListHead(list, version: version), "items", Bytes.listEndCompact)
    case .table(let rows):
      (head, items, end) = (rows.head(metadata: endpoint.listMetadata(list)), "rows", Bytes.listEndCompact)
    }
    switch media {
    case .yaml:
      guard let value = try? JSONValue(parsing: head + end.text), case .object(let head) = value else {
        throw .unrenderable("the list")
      }
      style = .yaml(YAMLListWriter(head: head, items: items))
    case .json, .protobuf: style = pretty ? .pretty(JSONIndenter()) : .compact
    }
  }

  func next(isCompressed: Bool) throws(Status) -> AnswerPiece {
    switch style {
    case .compact: return try compactPiece()
    case .pretty(var indenter):
      // Indented, half as much is about one piece. What is deep comes to much more: the rest waits for the next piece.
      if waiting.isEmpty {
        let compact = try compactPiece(ofBytes: AnswerPiece.size / 2)
        (waiting, isAtEnd) = (compact.slices[...], compact.isLast)
      }
      var out: [UInt8] = []
      out.reserveCapacity(AnswerPiece.size)
      while out.count < AnswerPiece.size, let slice = waiting.first {
        let taken = indenter.add(slice, to: &out, most: AnswerPiece.size)
        if taken == slice.count {
          waiting.removeFirst()
        } else {
          let rest = ByteSlice(slice.owner, offset: slice.offset + taken, count: slice.count - taken)
          waiting[waiting.startIndex] = rest
        }
      }
      style = .pretty(indenter)
      return AnswerPiece(
        parts: [.bytes(ByteSlice(SharedBytes(out)))], ownBytes: out.count, isLast: isAtEnd && waiting.isEmpty)
    case .yaml(var writer):
      // Moved out and back, so that it is never copied.
      style = .compact
      while place < objects.count && writer.count < AnswerPiece.size {
        writer.add(try value(of: objects[place]))
        place += 1
      }
      let isLast = place == objects.count
      if isLast { writer.finish() }
      let bytes = writer.take()
      style = .yaml(writer)
      return AnswerPiece(parts: [.bytes(ByteSlice(bytes))], ownBytes: bytes.count, isLast: isLast)
    }
  }

  private static let firstItem = ByteSlice(SharedBytes("{"))
  private static let nextItem = ByteSlice(SharedBytes(",{"))

  /// Compact JSON, but for the newline that indented JSON lacks. `ofBytes`: ends after so many bytes; nil: after so
  /// many as are not shared.
  private func compactPiece(ofBytes most: Int? = nil) throws(Status) -> AnswerPiece {
    var piece = AnswerPiece()
    var bytes = 0
    if objects.isEmpty, form.version != nil {
      // Of metadata there is no list where there are no objects, as Go writes a nil slice.
      let whole = String(head.dropLast()) + (style.isCompact ? "null}\n" : "null}")
      piece.add(.bytes(ByteSlice(SharedBytes(whole))), own: whole.utf8.count)
      piece.isLast = true
      return piece
    }
    if place == 0 { piece.add(.bytes(ByteSlice(SharedBytes(head))), own: head.utf8.count) }
    if case .table(let rows) = form {
      var writer = JSONWriter(capacity: 64 << 10)
      while place < objects.count && writer.count < most ?? AnswerPiece.size {
        if place > 0 { writer.raw(",") }
        try rows.add(objects[place], to: &writer)
        place += 1
      }
      let count = writer.count
      piece.add(.bytes(ByteSlice(writer.finish())), own: count)
    } else {
      while place < objects.count && most.map({ bytes < $0 }) ?? (piece.ownBytes < AnswerPiece.size) {
        let object = objects[place]
        if case .partial(let version) = form {
          if place > 0 { piece.add(.bytes(Bytes.comma), own: 0) }
          let (partial, isKept) = try ObjectEncoding.partialOfMany(object, version: version, hiding: hidden)
          piece.add(.bytes(ByteSlice(partial)), own: isKept ? AnswerPiece.sharedCost : partial.count)
          bytes += partial.count
        } else {
          piece.add(.bytes(place == 0 ? Self.firstItem : Self.nextItem), own: 0)
          piece.add(.bytes(object.listItem), own: AnswerPiece.sharedCost)
          bytes += object.listItem.count
        }
        place += 1
      }
    }
    piece.isLast = place == objects.count
    if piece.isLast {
      piece.add(.bytes(end), own: 0)
      if case .compact = style { piece.add(.bytes(Bytes.newline), own: 0) }
    }
    return piece
  }

  private func value(of object: CachedObject) throws(Status) -> JSONValue {
    let document: ByteSlice
    switch form {
    case .whole:
      var item = JSONWriter(capacity: object.listItem.count + 1)
      item.raw("{")
      item.raw(object.listItem)
      document = ByteSlice(item.finish())
    case .partial(let version):
      document = ByteSlice(try ObjectEncoding.partialOfMany(object, version: version, hiding: hidden).bytes)
    case .table(let rows):
      var writer = JSONWriter(capacity: 1_024)
      try rows.add(object, to: &writer)
      document = ByteSlice(writer.finish())
    }
    guard let value = try? JSONValue(parsing: document) else { throw .unrenderable(object.key) }
    return value
  }
}

/// A list in protobuf, made some objects at a time. Its envelope comes first and tells the size of all, so that is
/// found out before.
final class ProtobufPieces: AnswerSource, @unchecked Sendable {
  // Sendable: one thread at a time, as the protocol says.
  private let form: ProtobufForm
  private let list: ListResult
  /// The version of meta.k8s.io of a list of metadata; nil for whole objects.
  private let version: String?
  private let metadata: [UInt8]
  /// Compressed pieces of whole objects are kept and wanted.
  private let keepsCompressed: Bool
  private var place = 0
  /// Of the list's message.
  private var size: Int
  private var measured = 0

  init(_ form: ProtobufForm, _ list: ListResult, partial version: String?, acceptsGzip: Bool) {
    self.form = form
    self.list = list
    self.version = version
    metadata = form.metadata(of: list)
    size = metadata.count
    keepsCompressed = acceptsGzip && version == nil
  }

  /// Adds up the sizes of some more objects; true when all are known.
  func measure(_ most: Int) throws(Status) -> Bool {
    let end = min(measured + most, list.objects.count)
    var deflater: Deflater?
    for object in list.objects[measured..<end] {
      if let known = object.notedSize(slot: version == nil ? 0 : 1) {
        size += known
        continue
      }
      let item = try form.item(object, partial: version, isKept: !keepsCompressed).bytes
      object.noteSize(item.count, slot: version == nil ? 0 : 1)
      size += item.count
      if keepsCompressed {
        deflater = deflater ?? Deflater()
        _ = object.encodingOfMany(ObjectEncoding.gzippedMessage) {
          (deflater?.compress([ByteSlice(item)]) ?? .stored([ByteSlice(item)])).bytes
        }
      }
    }
    measured = end
    return measured == list.objects.count
  }

  func next(isCompressed: Bool) throws(Status) -> AnswerPiece {
    var piece = AnswerPiece()
    if place == 0 {
      let head = form.listHead(size: size, partial: version) + metadata
      piece.add(.bytes(ByteSlice(SharedBytes(head))), own: head.count)
    }
    let takesCompressed = keepsCompressed && isCompressed && size > ContentEncoding.threshold
    while place < list.objects.count && piece.ownBytes < AnswerPiece.size {
      let object = list.objects[place]
      place += 1
      if takesCompressed, let known = object.knownEncoding(ObjectEncoding.gzippedMessage) {
        piece.add(.compressed(GzipPiece(known)), own: AnswerPiece.sharedCost)
        continue
      }
      let (item, isShared) = try form.item(object, partial: version, isKept: !takesCompressed)
      // The envelope has said how long all is.
      guard item.count == object.notedSize(slot: version == nil ? 0 : 1) else { throw .unrenderable(object.key) }
      let own = isShared ? AnswerPiece.sharedCost : item.count
      let bytes = ByteSlice(item)
      piece.add(version == nil ? .object(bytes, object, ObjectEncoding.gzippedMessage) : .bytes(bytes), own: own)
    }
    piece.isLast = place == list.objects.count
    if piece.isLast { piece.add(.bytes(ProtobufForm.tail), own: 0) }
    return piece
  }
}

extension Status {
  /// An object of an answer has no form that could be sent.
  static func unrenderable(_ what: String) -> Status {
    .internalError("\(what) can't be shown in the form that was asked for")
  }
}
