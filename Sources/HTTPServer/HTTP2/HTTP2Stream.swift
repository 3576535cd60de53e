import ByteBuffers
import Capacity

/// One request of an HTTP/2 connection and its answer.
final class HTTP2Stream {
  enum Phase {
    /// Its head or body is still coming.
    case receiving
    /// It is with the handler.
    case busy
    /// Its answer has begun.
    case answering
  }

  let id: Int32
  var phase = Phase.receiving
  @exclusivity(unchecked) var head = HTTP2Head()
  var body: [UInt8] = []
  /// Bytes of the body that the client has not been told to be taken.
  var unconsumed = 0
  /// The request is answered before it is complete: what still comes of it is thrown away, and so much was.
  var throwsAway = false
  var thrownAway = 0
  /// The body is longer than there may be.
  var isBodyTooLarge = false
  /// The budget has no room for the head.
  var foundNoRoom = false

  /// RST_STREAM is on its way to the client.
  var isReset = false
  /// HEAD: the answer has no body.
  var isHead = false

  /// What nghttp2 has not put into frames.
  @exclusivity(unchecked) var output = Output()
  /// Nothing will be added to `output`.
  var isEnding = false
  /// When all of the answer was in frames.
  var answeredAt: Duration?
  var isAnswered: Bool { answeredAt != nil }
  /// nghttp2 has asked for output and found none.
  var isDeferred = false
  var response: ResponseStream?
  var running: Task<Void, Never>?
  /// When a byte of the body or the answer last moved.
  var moved: Duration
  let opened: Duration
  var pace = ReaderPace()
  /// Of the budget: what the request makes us hold until it is answered, and its answer until it is taken.
  var requestShare: MemoryBudget.Share?
  var answerShare: MemoryBudget.Share?
  var holdsAnswer: Bool { answerShare != nil || response?.share != nil }

  init(_ id: Int32, at now: Duration) {
    self.id = id
    moved = now
    opened = now
  }
}

/// A request's head as it comes out of HPACK: one buffer, and where in it the parts are.
struct HTTP2Head {
  private(set) var bytes: [UInt8] = []
  private(set) var fields: [Request.Field] = []
  private var methodRange = 0..<0
  private var pathRange = 0..<0
  private var queryRange: Range<Int>?
  private var hasAuthority = false
  private(set) var expectsContinue = false
  private(set) var contentLength: Int?
  /// As SETTINGS_MAX_HEADER_LIST_SIZE counts (RFC 9113 section 6.5.2), trailers included.
  private(set) var listSize = 0
  /// There were more fields than there may be; the rest is not kept.
  var hasTooMany = false
  /// What it takes of memory.
  var heldBytes: Int { bytes.count + fields.count * MemoryLayout<Request.Field>.stride }

  /// Counts a field that is not kept.
  mutating func count(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    listSize += name.count + value.count + 32
  }

  /// Takes a field that nghttp2 has found valid.
  mutating func append(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer) {
    switch name.first {
    case UInt8(ascii: ":"):
      if Self.equals(name, ":method") { methodRange = add(value) }
      if Self.equals(name, ":path") { target(add(value)) }
      if Self.equals(name, ":authority") {
        hasAuthority = true
        fields.append(
          Request.Field(name: add(UnsafeRawBufferPointer(start: Self.host.utf8Start, count: 4)), value: add(value)))
      }
    // It can only say the same as :authority (RFC 9113 section 8.3.1).
    case UInt8(ascii: "h") where hasAuthority && Self.equals(name, "host"): break
    default:
      if Self.equals(name, "expect") { expectsContinue = Self.equals(value, "100-continue") }
      if Self.equals(name, "content-length") { contentLength = HeadParser.number(value) }
      fields.append(Request.Field(name: add(name), value: add(value)))
    }
  }

  private static let host: StaticString = "host"

  private mutating func add(_ text: UnsafeRawBufferPointer) -> Range<Int> {
    bytes.append(contentsOf: text)
    return (bytes.count - text.count)..<bytes.count
  }

  private mutating func target(_ range: Range<Int>) {
    let question = bytes[range].firstIndex(of: UInt8(ascii: "?"))
    pathRange = range.lowerBound..<(question ?? range.upperBound)
    queryRange = question.map { ($0 + 1)..<range.upperBound }
  }

  private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.elementsEqual(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  var isHEAD: Bool { bytes[methodRange].elementsEqual("HEAD".utf8) }

  /// Why a handler can't be given it, if it can't: what HTTP/1.1 would refuse as well.
  var refusal: Refusal? {
    guard let first = bytes[pathRange].first else { return .malformed("no target") }
    if first != UInt8(ascii: "/") && !(pathRange.count == 1 && first == UInt8(ascii: "*")) {
      return .malformed("the target is no path")
    }
    let target = pathRange.lowerBound..<(queryRange?.upperBound ?? pathRange.upperBound)
    if bytes[target].contains(where: { $0 <= 0x20 || $0 == 0x7F || $0 == UInt8(ascii: "#") }) {
      return .malformed("the target holds what no target may")
    }
    return nil
  }

  /// Beyond it memory is not kept for other heads.
  private static let keptBytesMax = 4 << 10

  /// Takes the memory of a head that is done with.
  mutating func take(_ other: consuming HTTP2Head) {
    if other.bytes.capacity > Self.keptBytesMax
      || other.fields.capacity * MemoryLayout<Request.Field>.stride > Self.keptBytesMax
    {
      return
    }
    var (bytes, fields) = (other.bytes, other.fields)
    other = HTTP2Head()
    bytes.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
    (self.bytes, self.fields) = (bytes, fields)
  }

  /// Lends itself to `request` while `body` runs.
  func withRequest(_ request: Request, _ body: () -> Void) {
    bytes.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return }
      request.base = base
      request.fields = fields
      (request.methodRange, request.pathRange, request.queryRange) = (methodRange, pathRange, queryRange)
      request.method = HeadParser.method(UnsafeRawBufferPointer(rebasing: bytes[methodRange]))
      body()
      // Whoever has the list alone can use its memory again.
      request.fields = []
    }
  }
}
