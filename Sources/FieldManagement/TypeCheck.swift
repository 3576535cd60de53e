import ByteBuffers
import JSON
import Machinery

extension MergeSchema {
  /// What is wrong with a configuration, as structured-merge-diff reports it; nil when all is well.
  func problems(_ value: JSONValue) -> String? {
    var check = TypeCheck(schema: self)
    check.value(value, root)
    if check.problems.isEmpty { return nil }
    return check.problems.count == 1
      ? check.problems[0] : "errors:\n" + check.problems.map { "  " + $0 }.joined(separator: "\n")
  }
}

/// One walk over a configuration. Paths become text only where there is something to complain of.
private struct TypeCheck {
  let schema: MergeSchema
  private(set) var problems: [String] = []
  private var path: [PathElement] = []
  /// More complaints than this help nobody.
  private static let problemsMax = 100

  init(schema: MergeSchema) { self.schema = schema }

  private mutating func complain(_ text: String) {
    problems.append(path.isEmpty ? text : path.map(\.description).joined() + ": " + text)
  }

  private mutating func inside(_ element: PathElement, _ value: JSONValue, _ id: MergeSchema.ID) {
    path.append(element)
    self.value(value, id)
    path.removeLast()
  }

  mutating func value(_ value: JSONValue, _ id: MergeSchema.ID) {
    guard problems.count < Self.problemsMax, !value.isNull else { return }
    switch schema[id].kind {
    case .opaque: return
    case .deduced:
      if schema[id].isKnown, value.object != nil { members(value, id) }
    case .atomic(let inner): self.value(value, inner)
    case .scalar(let scalar):
      switch (scalar, value) {
      case (.string, .string), (.bool, .bool), (.number, .int), (.number, .double), (.any, .string), (.any, .int),
        (.any, .double), (.any, .bool):
        return
      case (.string, _): complain("expected string, got &value.valueUnstructured{Value:\(GoText.syntax(value))}")
      case (.bool, _): complain("expected boolean, got \(Self.shown(value))")
      case (.number, _): complain("expected numeric (int or float), got \(GoText.type(value))")
      case (.any, _): complain("expected any scalar, got \(Self.shown(value))")
      }
    case .structure, .map: members(value, id)
    case .list(let item):
      guard let items = value.array else { return complain("expected list, got \(Self.shown(value))") }
      for (place, value) in items.enumerated() where problems.count < Self.problemsMax {
        inside(.index(place), value, item)
      }
    case .set(let item): items(value, item, [])
    case .keyed(let item, let keys): items(value, item, keys)
    }
  }

  private mutating func members(_ value: JSONValue, _ id: MergeSchema.ID) {
    guard let members = value.object?.members else { return complain("expected map, got \(Self.shown(value))") }
    for member in members {
      guard let child = schema.child(member.name, of: id) else {
        // The first unknown member of an object ends its check.
        path.append(.field(member.name))
        complain("field not declared in schema")
        path.removeLast()
        return
      }
      inside(.field(member.name), member.value, child)
    }
  }

  private mutating func items(_ value: JSONValue, _ item: MergeSchema.ID, _ keys: [MergeSchema.Key]) {
    guard let items = value.array else { return complain("expected list, got \(Self.shown(value))") }
    var seen: Set<PathElement> = []
    for (place, value) in items.enumerated() where problems.count < Self.problemsMax {
      do throws(FieldsError) {
        let element = try MergeSchema.element(of: value, keys)
        if !seen.insert(element).inserted { complain("duplicate entries for key \(element.description)") }
        inside(element, value, item)
      } catch {
        // What stands behind an item that nothing tells apart can't be named either.
        return complain("element \(place): \(error.description)")
      }
    }
  }

  /// A value as Go prints it with %v, inside of upstream's wrapper.
  private static func shown(_ value: JSONValue) -> String { "&{\(GoText.value(value))}" }
}
