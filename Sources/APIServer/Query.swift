import ByteBuffers
import Cryptography

/// The parameters of a query string, as Go's `url.Values` would hold them.
///
/// A pair that Go refuses (a bad escape, a semicolon) is left out, as `URL.Query()` does.
struct Query: Sendable {
  private var pairs: [(name: String, value: String)] = []
  /// There were more parameters than there may be, and none is kept. (Go's `urlmaxqueryparams`.)
  private(set) var isExcessive = false

  /// Each takes more memory than its bytes, for as long as the request lasts.
  static let parametersMax = 10_000

  /// No parameters.
  static let empty = Query()

  private init() {}

  /// Parses the bytes after `?`.
  init(_ raw: UnsafeRawBufferPointer) {
    // Most have few, which their length shows.
    if raw.count > Self.parametersMax, raw.lazy.filter({ $0 == UInt8(ascii: "&") }).count >= Self.parametersMax {
      isExcessive = true
      return
    }
    var start = 0
    while start <= raw.count {
      var end = start
      var equals = -1
      var isRefused = false
      while end < raw.count, raw[end] != UInt8(ascii: "&") {
        if raw[end] == UInt8(ascii: "="), equals < 0 { equals = end }
        if raw[end] == UInt8(ascii: ";") { isRefused = true }
        end += 1
      }
      if end > start, !isRefused {
        let nameEnd = equals < 0 ? end : equals
        if let name = PercentEncoding.decode(UnsafeRawBufferPointer(rebasing: raw[start..<nameEnd]), plusIsSpace: true),
          let value = equals < 0
            ? "" : PercentEncoding.decode(UnsafeRawBufferPointer(rebasing: raw[(equals + 1)..<end]), plusIsSpace: true)
        {
          pairs.append((name, value))
        }
      }
      start = end + 1
    }
  }

  /// Parses text, for tests.
  init(_ text: String) {
    var text = text
    self = text.withUTF8 { Query(UnsafeRawBufferPointer($0)) }
  }

  var isEmpty: Bool { pairs.isEmpty && !isExcessive }

  /// The first value of a parameter; nil when it is absent.
  subscript(name: String) -> String? { pairs.first { $0.name == name }?.value }

  /// Every value of a parameter, in order.
  func all(_ name: String) -> [String] { pairs.filter { $0.name == name }.map(\.value) }

  /// Was the parameter given at all?
  func has(_ name: String) -> Bool { pairs.contains { $0.name == name } }
}

/// Percent-escapes in paths and queries.
enum PercentEncoding {
  /// The decoded text; nil when an escape is malformed.
  static func decode(_ raw: UnsafeRawBufferPointer, plusIsSpace: Bool) -> String? {
    guard raw.contains(where: { $0 == UInt8(ascii: "%") || (plusIsSpace && $0 == UInt8(ascii: "+")) }) else {
      return String(decoding: raw, as: UTF8.self)
    }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(raw.count)
    var place = 0
    while place < raw.count {
      let byte = raw[place]
      if byte == UInt8(ascii: "%") {
        guard place + 2 < raw.count, let high = Hex.value(of: raw[place + 1]), let low = Hex.value(of: raw[place + 2])
        else { return nil }
        bytes.append(high << 4 | low)
        place += 3
      } else {
        bytes.append(plusIsSpace && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
        place += 1
      }
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
