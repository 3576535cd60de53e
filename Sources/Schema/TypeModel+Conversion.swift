public import JSON
import Machinery

extension TypeModel {
  /// Why an edited tree can't be held by a type, as apimachinery's converter from unstructured objects says it; nil
  /// when nothing is of the wrong kind. Texts that do not parse (times, quantities) are found by decoding. (runtime:
  /// `fromUnstructured`)
  public func conversionProblem(_ value: JSONValue, as id: TypeID) -> String? {
    if value.isNull { return nil }
    guard let object = value.object else { return "cannot restore struct from: \(Self.kind(value))" }
    for field in self[id].fields {
      guard let member = object[field.name] else { continue }
      if let problem = conversionProblem(member, field.shape, field.goType) { return problem }
    }
    return nil
  }

  /// Has a tree numbers that `fittingNumbers` may change?
  public static func hasOddNumbers(_ value: JSONValue) -> Bool {
    switch value {
    case .double, .number: true
    case .int(let number): Int32(exactly: number) == nil
    case .array(let elements): elements.contains(where: hasOddNumbers)
    case .object(let object): object.members.contains { hasOddNumbers($0.value) }
    case .null, .bool, .string, .unread: false
    }
  }

  /// An edited tree with numbers as a type's members hold them, by the same converter: a whole number is an integer
  /// however it was written, and one that is too large for 32 bits loses what is above them, as Go converts it. What is
  /// no whole number stays, to be refused.
  public func fittingNumbers(_ value: JSONValue, as id: TypeID) -> JSONValue {
    guard let object = value.object else { return value }
    return .object(
      JSONObject(
        unchecked: object.members.map { member in
          guard let field = field(member.name, of: id) else { return member }
          return JSONObject.Member(member.name, fittingNumbers(member.value, field.shape))
        }))
  }

  private func fittingNumbers(_ value: JSONValue, _ shape: Shape) -> JSONValue {
    switch (shape, value) {
    case (.structure(let id), _): return fittingNumbers(value, as: id)
    case (.list(let item), .array(let elements)): return .array(elements.map { fittingNumbers($0, item) })
    case (.map(let item), .object(let object)):
      return .object(
        JSONObject(
          unchecked: object.members.map { member in
            JSONObject.Member(member.name, fittingNumbers(member.value, item))
          }))
    case (.int32, .int), (.int32, .double), (.int64, .double):
      guard let number = Self.whole(value) else { return value }
      if case .int32 = shape { return .int(Int64(Int32(truncatingIfNeeded: number))) }
      return .int(number)
    default: return value
    }
  }

  /// A whole number as Go's conversion to 64 bits makes it; what is beyond them becomes the smallest.
  private static func whole(_ value: JSONValue) -> Int64? {
    switch value {
    case .int(let number): number
    case .double(let number): number == number.rounded(.towardZero) ? Int64(exactly: number) ?? .min : nil
    default: nil
    }
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
    case .quantity, .time, .microTime, .intOrString, .raw, .json, .either: return nil
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
