/// Rules for names, with the texts of apimachinery's package `validation`. Each function returns what is wrong; nothing
/// when all is well.
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
  public static func dns1123Subdomain(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 253 { problems.append(tooLong(253)) }
    if !isSubdomain(text) { problems.append(subdomainText) }
    return problems
  }

  /// `my-name`: names of namespaces and the like.
  public static func dns1123Label(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63)) }
    if !withBytes(text, { isDNSLabel($0[...]) }) {
      problems.append(isSubdomain(text) ? "must not contain dots" : labelText)
    }
    return problems
  }

  /// `my-name`, but not `1st`: names of services.
  public static func dns1035Label(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 63 { problems.append(tooLong(63)) }
    if !withBytes(text, { isDNSLabel($0[...]) }) || !(0x61...0x7A).contains(text.utf8.first ?? 0) {
      problems.append(dns1035Text)
    }
    return problems
  }

  private static func isSubdomain(_ text: String) -> Bool { withBytes(text) { isSubdomain($0[...]) } }

  private typealias Bytes = Slice<UnsafeBufferPointer<UInt8>>

  private static func withBytes<R>(_ text: String, _ body: (UnsafeBufferPointer<UInt8>) -> R) -> R {
    var text = text
    return text.withUTF8(body)
  }

  private static func isSubdomain(_ bytes: Bytes) -> Bool {
    var start = bytes.startIndex
    for place in bytes.indices where bytes[place] == UInt8(ascii: ".") {
      guard isDNSLabel(bytes[start..<place]) else { return false }
      start = place + 1
    }
    return isDNSLabel(bytes[start...])
  }

  private static func isDNSLabel(_ bytes: Bytes) -> Bool {
    func isAlphanumeric(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) }
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
      return false
    }
    return bytes.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "-") }
  }

  private static func isNamePart(_ bytes: Bytes) -> Bool {
    guard let first = bytes.first, let last = bytes.last, isAlphanumeric(first), isAlphanumeric(last) else {
      return false
    }
    return bytes.allSatisfy {
      isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: "_") || $0 == UInt8(ascii: ".")
    }
  }

  private static func isAlphanumeric(_ byte: UInt8) -> Bool {
    (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || (0x41...0x5A).contains(byte)
  }

  /// `example.com/name`: keys of labels, taints and finalizers.
  public static func qualifiedName(_ text: String) -> [String] { withBytes(text) { qualifiedName($0[...]) } }

  private static func qualifiedName(_ text: Bytes) -> [String] {
    var problems: [String] = []
    var name = text
    if let slash = text.firstIndex(of: UInt8(ascii: "/")) {
      let prefix = text[..<slash]
      name = text[(slash + 1)...]
      if name.contains(UInt8(ascii: "/")) { return [labelKeyText] }
      if prefix.isEmpty {
        problems.append("prefix part must be non-empty")
      } else {
        if prefix.count > 253 { problems.append("prefix part " + tooLong(253, unit: "bytes")) }
        if !isSubdomain(prefix) { problems.append("prefix part " + subdomainText) }
      }
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
    if !text.isEmpty && !withBytes(text, { isNamePart($0[...]) }) { problems.append(labelValueText) }
    return problems
  }

  /// A name that stands in a path of its own: no `/`, `%`, `.` or `..`.
  public static func pathSegmentName(_ text: String) -> [String] {
    if text == "." || text == ".." { return ["may not be '\(text)'"] }
    // Asked for every read of one object: nothing is made where nothing is wrong.
    guard text.utf8.contains(where: { $0 == UInt8(ascii: "/") || $0 == UInt8(ascii: "%") }) else { return [] }
    return ["/", "%"].filter { text.contains($0) }.map { "may not contain '\($0)'" }
  }

  /// `key.name`, `KEY_NAME`: keys of configmaps and secrets.
  public static func configMapKey(_ text: String) -> [String] {
    var problems: [String] = []
    if text.utf8.count > 253 { problems.append(tooLong(253)) }
    let isGood =
      !text.isEmpty
      && text.utf8.allSatisfy {
        isAlphanumeric($0) || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
      }
    if !isGood { problems.append(configMapKeyText) }
    if text == "." {
      problems.append("must not be '.'")
    } else if text == ".." {
      problems.append("must not be '..'")
    } else if text.hasPrefix("..") {
      problems.append("must not start with '..'")
    }
    return problems
  }

  private static let configMapKeyText =
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"

  /// `my_name`, as C has them.
  public static func cIdentifier(_ text: String) -> [String] {
    let isGood =
      !text.isEmpty && !(0x30...0x39).contains(text.utf8.first ?? 0)
      && text.utf8.allSatisfy { isAlphanumeric($0) || $0 == UInt8(ascii: "_") }
    return isGood ? [] : [cIdentifierText]
  }

  private static let cIdentifierText =
    "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or 'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')"
}
