import ByteBuffers
import Cacher
import Capacity
import Machinery

/// A part of an answer that is made piece by piece.
enum AnswerPart: Sendable {
  case bytes(ByteSlice)
  /// Bytes of an object, whose compressed form others may want too.
  case object(ByteSlice, CachedObject, EncodingID)
  /// The compressed form of an object, known already.
  case compressed(GzipPiece)
}

/// What comes next of an answer, and how much of it only this answer holds.
struct AnswerPiece: Sendable {
  var parts: [AnswerPart] = []
  /// In bytes. A part that the cache holds too counts as `sharedCost`.
  var ownBytes = 0
  var isLast = false

  static let sharedCost = 64
  /// About as much as a piece may hold by itself: so much that what a piece costs beside its bytes does not matter.
  static let size = 256 << 10
  /// Of the budget, for an answer that is made piece by piece: one that is made, one that waits, one that is
  /// compressed, the compressor's tables.
  static let room = 4 * size

  mutating func add(_ part: AnswerPart, own: Int) {
    parts.append(part)
    ownBytes += own
  }

  var slices: [ByteSlice] {
    parts.compactMap { part in
      switch part {
      case .bytes(let slice), .object(let slice, _, _): slice
      case .compressed: nil
      }
    }
  }

  /// Before compression.
  var plainBytes: Int {
    parts.reduce(0) { sum, part in
      switch part {
      case .bytes(let slice), .object(let slice, _, _): sum + slice.count
      case .compressed(let piece): sum + Int(piece.count)
      }
    }
  }
}

/// Makes an answer piece by piece. Used by one thread at a time.
protocol AnswerSource: AnyObject, Sendable {
  /// The next piece, until one is the last. `isCompressed`: the parts will be compressed, so that `compressed` ones may
  /// be among them. Throws when something can't be rendered; nothing comes after that.
  func next(isCompressed: Bool) throws(Status) -> AnswerPiece
}

/// The rest of an answer, whose first piece is made.
struct StreamedBody: Sendable {
  /// As they are sent.
  let first: [ByteSlice]
  let source: any AnswerSource
  /// nil for an answer that is not compressed.
  let compressor: AnswerCompressor?
  let share: MemoryBudget.Share
  /// What the share holds for pieces of the usual size, and for what all of them need.
  var roomBytes = AnswerPiece.room
}

extension AnswerPiece {
  /// Makes a share as large as this piece needs, of which two may be held at once. Throws 429 where there is no room:
  /// one object, indented, may be as large as hundreds.
  func grow(_ share: MemoryBudget.Share, from roomBytes: Int) throws(Status) {
    let excess = ownBytes - Self.size
    if excess > 0, !share.grow(to: roomBytes + 2 * excess) { throw .noRoom }
  }
}

extension Answer {
  /// An answer of a source that has little to say, whole.
  static func whole(
    _ source: any AnswerSource, contentType: String, share: MemoryBudget.Share
  ) throws(Status) -> Answer {
    var answer = Answer(code: 200, contentType: contentType, body: [])
    let roomBytes = share.bytes
    var own = 0
    while true {
      let piece = try source.next(isCompressed: false)
      answer.body += piece.slices
      own += piece.ownBytes
      // Little objects may be deep.
      if own > AnswerPiece.size, !share.grow(to: roomBytes + own) { throw .noRoom }
      if piece.isLast { break }
    }
    answer.heldBytes = own
    return answer
  }

  /// An answer of a source: whole if it is one piece, else one that goes on from the first.
  static func made(
    _ source: any AnswerSource, contentType: String, acceptsGzip: Bool, share: MemoryBudget.Share
  ) throws(Status) -> Answer {
    let roomBytes = share.bytes
    let piece = try source.next(isCompressed: acceptsGzip)
    try piece.grow(share, from: roomBytes)
    let isLong = !piece.isLast || piece.plainBytes > ContentEncoding.threshold
    let compressor = acceptsGzip && isLong ? AnswerCompressor() : nil
    let (slices, own) = compressor?.compress(piece) ?? (piece.slices, piece.ownBytes)
    var answer = Answer(code: 200, contentType: contentType, body: piece.isLast ? slices : [])
    answer.isCompressed = compressor != nil
    if compressor != nil { answer.headers += gzipHeaders }
    answer.heldBytes = own
    if !piece.isLast {
      answer.streamed = StreamedBody(
        first: slices, source: source, compressor: compressor, share: share, roomBytes: roomBytes)
    }
    return answer
  }
}

/// A body in slices, some of which are objects of the cache, as a source: for those who want it compressed.
final class SlicesSource: AnswerSource, @unchecked Sendable {  // Sendable: one thread at a time, as the protocol says.
  private let body: [ByteSlice]
  private let objects: ObjectSlices
  private var place = 0

  init(_ body: [ByteSlice], _ objects: ObjectSlices) {
    self.body = body
    self.objects = objects
  }

  func next(isCompressed: Bool) throws(Status) -> AnswerPiece {
    var piece = AnswerPiece()
    while place < body.count && piece.ownBytes < AnswerPiece.size {
      let slice = body[place]
      let index = objects.objects.startIndex + place - objects.first
      place += 1
      guard objects.objects.indices.contains(index) else {
        piece.add(.bytes(slice), own: AnswerPiece.sharedCost)
        continue
      }
      let object = objects.objects[index]
      if isCompressed, let known = object.knownEncoding(objects.encoding) {
        piece.add(.compressed(GzipPiece(known)), own: AnswerPiece.sharedCost)
      } else {
        // Not held for this answer, but what is made of it may be.
        piece.add(.object(slice, object, objects.encoding), own: isCompressed ? slice.count : AnswerPiece.sharedCost)
      }
    }
    piece.isLast = place >= body.count
    return piece
  }
}
