import Glibc

/// Why a request can't be served: the status, and words for the client.
struct Refusal: Error, Equatable {
  let status: Int
  let reason: String
  /// What clients make the server hold is as much as it may be.
  static let noRoom = Refusal(status: 429, reason: "too much is held for requests and answers; try again later")
  /// The body is longer than there may be.
  static let bodyTooLarge = Refusal(status: 413, reason: "the body is too large")
  static func malformed(_ reason: String) -> Refusal { Refusal(status: 400, reason: reason) }
}

/// Finds the end of a request's head without looking at a byte twice, and refuses lines that do not end in CRLF (RFC
/// 9112 section 2.2 allows a bare LF; those who take it and those who do not disagree about where a request ends).
struct HeadScanner {
  /// Bytes looked at, from the head's first.
  private var scanned = 0
  private var lineStart = 0

  /// The length of the head with its empty line, once it is complete.
  mutating func end(of bytes: UnsafeRawBufferPointer) throws(Refusal) -> Int? {
    guard let base = bytes.baseAddress else { return nil }
    while scanned < bytes.count {
      guard let found = memchr(base + scanned, 0x0A, bytes.count - scanned) else {
        scanned = bytes.count
        return nil
      }
      scanned = UnsafeRawPointer(found) - base + 1
      let last = scanned - 2
      guard last >= lineStart, bytes[last] == 0x0D else { throw .malformed("a line ends in a bare LF") }
      if last == lineStart && lineStart > 0 { return scanned }
      lineStart = scanned
    }
    return nil
  }

  /// Begins with the next request.
  mutating func reset() { self = HeadScanner() }
}

/// How a body is delimited.
enum BodyFraming: Equatable { case none, length(Int), chunked }

/// What the head says about the connection.
struct HeadFacts: Equatable {
  var framing = BodyFraming.none
  var keepsAlive = true
  var expectsContinue = false
}

/// Reads a complete head into a request. Pure: bytes in, fields or a refusal out (RFC 9112).
enum HeadParser {
  /// `maxFields`: more are refused, as each takes more memory than its bytes.
  static func parse(
    _ bytes: UnsafeRawBufferPointer, into request: Request, maxFields: Int = .max
  ) throws(Refusal) -> HeadFacts {
    request.fields.removeAll(keepingCapacity: true)
    request.base = bytes.baseAddress ?? request.base
    var at = 0
    try requestLine(bytes, &at, request)
    while !(bytes[at] == 0x0D && bytes[at + 1] == 0x0A) {
      guard request.fields.count < maxFields else {
        throw Refusal(status: 431, reason: "the request has more than \(maxFields) headers")
      }
      try field(bytes, &at, request)
    }
    return try facts(bytes, request)
  }

  /// Reads what the first line of an incomplete or oversized head says, as far as it can be read.
  static func readTarget(_ bytes: UnsafeRawBufferPointer, into request: Request) {
    request.fields.removeAll(keepingCapacity: true)
    // What reads it relies on the end of the line being there.
    guard let base = bytes.baseAddress, let found = memchr(base, 0x0A, bytes.count) else { return }
    let end = UnsafeRawPointer(found) - base
    guard end > 0, bytes[end - 1] == 0x0D else { return }
    request.base = base
    var at = 0
    try? requestLine(UnsafeRawBufferPointer(rebasing: bytes[...end]), &at, request)
  }

  private static func requestLine(_ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ request: Request) throws(Refusal)
  {
    var place = 0
    while isToken(bytes[place]) { place += 1 }
    guard place > 0, bytes[place] == 0x20 else { throw .malformed("no method") }
    request.methodRange = 0..<place
    request.method = method(UnsafeRawBufferPointer(rebasing: bytes[0..<place]))
    let start = place + 1
    place = start
    var question: Int?
    while bytes[place] > 0x20 && bytes[place] != 0x7F {
      if bytes[place] == UInt8(ascii: "?") && question == nil { question = place }
      if bytes[place] == UInt8(ascii: "#") { throw .malformed("a fragment in the target") }
      place += 1
    }
    guard place > start, bytes[place] == 0x20 else { throw .malformed("no target") }
    let end = place
    place += 1
    guard place + 10 <= bytes.count else { throw .malformed("no version") }
    let version: StaticString = "HTTP/1."
    for i in 0..<7 where bytes[place + i] != version.utf8Start[i] {
      let isHTTP = (0..<5).allSatisfy { bytes[place + $0] == version.utf8Start[$0] }
      throw isHTTP ? Refusal(status: 505, reason: "only HTTP/1.1 and HTTP/1.0 are served") : .malformed("no version")
    }
    let minor = bytes[place + 7]
    guard minor == UInt8(ascii: "0") || minor == UInt8(ascii: "1") else {
      throw (0x30...0x39).contains(minor)
        ? Refusal(status: 505, reason: "only HTTP/1.1 and HTTP/1.0 are served") : .malformed("no version")
    }
    guard bytes[place + 8] == 0x0D, bytes[place + 9] == 0x0A else {
      throw .malformed("the request line goes on behind the version")
    }
    request.minorVersion = Int(minor - 0x30)
    try target(bytes, start, end, question, request)
    at = place + 10
  }

