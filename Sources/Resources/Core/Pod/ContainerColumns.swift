import JSON
import Registry

/// Cells of tables that show containers. (Kubernetes: pkg/printers/internalversion, `layoutContainerCells`)
enum ContainerColumns {
  /// A member of each container of the spec at a path, with commas.
  static func list(_ member: String, of spec: [String]) -> TableColumn.Cell {
    { object, _ in
      var node: JSONNode? = object
      for name in spec { node = node?[name] }
      guard let containers = node?["containers"] else { return "" }
      return .string(containers.elements.map { $0[member]?.string ?? "" }.joined(separator: ","))
    }
  }

  /// A map of labels as text. (`labels.FormatLabels`)
  static func labels(at path: [String]) -> TableColumn.Cell {
    { object, _ in
      var node: JSONNode? = object
      for name in path { node = node?[name] }
      let labels = node?.members.map { "\($0.string ?? "")=\($1.string ?? "")" } ?? []
      return .string(labels.isEmpty ? "<none>" : labels.sorted().joined(separator: ","))
    }
  }
}
