public import ByteBuffers
public import JSON

extension JSONValue {
  /// The value as YAML in the form that kube-apiserver answers: names sorted, sequences at the indent of their key.
  public func yaml() -> SharedBytes {
    var writer = YAMLWriter()
    writer.block(self, indent: 0, isInSequence: false)
    return SharedBytes(writer.bytes)
  }
}

/// Writes a list as YAML, the same as if it were one value, but one item after another, so that never more than one of
/// them is taken apart.
public struct YAMLListWriter: Sendable {
  private var writer = YAMLWriter()
  private let name: String
  /// Members of the head whose names sort behind `name`.
  private let rest: [JSONObject.Member]
  private var isEmpty = true

  /// `head`: the list's members beside its items; `name`: what the member with the items is called.
  public init(head: JSONObject, items name: String) {
    self.name = name
    var head = head
    head[name] = .null
    head.sortByName()
    let place = head.members.firstIndex { $0.name == name } ?? 0
    rest = Array(head.members[(place + 1)...])
    for member in head.members[..<place] { put(member) }
  }

  private mutating func put(_ member: JSONObject.Member) {
    writer.block(.object(JSONObject(unchecked: [member])), indent: 0, isInSequence: false)
  }

  public mutating func add(_ item: JSONValue) {
    if isEmpty { writer.put("\(name):\n") }
    isEmpty = false
    writer.element(item, indent: 0)
  }

  /// Nothing is added any more.
  public mutating func finish() {
    if isEmpty { writer.put("\(name): []\n") }
    for member in rest { put(member) }
  }

  /// Bytes that wait to be taken.
  public var count: Int { writer.bytes.count }

  /// What was written since the last time.
  public mutating func take() -> SharedBytes {
    defer { writer.bytes.removeAll(keepingCapacity: true) }
    return SharedBytes(writer.bytes)
  }
}

private struct YAMLWriter: Sendable {
  var bytes: [UInt8] = []

  mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
  private mutating func pad(_ indent: Int) { bytes.append(contentsOf: repeatElement(0x20, count: indent)) }

  /// Writes a value that begins where the cursor is and ends in a newline.
  mutating func block(_ value: JSONValue, indent: Int, isInSequence: Bool) {
    switch value {
    case .object(let object) where !object.isEmpty:
      var sorted = object
      sorted.sortByName()
      for (place, member) in sorted.members.enumerated() {
        if place > 0 || !isInSequence { pad(indent) }
        put(member.name.contains("\n") ? doubleQuoted(member.name) : scalar(member.name, indent: indent))
        put(":")
        child(member.value, indent: indent)
      }
    case .array(let elements) where !elements.isEmpty:
      for (place, element) in elements.enumerated() {
        if place > 0 || !isInSequence { pad(indent) }
        self.element(element, indent: indent)
      }
    default: put(inline(value, indent: indent) + "\n")
    }
  }

  /// An element of a sequence, from its dash on.
  mutating func element(_ element: JSONValue, indent: Int) {
    put("- ")
    switch element {
    case .object(let o) where !o.isEmpty: block(element, indent: indent + 2, isInSequence: true)
    case .array(let a) where !a.isEmpty: block(element, indent: indent + 2, isInSequence: true)
    default: put(inline(element, indent: indent) + "\n")
    }
  }

  private mutating func child(_ value: JSONValue, indent: Int) {
    switch value {
    case .object(let object) where !object.isEmpty:
      put("\n")
      block(value, indent: indent + 2, isInSequence: false)
    case .array(let array) where !array.isEmpty:
      put("\n")
      block(value, indent: indent, isInSequence: false)
    default: put(" " + inline(value, indent: indent) + "\n")
    }
  }

  private func inline(_ value: JSONValue, indent: Int) -> String {
    switch value {
    case .null: "null"
    case .bool(let truth): truth ? "true" : "false"
    case .int, .double, .number: value.encoded().text
    case .string(let text): scalar(text, indent: indent)
    case .array: "[]"
    case .object, .unread: "{}"
    }
  }

