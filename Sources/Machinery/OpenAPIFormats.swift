/// Texts that are of a format by its name in OpenAPI, as Go's libraries take them. (kube-openapi: `strfmt`,
/// `govalidator`)
public enum OpenAPIFormats {
  /// An absolute one, or a path. (`url.ParseRequestURI`)
  @Sendable public static func isURI(_ text: String) -> Bool { (try? GoURL(requesting: text)) != nil }

  /// Any case; the dashes may be left out. `version`: the digit that it has to have; `isOfRFC4122`: it has to be of the
  /// variant that everybody makes now.
  public static func isUUID(_ text: String, version: Character? = nil, isOfRFC4122: Bool = false) -> Bool {
    var rest = Array(text.utf8)[...]
    var digits: [UInt8] = []
    for (place, count) in [8, 4, 4, 4, 12].enumerated() {
      if place > 0, rest.first == UInt8(ascii: "-") { rest.removeFirst() }
      guard rest.count >= count, rest.prefix(count).allSatisfy(isHex) else { return false }
      digits += rest.prefix(count)
      rest.removeFirst(count)
    }
    guard rest.isEmpty else { return false }
    if let version, version.asciiValue != digits[12] { return false }
    return !isOfRFC4122 || "89abAB".utf8.contains(digits[16])
  }

  /// In groups of four, not none.
  @Sendable public static func isBase64(_ text: String) -> Bool {
    let bytes = text.utf8
    guard !bytes.isEmpty, bytes.count % 4 == 0 else { return false }
    let padding = bytes.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    return bytes.dropLast(padding).allSatisfy {
      isDigit($0) || (0x41...0x5A).contains($0 & 0xDF) && $0 < 0x80 || $0 == UInt8(ascii: "+")
        || $0 == UInt8(ascii: "/")
    }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }

  private static func isHex(_ byte: UInt8) -> Bool { isDigit(byte) || (0x61...0x66).contains(byte | 0x20) }

  /// `a@b.org`, `Name <a@b.org>`. (`mail.ParseAddress`)
  @Sendable public static func isEmail(_ text: String) -> Bool {
    var address = trimmed(text[...])
    if address.utf8.last == UInt8(ascii: ">") {
      guard let start = address.lastIndex(of: "<"), isPhrase(trimmed(address[..<start])) else { return false }
      address = address[address.index(after: start)...].dropLast()
    }
    guard let at = address.lastIndex(of: "@") else { return false }
    let (local, domain) = (address[..<at], address[address.index(after: at)...])
    let isQuoted = local.utf8.count >= 2 && local.hasPrefix("\"") && local.hasSuffix("\"")
    return (isQuoted || isAtoms(local)) && (isAtoms(domain) || domain.hasPrefix("[") && domain.hasSuffix("]"))
  }

  private static func trimmed(_ text: Substring) -> Substring {
    var text = text
    while text.utf8.first == 0x20 || text.utf8.first == 0x09 { text = text.dropFirst() }
    while text.utf8.last == 0x20 || text.utf8.last == 0x09 { text = text.dropLast() }
    return text
  }

  /// What may stand before an address: words, or a text in quotes.
  private static func isPhrase(_ text: Substring) -> Bool {
    if text.isEmpty { return true }
    if text.utf8.count >= 2, text.hasPrefix("\""), text.hasSuffix("\"") { return true }
    return text.split(separator: " ").allSatisfy { word in
      word.utf8.allSatisfy { isAtom($0) || $0 == UInt8(ascii: ".") }
    }
  }

