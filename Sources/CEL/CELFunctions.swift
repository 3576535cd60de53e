import ByteBuffers
import JSON
import RegularExpressions

/// Operators and functions, all but those that decide which of their arguments are evaluated.
enum CELFunctions {
  private static let global: [String: ClosedRange<Int>] = [
    "size": 1...1, "string": 1...1, "int": 1...1, "double": 1...1, "bool": 1...1, "dyn": 1...1, "type": 1...1,
  ]
  private static let member: [String: ClosedRange<Int>] = [
    "size": 0...0, "startsWith": 1...1, "endsWith": 1...1, "contains": 1...1, "matches": 1...1, "lowerAscii": 0...0,
    "upperAscii": 0...0, "trim": 0...0, "split": 1...2, "join": 0...1,
    "replace": 2...3, "substring": 1...2, "indexOf": 1...1, "lastIndexOf": 1...1, "charAt": 1...1, "isSorted": 0...0,
    "min": 0...0, "max": 0...0, "sum": 0...0,
  ]

  static func isKnown(_ name: String, isMember: Bool, count: Int) -> Bool {
    // Operators are written by the parser.
    if name.contains("_") { return true }
    return (isMember ? member : global)[name]?.contains(count) ?? false
  }

  /// What strings may grow to.
  private static let textMax = 1 << 20

  static func regexp(_ pattern: String) throws(CELError) -> GoRegexp {
    do { return try GoRegexp(pattern) } catch { throw CELError(error.description) }
  }

  static func call(_ name: String, _ given: [JSONValue], isMember: Bool) throws(CELError) -> JSONValue {
    switch name {
    case "_==_": return .bool(isEqual(given[0], given[1]))
    case "_!=_": return .bool(!isEqual(given[0], given[1]))
    case "_<_": return .bool(try compare(given[0], given[1]) < 0)
    case "_<=_": return .bool(try compare(given[0], given[1]) <= 0)
    case "_>_": return .bool(try compare(given[0], given[1]) > 0)
    case "_>=_": return .bool(try compare(given[0], given[1]) >= 0)
    case "_in_":
      switch given[1] {
      case .array(let items): return .bool(items.contains { isEqual($0, given[0]) })
      case .object(let object): return .bool(given[0].string.map { object[$0] != nil } ?? false)
      default: throw overload
      }
    case "!_":
      guard let value = given[0].bool else { throw overload }
      return .bool(!value)
    case "-_": return try arithmetic("-", .int(0), given[0])
    case "_+_", "_-_", "_*_", "_/_", "_%_":
      return try arithmetic(String(name.dropFirst().dropLast()), given[0], given[1])
    default: return isMember ? try method(name, given[0], Array(given.dropFirst())) : try conversion(name, given[0])
    }
  }

  private static var overload: CELError { CELError("no such overload") }

  private static func number(_ value: JSONValue) -> Double? {
    switch value {
    case .int(let number): Double(number)
    case .double(let number): number
    default: nil
    }
  }

  /// Is it the value that a type begins with?
  static func isZero(_ value: JSONValue) -> Bool {
    switch value {
    case .null: true
    case .bool(let truth): !truth
    case .string(let text): text.isEmpty
    case .array(let items): items.isEmpty
    case .object(let object): object.members.isEmpty
    default: number(value) == 0
    }
  }

  static func isEqual(_ a: JSONValue, _ b: JSONValue) -> Bool {
    switch (a, b) {
    case (.int(let x), .int(let y)): return x == y
    case (.int, .double), (.double, .int), (.double, .double): return number(a) == number(b)
    case (.array(let x), .array(let y)): return x.count == y.count && zip(x, y).allSatisfy { isEqual($0, $1) }
    case (.object(let x), .object(let y)):
      return x.members.count == y.members.count
        && x.members.allSatisfy { member in y[member.name].map { isEqual(member.value, $0) } ?? false }
    default: return a == b
    }
  }

  private static func compare(_ a: JSONValue, _ b: JSONValue) throws(CELError) -> Int {
    switch (a, b) {
    case (.int(let x), .int(let y)): return x < y ? -1 : x == y ? 0 : 1
    case (.string(let x), .string(let y)):
      return x == y ? 0 : x.unicodeScalars.lexicographicallyPrecedes(y.unicodeScalars) ? -1 : 1
    case (.bool(let x), .bool(let y)): return x == y ? 0 : y ? -1 : 1
    default:
      guard let x = number(a), let y = number(b) else { throw overload }
      return x < y ? -1 : x == y ? 0 : 1
    }
  }

