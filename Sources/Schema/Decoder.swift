import ByteBuffers
public import JSON
import Machinery

/// A body that a type can't hold; the text is Go's.
public struct DecodeError: Error, Equatable, CustomStringConvertible {
  public let description: String
}

/// What came of a body.
public struct Decoded: Sendable {
  /// Members in the order of answers, unknown ones dropped, quantities and times canonical, omitted and zero values as kube-apiserver writes
  /// them. Encoding it gives the bytes that kube-apiserver would send.
  public var value: JSONValue
  /// Complaints of strict decoding in the order of the body: `unknown field "spec.nope"`, `duplicate field "metadata.labels.a"`.
  public let strictProblems: [String]

  /// The text of a strict failure.
  public var strictMessage: String { "strict decoding error: " + strictProblems.joined(separator: ", ") }
}

extension TypeModel {
  /// Reads a parsed body as a type, by the rules of Go's decoder as apimachinery uses it: names are case-sensitive, of a repeated name the
  /// last value counts, null is the zero value, unknown names are dropped and reported.
  public func decode(_ node: JSONNode, as id: TypeID) throws(DecodeError) -> Decoded {
    var decoder = Decoder(model: self)
    let value = try decoder.structure(node, id)
    return Decoded(value: value, strictProblems: decoder.problems)
  }

  /// An edited tree as the type holds it: the same as encoding it and reading it again.
  public func canonicalise(_ value: JSONValue, as id: TypeID) throws(DecodeError) -> Decoded {
    let tape: JSONTape
    do { tape = try JSONTape.parse(value.encoded()) } catch { throw DecodeError(description: error.description) }
    return try decode(tape.root, as: id)
  }
}

/// One decoding. Recursion follows the types, which are shallow; what is raw is parsed again under a depth limit.
private struct Decoder {
  let model: TypeModel
  var problems: [String] = []
  /// Path to the current place, kept only as far as messages need it.
  private var path: [PathPart] = []
  private var owner = ""

  /// As upstream, so that a body of unknown names can't grow the answer without end.
  private static let maxProblems = 100

  private enum PathPart {
    case name(String)
    case index(Int)
  }

  init(model: TypeModel) { self.model = model }

  private func pathText(_ last: String? = nil) -> String {
    var text = ""
    for part in path {
      switch part {
      case .name(let name): text += text.isEmpty ? name : ".\(name)"
      case .index(let index): text += "[\(index)]"
      }
    }
    if let last { text += text.isEmpty ? last : ".\(last)" }
    return text
  }

  private mutating func report(_ problem: String) {
    if problems.count < Self.maxProblems { problems.append(problem) }
  }

  private func mismatch(_ node: JSONNode, _ type: String) -> DecodeError {
    let kind: String =
      switch node.kind {
      case .null: "null"
      case .bool: "bool"
      case .int, .double: "number"
      case .string: "string"
      case .array: "array"
      case .object: "object"
      }
    return mismatch(kind, type)
  }

  private func mismatch(_ what: String, _ type: String) -> DecodeError {
    // Go leaves list places out of this path.
    let names = path.compactMap { if case .name(let name) = $0 { name } else { nil } }
    if names.isEmpty { return DecodeError(description: "json: cannot unmarshal \(what) into Go value of type \(type)") }
    return DecodeError(description: "json: cannot unmarshal \(what) into Go struct field \(owner).\(names.joined(separator: ".")) of type \(type)")
  }

  mutating func structure(_ node: JSONNode?, _ id: TypeModel.TypeID) throws(DecodeError) -> JSONValue {
    let type = model[id]
    // Go names the struct that holds the field, so the complaint comes before this one is entered.
    if let node, !node.isNull, node.kind != .object { throw mismatch(node, "v1.\(type.shortName)") }
    let outer = owner
    owner = type.shortName
    defer { owner = outer }
    var slots = [JSONValue?](repeating: nil, count: type.fields.count)
    if let node, !node.isNull {
      var given: UInt64 = 0  // one bit a field, for repeated names
      var hint = 0  // bodies mostly keep the order of the type
      for (name, value) in node.members {
        guard let place = find(name, in: type.fields, from: hint) else {
          report("unknown field \(GoText.quoted(pathText(name.string)))")
          continue
        }
        hint = place + 1
        let bit: UInt64 = 1 << UInt64(place & 63)
        if given & bit != 0 { report("duplicate field \(GoText.quoted(pathText(type.fields[place].name)))") }
        given |= bit
        path.append(.name(type.fields[place].name))
        slots[place] = try self.value(value, type.fields[place].shape)
        path.removeLast()
      }
    }
    var members: [JSONObject.Member] = []
    members.reserveCapacity(type.fields.count)
    for (place, field) in type.fields.enumerated() {
      if let value = try written(slots[place], field) { members.append(JSONObject.Member(field.name, value)) }
    }
    return .object(JSONObject(unchecked: members))
  }

  private func find(_ name: JSONNode, in fields: [TypeModel.Field], from hint: Int) -> Int? {
    for place in hint..<max(hint, fields.count) where name.isString(fields[place].name) { return place }
    for place in 0..<min(hint, fields.count) where name.isString(fields[place].name) { return place }
    return nil
  }

