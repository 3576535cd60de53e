import JSON
import Machinery
import Registry

/// What kinds have in common that make pods by a template at `spec.template`. (Kubernetes: pkg/registry/apps)
enum Workload {
  private static let metadata = TypeOrder("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")

  /// A new object has no status yet, and nothing behind closed gates.
  static let prepareForCreate: ResourceDefinition.Hook = { object in
    object["status"] = object["status"].map { _ in [:] }
    object.edit("spec") { spec in spec.edit("template") { PodGates.dropFromTemplate(&$0, old: nil) } }
  }

  static let prepareForUpdate: ResourceDefinition.UpdateHook = { object, old in
    object.edit("spec") { spec in
      spec.edit("template") { PodGates.dropFromTemplate(&$0, old: old["spec"]?["template"]) }
    }
  }

  /// Warns of a template that is new, and of a name that no pod's host can have.
  static let warnings: ResourceDefinition.Warnings = { object, old in nameHint(object, old) + template(object, old) }

  /// Warns of a template that is new.
  static let template: ResourceDefinition.Warnings = { object, old in
    // What stays as it was has been warned of.
    if let old, old["metadata"]?["generation"] == object["metadata"]?["generation"] { return [] }
    return PodWarnings.ofTemplate(object["spec"]?["template"], at: "spec.template")
  }

  private static func nameHint(_ object: JSONValue, _ old: JSONValue?) -> [String] {
    guard old == nil else { return [] }
    let problems = NameValidation.dns1123Label(object["metadata"]?.string(at: "name") ?? "")
    let hint =
      "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label "
      + "is recommended: [\(problems.joined(separator: " "))]"
    return problems.isEmpty ? [] : [hint]
  }

  // MARK: annotations that were members once

  static func annotation(_ name: String, of object: JSONValue) -> String? {
    object["metadata"]?["annotations"]?[name]?.string
  }

  /// Sets an annotation, or drops it.
  static func setAnnotation(_ name: String, _ value: String?, of object: inout JSONValue) {
    var annotations = object["metadata"]?["annotations"]?.object ?? JSONObject()
    if annotations[name]?.string == value { return }
    annotations[name] = value.map { .string($0) }
    annotations.sortByName()
    if !object.isSet("metadata") { object["metadata"] = [:] }
    object.edit("metadata") { meta in
      if annotations.isEmpty {
        meta["annotations"] = nil
      } else {
        metadata.set("annotations", .object(annotations), in: &meta)
      }
    }
  }

  /// A number as Go reads one: a sign may stand before it.
  static func number(_ text: String?) -> Int64? { text.flatMap { Int64($0) } }
}

/// Cells that tables of workloads have in common. (Kubernetes: pkg/printers/internalversion)
enum WorkloadColumns {
  static let containers: [TableColumn] = [
    TableColumn(
      "Containers", description: "The names of the containers.", priority: 1,
      cell: ContainerColumns.list("name", of: ["spec", "template", "spec"])),
    TableColumn(
      "Images", description: "The images of the containers.", priority: 1,
      cell: ContainerColumns.list("image", of: ["spec", "template", "spec"])),
  ]

  static let selector = TableColumn("Selector", description: "The labels of the pods that count.", priority: 1) {
    object, _ in .string(LabelSelectorText.text(object["spec"]?["selector"]))
  }

  /// A count of the status, or the spec.
  static func count(
    _ name: String, _ part: String, _ member: String, type: String = "integer", description: String
  ) -> TableColumn {
    TableColumn(name, type: type, description: description) { object, _ in
      .int(object[part]?[member]?.int ?? 0)
    }
  }

  /// `2/3`
  static let ready = TableColumn("Ready", description: "How many pods are ready, of how many there shall be.") {
    object, _ in
    .string("\(object["status"]?["readyReplicas"]?.int ?? 0)/\(object["spec"]?["replicas"]?.int ?? 0)")
  }
}
