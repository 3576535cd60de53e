import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How much there may be of things in a namespace. (Kubernetes: pkg/registry/core/resourcequota)
  static let resourceQuotas = ResourceDefinition(
    "resourcequotas", kind: "ResourceQuota", shortNames: ["quota"], scope: .namespaced, folder: "resourcequotas",
    versions: [.v1],
    main: .main(keeps: ["status"]),
    subresources: [.status()],
    rules: ResourceQuotaRules.all,
    deletion: DeletionRule { $0.answersObject = true },
    prepareForCreate: { $0["status"] = .object(JSONObject()) },
    warnings: { quota, old in old == nil ? ResourceQuotaWarnings.all(quota) : [] },
    columns: [
      .name,
      TableColumn("Request", description: "How much is used of what there may be.") { quota, _ in
        .string(ResourceQuotaTable.usage(quota, ofLimits: false))
      },
      TableColumn("Limit", description: "How much is used of what limits may add up to.") { quota, _ in
        .string(ResourceQuotaTable.usage(quota, ofLimits: true))
      },
      .age,
    ])
}

/// What the creator of a quota should know.
private enum ResourceQuotaWarnings {
  static func all(_ quota: JSONValue) -> [String] {
    func amount(_ name: String) -> Quantity? {
      (quota["spec"]?["hard"]?[name]?.string).flatMap { try? Quantity(parsing: $0) }
    }
    return ["cpu", "memory", "storage", "ephemeral-storage"].compactMap { resource in
      // Of these two the bare name means what is asked for.
      let mayBeBare = resource == "cpu" || resource == "memory"
      let names = ["requests.\(resource)"] + (mayBeBare ? [resource] : [])
      guard let name = names.first(where: { amount($0) != nil }), let request = amount(name),
        let limit = amount("limits.\(resource)"), request > limit
      else { return nil }
      return "ResourceQuota \(name) (\(request)) should be less than limits.\(resource) (\(limit))"
    }
  }
}

/// (Kubernetes: pkg/printers/internalversion, printResourceQuota)
private enum ResourceQuotaTable {
  static func usage(_ quota: JSONNode, ofLimits: Bool) -> String {
    let (hard, used) = (quota["status"]?["hard"], quota["status"]?["used"])
    let names = hard?.members.compactMap { $0.name.string } ?? []
    return names.filter { $0.hasPrefix("limits.") == ofLimits }.sorted()
      .map { "\($0): \(used?[$0]?.string ?? "0")/\(hard?[$0]?.string ?? "0")" }.joined(separator: ", ")
  }
}
