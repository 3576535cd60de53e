import JSON

/// A path to a field of a schema, as rules and selectable fields name it: `.spec.x`, `.spec['a-b']`.
/// (apiextensions-apiserver: `pkg/apiserver/schema/cel.ValidFieldPath`)
struct SchemaPath {
  struct Failure: Error, CustomStringConvertible {
    let description: String
  }

  /// The path as it is compared and appended: `spec.x`, `m[key]`.
  private(set) var text = ""
  private(set) var root = ""
  /// What stands there; nil where nothing is said of it.
  private(set) var schema: JSONValue?

  init(_ path: String, in schema: JSONValue, allowsBrackets: Bool = true) throws(Failure) {
    self.schema = schema
    var tokens = Tokens(Array(path.utf8)[...])
    while let token = tokens.next() {
      switch token {
      case "[":
        if !allowsBrackets { throw Failure(description: "array notation is not allowed") }
        let quoted = try Self.needed(tokens.next())
        guard quoted.utf8.count >= 2, quoted.hasPrefix("'"), quoted.hasSuffix("'") else {
          throw Failure(description: "expected single quoted string but got \(quoted)")
        }
        try enter(try Self.unescaped(quoted.utf8.dropFirst().dropLast()))
        let end = try Self.needed(tokens.next())
        if end != "]" { throw Failure(description: "expected ] but got \(end)") }
      case ".": try enter(try Self.needed(tokens.next()))
      default: throw Failure(description: "expected [ or . but got: \(token)")
      }
    }
  }

  private static func needed(_ token: String?) throws(Failure) -> String {
    guard let token else { throw Failure(description: "unexpected end of JSON path") }
    return token
  }

  private mutating func enter(_ name: String) throws(Failure) {
    let properties = schema?.map("properties") ?? []
    if !properties.isEmpty {
      guard let found = properties.first(where: { $0.name == name }) else { throw Self.noField }
      text += text.isEmpty ? name : ".\(name)"
      schema = found.value
    } else if let others = schema?.there("additionalProperties") {
      text += "[\(name)]"
      schema = others.object == nil ? nil : others
    } else {
      throw Self.noField
    }
    if root.isEmpty { root = text }
  }

  private static let noField = Failure(description: "does not refer to a valid field")

  /// With Go's escapes of one letter. (`unescapeSingleQuote`)
  private static func unescaped(_ bytes: some Sequence<UInt8>) throws(Failure) -> String {
    var out: [UInt8] = []
    var isEscaped = false
    for byte in bytes {
      if !isEscaped, byte == UInt8(ascii: "\\") {
        isEscaped = true
      } else if isEscaped {
        guard let place = escapes.firstIndex(of: byte) else {
          throw Failure(
            description: "invalid string literal: invalid escape char \\\(String(decoding: [byte], as: UTF8.self))")
        }
        out.append(escaped[place])
        isEscaped = false
      } else {
        out.append(byte)
      }
    }
    if isEscaped { out.append(UInt8(ascii: "\\")) }
    return String(decoding: out, as: UTF8.self)
  }
  private static let escapes = Array("abfnrtv'\\".utf8)
  private static let escaped: [UInt8] = [0x07, 0x08, 0x0C, 0x0A, 0x0D, 0x09, 0x0B, 0x27, 0x5C]

  /// `.`, `[` and `]`, texts in single quotes, and what stands between.
  private struct Tokens {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    mutating func next() -> String? {
      guard let first = rest.first else { return nil }
      let delimiters: [UInt8] = [UInt8(ascii: "."), UInt8(ascii: "["), UInt8(ascii: "]")]
      if delimiters.contains(first) { return take(1) }
      if first == UInt8(ascii: "'") {
        var before = first
        for (count, byte) in rest.enumerated().dropFirst() {
          if byte == UInt8(ascii: "'"), before != UInt8(ascii: "\\") { return take(count + 1) }
          before = byte
        }
        return take(rest.count)
      }
      return take(rest.prefix { !delimiters.contains($0) }.count)
    }

    private mutating func take(_ count: Int) -> String {
      defer { rest = rest.dropFirst(count) }
      return String(decoding: rest.prefix(count), as: UTF8.self)
    }
  }
}