  /// Plain where that reads back as the same text, else quoted; text of several lines as a literal block.
  private func scalar(_ text: String, indent: Int) -> String {
    guard text.unicodeScalars.allSatisfy(Self.isPrintable) else { return doubleQuoted(text) }
    // In a block the space before a line's end would be lost on the way through editors, so go-yaml quotes it.
    if text.contains("\n") { return text.contains(" \n") ? doubleQuoted(text) : literal(text, indent: indent + 2) }
    if case .string = YAMLScalar.plain(text), !Self.isBase60(text) {
      return isPlain(text)
        ? text : "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
    }
    return doubleQuoted(text)
  }

  /// A number in the old base 60, `1:30` or `-1_0:5.2`: go-yaml reads it as text, but older readers do not.
  private static func isBase60(_ text: String) -> Bool {
    func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
    var rest = text.utf8[...]
    if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    guard let first = rest.first, isDigit(first) else { return false }
    rest = rest.drop { isDigit($0) || $0 == UInt8(ascii: "_") }
    var places = 0
    while rest.first == UInt8(ascii: ":") {
      let digits = rest.dropFirst().prefix(2).prefix(while: isDigit)
      guard let digit = digits.first, digits.count == 1 || digit < 0x36 else { return false }
      rest = rest.dropFirst(1 + digits.count)
      places += 1
    }
    if rest.first == UInt8(ascii: ".") { rest = rest.dropFirst().drop { isDigit($0) || $0 == UInt8(ascii: "_") } }
    return places > 0 && rest.isEmpty
  }

  /// What go-yaml writes as it is; YAML allows a little more. (`is_printable`, without the two that YAML takes for ends
  /// of lines.)
  private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar.value {
    case 0x2028, 0x2029: false
    case 0x0A, 0x20...0x7E, 0xA0...0xD7FF, 0xE000...0xFFFD: scalar.value != 0xFEFF
    default: false
    }
  }

  private func doubleQuoted(_ text: String) -> String {
    func hex(_ value: UInt32, _ width: Int) -> String {
      let digits = String(value, radix: 16, uppercase: true)
      return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar.value {
      case 0x22, 0x5C: out += "\\" + String(scalar)
      case 0x00: out += "\\0"
      case 0x07: out += "\\a"
      case 0x08: out += "\\b"
      case 0x09: out += "\\t"
      case 0x0A: out += "\\n"
      case 0x0B: out += "\\v"
      case 0x0C: out += "\\f"
      case 0x0D: out += "\\r"
      case 0x1B: out += "\\e"
      case 0x85: out += "\\N"
      case 0x2028: out += "\\L"
      case 0x2029: out += "\\P"
      case _ where Self.isPrintable(scalar): out.unicodeScalars.append(scalar)
      case ...0xFF: out += "\\x" + hex(scalar.value, 2)
      case ...0xFFFF: out += "\\u" + hex(scalar.value, 4)
      default: out += "\\U" + hex(scalar.value, 8)
      }
    }
    return out + "\""
  }

  private func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last, first != " ", last != " ",
      last != ":"
    else { return false }
    if "-?:,[]{}#&*!|>'\"%@`".unicodeScalars.contains(first) {
      // A dash or question mark is an indicator only before a space.
      let second = text.unicodeScalars.dropFirst().first
      guard first == "-" || first == "?" || first == ":", let second, second != " " else { return false }
    }
    if text.hasPrefix("---") || text.hasPrefix("...") { return false }
    return !text.contains(": ") && !text.contains(" #")
  }

  private func literal(_ text: String, indent: Int) -> String {
    let body = text.split(separator: "\n", omittingEmptySubsequences: false)
    let hint = text.utf8.first == UInt8(ascii: " ") || text.utf8.first == UInt8(ascii: "\n") ? "2" : ""
    let chomp = !text.hasSuffix("\n") ? "-" : text.hasSuffix("\n\n") || text == "\n" ? "+" : ""
    let lines = text.hasSuffix("\n") ? body.dropLast() : body[...]
    let padding = String(repeating: " ", count: indent)
    return "|\(hint)\(chomp)\n" + lines.map { $0.isEmpty ? "" : padding + $0 }.joined(separator: "\n")
  }
}
