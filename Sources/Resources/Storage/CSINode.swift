import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// The drivers of a node. (Kubernetes: pkg/registry/storage/csinode)
  static let csiNodes = ResourceDefinition(
    "csinodes.storage.k8s.io", kind: "CSINode", scope: .cluster, folder: "csinodes", versions: [.v1],
    puts: [.needVersion],
    rules: CSINodeRules.all,
    deletion: DeletionRule { $0.answersObject = true },
    columns: [
      .name,
      TableColumn("Drivers", type: "integer", description: "How many drivers the node has.") { node, _ in
        .int(Int64(node["spec"]?["drivers"]?.elements.reduce(0) { count, _ in count + 1 } ?? 0))
      },
      .age,
    ])
}

/// Rules for the drivers of a node. (Kubernetes: pkg/apis/storage/validation, `ValidateCSINode` and
/// `ValidateCSINodeUpdate`)
enum CSINodeRules {
  static let all: [Rule] = [
    .metadata(.subdomain),
    .at("spec", .at("drivers", .custom(drivers), .onUpdate(.custom(driversStay)))),
  ]

  private static let drivers: Rule.Function = { context in
    var names = Set<ByteString>()
    for (place, driver) in (context.value?.array ?? []).enumerated() {
      func path(_ member: RuleContext.Part) -> String { context.path(.index(place), member) }
      let name = driver["name"]?.string ?? ""
      for error in CSIDriverName.errors(path("name"), name) { context.report(error) }
      let node = driver["nodeID"]?.string ?? ""
      if node.isEmpty { context.report(.required(path("nodeID"), "")) }
      if node.utf8.count > 256 { context.report(.invalid(path("nodeID"), node, "must be 256 characters or less")) }
      if let count = driver["allocatable"]?["count"]?.int, count < 0 {
        let path = context.path(.index(place), "allocatable", "count")
        context.report(.invalid(path, bare: String(count), "must be greater than or equal to 0"))
      }
      if !names.insert(ByteString(name)).inserted {
        context.report(.duplicate(path("name"), bare: GoText.quoted(name)))
      }
      topologyKeys(driver, context.path(.index(place)), &context)
    }
  }

  /// Complaints stand at the driver.
  private static func topologyKeys(_ driver: JSONValue, _ path: String, _ context: inout RuleContext) {
    var seen = Set<ByteString>()
    for key in (driver["topologyKeys"]?.array ?? []).map({ $0.string ?? "" }) {
      if key.isEmpty { context.report(.required(path, "")) }
      if !seen.insert(ByteString(key)).inserted { context.report(.duplicate(path, bare: GoText.quoted(key))) }
      for problem in NameValidation.qualifiedName(key) { context.report(.invalid(path, key, problem)) }
    }
  }

  /// A driver may come and go, but nothing of it changes but how many volumes it can take.
  private static let driversStay: Rule.Function = { context in
    for old in context.old?.array ?? [] {
      for (place, new) in (context.value?.array ?? []).enumerated() where new["name"] == old["name"] {
        let isSame =
          new["nodeID"] == old["nodeID"] && RuleContext.areSame(new["topologyKeys"], old["topologyKeys"])
        if isSame { continue }
        // Upstream prints its internal type here.
        var driver = new
        driver["allocatable"] = nil
        let shown = InternalForm.text(
          of: driver, as: "io.k8s.api.storage.v1.CSINodeDriver", traces: context.tracesInside([.index(place)]))
        context.report(.invalid(context.path(), bare: shown, "field is immutable"))
      }
    }
  }
}
