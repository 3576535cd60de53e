public import JSON
import Machinery

extension TypeModel {
  /// Why an edited tree can't be held by a type, as apimachinery's converter from unstructured objects says it; nil when nothing is of the wrong kind.
  /// Texts that do not parse (times, quantities) are found by decoding. (runtime: `fromUnstructured`)
  public func conversionProblem(_ value: JSONValue, as id: TypeID) -> String? {
    if value.isNull { return nil }
    guard let object = value.object else { return "cannot restore struct from: \(Self.kind(value))" }
    for field in self[id].fields {
      guard let member = object[field.name] else { continue }
      if let problem = conversionProblem(member, field.shape, field.goType) { return problem }
    }
    return nil
  }

  private func conversionProblem(_ value: JSONValue, _ shape: Shape, _ goType: String?) -> String? {
    if value.isNull { return nil }
    switch shape {
    case .structure(let id): return conversionProblem(value, as: id)
    case .list(let item):
      guard let elements = value.array else { return "cannot restore slice from \(Self.kind(value))" }
      for element in elements { if let problem = conversionProblem(element, item, nil) { return problem } }
      return nil
    case .map(let item):
      guard let members = value.object?.members else { return "cannot restore map from \(Self.kind(value))" }
      for member in members { if let problem = conversionProblem(member.value, item, nil) { return problem } }
      return nil
    case .bytes: return value.string == nil ? "cannot restore slice from \(Self.kind(value))" : nil
    case .string:
      if value.string != nil { return nil }
      // Go converts a number to a string, but a JSON number must not become one.
      return value.int != nil ? "cannot convert int64 to \(goType ?? "string")" : "unrecognized type: string"
    case .bool: return value.bool == nil ? "unrecognized type: bool" : nil
    case .int32, .int64: return whole(value, shape)
    case .double:
      switch value {
      case .int, .double: return nil
      default: return "unrecognized type: float64"
      }
    // These read JSON of their own.
    case .quantity, .time, .microTime, .intOrString, .raw: return nil
    }
  }

  private func whole(_ value: JSONValue, _ shape: Shape) -> String? {
    let name = if case .int32 = shape { "int32" } else { "int64" }
    switch value {
    case .int: return nil
    case .double(let number): return number == number.rounded(.towardZero) ? nil : "cannot convert float64 to \(name)"
    default: return "unrecognized type: \(name)"
    }
  }

  /// Go's kind of a decoded value.
  private static func kind(_ value: JSONValue) -> String {
    switch value {
    case .array: "slice"
    case .object, .unread: "map"
    default: GoText.type(value)
    }
  }
}