  /// Origin form, or absolute form, of which only path and query are kept.
  private static func target(
    _ bytes: UnsafeRawBufferPointer, _ start: Int, _ end: Int, _ question: Int?, _ request: Request
  ) throws(Refusal) {
    var pathStart = start
    if bytes[start] != UInt8(ascii: "/") {
      let isStar = end - start == 1 && bytes[start] == UInt8(ascii: "*") && request.method == .options
      if !isStar {
        let limit = question ?? end
        var place = start
        while place < limit, bytes[place] != UInt8(ascii: ":") { place += 1 }
        guard place + 2 < limit, place > start, bytes[place + 1] == UInt8(ascii: "/"),
          bytes[place + 2] == UInt8(ascii: "/")
        else {
          throw .malformed("the target is neither a path nor a URL")
        }
        place += 3
        while place < limit, bytes[place] != UInt8(ascii: "/") { place += 1 }
        pathStart = place
      }
    }
    request.pathRange = pathStart..<(question.map { max($0, pathStart) } ?? end)
    request.queryRange = question.map { ($0 + 1)..<end }
  }

  static func method(_ bytes: UnsafeRawBufferPointer) -> HTTPMethod {
    func `is`(_ name: StaticString) -> Bool {
      bytes.count == name.utf8CodeUnitCount && (0..<bytes.count).allSatisfy { bytes[$0] == name.utf8Start[$0] }
    }
    if `is`("GET") { return .get }
    if `is`("PUT") { return .put }
    if `is`("POST") { return .post }
    if `is`("PATCH") { return .patch }
    if `is`("DELETE") { return .delete }
    if `is`("HEAD") { return .head }
    if `is`("OPTIONS") { return .options }
    return .other
  }

  private static func field(_ bytes: UnsafeRawBufferPointer, _ at: inout Int, _ request: Request) throws(Refusal) {
    let start = at
    while isToken(bytes[at]) { at += 1 }
    // Also refuses folded lines, which begin with white space, and white space before the colon.
    guard at > start, bytes[at] == UInt8(ascii: ":") else { throw .malformed("a header without a name") }
    let name = start..<at
    at += 1
    while bytes[at] == 0x20 || bytes[at] == 0x09 { at += 1 }
    let valueStart = at
    while bytes[at] != 0x0D {
      let byte = bytes[at]
      guard byte >= 0x20 && byte != 0x7F || byte == 0x09 else { throw .malformed("a control character in a header") }
      at += 1
    }
    guard bytes[at + 1] == 0x0A else { throw .malformed("a bare CR in a header") }
    var valueEnd = at
    while valueEnd > valueStart, bytes[valueEnd - 1] == 0x20 || bytes[valueEnd - 1] == 0x09 { valueEnd -= 1 }
    at += 2
    request.fields.append(Request.Field(name: name, value: valueStart..<valueEnd))
  }

  private static func facts(_ bytes: UnsafeRawBufferPointer, _ request: Request) throws(Refusal) -> HeadFacts {
    var facts = HeadFacts()
    facts.keepsAlive = request.minorVersion == 1
    var length: Int?
    var codings = 0
    var hosts = 0
    for field in request.fields {
      let value = UnsafeRawBufferPointer(rebasing: bytes[field.value])
      switch field.name.count {
      case 4 where request.isNamed(field, "Host"): hosts += 1
      case 6 where request.isNamed(field, "Expect"):
        guard equals(value, "100-continue") else {
          throw Refusal(status: 417, reason: "only 100-continue can be expected")
        }
        facts.expectsContinue = request.minorVersion == 1
      case 10 where request.isNamed(field, "Connection"):
        if contains(value, "close") { facts.keepsAlive = false }
        if contains(value, "keep-alive") && request.minorVersion == 0 { facts.keepsAlive = true }
      case 14 where request.isNamed(field, "Content-Length"):
        guard let number = number(value) else { throw .malformed("Content-Length is no number") }
        if let length, length != number { throw .malformed("two different Content-Length") }
        length = number
      case 17 where request.isNamed(field, "Transfer-Encoding"):
        codings += 1
        guard codings == 1, equals(value, "chunked") else {
          throw Refusal(status: 501, reason: "only the transfer coding chunked is understood")
        }
      default: break
      }
    }
    if request.minorVersion == 1 && hosts != 1 {
      throw .malformed(hosts == 0 ? "missing required Host header" : "too many Host headers")
    }
    if codings > 0 {
      if length != nil { throw .malformed("both Content-Length and Transfer-Encoding") }
      if request.minorVersion == 0 { throw .malformed("Transfer-Encoding in HTTP/1.0") }
      facts.framing = .chunked
    } else if let length, length > 0 {
      facts.framing = .length(length)
    }
    return facts
  }

  /// Digits only: no sign, no list.
  static func number(_ bytes: UnsafeRawBufferPointer) -> Int? {
    guard !bytes.isEmpty, bytes.count < 19 else { return nil }
    var value = 0
    for byte in bytes {
      guard (0x30...0x39).contains(byte) else { return nil }
      value = value * 10 + Int(byte - 0x30)
    }
    return value
  }

  private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount
      && (0..<bytes.count).allSatisfy { bytes[$0] | 0x20 == text.utf8Start[$0] | 0x20 }
  }

  /// Is `word` one of a comma-separated list?
  private static func contains(_ bytes: UnsafeRawBufferPointer, _ word: StaticString) -> Bool {
    bytes.split(separator: UInt8(ascii: ",")).contains { part in
      var part = part
      while let first = part.first, first == 0x20 || first == 0x09 { part = part.dropFirst() }
      while let last = part.last, last == 0x20 || last == 0x09 { part = part.dropLast() }
      return equals(UnsafeRawBufferPointer(rebasing: part), word)
    }
  }

  /// Letters, digits and `!#$%&'*+-.^_`|~` (RFC 9110 section 5.6.2): a bit for each byte below 0x80.
  static func isToken(_ byte: UInt8) -> Bool {
    let word: UInt64 = byte < 0x40 ? 0x03FF_6CFA_0000_0000 : byte < 0x80 ? 0x57FF_FFFF_C7FF_FFFE : 0
    return word >> UInt64(byte & 0x3F) & 1 == 1
  }
}
