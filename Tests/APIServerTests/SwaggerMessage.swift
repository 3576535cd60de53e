import ByteBuffers
import JSON
import Schema

/// A protobuf message read without its definition, by the wire format alone.
struct WireMessage {
  struct Malformed: Error {}
  private var fields: [(number: Int, value: Value)] = []
  private enum Value {
    case number(UInt64)
    case bytes([UInt8])
  }

  init(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    func varint() throws -> UInt64 {
      var (value, shift): (UInt64, UInt64) = (0, 0)
      while true {
        guard let byte = rest.popFirst(), shift < 64 else { throw Malformed() }
        value |= UInt64(byte & 0x7F) << shift
        if byte < 0x80 { return value }
        shift += 7
      }
    }
    while !rest.isEmpty {
      let tag = try varint()
      switch tag & 7 {
      case 0: fields.append((Int(tag >> 3), .number(try varint())))
      case 2:
        let count = Int(try varint())
        guard rest.count >= count else { throw Malformed() }
        fields.append((Int(tag >> 3), .bytes(Array(rest.prefix(count)))))
        rest = rest.dropFirst(count)
      default: throw Malformed()
      }
    }
  }

  private func all(_ number: Int) -> [[UInt8]] {
    fields.compactMap { if $0.number == number, case .bytes(let bytes) = $0.value { bytes } else { nil } }
  }
  func texts(_ number: Int) -> [String] { all(number).map { String(decoding: $0, as: UTF8.self) } }
  func text(_ number: Int) -> String? { texts(number).last }
  func messages(_ number: Int) throws -> [WireMessage] { try all(number).map { try WireMessage($0) } }
  func message(_ number: Int) throws -> WireMessage? { try messages(number).last }
  func truth(_ number: Int) -> Bool? {
    fields.last { $0.number == number }.flatMap { if case .number(let value) = $0.value { value != 0 } else { nil } }
  }
}

/// Reads `openapi.v2.Document` back to Swagger's JSON with sorted members, by the numbers that gnostic publishes.
enum SwaggerMessage {
  static func read(_ bytes: [UInt8]) throws -> JSONValue {
    let message = try WireMessage(bytes)
    var document = JSONObject()
    document["swagger"] = string(message.text(1))
    if let info = try message.message(2) {
      document["info"] = object(["title": string(info.text(1)), "version": string(info.text(2))])
    }
    document["paths"] = try pairs(message.message(8), 2, path)
    document["definitions"] = try pairs(message.message(9), 1, schema)
    document["parameters"] = try pairs(message.message(10), 1, parameter)
    document["security"] = .array(
      try message.messages(12).map { try pairs($0, 1) { .array($0.texts(1).map { .string($0) }) } ?? .null })
    document["securityDefinitions"] = try pairs(message.message(13), 1) { item in
      let key = try item.message(2)
      return object([
        "type": string(key?.text(1)), "name": string(key?.text(2)), "in": string(key?.text(3)),
        "description": string(key?.text(4)),
      ])
    }
    return JSONValue.object(document).sorted
  }

  private static func string(_ text: String?) -> JSONValue? { text.map { .string($0) } }
  private static func strings(_ texts: [String]) -> JSONValue? {
    texts.isEmpty ? Optional.none : .array(texts.map { .string($0) })
  }
  private static func object(_ members: [String: JSONValue?]) -> JSONValue {
    .object(JSONObject(unchecked: members.compactMap { name, value in value.map { JSONObject.Member(name, $0) } }))
  }

  /// Named values.
  private static func pairs(
    _ message: WireMessage?, _ number: Int, _ read: (WireMessage) throws -> JSONValue
  ) throws -> JSONValue? {
    guard let message else { return Optional.none }
    return .object(
      JSONObject(
        unchecked: try message.messages(number).map { pair in
          JSONObject.Member(pair.text(1) ?? "", try pair.message(2).map(read) ?? .null)
        }))
  }

