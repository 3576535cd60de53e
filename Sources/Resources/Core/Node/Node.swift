import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A machine that runs pods. (Kubernetes: pkg/registry/core/node)
  static let nodes = ResourceDefinition(
    "nodes", kind: "Node", shortNames: ["no"], scope: .cluster, folder: "minions", versions: [.v1],
    main: .main(
      keeps: ["status"], prepare: { if $1["spec"]?["configSource"] == nil { $0["spec"]?["configSource"] = nil } }),
    subresources: [
      NodeProxy.part,
      .status(prepare: { if $1["status"]?["config"] == nil { $0["status"]?["config"] = nil } }),
    ],
    rules: NodeRules.all,
    defaults: NodeDefaults.apply,
    prepareForCreate: {
      $0["spec"]?["configSource"] = nil
      $0["status"]?["config"] = nil
    },
    warnings: { node, _ in NodeWarnings.all(node) },
    selectableFields: [SelectableField("spec.unschedulable", missing: "false")], unknownField: .label,
    heartbeat: .status,
    columns: NodeTable.columns)
}

/// What a node gets that does not say.
enum NodeDefaults {
  /// Allocatable defaults to capacity, quantities round up to a thousandth; podCIDR and podCIDRs are one field
  /// (semantics 2.3, 2.4).
  static func apply(_ object: inout JSONValue) {
    for list in ["capacity", "allocatable"] {
      guard let quantities = object["status"]?[list]?.object else { continue }
      let rounded = quantities.members.map { member -> JSONObject.Member in
        guard let text = member.value.string, mayBeFiner(text), let quantity = try? Quantity(parsing: text) else {
          return member
        }
        return JSONObject.Member(member.name, .string(quantity.roundedUpToMilli.description))
      }
      object["status"]?[list] = .object(JSONObject(unchecked: rounded))
    }
    if let capacity = object["status"]?["capacity"], object["status"]?["allocatable"] == nil {
      insertAllocatable(capacity, &object)
    }
    joinPodCIDRs(&object)
  }

  /// May a canonical quantity have parts of a thousandth? Only with the suffixes n and u, or an exponent.
  private static func mayBeFiner(_ quantity: String) -> Bool {
    quantity.utf8.contains {
      $0 == UInt8(ascii: "n") || $0 == UInt8(ascii: "u") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".")
    }
  }

  /// Behind capacity, where the type has it.
  private static func insertAllocatable(_ capacity: JSONValue, _ object: inout JSONValue) {
    guard var members = object["status"]?.object?.members,
      let place = members.firstIndex(where: { $0.name == "capacity" })
    else { return }
    members.insert(JSONObject.Member("allocatable", capacity), at: place + 1)
    object["status"] = .object(JSONObject(unchecked: members))
  }

  /// The conversion between v1 and the internal type, which has the list alone: podCIDR wins if both differ, answers
  /// show both.
  private static func joinPodCIDRs(_ object: inout JSONValue) {
    let single = object["spec"]?["podCIDR"]?.string ?? ""
    var list = object["spec"]?["podCIDRs"]?.array ?? []
    guard !single.isEmpty || !list.isEmpty else { return }
    if !single.isEmpty && list.first?.string != single { list = [.string(single)] }
    var members = object["spec"]?.object?.members.filter { $0.name != "podCIDR" && $0.name != "podCIDRs" } ?? []
    let first = list.first?.string ?? ""
    members.insert(JSONObject.Member("podCIDRs", .array(list)), at: 0)
    if !first.isEmpty { members.insert(JSONObject.Member("podCIDR", .string(first)), at: 0) }
    object["spec"] = .object(JSONObject(unchecked: members))
  }
}

/// What a client should know of its node.
enum NodeWarnings {
  static func all(_ object: JSONValue) -> [String] {
    var warnings: [String] = []
    if object["spec"]?["configSource"] != nil { warnings.append("spec.configSource: the feature is removed") }
    if !(object["spec"]?["externalID"]?.string ?? "").isEmpty {
      warnings.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    }
    for (place, cidr) in (object["spec"]?["podCIDRs"]?.array ?? []).enumerated() {
      warnings += IPValidation.warnings(ofNetwork: cidr.string ?? "", "spec.podCIDRs[\(place)]")
    }
    return warnings
  }
}
