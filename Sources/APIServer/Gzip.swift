import ByteBuffers
import Cacher
import CZlib
import Synchronization

/// When answers are compressed. (`negotiateContentEncoding`; semantics 2.45)
enum ContentEncoding {
  /// Answers up to this many bytes are sent as they are.
  static let threshold = 128 << 10

  /// Does one of the header's tokens say exactly `gzip`? Weights are not looked at, in upstream neither.
  static func acceptsGzip(_ header: UnsafeRawBufferPointer?) -> Bool {
    guard let header else { return false }
    return header.split(separator: UInt8(ascii: ",")).contains { token in
      func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 }
      let rest = token.drop(while: isSpace)
      let end = rest.lastIndex { !isSpace($0) }.map { $0 + 1 } ?? rest.startIndex
      return rest[rest.startIndex..<end].elementsEqual("gzip".utf8)
    }
  }
}

/// Says which slices of a body are objects of the cache: `objects[i]` is `body[first + i]`, compressed once for all
/// lists under `encoding`.
struct ObjectSlices: Sendable {
  let objects: ArraySlice<CachedObject>
  let first: Int
  let encoding: EncodingID
}

/// A gzip file put together from pieces. (RFC 1952)
struct GzipFile {
  private var slices: [ByteSlice]
  private var check = UInt(0)
  private var count = UInt32(0)

  /// As Go's writer begins its fastest level: no name, no time, unknown system.
  private static let header = ByteSlice(SharedBytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF]))
  /// An empty last block, stored.
  private static let lastBlock: [UInt8] = [1, 0, 0, 0xFF, 0xFF]
  /// Shorter runs between objects are stored: cheaper than to compress them, and there are two a list.
  fileprivate static let storedMax = 8 << 10

  fileprivate init(pieces: Int) {
    slices = []
    slices.reserveCapacity(pieces + 2)
    slices.append(Self.header)
  }

  /// A body as a gzip file. `compressingAtMost`: nil is returned when more objects than this have no kept piece yet;
  /// those that were made until then are kept.
  static func make(_ body: [ByteSlice], _ objects: ObjectSlices?, compressingAtMost budget: Int = .max) -> [ByteSlice]?
  {
    var file = GzipFile(pieces: body.count)
    var deflater: Deflater?
    func piece(_ slices: [ByteSlice]) -> GzipPiece {
      if deflater == nil { deflater = Deflater() }
      return deflater?.compress(slices) ?? .stored(slices)
    }
    var left = budget
    var run: [ByteSlice] = []
    func endRun() {
      guard !run.isEmpty else { return }
      let size = run.reduce(0) { $0 + $1.count }
      file.append(size < storedMax ? .stored(run) : piece(run))
      run.removeAll(keepingCapacity: true)
    }
    let places = objects.map { $0.first..<($0.first + $0.objects.count) } ?? 0..<0
    for (place, slice) in body.enumerated() {
      guard let objects, places.contains(place) else {
        run.append(slice)
        continue
      }
      endRun()
      let object = objects.objects[objects.objects.startIndex + place - places.lowerBound]
      if let known = object.knownEncoding(objects.encoding) {
        file.append(GzipPiece(known))
        continue
      }
      if left == 0 { return nil }
      left -= 1
      file.append(GzipPiece(object.encodingOfMany(objects.encoding) { piece([slice]).bytes }.bytes))
    }
    endRun()
    return file.finish()
  }

  fileprivate mutating func append(_ piece: GzipPiece) {
    check = crc32_combine_op(check, UInt(piece.check), UInt(piece.shift))
    count &+= piece.count
    slices.append(piece.blocks)
  }

  /// What was put together since the last time.
  fileprivate mutating func take() -> [ByteSlice] {
    defer { slices.removeAll(keepingCapacity: true) }
    return slices
  }

  fileprivate mutating func finish() -> [ByteSlice] {
    var end = Self.lastBlock
    withUnsafeBytes(of: UInt32(truncatingIfNeeded: check).littleEndian) { end += $0 }
    withUnsafeBytes(of: count.littleEndian) { end += $0 }
    slices.append(ByteSlice(SharedBytes(end)))
    return slices
  }
}

/// Compresses an answer that is made piece by piece. One thread at a time.
final class AnswerCompressor: @unchecked Sendable {
  // Sendable: as its source, it belongs to whoever makes the next piece.
  private var file = GzipFile(pieces: 16)

  /// The piece as it is sent, and what of that only this answer holds.
  func compress(_ piece: AnswerPiece) -> (slices: [ByteSlice], own: Int) {
    var own = 0
    // Made anew for each piece: its tables are larger than what most pieces are compressed to.
    var deflater: Deflater?
    func compressed(_ slices: [ByteSlice]) -> GzipPiece {
      if deflater == nil { deflater = Deflater() }
      return deflater?.compress(slices) ?? .stored(slices)
    }
    var run: [ByteSlice] = []
    func endRun() {
      guard !run.isEmpty else { return }
      let piece = run.reduce(0) { $0 + $1.count } < GzipFile.storedMax ? GzipPiece.stored(run) : compressed(run)
      run.removeAll(keepingCapacity: true)
      own += piece.bytes.count
      file.append(piece)
    }
    for part in piece.parts {
      switch part {
      case .bytes(let slice): run.append(slice)
      case .compressed(let piece):
        endRun()
        own += AnswerPiece.sharedCost
        file.append(piece)
      case .object(let slice, let object, let id):
        endRun()
        let (bytes, isKept) = object.encodingOfMany(id) { compressed([slice]).bytes }
        own += isKept ? AnswerPiece.sharedCost : bytes.count
        file.append(GzipPiece(bytes))
      }
    }
    endRun()
    return (piece.isLast ? file.finish() : file.take(), own)
  }
}

/// Documents that never change (discovery, OpenAPI), compressed once.
final class CompressedDocuments: Sendable {
  private struct Entry {
    // Held, so that no other document can come to its address.
    let plain: SharedBytes
    let body: [ByteSlice]
  }
  /// More than there are such documents; a bound against a caller that makes them anew each time.
  private static let entriesMax = 256
  private let entries = Mutex<[ObjectIdentifier: Entry]>([:])

  func body(of plain: SharedBytes) -> [ByteSlice]? { entries.withLock { $0[ObjectIdentifier(plain)]?.body } }

  func keep(_ body: [ByteSlice], of plain: SharedBytes) {
    entries.withLock { entries in
      if entries.count >= Self.entriesMax { entries.removeAll() }
      entries[ObjectIdentifier(plain)] = Entry(plain: plain, body: body)
    }
  }
}
