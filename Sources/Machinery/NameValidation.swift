/// Rules for names, with the texts of apimachinery's package `validation`. Each function returns what is wrong; nothing when all is well.
public enum NameValidation {
  static let qualifiedNameText =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
  static let labelKeyText =
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
  static let labelValueText =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"
  static let subdomainText =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
  static let labelText =
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"

  static let dns1035Text =
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"

  /// Rules for labels say bytes, the older ones for names still say characters; both count bytes.
  static func tooLong(_ limit: Int, unit: String = "characters") -> String { "must be no more than \(limit) \(unit)" }

  /// `example.com`: names of most objects.
  public static func dns1123Subdomain(_ text: String) -> [String] { dns1123Subdomain(text, unit: "characters") }

  private static func dns1123Subdomain(_ text: String, unit: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 253 { problems.append(tooLong(253, unit: unit)) }
    if !isSubdomain(text) { problems.append(subdomainText) }
    return problems
  }

  /// `my-name`: names of namespaces and the like.
  public static func dns1123Label(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63)) }
    if !isDNSLabel(text.utf8[...]) { problems.append(isSubdomain(text) ? "must not contain dots" : labelText) }
    return problems
  }

  /// `my-name`, but not `1st`: names of services.
  public static func dns1035Label(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63)) }
    if !isDNSLabel(text.utf8[...]) || !(0x61...0x7A).contains(text.utf8.first ?? 0) { problems.append(dns1035Text) }
    return problems
  }

  private static func isSubdomain(_ text: String) -> Bool {
    text.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false).allSatisfy { isDNSLabel($0) }
  }

  private static func isDNSLabel(_ bytes: Substring.UTF8View.SubSequence) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) }
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else { return false }
    return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  private static func isNamePart(_ bytes: Substring.UTF8View.SubSequence) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else { return false }
    return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".") }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
  }

  /// `example.com/name`: keys of labels, taints and finalizers.
  public static func qualifiedName(_ text: String) -> [String] {
    var problems: [String] = []
    let parts = text.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let name: Substring.UTF8View.SubSequence
    switch parts.count {
    case 1: name = parts[0]
    case 2:
      if parts[0].isEmpty {
        problems.append("prefix part must be non-empty")
      } else {
        problems += dns1123Subdomain(String(Substring(parts[0])), unit: "bytes").map { "prefix part " + $0 }
      }
      name = parts[1]
    default: return [labelKeyText]
    }
    if name.isEmpty {
      problems.append("name part must be non-empty")
    } else if name.count > 63 {
      problems.append("name part " + tooLong(63, unit: "bytes"))
    }
    if !isNamePart(name) { problems.append(qualifiedNameText) }
    return problems
  }

  public static func labelValue(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63, unit: "bytes")) }
    if !text.isEmpty && !isNamePart(text.utf8[...]) { problems.append(labelValueText) }
    return problems
  }

  /// A name that stands in a path of its own: no `/`, `%`, `.` or `..`.
  public static func pathSegmentName(_ text: String) -> [String] {
    if text == "." || text == ".." { return ["may not be '\(text)'"] }
    return ["/", "%"].filter { text.contains($0) }.map { "may not contain '\($0)'" }
  }
}
