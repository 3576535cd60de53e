import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Which requests have which priority. (Kubernetes: pkg/registry/flowcontrol/flowschema)
  static let flowSchemas = ResourceDefinition(
    "flowschemas.flowcontrol.apiserver.k8s.io", kind: "FlowSchema", scope: .cluster, folder: "flowschemas",
    versions: [.v1],
    main: .main(keeps: ["status"]), subresources: [.statusAlone],
    rules: FlowSchemaRules.all, generation: .ofSpec,
    defaults: FlowSchemaForm.applyDefaults, prepareForCreate: { $0["status"] = .object(JSONObject()) },
    columns: FlowSchemaForm.columns, rowOrder: FlowSchemaForm.precedence)
}

extension SubresourceDefinition {
  /// A status that is written without the metadata beside it, but for who owns what.
  static let statusAlone = SubresourceDefinition(.status, keeps: ["spec"], disowned: [["metadata"]]) { object, old in
    var meta = old["metadata"]?.object ?? JSONObject()
    meta["managedFields"] = object["metadata"]?["managedFields"]
    object["metadata"] = .object(MetadataOrder.sorted(meta))
  }
}

/// What flow schemas get that do not say, and how they are shown.
enum FlowSchemaForm {
  static func applyDefaults(_ schema: inout JSONValue) {
    if schema["spec"]?["matchingPrecedence"]?.int ?? 0 == 0 { schema["spec"]?["matchingPrecedence"] = 1_000 }
  }

  /// Lists are shown in the order in which schemas are asked.
  static func precedence(_ schema: JSONNode) -> Int64 { schema["spec"]?["matchingPrecedence"]?.int ?? 0 }

  static let columns: [TableColumn] = [
    .name,
    .text("PriorityLevel", at: "spec.priorityLevelConfiguration.name", description: "The priority level it leads to."),
    TableColumn("MatchingPrecedence", description: "The lower, the earlier it is asked whether it matches.") {
      schema, _ in .int(precedence(schema))
    },
    TableColumn("DistinguisherMethod", description: "What tells the flows apart that it matches.") { schema, _ in
      .string(schema["spec"]?["distinguisherMethod"]?["type"]?.string ?? "<none>")
    },
    .age,
    TableColumn("MissingPL", description: "Whether there is no such priority level.") { schema, _ in
      if let conditions = schema["status"]?["conditions"] {
        for condition in conditions.elements where condition["type"]?.isString("Dangling") == true {
          return .string(condition["status"]?.string ?? "")
        }
      }
      return "?"
    },
  ]
}
