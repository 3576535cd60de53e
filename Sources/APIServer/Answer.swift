import ByteBuffers
import HTTPServer
import JSON
import Machinery

/// What is said to a client, before the headers that every answer has.
struct Answer: Sendable {
  var code: Int
  /// Empty for an answer without a body.
  var contentType: String
  var body: [ByteSlice]
  var headers: [ResponseHeader] = []
  /// Which slices of the body are objects of the cache, for the sake of compression.
  var objects: ObjectSlices?
  /// The answer is made piece by piece; then `body` is empty.
  var streamed: StreamedBody?
  /// The body is compressed already.
  var isCompressed = false
  /// What only this answer holds of its body; nil for what `ownBytes` finds.
  var heldBytes: Int?
  /// The one slice of the body is a document that stays the same: its compressed form is worth keeping.
  var isLasting = false
  /// The Status that the body is, if it is one.
  var status: Status?
  /// What the body says, as one document of JSON, where the body has another form.
  var json: [ByteSlice]?

  var bodyCount: Int { body.reduce(0) { $0 + $1.count } }

  static let json = "application/json"
  static let plainText = "text/plain; charset=utf-8"

  /// A document in what was negotiated.
  static func document(_ document: Document, _ media: MediaType, pretty: Bool, code: Int = 200) -> Answer {
    Answer(code: code, contentType: media.rawValue, body: document.body(media, pretty: pretty), json: document.slices)
  }

  /// Text, as Go's `http.Error` sends it.
  static func text(_ text: String, code: Int, isError: Bool = false) -> Answer {
    let nosniff = isError ? [ResponseHeader("X-Content-Type-Options", "nosniff")] : []
    return Answer(code: code, contentType: plainText, body: [ByteSlice(SharedBytes(text))], headers: nosniff)
  }

  /// There is no room for another request. (`filters.tooManyRequests`)
  static var tooMany: Answer {
    var answer = text("Too many requests, please try again later.\n", code: 429, isError: true)
    answer.headers.append(ResponseHeader("Retry-After", "1"))
    return answer
  }

  static let pathNotFound = text("404 page not found\n", code: 404, isError: true)

  /// Indented JSON that was not negotiated. (`WriteRawJSON`.)
  static func rawJSON(_ value: JSONValue, code: Int = 200) -> Answer {
    Answer(code: code, contentType: json, body: [ByteSlice(JSONIndent.pretty([ByteSlice(value.encoded())]))])
  }

  /// An error in what the client accepts; a client that accepts nothing we have gets JSON all the same, because the
  /// error matters more than its form. (`ErrorNegotiated`.)
  static func error(_ status: Status, accept: String?, pretty: Bool) -> Answer {
    var answer: Answer
    if let negotiated = Negotiation.negotiate(accept: accept, .none) {
      answer = .document(
        Document(status.json), negotiated.media, pretty: pretty || negotiated.pretty, code: status.httpCode)
    } else {
      answer = .rawJSON(status.json, code: status.httpCode)
    }
    if let seconds = status.details?.retryAfterSeconds, seconds > 0 {
      answer.headers.append(ResponseHeader("Retry-After", String(seconds)))
    }
    answer.status = status
    return answer.warning(status.warnings)
  }

  /// A Status that says how something went well.
  static func success(_ status: Status, _ negotiated: Negotiated) -> Answer {
    let code = status.code == 0 ? 200 : status.code
    var answer = document(Document(status.json), negotiated.media, pretty: negotiated.pretty, code: code)
    answer.status = status
    return answer
  }

  /// Bytes that are held for this answer alone: not those of the cache's objects, nor of documents that stay.
  var ownBytes: Int { heldBytes ?? (objects != nil ? body.count * 64 : isLasting ? 0 : bodyCount) }

  /// The answer with a body that was compressed.
  func gzipped(_ body: [ByteSlice]) -> Answer {
    var answer = self
    answer.body = body
    answer.isCompressed = true
    answer.headers += Self.gzipHeaders
    return answer
  }
  static let gzipHeaders = [ResponseHeader("Content-Encoding", "gzip"), ResponseHeader("Vary", "Accept-Encoding")]

  /// The answer with `Warning` headers.
  func warning(_ texts: [String]) -> Answer {
    guard !texts.isEmpty else { return self }
    var answer = self
    answer.headers += Warnings.headers(texts).map { ResponseHeader("Warning", $0) }
    return answer
  }
}

/// The values of `Warning` headers: repeated texts once, and when they are too long in total, each cut.
/// (`filters.WithWarningRecorder`, `net.NewWarningHeader`; semantics 2.22.)
enum Warnings {
  static let maxRunes = 4_096
  static let maxRunesOfOne = 256

  static func headers(_ texts: [String]) -> [String] {
    var seen: Set<ByteString> = []
    let unique = texts.filter { !$0.isEmpty && seen.insert($0).inserted }
    let isTooLong = unique.reduce(0) { $0 + $1.unicodeScalars.count } > maxRunes
    var written = 0
    var headers: [String] = []
    for text in unique {
      if isTooLong && written >= maxRunes { break }
      let shown = isTooLong ? String(String.UnicodeScalarView(text.unicodeScalars.prefix(maxRunesOfOne))) : text
      written += shown.unicodeScalars.count
      headers.append("299 - \(quoted(shown))")
    }
    return headers
  }

  /// A quoted-string of RFC 9110. Control characters can't stand in a header.
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars where scalar.value >= 0x20 && scalar.value != 0x7F {
      if scalar == "\"" || scalar == "\\" { out += "\\" }
      out.unicodeScalars.append(scalar)
    }
    return out + "\""
  }
}