  private static func arithmetic(_ sign: String, _ a: JSONValue, _ b: JSONValue) throws(CELError) -> JSONValue {
    switch (a, b) {
    case (.int(let x), .int(let y)):
      if y == 0 && sign == "/" { throw CELError("division by zero") }
      if y == 0 && sign == "%" { throw CELError("modulus by zero") }
      let (value, overflows) =
        switch sign {
        case "+": x.addingReportingOverflow(y)
        case "-": x.subtractingReportingOverflow(y)
        case "*": x.multipliedReportingOverflow(by: y)
        case "/": x.dividedReportingOverflow(by: y)
        default: x.remainderReportingOverflow(dividingBy: y)
        }
      if overflows { throw CELError("integer overflow") }
      return .int(value)
    case (.double(let x), .double(let y)):
      switch sign {
      case "+": return .double(x + y)
      case "-": return .double(x - y)
      case "*": return .double(x * y)
      case "/": return .double(x / y)
      default: throw overload
      }
    case (.string(let x), .string(let y)) where sign == "+":
      guard x.utf8.count + y.utf8.count <= textMax else {
        throw CELError("a string would be longer than \(textMax) bytes")
      }
      return .string(x + y)
    case (.array(let x), .array(let y)) where sign == "+": return .array(x + y)
    default: throw overload
    }
  }

  private static func conversion(_ name: String, _ value: JSONValue) throws(CELError) -> JSONValue {
    switch (name, value) {
    case ("dyn", _): return value
    case ("size", _): return try size(value)
    case ("string", .string): return value
    case ("string", .int(let number)): return .string(String(number))
    case ("string", .bool(let truth)): return .string(truth ? "true" : "false")
    case ("string", .double): return .string(value.encoded().text)
    case ("int", .int): return value
    case ("int", .double(let number)):
      guard let whole = Int64(exactly: number.rounded(.towardZero)) else { throw CELError("integer overflow") }
      return .int(whole)
    case ("int", .string(let text)):
      guard let number = Int64(text) else { throw CELError("cannot convert \(text) to int") }
      return .int(number)
    case ("double", _):
      if let number = number(value) { return .double(number) }
      guard let text = value.string, let number = Double(text) else { throw overload }
      return .double(number)
    case ("bool", .bool): return value
    case ("bool", .string("true")): return true
    case ("bool", .string("false")): return false
    case ("type", _):
      switch value {
      case .null: return "null_type"
      case .bool: return "bool"
      case .int: return "int"
      case .double: return "double"
      case .string: return "string"
      case .array: return "list"
      default: return "map"
      }
    default: throw overload
    }
  }

  private static func size(_ value: JSONValue) throws(CELError) -> JSONValue {
    switch value {
    case .string(let text): return .int(Int64(text.unicodeScalars.count))
    case .array(let items): return .int(Int64(items.count))
    case .object(let object): return .int(Int64(object.members.count))
    default: throw overload
    }
  }

