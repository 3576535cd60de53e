import JSON
import Registry

extension ResourceDefinition {
  /// What pods, containers and claims of a namespace may ask for, each. (Kubernetes: pkg/registry/core/limitrange)
  static let limitRanges = ResourceDefinition(
    "limitranges", kind: "LimitRange", shortNames: ["limits"], scope: .namespaced, folder: "limitranges",
    versions: [.v1],
    puts: [.mayCreate],
    rules: LimitRangeRules.all,
    defaults: LimitRangeDefaults.apply,
    columns: [.name, .createdAt])
}

/// What limits of containers say by what they don't say.
enum LimitRangeDefaults {
  private static let order = ["type", "max", "min", "default", "defaultRequest", "maxLimitRequestRatio"]

  static func apply(_ limitRange: inout JSONValue) {
    guard let limits = limitRange["spec"]?["limits"]?.array,
      limits.contains(where: { $0["type"]?.string == "Container" })
    else { return }
    limitRange["spec"]?["limits"] = .array(limits.map(filled))
  }

  /// A default is the maximum, what is asked for by default is that, or else the minimum.
  /// (`SetDefaults_LimitRangeItem`)
  private static func filled(_ item: JSONValue) -> JSONValue {
    guard item["type"]?.string == "Container", case .object(let given) = item else { return item }
    let limit = merged(item["default"], item["max"])
    let request = merged(merged(item["defaultRequest"], limit), item["min"])
    let members = order.compactMap { name -> JSONObject.Member? in
      switch name {
      case "default": limit.map { JSONObject.Member(name, $0) }
      case "defaultRequest": request.map { JSONObject.Member(name, $0) }
      default: given[name].map { JSONObject.Member(name, $0) }
      }
    }
    return .object(JSONObject(unchecked: members))
  }

  /// A map with what it lacks of another.
  private static func merged(_ map: JSONValue?, _ other: JSONValue?) -> JSONValue? {
    guard let more = other?.object, !more.isEmpty else { return map }
    var all = map?.object ?? JSONObject()
    for entry in more.members where all[entry.name] == nil { all[entry.name] = entry.value }
    all.sortByName()
    return .object(all)
  }
}
