/// Counts the events of a watch in the bytes that come, without reading them.
enum EventCounter {
  /// An event's line ends with `}` and a newline. The last byte that came.
  case lines(last: UInt8)
  /// Each event is one TLS record (RFC 8446 section 5.1). The bytes of the header that are here, and how many of the
  /// record are missing.
  case records(header: [UInt8], missing: Int)

  static let lines = EventCounter.lines(last: 0)
  static let records = EventCounter.records(header: [], missing: 0)

  /// How many have ended.
  mutating func take(_ bytes: ArraySlice<UInt8>) -> Int {
    var seen = 0
    switch self {
    case .lines(var last):
      for byte in bytes {
        if byte == 10 && last == 125 { seen += 1 }
        last = byte
      }
      self = .lines(last: last)
    case .records(var header, var missing):
      var rest = bytes
      while !rest.isEmpty {
        if missing == 0 {
          header.append(rest.removeFirst())
          if header.count == 5 { missing = Int(header[3]) << 8 | Int(header[4]) }
          continue
        }
        let part = min(missing, rest.count)
        rest.removeFirst(part)
        missing -= part
        if missing == 0 {
          header = []
          seen += 1
        }
      }
      self = .records(header: header, missing: missing)
    }
    return seen
  }
}
