import Machinery
import RegularExpressions

/// The formats that a text can be held against by name, with what is wrong with it. (apiserver
/// `pkg/cel/library/format.go`)
struct NamedFormat: Sendable {
  /// As it is called in expressions.
  let name: String
  /// As upstream's is as long, or is guessed to be: it prices a validation.
  let regexSize: Int
  /// What is wrong with a text; nothing where all is well.
  let faults: @Sendable (String) -> [String]

  static let all: [NamedFormat] = [
    NamedFormat(name: "dns1123Label", regexSize: 30, faults: NameValidation.dns1123Label),
    NamedFormat(name: "dns1123Subdomain", regexSize: 60, faults: NameValidation.dns1123Subdomain),
    NamedFormat(name: "dns1035Label", regexSize: 30, faults: NameValidation.dns1035Label),
    NamedFormat(name: "qualifiedName", regexSize: 60, faults: NameValidation.qualifiedName),
    NamedFormat(name: "dns1123LabelPrefix", regexSize: 30) { NameValidation.dns1123Label(masked($0)) },
    NamedFormat(name: "dns1123SubdomainPrefix", regexSize: 60) { NameValidation.dns1123Subdomain(masked($0)) },
    NamedFormat(name: "dns1035LabelPrefix", regexSize: 30) { NameValidation.dns1035Label(masked($0)) },
    NamedFormat(name: "labelValue", regexSize: 40, faults: NameValidation.labelValue),
    NamedFormat(name: "uri", regexSize: 1_103, faults: uri),
    NamedFormat(name: "uuid", regexSize: 70) { uuid($0) ? [] : ["does not match the UUID format"] },
    NamedFormat(name: "byte", regexSize: 84) { isBase64($0) ? [] : ["invalid base64"] },
    NamedFormat(name: "date", regexSize: 71) { isDate($0[...]) ? [] : ["invalid date"] },
    NamedFormat(name: "datetime", regexSize: 71) { isDateTime($0) ? [] : ["invalid datetime"] },
  ]

  static func named(_ name: String) -> NamedFormat? { all.first { $0.name == name } }

  /// A name is going to stand behind the dash. (`maskTrailingDash`)
  private static func masked(_ text: String) -> String {
    text.utf8.count > 1 && text.utf8.last == UInt8(ascii: "-")
      ? String(decoding: text.utf8.dropLast(2) + [UInt8(ascii: "a")], as: UTF8.self) : text
  }

  private static func uri(_ text: String) -> [String] {
    do throws(GoURL.Failure) { _ = try GoURL(requesting: text) } catch { return [error.description] }
    return []
  }

  // MARK: formats of OpenAPI (kube-openapi `strfmt`)

  /// Any case; the dashes may be left out.
  private static func uuid(_ text: String) -> Bool {
    var rest = Array(text.utf8)[...]
    for (place, count) in [8, 4, 4, 4, 12].enumerated() {
      if place > 0, rest.first == UInt8(ascii: "-") { rest.removeFirst() }
      guard rest.count >= count, rest.prefix(count).allSatisfy(isHexDigit) else { return false }
      rest.removeFirst(count)
    }
    return rest.isEmpty
  }

  private static func isHexDigit(_ byte: UInt8) -> Bool {
    isDigit(byte) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte | 0x20)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// In groups of four, not none.
  private static func isBase64(_ text: String) -> Bool {
    let bytes = text.utf8
    guard !bytes.isEmpty, bytes.count % 4 == 0 else { return false }
    let padding = bytes.suffix(2).reversed().prefix { $0 == UInt8(ascii: "=") }.count
    return bytes.dropLast(padding).allSatisfy {
      isDigit($0) || (0x41...0x5A).contains($0 & 0xDF) && $0 < 0x80 || $0 == UInt8(ascii: "+")
        || $0 == UInt8(ascii: "/")
    }
  }

  /// `2024-02-29`
  private static func isDate(_ text: Substring) -> Bool {
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

  /// What stands behind a second `t` is not looked at.
  private static func isDateTime(_ text: String) -> Bool {
    let parts = text.utf8.split(maxSplits: 2, omittingEmptySubsequences: false) { $0 | 0x20 == UInt8(ascii: "t") }
    guard parts.count >= 2, isDate(Substring(parts[0])), let pattern = timePattern else { return false }
    let time = String(Substring(parts[1]))
    guard pattern.matches(time) else { return false }
    let clock = time.utf8.prefix(8).split(separator: UInt8(ascii: ":")).compactMap { Int(Substring($0)) }
    return clock.count == 3 && clock[0] < 24 && clock[1] < 60 && clock[2] < 60
  }

  private static let timePattern = try? GoRegexp(
    "^([0-9]{2}):([0-9]{2}):([0-9]{2})(.[0-9]+)?([zZ]|([+-][0-9]{2}:[0-9]{2}))$")
}
