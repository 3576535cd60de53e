import JSON
import Machinery

/// What Go's libraries take for a URL, a date and the like. (kube-openapi: `strfmt`, `govalidator`)
enum FormatChecks {
  /// An absolute one, or a path. (`url.ParseRequestURI`)
  @Sendable static func isURI(_ text: String) -> Bool {
    guard !text.isEmpty else { return false }
    // A fragment is not looked for: `#` is a letter as others.
    guard let url = try? GoURL(parsing: text.replacing("#", with: "-")) else { return false }
    return text.hasPrefix("/") || !url.scheme.isEmpty
  }

  /// `a@b.org`, `Name <a@b.org>`. (`mail.ParseAddress`)
  @Sendable static func isEmail(_ text: String) -> Bool {
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
  @Sendable static func isMAC(_ text: String) -> Bool {
    func isMade(_ separator: Character, _ width: Int, _ counts: Set<Int>) -> Bool {
      let parts = text.split(separator: separator, omittingEmptySubsequences: false)
      return counts.contains(parts.count)
        && parts.allSatisfy { part in
          part.utf8.count == width && part.utf8.allSatisfy { isHex($0) }
        }
    }
    return isMade(":", 2, [6, 8, 20]) || isMade("-", 2, [6, 8, 20]) || isMade(".", 4, [3, 4, 10])
  }

  private static func isHex(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x46, 0x61...0x66: true
    default: false
    }
  }

  // MARK: numbers of books

  private static func bookDigits(_ text: String) -> [UInt8] {
    text.utf8.filter { $0 != UInt8(ascii: "-") && $0 != 0x20 && !(0x09...0x0D).contains($0) }
  }

  @Sendable static func isISBN10(_ text: String) -> Bool {
    let digits = bookDigits(text)
    guard digits.count == 10, digits.dropLast().allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
    var sum = digits.dropLast().enumerated().reduce(0) { $0 + ($1.offset + 1) * Int($1.element - 0x30) }
    switch digits[9] {
    case UInt8(ascii: "X"): sum += 100
    case 0x30...0x39: sum += 10 * Int(digits[9] - 0x30)
    default: return false
    }
    return sum % 11 == 0
  }

  @Sendable static func isISBN13(_ text: String) -> Bool {
    let digits = bookDigits(text)
    guard digits.count == 13, digits.allSatisfy({ (0x30...0x39).contains($0) }) else { return false }
    let sum = digits.dropLast().enumerated().reduce(0) {
      $0 + ($1.offset % 2 == 0 ? 1 : 3) * Int($1.element - 0x30)
    }
    return Int(digits[12] - 0x30) == (10 - sum % 10) % 10
  }

  // MARK: times

  /// `2006-01-02`
  @Sendable static func isDate(_ text: String) -> Bool {
    guard text.utf8.count == 10 else { return false }
    return (try? Timestamp.parse(text + "T00:00:00Z")) != nil
  }

  /// With small letters too, and hours that others would not take. (`IsDateTime`)
  @Sendable static func isDateTime(_ text: String) -> Bool {
    let parts = text.lowercased().split(separator: "t", omittingEmptySubsequences: false)
    guard parts.count >= 2, isDate(String(parts[0])) else { return false }
    let time = Array(parts[1].utf8)
    func number(_ place: Int) -> Int? {
      guard time.count >= place + 2, (0x30...0x39).contains(time[place]), (0x30...0x39).contains(time[place + 1]) else {
        return nil
      }
      return Int(time[place] - 0x30) * 10 + Int(time[place + 1] - 0x30)
    }
    guard let hours = number(0), let minutes = number(3), let seconds = number(6), time[2] == UInt8(ascii: ":"),
      time[5] == UInt8(ascii: ":"), hours <= 23, minutes <= 59, seconds <= 59
    else { return false }
    var rest = time[8...]
    // Any one letter begins a fraction.
    if rest.count >= 2, (0x30...0x39).contains(rest[rest.startIndex + 1]), !(rest.count == 6 && isZone(rest)) {
      rest = rest.dropFirst().drop { (0x30...0x39).contains($0) }
    }
    return rest.elementsEqual("z".utf8) || isZone(rest)
  }

  /// `+01:00`
  private static func isZone(_ zone: ArraySlice<UInt8>) -> Bool {
    let bytes = Array(zone)
    guard bytes.count == 6, bytes[0] == UInt8(ascii: "+") || bytes[0] == UInt8(ascii: "-"),
      bytes[3] == UInt8(ascii: ":")
    else { return false }
    return [1, 2, 4, 5].allSatisfy { (0x30...0x39).contains(bytes[$0]) }
  }

  /// Each unit by its names; of the last any that begins so will do.
  private static let units = [
    ["ns", "nano"], ["us", "µs", "micro"], ["ms", "milli"], ["s", "sec"], ["m", "min"], ["h", "hr", "hour"],
    ["d", "day"], ["w", "wk", "week"],
  ]

  /// As Go writes durations, or a number and a unit somewhere in it. (`strfmt.ParseDuration`)
  @Sendable static func isDuration(_ text: String) -> Bool {
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