  /// What an answer shows for a member: nil leaves it out.
  private mutating func written(_ value: JSONValue?, _ field: TypeModel.Field) throws(DecodeError) -> JSONValue? {
    if let value, !value.isNull {
      if field.isPointer || field.omission == .never { return value }
      let isZero: Bool
      switch value {
      case .string(let text): isZero = text.isEmpty
      case .int(let number): isZero = number == 0
      case .double(let number): isZero = number == 0
      case .bool(let truth): isZero = !truth
      case .array(let elements): isZero = elements.isEmpty
      case .object(let object):
        // omitempty does not see into structs.
        if case .structure = field.shape { isZero = false } else { isZero = object.isEmpty }
      case .null: isZero = true
      }
      // Not `isZero ? nil : value`: that nil would be a JSON null, which is a value.
      if isZero { return nil }
      return value
    }
    if field.isPointer { return field.omission == .never ? .null : nil }
    switch field.shape {
    case .structure(let id): return try structure(nil, id)
    case .time, .microTime: return field.omission == .whenZero ? nil : .null
    case .quantity where field.omission == .never: return "0"
    case .intOrString where field.omission == .never: return 0
    case .string where field.omission == .never: return ""
    case .int32 where field.omission == .never, .int64 where field.omission == .never, .double where field.omission == .never: return 0
    case .bool where field.omission == .never: return false
    case .list where field.omission == .never, .map where field.omission == .never, .bytes where field.omission == .never, .raw where field.omission == .never:
      return .null
    default: return nil
    }
  }

  private mutating func value(_ node: JSONNode, _ shape: TypeModel.Shape) throws(DecodeError) -> JSONValue {
    if node.isNull { return .null }
    switch shape {
    case .string:
      guard let text = node.string else { throw mismatch(node, "string") }
      return .string(text)
    case .bool:
      guard let truth = node.bool else { throw mismatch(node, "bool") }
      return .bool(truth)
    case .int32:
      guard let number = node.int, let small = Int32(exactly: number) else { throw number(node, "int32") }
      return .int(Int64(small))
    case .int64:
      guard let number = node.int else { throw number(node, "int64") }
      return .int(number)
    case .double:
      guard let number = node.double else { throw mismatch(node, "float64") }
      return .double(number)
    case .quantity: return .string(try quantity(node))
    case .time, .microTime:
      guard let text = node.string else { throw mismatch(node, "string") }
      do {
        if case .time = shape { return .string(try Timestamp.canonical(text)) }
        return .string(try Timestamp.canonicalMicro(text))
      } catch { throw DecodeError(description: error.description) }
    case .intOrString:
      if let text = node.string { return .string(text) }
      guard let number = node.int, Int32(exactly: number) != nil else { throw self.number(node, "int32") }
      return .int(number)
    case .bytes:
      guard let text = node.string else { throw mismatch(node, "[]uint8") }
      return .string(text)
    case .raw:
      do { return try JSONValue(parsing: node.raw) } catch { throw DecodeError(description: error.description) }
    case .structure(let id): return try structure(node, id)
    case .list(let element):
      guard node.kind == .array else { throw mismatch(node, goType(shape)) }
      var elements: [JSONValue] = []
      for (place, item) in node.elements.enumerated() {
        path.append(.index(place))
        elements.append(try self.element(item, element))
        path.removeLast()
      }
      return .array(elements)
    case .map(let element):
      guard node.kind == .object else { throw mismatch(node, goType(shape)) }
      var members: [JSONObject.Member] = []
      for (name, item) in node.members {
        let key = name.string ?? ""
        path.append(.name(key))
        members.append(JSONObject.Member(key, try self.element(item, element)))
        path.removeLast()
      }
      // Go writes maps sorted; of a repeated key the last value counts.
      let isSorted = zip(members, members.dropFirst()).allSatisfy { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
      if isSorted { return .object(JSONObject(unchecked: members)) }
      var seen = Set<String>()
      for member in members where !seen.insert(member.name).inserted {
        report("duplicate field \(GoText.quoted(pathText(member.name)))")
      }
      var object = JSONObject(uniquing: members)
      object.sortByName()
      return .object(object)
    }
  }

  /// An element of a list or map: null is the zero value there, not nothing.
  private mutating func element(_ node: JSONNode, _ shape: TypeModel.Shape) throws(DecodeError) -> JSONValue {
    guard node.isNull else { return try value(node, shape) }
    switch shape {
    case .string, .bytes: return ""
    case .bool: return false
    case .int32, .int64, .double, .intOrString: return 0
    case .quantity: return "0"
    case .structure(let id): return try structure(nil, id)
    case .time, .microTime, .raw, .list, .map: return .null
    }
  }

  private func number(_ node: JSONNode, _ type: String) -> DecodeError {
    switch node.kind {
    case .int, .double: mismatch("number \(node.raw.text)", type)
    default: mismatch(node, type)
    }
  }

  /// A quantity may be written as a string or as a bare number.
  private func quantity(_ node: JSONNode) throws(DecodeError) -> String {
    let text: String
    switch node.kind {
    case .string: text = node.string ?? ""
    case .int, .double: text = node.raw.text
    default: throw DecodeError(description: Quantity.ParseError.format.description)
    }
    do { return try Quantity.canonical(text) } catch { throw DecodeError(description: error.description) }
  }

  private func goType(_ shape: TypeModel.Shape) -> String {
    switch shape {
    case .string: "string"
    case .bool: "bool"
    case .int32: "int32"
    case .int64: "int64"
    case .double: "float64"
    case .quantity: "resource.Quantity"
    case .time: "v1.Time"
    case .microTime: "v1.MicroTime"
    case .intOrString: "intstr.IntOrString"
    case .bytes: "[]uint8"
    case .raw: "runtime.RawExtension"
    case .structure(let id): "v1.\(model[id].shortName)"
    case .list(let element): "[]\(goType(element))"
    case .map(let element): "map[string]\(goType(element))"
    }
  }
}
