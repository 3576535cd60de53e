public import JSON

/// What strict decoding complains of in a document that has no type: a patch.
public enum StrictDocument {
  /// As many as a typed body may have.
  private static let problemsMax = 100

  /// Names that stand in an object more than once, in the order of the document: `duplicate field "metadata.labels.a"`.
  public static func problems(_ root: JSONNode) -> [String] {
    var all = Problems()
    duplicates(root, "", &all)
    return all.texts
  }

  /// The same for a JSON patch, whose operations have no members but these: `json patch unknown field "[0].foo"`.
  public static func problems(ofJSONPatch root: JSONNode) -> [String] {
    var all = Problems()
    for (place, operation) in root.elements.enumerated() where operation.kind == .object {
      var seen = Set<ByteString>()
      for (name, value) in operation.members {
        let name = name.string ?? ""
        let path = "[\(place)].\(name)"
        guard ["op", "path", "from", "value"].contains(name) else {
          all.add("unknown field \"\(path)\"")
          continue
        }
        if !seen.insert(name).inserted { all.add("duplicate field \"\(path)\"") }
        if name == "value" { duplicates(value, path, &all) }
      }
    }
    return all.texts.map { "json patch " + $0 }
  }

  private struct Problems {
    private(set) var texts: [String] = []
    private var seen = Set<ByteString>()
    mutating func add(_ text: String) {
      if texts.count < problemsMax, seen.insert(text).inserted { texts.append(text) }
    }
  }

  private static func duplicates(_ node: JSONNode, _ path: String, _ all: inout Problems) {
    switch node.kind {
    case .object:
      var seen = Set<ByteString>()
      for (name, value) in node.members {
        let name = name.string ?? ""
        let below = path.isEmpty ? name : "\(path).\(name)"
        if !seen.insert(name).inserted { all.add("duplicate field \"\(below)\"") }
        duplicates(value, below, &all)
      }
    case .array: for (place, element) in node.elements.enumerated() { duplicates(element, "\(path)[\(place)]", &all) }
    case .null, .bool, .int, .double, .string: return
    }
  }
}
