public import JSON
public import Machinery

/// What is particular about nodes. (Kubernetes: pkg/registry/core/node/strategy.go)
public struct NodeStrategy: RESTStrategy {
  public init() {}

  public let info = ResourceInfo(
    groupVersion: GroupVersion(version: "v1"), plural: "nodes", singular: "node", kind: "Node", isNamespaced: false,
    shortNames: ["no"],
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
    subresources: [("status", ["get", "patch", "update"])],
    storagePath: "minions", typeName: "io.k8s.api.core.v1.Node")

  public var allowsCreateOnUpdate: Bool { false }
  public var allowsUnconditionalUpdate: Bool { true }

  /// Allocatable defaults to capacity, quantities round up to a thousandth; podCIDR and podCIDRs are one field
  /// (semantics 2.3, 2.4).
  public func applyDefaults(_ object: inout JSONValue) {
    for list in ["capacity", "allocatable"] {
      guard let quantities = object["status"]?[list]?.object else { continue }
      let rounded = quantities.members.map { member -> JSONObject.Member in
        guard let text = member.value.string, Self.mayBeFiner(text), let quantity = try? Quantity(parsing: text) else {
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
  private func insertAllocatable(_ capacity: JSONValue, _ object: inout JSONValue) {
    guard var members = object["status"]?.object?.members,
      let place = members.firstIndex(where: { $0.name == "capacity" })
    else { return }
    members.insert(JSONObject.Member("allocatable", capacity), at: place + 1)
    object["status"] = .object(JSONObject(unchecked: members))
  }

  /// The conversion between v1 and the internal type, which has the list alone: podCIDR wins if both differ, answers
  /// show both.
  private func joinPodCIDRs(_ object: inout JSONValue) {
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

  public func prepareForCreate(_ object: inout JSONValue) {
    object["spec"]?["configSource"] = nil
    object["status"]?["config"] = nil
  }

  public func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: Subresource) {
    switch subresource {
    case .main:
      object["status"] = old["status"]
      if old["spec"]?["configSource"] == nil { object["spec"]?["configSource"] = nil }
    case .status:
      object["spec"] = old["spec"]
      if old["status"]?["config"] == nil { object["status"]?["config"] = nil }
    }
    // Restored members must stand where the type has them.
    guard let members = object.object else { return }
    object = .object(
      JSONObject(
        unchecked: ["kind", "apiVersion", "metadata", "spec", "status"].compactMap { name in
          members.index(of: name).map { members.members[$0] }
        }))
  }

  public func resetFields(_ subresource: Subresource) -> [[String]] {
    switch subresource {
    case .main: [["status"]]
    case .status: [["spec"]]
    }
  }

  public func validate(_ object: JSONValue) -> [FieldError] { NodeValidation.validate(object) }

  /// The main update runs the checks of a creation too, so some complaints come twice (semantics 2.5).
  public func validateUpdate(
    _ object: JSONValue, old: JSONValue, subresource: Subresource, isMetaGood: Bool
  ) -> [FieldError] {
    (subresource == .main ? NodeValidation.validate(object, isMetaGood: isMetaGood) : [])
      + NodeValidation.validateUpdate(object, old: old, isMetaGood: isMetaGood)
  }

  public func warnings(_ object: JSONValue) -> [String] {
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

  public let selectableFieldNames = ["metadata.name", "spec.unschedulable"]

  public func selectableFields(_ object: FieldReader) -> [(name: String, value: String)] {
    [
      ("metadata.name", object.text(["metadata", "name"]) ?? ""),
      ("spec.unschedulable", object.text(["spec", "unschedulable"]) ?? "false"),
    ]
  }

  public var columns: [TableColumn] { NodeTable.columns }
  public func cells(_ root: JSONNode, now: Int64) -> [JSONValue] { NodeTable.cells(root, now: now) }
}
