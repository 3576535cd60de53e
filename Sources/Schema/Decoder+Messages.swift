import JSON
import Machinery

/// What decoding complains of, in Go's words.
extension Decoder {
  /// Path of a member as strict complaints spell it.
  private func pathText(_ last: String) -> String {
    var text = ""
    for part in path {
      switch part {
      case .field(let row, _): text += text.isEmpty ? tables.fields[row].name : ".\(tables.fields[row].name)"
      case .key(let name): text += text.isEmpty ? source.text(name) : ".\(source.text(name))"
      case .index(let index): text += "[\(index)]"
      }
    }
    return path.isEmpty ? last : "\(text).\(last)"
  }

  mutating func reportUnknown(_ name: Source.Name) { report("unknown field", source.text(name)) }

  mutating func report(_ what: String, _ name: String) {
    guard eitherOwner == nil, problems.count < DecodeLimits.maxProblems, spelled < StrictDocument.spelledMax else {
      return
    }
    let problem = "\(what) \(GoText.quoted(pathText(name)))"
    spelled += problem.utf8.count
    if seenProblems.insert(problem).inserted { problems.append(problem) }
  }

  mutating func save(_ error: DecodeError) { if savedError == nil { savedError = error } }

  /// Notes a wrong type. `type`: its Go name; nil for that of the member the decoder is at.
  mutating func mismatch(_ given: Source.Value, _ type: String?) {
    if savedError == nil { savedError = mismatched(given, type) }
  }

  func mismatched(_ given: Source.Value, _ type: String?) -> DecodeError {
    let type = type ?? currentGoType
    let what: String =
      switch source.kind(given) {
      case .null: "null"
      case .bool: "bool"
      case .string: "string"
      case .array: "array"
      case .object: "object"
      // Only where a number was wanted is it shown.
      case .int, .double:
        ["int32", "int64", "float64"].contains(type)
          ? "number \(source.numberText(given))" : "number"
      }
    // Go's path has members only: no places in lists, no keys.
    var names: [String] = []
    var owner = 0
    for case .field(let row, let structure) in path {
      let holder = model.structures[structure]
      let depth = holder.fields[row - tables.structures[structure].first].outerNumbers.count
      if depth > 0 { names += (EmbeddedStructs.names[holder.shortName] ?? []).prefix(depth) }
      names.append(tables.fields[row].name)
      owner = structure
    }
    // Go's error comes out of the decoder that reads the member by hand, and is named by who called that.
    owner = eitherOwner ?? owner
    if names.isEmpty { return DecodeError(description: "json: cannot unmarshal \(what) into Go value of type \(type)") }
    return DecodeError(
      description:
        "json: cannot unmarshal \(what) into Go struct field \(model.structures[owner].shortName).\(names.joined(separator: ".")) of type \(type)"
    )
  }

  /// The Go type of the innermost member, or of its elements as deep as the path goes behind it.
  private var currentGoType: String {
    var layers = 0
    for part in path.reversed() {
      guard case .field(let row, let structure) = part else {
        layers += 1
        continue
      }
      let field = model.structures[structure].fields[row - tables.structures[structure].first]
      var shape = field.shape
      var type = field.goType?[...]
      for _ in 0..<layers {
        switch shape {
        case .list(let element):
          shape = element
          type = type.flatMap { $0.hasPrefix("[]") ? $0.dropFirst(2) : nil }
        case .map(let element):
          shape = element
          type = type.flatMap { type in
            type.hasPrefix("map[") ? type.firstIndex(of: "]").map { type[type.index(after: $0)...] } : nil
          }
        case .either(_, or: .strings):
          shape = .string
          type = nil
        default: break
        }
      }
      return type.map(String.init) ?? model.goType(shape)
    }
    return ""
  }
}

extension TypeModel {
  /// The Go type that a shape has unless its member says otherwise.
  func goType(_ shape: Shape) -> String {
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
    case .json: "v1.JSON"
    case .structure(let id): "v1.\(self[id].shortName)"
    case .either(let id, let other): "v1.\(self[id].shortName)Or\(other.rawValue)"
    case .list(let element): "[]\(goType(element))"
    case .map(let element): "map[string]\(goType(element))"
    }
  }
}