  private static func extensions(_ message: WireMessage, _ number: Int) throws -> [String: JSONValue?] {
    var found: [String: JSONValue?] = [:]
    for pair in try message.messages(number) {
      var duplicates: [String] = []
      found[pair.text(1) ?? ""] = try JSONValue(
        yaml: ByteSlice(SharedBytes(pair.message(2)?.text(2) ?? "")), duplicates: &duplicates)
    }
    return found
  }

  private static func path(_ message: WireMessage) throws -> JSONValue {
    var members: [String: JSONValue?] = [:]
    for (name, number) in [("get", 2), ("put", 3), ("post", 4), ("delete", 5), ("patch", 8)] {
      members[name] = try message.message(number).map(operation)
    }
    let parameters = try message.messages(9).map(item)
    if !parameters.isEmpty { members["parameters"] = .array(parameters) }
    return object(members)
  }

  private static func operation(_ message: WireMessage) throws -> JSONValue {
    var members = try extensions(message, 13)
    members["tags"] = strings(message.texts(1))
    members["description"] = string(message.text(3))
    members["operationId"] = string(message.text(5))
    members["produces"] = strings(message.texts(6))
    members["consumes"] = strings(message.texts(7))
    members["schemes"] = strings(message.texts(10))
    let parameters = try message.messages(8).map(item)
    if !parameters.isEmpty { members["parameters"] = .array(parameters) }
    members["responses"] = try pairs(message.message(9), 1) { value in
      let response = try value.message(1)
      return object([
        "description": string(response?.text(1)), "schema": try response?.message(2)?.message(1).map(schema),
      ])
    }
    return object(members)
  }

  private static func item(_ message: WireMessage) throws -> JSONValue {
    if let reference = try message.message(2) { return object(["$ref": string(reference.text(1))]) }
    return try message.message(1).map(parameter) ?? .null
  }

  private static func parameter(_ message: WireMessage) throws -> JSONValue {
    if let body = try message.message(1) {
      return object([
        "description": string(body.text(1)), "name": string(body.text(2)), "in": string(body.text(3)),
        "required": body.truth(4).map { .bool($0) },
        "schema": try body.message(5).map(schema),
      ])
    }
    let other = try message.message(2)
    if let query = try other?.message(3) {
      return object([
        "in": string(query.text(2)), "description": string(query.text(3)), "name": string(query.text(4)),
        "type": string(query.text(6)),
        "uniqueItems": query.truth(20).map { .bool($0) },
      ])
    }
    let path = try other?.message(4)
    return object([
      "required": path?.truth(1).map { .bool($0) }, "in": string(path?.text(2)), "description": string(path?.text(3)),
      "name": string(path?.text(4)),
      "type": string(path?.text(5)), "uniqueItems": path?.truth(19).map { .bool($0) },
    ])
  }

  private static func schema(_ message: WireMessage) throws -> JSONValue {
    var members = try extensions(message, 31)
    members["$ref"] = string(message.text(1))
    members["format"] = string(message.text(2))
    members["description"] = string(message.text(4))
    members["required"] = strings(message.texts(19))
    // Of any type, and so as YAML.
    members["enum"] = strings(try message.messages(20).map { ($0.text(2) ?? "").split(separator: "\n").joined() })
    members["type"] = string(try message.message(22)?.text(1))
    members["items"] = try message.message(23)?.message(1).map(schema)
    members["additionalProperties"] = try message.message(21)?.message(1).map(schema)
    members["properties"] = try pairs(message.message(25), 1, schema)
    return object(members)
  }
}

extension JSONValue {
  /// The same with the members of all objects in order.
  var sorted: JSONValue {
    switch self {
    case .object(let object):
      var inner = JSONObject(unchecked: object.members.map { JSONObject.Member($0.name, $0.value.sorted) })
      inner.sortByName()
      return .object(inner)
    case .array(let elements): return .array(elements.map(\.sorted))
    default: return self
    }
  }
}