  private static func isAtoms(_ text: Substring) -> Bool {
    text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy(isAtom)
    }
  }

  private static let atoms = Set("!#$%&'*+-/=?^_`{|}~".utf8)
  private static func isAtom(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x80...: true
    default: atoms.contains(byte)
    }
  }

  /// Six, eight or twenty bytes, between colons, hyphens, or two by two between dots. (`net.ParseMAC`)
  @Sendable public static func isMAC(_ text: String) -> Bool {
    func isMade(_ separator: Character, _ width: Int, _ counts: Set<Int>) -> Bool {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      return counts.contains(parts.count)
        && parts.allSatisfy { part in
          part.utf8.count == width && part.utf8.allSatisfy { isHex($0) }
        }
    }
    return isMade(":", 2, [6, 8, 20]) || isMade("-", 2, [6, 8, 20]) || isMade(".", 4, [3, 4, 10])
  }

  // MARK: numbers of books

  private static func bookDigits(_ text: String) -> [UInt8] {
    text.utf8.filter { $0 != UInt8(ascii: "-") && $0 != 0x20 && !(0x09...0x0D).contains($0) }
  }

  @Sendable public static func isISBN10(_ text: String) -> Bool {
    let digits = bookDigits(text)
    guard digits.count == 10, digits.dropLast().allSatisfy(isDigit) else { return false }
    var sum = digits.dropLast().enumerated().reduce(0) { $0 + ($1.offset + 1) * Int($1.element - 0x30) }
    switch digits[9] {
    case UInt8(ascii: "X"): sum += 100
    case 0x30...0x39: sum += 10 * Int(digits[9] - 0x30)
    default: return false
    }
    return sum % 11 == 0
  }

  @Sendable public static func isISBN13(_ text: String) -> Bool {
    let digits = bookDigits(text)
    guard digits.count == 13, digits.allSatisfy(isDigit) else { return false }
    let sum = digits.dropLast().enumerated().reduce(0) {
      $0 + ($1.offset % 2 == 0 ? 1 : 3) * Int($1.element - 0x30)
    }
    return Int(digits[12] - 0x30) == (10 - sum % 10) % 10
  }

  // MARK: times

  /// `2024-02-29`
  @Sendable public static func isDate(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    guard bytes.count == 10, bytes[4] == UInt8(ascii: "-"), bytes[7] == UInt8(ascii: "-") else { return false }
    func number(_ range: Range<Int>) -> Int? {
      bytes[range].allSatisfy(isDigit) ? bytes[range].reduce(0) { $0 * 10 + Int($1 - UInt8(ascii: "0")) } : nil
    }
    guard let year = number(0..<4), let month = number(5..<7), let day = number(8..<10), (1...12).contains(month)
    else { return false }
    let isLeap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
    let days = [31, isLeap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
    return (1...days[month - 1]).contains(day)
  }

  /// With small letters too; what stands behind a second `t` is not looked at.
  @Sendable public static func isDateTime(_ text: String) -> Bool {
    let parts = text.utf8.split(maxSplits: 2, omittingEmptySubsequences: false) { $0 | 0x20 == UInt8(ascii: "t") }
    guard parts.count >= 2, isDate(String(Substring(parts[0]))) else { return false }
    let time = Array(Substring(parts[1]).unicodeScalars)
    func number(_ place: Int, upTo most: UInt32) -> Bool {
      let digits = time[place..<place + 2].map { $0.value &- 0x30 }
      return digits.allSatisfy { $0 <= 9 } && digits[0] * 10 + digits[1] <= most
    }
    guard time.count >= 9, number(0, upTo: 23), number(3, upTo: 59), number(6, upTo: 59), time[2] == ":",
      time[5] == ":"
    else { return false }
    let rest = time[8...]
    let zone = rest.last == "z" || rest.last == "Z" ? 1 : 6
    guard rest.count >= zone, zone == 1 || isZone(rest.suffix(6)) else { return false }
    // Any one letter begins a fraction.
    let fraction = rest.dropLast(zone)
    return fraction.isEmpty
      || fraction.first != "\n" && fraction.count > 1 && fraction.dropFirst().allSatisfy { ("0"..."9").contains($0) }
  }

  /// `+01:00`
  private static func isZone(_ zone: ArraySlice<Unicode.Scalar>) -> Bool {
    zip(zone, "+dd:dd".unicodeScalars).allSatisfy { given, form in
      switch form {
      case "+": given == "+" || given == "-"
      case "d": ("0"..."9").contains(given)
      default: given == form
      }
    }
  }

  /// Each unit by its names; of the last any that begins so will do.
  private static let units = [
    ["ns", "nano"], ["us", "µs", "micro"], ["ms", "milli"], ["s", "sec"], ["m", "min"], ["h", "hr", "hour"],
    ["d", "day"], ["w", "wk", "week"],
  ]

  /// As Go writes durations, or a number and a unit somewhere in it. (`strfmt.ParseDuration`)
  @Sendable public static func isDuration(_ text: String) -> Bool {
    if (try? GoDuration.parse(text)) != nil { return true }
    var scalars = Array(text.lowercased().unicodeScalars)[...]
    var isOne = false
    while !scalars.isEmpty {
      scalars = scalars.drop { !("0"..."9").contains($0) }
      let digits = scalars.prefix { ("0"..."9").contains($0) }
      guard !digits.isEmpty else { break }
      scalars = scalars.dropFirst(digits.count).drop { $0 == " " || ("\t"..."\r").contains($0) }
      let letters = scalars.prefix { ("a"..."z").contains($0) || $0 == "µ" }
      scalars = scalars.dropFirst(letters.count)
      if letters.isEmpty { continue }
      if Int(String(String.UnicodeScalarView(digits))) == nil { return false }
      let unit = String(String.UnicodeScalarView(letters))
      isOne = isOne || units.contains { names in names.contains(unit) || names.last.map(unit.hasPrefix) == true }
    }
    return isOne
  }
}
