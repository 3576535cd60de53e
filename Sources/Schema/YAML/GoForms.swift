/// Forms of Go's that go-yaml reads and sigs.k8s.io/yaml writes.
enum GoForms {
  /// Is this one of the times that go-yaml knows: a date, or a date and a time of day with a zone behind a T, or
  /// without one behind a blank?
  static func isTime(_ text: String) -> Bool {
    var rest = text.utf8[...]
    func take(_ byte: Unicode.Scalar) -> Bool {
      guard rest.first == UInt8(ascii: byte) else { return false }
      rest = rest.dropFirst()
      return true
    }
    func number(_ width: ClosedRange<Int>, _ range: ClosedRange<Int>) -> Int? {
      let digits = rest.prefix(width.upperBound).prefix { $0 >= 0x30 && $0 <= 0x39 }
      guard width.contains(digits.count), let number = Int(String(decoding: digits, as: UTF8.self)),
        range.contains(number)
      else { return nil }
      rest = rest.dropFirst(digits.count)
      return number
    }
    guard let year = number(4...4, 0...9999), take("-"), let month = number(1...2, 1...12), take("-"),
      let day = number(1...2, 1...31)
    else { return false }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    guard day <= (month == 2 ? isLeap ? 29 : 28 : [4, 6, 9, 11].contains(month) ? 30 : 31) else { return false }
    if rest.isEmpty { return true }
    let isZoned = rest.first != 0x20
    guard take("T") || take("t") || take(" ") else { return false }
    guard number(1...2, 0...23) != nil, take(":"), number(1...2, 0...59) != nil, take(":"),
      number(1...2, 0...59) != nil
    else { return false }
    if rest.first == UInt8(ascii: ".") || rest.first == UInt8(ascii: ",") {
      let digits = rest.dropFirst().prefix { $0 >= 0x30 && $0 <= 0x39 }
      if digits.isEmpty { return false }
      rest = rest.dropFirst(1 + digits.count)
    }
    if isZoned, !take("Z") {
      guard take("+") || take("-"), number(2...2, 0...24) != nil, take(":"), number(2...2, 0...60) != nil
      else { return false }
    }
    return rest.isEmpty
  }

  /// A number without its underscores; nil where one does not stand between digits. (`strconv.underscoreOK`.)
  static func withoutUnderscores(_ text: String) -> String? {
    let bytes = Array(text.utf8)
    func isDigit(_ place: Int) -> Bool { bytes.indices.contains(place) && bytes[place] >= 0x30 && bytes[place] <= 0x39 }
    for (place, byte) in bytes.enumerated() where byte == UInt8(ascii: "_") {
      if !isDigit(place - 1) || !isDigit(place + 1) { return nil }
    }
    return String(decoding: bytes.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)
  }

  /// Bytes as text: each that is no UTF-8 becomes U+FFFD, as `encoding/json` writes it.
  static func text(_ bytes: UnsafeRawBufferPointer) -> String {
    if let text = String(validating: bytes, as: UTF8.self) { return text }
    var out = ""
    var at = 0
    while at < bytes.count {
      let width = bytes[at] < 0x80 ? 1 : bytes[at] < 0xE0 ? 2 : bytes[at] < 0xF0 ? 3 : 4
      if at + width <= bytes.count, let scalar = String(validating: bytes[at..<at + width], as: UTF8.self),
        scalar.unicodeScalars.count == 1
      {
        out += scalar
        at += width
      } else {
        out += "\u{FFFD}"
        at += 1
      }
    }
    return out
  }
}