  private static func method(_ name: String, _ target: JSONValue, _ given: [JSONValue]) throws(CELError) -> JSONValue {
    if name == "size" { return try size(target) }
    if case .array(let items) = target { return try ofList(name, items, given) }
    guard let text = target.string else { throw overload }
    func argument(_ place: Int) throws(CELError) -> String {
      guard let text = given[place].string else { throw overload }
      return text
    }
    func index(_ place: Int, _ count: Int) throws(CELError) -> Int {
      guard let number = given[place].int else { throw overload }
      guard number >= 0, number <= count else { throw CELError("index out of range: \(number)") }
      return Int(number)
    }
    let scalars = text.unicodeScalars
    switch name {
    case "startsWith": return .bool(scalars.starts(with: try argument(0).unicodeScalars))
    case "endsWith": return .bool(scalars.reversed().starts(with: try argument(0).unicodeScalars.reversed()))
    case "contains": return .bool(place(of: try argument(0), in: text) != nil)
    case "indexOf": return .int(Int64(place(of: try argument(0), in: text) ?? -1))
    case "lastIndexOf":
      let wanted = Array(try argument(0).unicodeScalars)
      let all = Array(scalars)
      guard wanted.count <= all.count else { return -1 }
      return .int(
        Int64((0...(all.count - wanted.count)).last { all[$0..<($0 + wanted.count)].elementsEqual(wanted) } ?? -1))
    case "lowerAscii":
      return .string(
        String(String.UnicodeScalarView(scalars.map { $0.isASCII ? Unicode.Scalar(lower($0.value)) ?? $0 : $0 })))
    case "upperAscii":
      return .string(
        String(String.UnicodeScalarView(scalars.map { $0.isASCII ? Unicode.Scalar(upper($0.value)) ?? $0 : $0 })))
    case "trim":
      let all = Array(scalars)
      let start = all.firstIndex { !$0.properties.isWhitespace } ?? all.count
      let end = (all.lastIndex { !$0.properties.isWhitespace } ?? -1) + 1
      return .string(String(String.UnicodeScalarView(start < end ? Array(all[start..<end]) : [])))
    case "charAt":
      let all = Array(scalars)
      let at = try index(0, all.count)
      return .string(at == all.count ? "" : String(all[at]))
    case "substring":
      let all = Array(scalars)
      let start = try index(0, all.count)
      let end = given.count > 1 ? try index(1, all.count) : all.count
      guard start <= end else { throw CELError("invalid substring range. start: \(start), end: \(end)") }
      return .string(String(String.UnicodeScalarView(all[start..<end])))
    case "split":
      let most = given.count > 1 ? Int(given[1].int ?? -1) : -1
      return .array(parts(of: text, by: try argument(0), most: most).map { .string($0) })
    case "replace":
      let most = given.count > 2 ? Int(given[2].int ?? -1) : -1
      let joined = parts(of: text, by: try argument(0), most: most < 0 ? -1 : most + 1).joined(
        separator: try argument(1))
      guard joined.utf8.count <= textMax else { throw CELError("a string would be longer than \(textMax) bytes") }
      return .string(joined)
    default: throw overload
    }
  }

  private static func lower(_ value: UInt32) -> UInt32 { value >= 0x41 && value <= 0x5A ? value + 32 : value }
  private static func upper(_ value: UInt32) -> UInt32 { value >= 0x61 && value <= 0x7A ? value - 32 : value }

  /// In scalars.
  private static func place(of wanted: String, in text: String) -> Int? {
    let (all, part) = (Array(text.unicodeScalars), Array(wanted.unicodeScalars))
    guard part.count <= all.count else { return nil }
    return (0...(all.count - part.count)).first { all[$0..<($0 + part.count)].elementsEqual(part) }
  }

  /// `most`: so many parts at the most; -1 for all.
  private static func parts(of text: String, by separator: String, most: Int) -> [String] {
    if most == 0 { return [] }
    if separator.isEmpty { return text.unicodeScalars.map { String($0) } }
    var parts: [String] = []
    var rest = text[...]
    while most < 0 || parts.count + 1 < most, let found = rest.firstRange(of: separator) {
      parts.append(String(rest[..<found.lowerBound]))
      rest = rest[found.upperBound...]
    }
    return parts + [String(rest)]
  }

  private static func ofList(_ name: String, _ items: [JSONValue], _ given: [JSONValue]) throws(CELError) -> JSONValue {
    switch name {
    case "join":
      var texts: [String] = []
      for item in items {
        guard let text = item.string else { throw overload }
        texts.append(text)
      }
      guard given.isEmpty || given[0].string != nil else { throw overload }
      let joined = texts.joined(separator: given.first?.string ?? "")
      guard joined.utf8.count <= textMax else { throw CELError("a string would be longer than \(textMax) bytes") }
      return .string(joined)
    case "isSorted":
      for (a, b) in zip(items, items.dropFirst()) where try compare(a, b) > 0 { return false }
      return true
    case "min", "max":
      guard var best = items.first else { throw CELError("\(name) called on empty list") }
      for item in items.dropFirst() {
        let order = try compare(item, best)
        if name == "min" ? order < 0 : order > 0 { best = item }
      }
      return best
    case "sum":
      guard var sum = items.first else { return 0 }
      for item in items.dropFirst() { sum = try arithmetic("+", sum, item) }
      return sum
    case "indexOf": return .int(Int64(items.firstIndex { isEqual($0, given[0]) } ?? -1))
    case "lastIndexOf": return .int(Int64(items.lastIndex { isEqual($0, given[0]) } ?? -1))
    default: throw overload
    }
  }
}
