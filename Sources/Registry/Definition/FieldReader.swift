import JSON

/// Reads members of an object, parsed or as a tree, as selectors show them.
public struct FieldReader {
  private enum Source {
    case node(JSONNode)
    case value(JSONValue)
  }
  private let source: Source

  init(_ node: JSONNode) { source = .node(node) }
  init(_ value: JSONValue) { source = .value(value) }

  /// The text of a scalar member; nil where there is none.
  public func text(_ path: [String]) -> String? {
    switch source {
    case .node(let root):
      var node: JSONNode? = root
      for name in path { node = node?[name] }
      guard let node else { return nil }
      switch node.kind {
      case .string: return node.string
      case .bool: return node.bool == true ? "true" : "false"
      case .int, .double: return node.raw.text
      case .null, .array, .object: return nil
      }
    case .value(let root):
      var value: JSONValue? = root
      for name in path { value = value?[name] }
      switch value {
      case .string(let text): return text
      case .bool(let value): return value ? "true" : "false"
      case nil, .null, .array, .object, .unread: return nil
      case .int, .double, .number: return value?.encoded().text
      }
    }
  }
}
