public import JSON

/// What strict decoding complains of in a document that has no type: a patch.
public enum StrictDocument {
  /// As many as a typed body may have.
  private static let problemsMax = 100
  /// A long path may have the same repeated name below it again and again.
  static let spelledMax = 4 << 20

  /// Names that stand in an object more than once, in the order of the document: `duplicate field "metadata.labels.a"`.
  public static func problems(_ root: JSONNode) -> [String] {
    var all = Problems()
    var path: [Step] = []
    duplicates(root, &path, &all)
    return all.texts
  }

  /// One step of a path; spelled out only where there is something to complain of.
  private enum Step { case name(JSONNode), place(Int) }

  private static func text(_ path: [Step]) -> String {
    path.reduce(into: "") { text, step in
      switch step {
      case .name(let name): text += (text.isEmpty ? "" : ".") + (name.string ?? "")
      case .place(let place): text += "[\(place)]"
      }
    }
  }

  /// The same for a JSON patch, whose operations have no members but these: `json patch unknown field "[0].foo"`.
  public static func problems(ofJSONPatch root: JSONNode) -> [String] {
    var all = Problems()
    for (place, operation) in root.elements.enumerated() where operation.kind == .object {
      var seen = Set<ByteString>()
      for (member, value) in operation.members {
        let name = member.string ?? ""
        let path = "[\(place)].\(name)"
        guard ["op", "path", "from", "value"].contains(name) else {
          all.add("unknown field \"\(path)\"")
          continue
        }
        if !seen.insert(name).inserted { all.add("duplicate field \"\(path)\"") }
        if name == "value" {
          var inside: [Step] = [.place(place), .name(member)]
          duplicates(value, &inside, &all)
        }
      }
    }
    return all.texts.map { "json patch " + $0 }
  }

  private struct Problems {
    private(set) var texts: [String] = []
    private var seen = Set<ByteString>()
    /// Bytes of all complaints that were spelled out, repeated ones too.
    private var spelled = 0
    var hasRoom: Bool { texts.count < problemsMax && spelled < spelledMax }
    mutating func add(_ text: String) {
      spelled += text.utf8.count
      if texts.count < problemsMax, seen.insert(text).inserted { texts.append(text) }
    }
  }

  private static func duplicates(_ node: JSONNode, _ path: inout [Step], _ all: inout Problems) {
    switch node.kind {
    case .object:
      var seen = Set<ByteString>()
      for (name, value) in node.members {
        path.append(.name(name))
        if !seen.insert(name.string ?? "").inserted, all.hasRoom { all.add("duplicate field \"\(text(path))\"") }
        duplicates(value, &path, &all)
        path.removeLast()
      }
    case .array:
      for (place, element) in node.elements.enumerated() {
        path.append(.place(place))
        duplicates(element, &path, &all)
        path.removeLast()
      }
    case .null, .bool, .int, .double, .string: return
    }
  }
}
