import ByteBuffers
import JSON
import Machinery

extension MergeSchema {
  /// What is wrong with a configuration, as structured-merge-diff reports it; nil when all is well.
  func problems(_ value: JSONValue) -> String? {
    var all: [String] = []
    check(value, root, "", &all)
    if all.isEmpty { return nil }
    return all.count == 1 ? all[0] : "errors:\n" + all.map { "  " + $0 }.joined(separator: "\n")
  }

  /// More complaints than this help nobody.
  private static let problemsMax = 100

  private func check(_ value: JSONValue, _ id: ID, _ path: String, _ all: inout [String]) {
    guard all.count < Self.problemsMax else { return }
    func complain(_ text: String) { all.append(path.isEmpty ? text : "\(path): \(text)") }
    if value.isNull { return }
    switch self[id].kind {
    case .opaque: return
    case .atomic(let inner): check(value, inner, path, &all)
    case .scalar(let scalar):
      switch (scalar, value) {
      case (.string, .string), (.bool, .bool), (.number, .int), (.number, .double), (.any, .string), (.any, .int), (.any, .double), (.any, .bool): return
      case (.string, _): complain("expected string, got &value.valueUnstructured{Value:\(GoText.syntax(value))}")
      case (.bool, _): complain("expected boolean, got \(Self.shown(value))")
      case (.number, _): complain("expected numeric (int or float), got \(GoText.type(value))")
      case (.any, _): complain("expected any scalar, got \(Self.shown(value))")
      }
    case .structure:
      guard let members = value.object?.members else { return complain("expected map, got \(Self.shown(value))") }
      for member in members {
        let below = path + "." + member.name
        guard let child = self[id].fields[member.name] else {
          // The first unknown member of an object ends its check.
          all.append(below + ": field not declared in schema")
          return
        }
        check(member.value, child, below, &all)
      }
    case .map(let item):
      guard let members = value.object?.members else { return complain("expected map, got \(Self.shown(value))") }
      for member in members { check(member.value, item, path + "." + member.name, &all) }
    case .list(let item):
      guard let items = value.array else { return complain("expected list, got \(Self.shown(value))") }
      for (place, value) in items.enumerated() { check(value, item, "\(path)[\(place)]", &all) }
    case .set(let item): checkItems(value, item, [], path, &all)
    case .keyed(let item, let keys): checkItems(value, item, keys, path, &all)
    }
  }

  private func checkItems(_ value: JSONValue, _ item: ID, _ keys: [Key], _ path: String, _ all: inout [String]) {
    func complain(_ text: String) { all.append(path.isEmpty ? text : "\(path): \(text)") }
    guard let items = value.array else { return complain("expected list, got \(Self.shown(value))") }
    var seen: Set<PathElement> = []
    for (place, value) in items.enumerated() {
      do {
        let element = try Self.element(of: value, keys)
        if !seen.insert(element).inserted { complain("duplicate entries for key \(element.description)") }
        check(value, item, path + element.description, &all)
      } catch {
        // What stands behind an item that nothing tells apart can't be named either.
        return complain("element \(place): \(error.description)")
      }
    }
  }

  /// A value as Go prints it with %v, inside of upstream's wrapper.
  private static func shown(_ value: JSONValue) -> String { "&{\(GoText.value(value))}" }
}
