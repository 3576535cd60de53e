import ByteBuffers
import JSON

/// The PEM blocks of a text, by the rules of Go's `pem.Decode`: what is no whole block is passed over.
///
/// Clients send the text, so that its length bounds the work: the end of a block is looked for once, however many
/// beginnings come before it.
struct PEMBlocks: IteratorProtocol {
  private let text: [UInt8]
  /// What has been read.
  private var at = 0
  /// The last end line that was found.
  private var endLine = -1

  init(_ text: [UInt8]) { self.text = text }

  private static let begin = Array("\n-----BEGIN ".utf8)
  private static let end = Array("\n-----END ".utf8)
  private static let dashes = Array("-----".utf8)

  mutating func next() -> (type: String, hasHeaders: Bool, bytes: [UInt8])? {
    while true {
      // At the start of the text, or of a line, no line has to end.
      if text[at...].starts(with: Self.begin.dropFirst()) {
        at += Self.begin.count - 1
      } else if let place = find(Self.begin, from: at) {
        at = place + Self.begin.count
      } else {
        return nil
      }
      let first = line(from: at)
      at = first.next
      guard text[first.range].suffix(Self.dashes.count).elementsEqual(Self.dashes) else { continue }
      let type = text[first.range].dropLast(Self.dashes.count)
      guard let hasHeaders = skipHeaders() else { return nil }
      let body: Range<Int>
      let label: Int
      if !hasHeaders && text[at...].starts(with: Self.end.dropFirst()) {
        body = at..<at
        label = at + Self.end.count - 1
      } else {
        if endLine < at {
          // Without an end behind it, nothing else that begins has one.
          guard let place = find(Self.end, from: at) else { return nil }
          endLine = place
        }
        body = at..<endLine
        label = endLine + Self.end.count
      }
      guard isEnd(of: type, label), let bytes = decoded(body) else { continue }
      at = line(from: label).next
      return (String(decoding: type, as: UTF8.self), hasHeaders, bytes)
    }
  }

  /// Passes over lines with colons; nil when the text ends with them.
  private mutating func skipHeaders() -> Bool? {
    var isFound = false
    while at < text.count {
      let line = line(from: at)
      guard text[line.range].contains(UInt8(ascii: ":")) else { return isFound }
      isFound = true
      at = line.next
    }
    return nil
  }

  /// Does an end line go on with this type from here, and with nothing else?
  private func isEnd(of type: ArraySlice<UInt8>, _ place: Int) -> Bool {
    let rest = text[place...]
    guard rest.starts(with: type), rest.dropFirst(type.count).starts(with: Self.dashes) else { return false }
    return line(from: place + type.count + Self.dashes.count).range.isEmpty
  }

  private func decoded(_ body: Range<Int>) -> [UInt8]? {
    var digits: [UInt8] = []
    for byte in text[body] {
      switch byte {
      case UInt8(ascii: " "), UInt8(ascii: "\t"), UInt8(ascii: "\r"), UInt8(ascii: "\n"): continue
      // Another block begins: this one has no end.
      case UInt8(ascii: "-"): return nil
      default: digits.append(byte)
      }
    }
    return digits.withUnsafeBytes { Base64.decode($0) }.map { ByteSlice($0).array }
  }

  /// A line without blanks at its end, and where the next one begins.
  private func line(from start: Int) -> (range: Range<Int>, next: Int) {
    let newline = text[start...].firstIndex(of: UInt8(ascii: "\n"))
    var end = newline ?? text.count
    if newline != nil, end > start, text[end - 1] == UInt8(ascii: "\r") { end -= 1 }
    while end > start, text[end - 1] == UInt8(ascii: " ") || text[end - 1] == UInt8(ascii: "\t") { end -= 1 }
    return (start..<end, newline.map { $0 + 1 } ?? text.count)
  }

  /// Where a pattern stands that begins with a newline.
  private func find(_ pattern: [UInt8], from start: Int) -> Int? {
    var start = start
    while let place = text[start...].firstIndex(of: UInt8(ascii: "\n")) {
      if text[place...].starts(with: pattern) { return place }
      start = place + 1
    }
    return nil
  }
}
