import ByteBuffers
import JSON

/// What a scalar stands for by the rules of go-yaml 2, which are those of YAML 1.1 with a few numbers more and without
/// base 60.
enum YAMLScalar: Equatable {
  case null
  case bool(Bool)
  case int(Int64)
  /// Beyond `Int64`.
  case uint(UInt64)
  case float(Double)
  /// Text that is a time, which go-yaml leaves as it is, but does not take for text where a tag asks.
  case timestamp(String)
  case string(String)

  private static let prefix = "tag:yaml.org,2002:"

  /// `tag`: in full, nil for none. Throws where the text is not what the tag says.
  init(_ text: String, tag: String?, isImplicit: Bool) throws(YAMLError) {
    guard let tag else {
      self = isImplicit ? Self.plain(text) : .string(text)
      return
    }
    switch tag {
    case Self.prefix + "str": self = .string(text)
    case Self.prefix + "binary":
      guard let bytes = Self.base64(text) else {
        throw YAMLError("!!binary value contains invalid base64 data", line: 0)
      }
      self = .string(bytes)
    case Self.prefix + "bool", Self.prefix + "int", Self.prefix + "float", Self.prefix + "null",
      Self.prefix + "timestamp":
      let name = "!!" + tag.dropFirst(Self.prefix.count)
      let value = Self.plain(text, isTime: name == "!!timestamp")
      if value.tag == name {
        self = value
      } else if name == "!!float", case .int(let number) = value {
        self = .float(Double(number))
      } else {
        throw YAMLError("cannot decode \(value.tag) `\(text)` as a \(name)", line: 0)
      }
    default: self = .string(text)
    }
  }

  private var tag: String {
    switch self {
    case .null: "!!null"
    case .bool: "!!bool"
    case .int, .uint: "!!int"
    case .float: "!!float"
    case .timestamp: "!!timestamp"
    case .string: "!!str"
    }
  }

  /// What an unquoted text stands for. `isTime`: are times told from other text?
  static func plain(_ text: String, isTime: Bool = true) -> YAMLScalar {
    guard let first = text.utf8.first else { return .null }
    switch first {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"):
      if let word = infinity(text) { return word }
      if isTime, GoForms.isTime(text) { return .timestamp(text) }
      guard text.utf8.contains(UInt8(ascii: "_")) else { return number(text) ?? .string(text) }
      return number(String(decoding: text.utf8.filter { $0 != UInt8(ascii: "_") }, as: UTF8.self)) ?? .string(text)
    case UInt8(ascii: "."):
      if let word = infinity(text) { return word }
      guard let bare = GoForms.withoutUnderscores(text), isFloat(bare), let number = Double(bare), number.isFinite
      else { return .string(text) }
      return .float(number)
    default: return word(text) ?? .string(text)
    }
  }

  private static func word(_ text: String) -> YAMLScalar? {
    guard text.utf8.count <= 5 else { return nil }
    switch text {
    case "~", "null", "Null", "NULL": return .null
    case "y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON": return .bool(true)
    case "n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF": return .bool(false)
    default: return nil
    }
  }

  private static func infinity(_ text: String) -> YAMLScalar? {
    guard text.utf8.count <= 5 else { return nil }
    switch text {
    case ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF": return .float(.infinity)
    case "-.inf", "-.Inf", "-.INF": return .float(-.infinity)
    case ".nan", ".NaN", ".NAN": return .float(.nan)
    default: return nil
    }
  }

  private static func number(_ text: String) -> YAMLScalar? {
    let bytes = text.utf8
    let isSigned = bytes.first == UInt8(ascii: "-") || bytes.first == UInt8(ascii: "+")
    let digits = isSigned ? bytes.dropFirst() : bytes[...]
    if let magnitude = magnitude(digits) {
      if bytes.first == UInt8(ascii: "-") {
        if magnitude <= UInt64(Int64.max) { return .int(-Int64(magnitude)) }
        if magnitude == UInt64(Int64.max) + 1 { return .int(.min) }
      } else if magnitude <= UInt64(Int64.max) {
        return .int(Int64(magnitude))
      } else if !isSigned {
        return .uint(magnitude)
      }
    }
    guard isFloat(text), let number = Double(text), number.isFinite else { return nil }
    return .float(number)
  }

  /// Go's integers without their sign: decimal, `0x`, `0o` or `0`, `0b`; nil for others and for what is beyond 64 bits.
  private static func magnitude(_ digits: Substring.UTF8View) -> UInt64? {
    var digits = digits
    var radix: UInt64 = 10
    if digits.count > 1, digits.first == UInt8(ascii: "0"), let second = digits.dropFirst().first {
      let letter = second | 0x20
      radix = letter == UInt8(ascii: "x") ? 16 : letter == UInt8(ascii: "b") ? 2 : 8
      digits = digits.dropFirst(radix != 8 || letter == UInt8(ascii: "o") ? 2 : 1)
    }
    guard !digits.isEmpty else { return nil }
    var value: UInt64 = 0
    for byte in digits {
      let digit: UInt64
      switch byte {
      case 0x30...0x39: digit = UInt64(byte - 0x30)
      case 0x41...0x46: digit = UInt64(byte - 0x41) + 10
      case 0x61...0x66: digit = UInt64(byte - 0x61) + 10
      default: return nil
      }
      guard digit < radix else { return nil }
      let (product, tooLarge) = value.multipliedReportingOverflow(by: radix)
      let (sum, overflows) = product.addingReportingOverflow(digit)
      if tooLarge || overflows { return nil }
      value = sum
    }
    return value
  }

  /// `[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?`
  private static func isFloat(_ text: String) -> Bool {
    var rest = text.utf8[...]
    func digits(_ rest: inout Substring.UTF8View) -> Int {
      let count = rest.prefix { $0 >= 0x30 && $0 <= 0x39 }.count
      rest = rest.dropFirst(count)
      return count
    }
    func sign(_ rest: inout Substring.UTF8View) {
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    }
    sign(&rest)
    var count = digits(&rest)
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      count += digits(&rest)
    }
    guard count > 0 else { return false }
    if rest.first == UInt8(ascii: "e") || rest.first == UInt8(ascii: "E") {
      rest = rest.dropFirst()
      sign(&rest)
      if digits(&rest) == 0 { return false }
    }
    return rest.isEmpty
  }

  /// The text of bytes in base64, line ends left out; each byte that is no UTF-8 becomes U+FFFD, as Go writes it to
  /// JSON.
  private static func base64(_ text: String) -> String? {
    let digits = text.utf8.filter { $0 != 0x0A && $0 != 0x0D }
    guard let bytes = digits.withUnsafeBytes({ Base64.decode($0) }) else { return nil }
    return bytes.withUnsafeBytes { GoForms.text($0) }
  }
}
