import JSON
import Machinery

/// Lists whose items, or their keys, may stand in them once. (apiextensions-apiserver: `schema/listtype`)
enum ListTypes {
  /// The faults of an object, and of all that is in it.
  static func problems(_ value: JSONValue, _ schema: StructuralSchema) -> [FieldError] {
    var errors: [FieldError] = []
    walk(value, schema, "", &errors)
    return errors
  }

  private static func walk(
    _ value: JSONValue, _ schema: StructuralSchema, _ path: String, _ errors: inout [FieldError]
  ) {
    switch value {
    case .object(let object):
      if case .schema(let inner)? = schema.additional {
        for member in object.members { walk(member.value, inner, "\(path)[\(member.name)]", &errors) }
      }
      if schema.properties.isEmpty { return }
      for member in object.members {
        guard let inner = schema.property(member.name) else { continue }
        walk(member.value, inner, path.isEmpty ? member.name : "\(path).\(member.name)", &errors)
      }
    case .array(let items):
      switch schema.listType {
      case .set?:
        for place in repeated(items.map { identity($0) }) {
          errors.append(.duplicate("\(path)[\(place)]", bare: items[place].inComplaints))
        }
      case .map?: keyed(items, schema, path, &errors)
      case .atomic?, nil: break
      }
      guard let inner = schema.items else { return }
      for (place, item) in items.enumerated() { walk(item, inner, "\(path)[\(place)]", &errors) }
    default: return
    }
  }

  private static func keyed(
    _ items: [JSONValue], _ schema: StructuralSchema, _ path: String, _ errors: inout [FieldError]
  ) {
    if let place = items.firstIndex(where: { !$0.isNull && $0.object == nil }) {
      let shown = items[place].inComplaints
      errors.append(
        .invalid("\(path)[\(place)]", bare: shown, "must be an object for an array of list-type map"))
      return
    }
    let keys = items.map { item -> JSONValue in
      .object(
        JSONObject(
          unchecked: schema.listMapKeys.sorted().compactMap { name in
            item[name].map { JSONObject.Member(name, $0) }
          }))
    }
    for place in repeated(keys.map { identity($0) }) {
      errors.append(.duplicate("\(path)[\(place)]", bare: keys[place].inComplaints))
    }
  }

  /// Numbers that are whole are not those that are written with a fraction, as in Go.
  private static func identity(_ value: JSONValue) -> ByteString {
    if case .double = value { return ByteString("float64 \(value.encoded().text)") }
    return ByteString(value.sortedByName.encoded().text)
  }

  /// Where something stands for the second time; what comes after is not told.
  private static func repeated(_ texts: [ByteString]) -> [Int] {
    guard texts.count > 1 else { return [] }
    var counts: [ByteString: Int] = [:]
    return texts.indices.filter { place in
      counts[texts[place], default: 0] += 1
      return counts[texts[place]] == 2
    }
  }
}
