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

private struct YAMLWriter {
  var bytes: [UInt8] = []

  private mutating func put(_ text: String) { bytes.append(contentsOf: text.utf8) }
  private mutating func pad(_ indent: Int) { bytes.append(contentsOf: repeatElement(0x20, count: indent)) }

  /// Writes a value that begins where the cursor is and ends in a newline.
  mutating func block(_ value: JSONValue, indent: Int, isInSequence: Bool) {
    switch value {
    case .object(let object) where !object.isEmpty:
      var sorted = object
      sorted.sortByName()
      for (place, member) in sorted.members.enumerated() {
        if place > 0 || !isInSequence { pad(indent) }
        put(scalar(member.name, indent: indent))
        put(":")
        child(member.value, indent: indent)
      }
    case .array(let elements) where !elements.isEmpty:
      for (place, element) in elements.enumerated() {
        if place > 0 || !isInSequence { pad(indent) }
        put("- ")
        switch element {
        case .object(let o) where !o.isEmpty: block(element, indent: indent + 2, isInSequence: true)
        case .array(let a) where !a.isEmpty: block(element, indent: indent + 2, isInSequence: true)
        default: put(inline(element, indent: indent) + "\n")
        }
      }
    default: put(inline(value, indent: indent) + "\n")
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
    case .int, .double: value.encoded().text
    case .string(let text): scalar(text, indent: indent)
    case .array: "[]"
    case .object, .unread: "{}"
    }
  }

  /// Plain where that reads back as the same text, else quoted; text of several lines as a literal block.
  private func scalar(_ text: String, indent: Int) -> String {
    if text.contains("\n"), !text.unicodeScalars.contains(where: { ($0.value < 0x20 && $0 != "\n" && $0 != "\t") || $0.value == 0x7F }) {
      return literal(text, indent: indent + 2)
    }
    if case .string = YAMLScalar.plain(text), !YAMLScalar.looksLikeAnotherType(text) {
      if isPlain(text) { return text }
      if text.unicodeScalars.allSatisfy({ $0.value >= 0x20 && $0.value != 0x7F }) {
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''") + "'"
      }
    }
    return JSONValue.string(text).plainJSONText
  }

  private func isPlain(_ text: String) -> Bool {
    guard let first = text.unicodeScalars.first, let last = text.unicodeScalars.last, first != " ", last != " ", last != ":" else { return false }
    if "-?:,[]{}#&*!|>'\"%@`".unicodeScalars.contains(first) {
      // A dash or question mark is an indicator only before a space.
      let second = text.unicodeScalars.dropFirst().first
      guard first == "-" || first == "?" || first == ":", let second, second != " " else { return false }
    }
    if text.hasPrefix("---") || text.hasPrefix("...") { return false }
    if text.contains(": ") || text.contains(" #") { return false }
    return text.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F && $0.value != 0xFEFF }
  }

  private func literal(_ text: String, indent: Int) -> String {
    let body = text.split(separator: "\n", omittingEmptySubsequences: false)
    let hint = text.first == " " || text.first == "\n" ? "2" : ""
    let chomp = !text.hasSuffix("\n") ? "-" : text.hasSuffix("\n\n") || text == "\n" ? "+" : ""
    let lines = text.hasSuffix("\n") ? body.dropLast() : body[...]
    let padding = String(repeating: " ", count: indent)
    return "|\(hint)\(chomp)\n" + lines.map { $0.isEmpty ? "" : padding + $0 }.joined(separator: "\n")
  }
}

extension JSONValue {
  /// A double-quoted text with escapes that YAML shares with JSON.
  fileprivate var plainJSONText: String { encoded().text }
}
