import Machinery

/// What values are written as by `.format(…)`. (cel-go `ext/formatting.go`)
enum ValueFormat<Value: LibraryValue> {
  static func format(_ format: String, _ values: [Value]) throws(LibraryFault) -> String {
    do throws(FormatString.Fault) {
      return try FormatString.write(format, count: values.count, isStatic: false) {
        place, clause throws(FormatString.Fault) in
        do throws(LibraryFault) { return try text(values[place], clause) } catch {
          guard case .text(let text) = error else { throw FormatString.Fault("the text is too long") }
          throw FormatString.Fault(text, argument: nil)
        }
      }.text
    } catch { throw .text(error.text) }
  }

  private static func text(_ value: Value, _ clause: FormatString.Clause) throws(LibraryFault) -> String {
    let fault = LibraryFault.text(clause.fault(value.typeName))
    switch (clause, value.view) {
    case (.string, _): return try string(value, fault)
    case (.decimal, .int(let number)): return String(number)
    case (.decimal, .uint(let number)): return String(number)
    case (.binary, .bool(let truth)): return truth ? "1" : "0"
    case (.binary, .int(let number)): return String(number, radix: 2)
    case (.binary, .uint(let number)): return String(number, radix: 2)
    case (.octal, .int(let number)): return String(number, radix: 8)
    case (.octal, .uint(let number)): return String(number, radix: 8)
    case (.hex(let isUpper), .int(let number)): return String(number, radix: 16, uppercase: isUpper)
    case (.hex(let isUpper), .uint(let number)): return String(number, radix: 16, uppercase: isUpper)
    case (.hex(let isUpper), .string(let text)): return hex(text.utf8, isUpper)
    case (.hex(let isUpper), .bytes(let bytes)): return hex(bytes, isUpper)
    case (.fixed(let places), _):
      guard let number = double(value) else { throw fault }
      return GoNumber.english(number, places: places ?? 6)
    case (.scientific(let width), _):
      guard let number = double(value) else { throw fault }
      return GoNumber.scientific(number, width: width ?? 6)
    default: throw fault
    }
  }

  /// Three texts count as numbers.
  private static func double(_ value: Value) -> Double? {
    switch value.view {
    case .double(let number): number
    case .string("NaN"): .nan
    case .string("Infinity"): .infinity
    case .string("-Infinity"): -.infinity
    default: nil
    }
  }

  private static func hex(_ bytes: some Sequence<UInt8>, _ isUpper: Bool) -> String {
    let digits = Array((isUpper ? "0123456789ABCDEF" : "0123456789abcdef").utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
  }

  private static func string(_ value: Value, _ fault: LibraryFault) throws(LibraryFault) -> String {
    switch value.view {
    case .list(let elements): return try list(elements)
    case .map(let entries): return try map(entries)
    case .null: return "null"
    default: break
    }
    guard let text = value.convertedToString else { throw fault }
    return text
  }

  /// What stands in a list or a map, which is written as a literal.
  private static func literal(_ value: Value) throws(LibraryFault) -> String {
    switch value.view {
    case .list(let elements): return try list(elements)
    case .map(let entries): return try map(entries)
    case .string(let text): return GoText.quoted(text)
    case .double(let number):
      let text = GoNumber.fixed(number, places: 6)
      return number.isFinite ? text : GoText.quoted(text)
    case .null: return "null"
    default: break
    }
    guard let text = value.convertedToString else {
      throw .text("no formatting function for \(value.typeName)")
    }
    switch value.typeName {
    case "bytes": return "b" + GoText.quoted(text)
    case "google.protobuf.Timestamp": return "timestamp(\(GoText.quoted(text)))"
    case "google.protobuf.Duration": return "duration(\(GoText.quoted(text)))"
    default: return text
    }
  }

  private static func list(_ elements: [Value]) throws(LibraryFault) -> String {
    var size = 0
    var parts: [String] = []
    for element in elements {
      parts.append(try literal(element))
      size += parts[parts.count - 1].utf8.count + 2
      if size > StringFunctions.sizeMax { throw .tooLarge }
    }
    return "[\(parts.joined(separator: ", "))]"
  }

  /// In the order of the keys as they are written.
  private static func map(_ entries: [(key: Value, value: Value)]) throws(LibraryFault) -> String {
    var size = 0
    var parts: [(key: String, value: String)] = []
    for (key, value) in entries {
      switch key.view {
      case .string, .bool, .int, .uint: break
      default: throw .text("no formatting function for map key of type \(key.typeName)")
      }
      parts.append((try literal(key), try literal(value)))
      size += parts[parts.count - 1].key.utf8.count + parts[parts.count - 1].value.utf8.count + 3
      if size > StringFunctions.sizeMax { throw .tooLarge }
    }
    parts.sort { $0.key < $1.key }
    return "{\(parts.map { "\($0.key):\($0.value)" }.joined(separator: ", "))}"
  }

  /// As Go's `%v` shows it in a fault, as far as one can tell.
  static func shown(_ value: Value) -> String { (try? literal(value)) ?? value.typeName }
}
