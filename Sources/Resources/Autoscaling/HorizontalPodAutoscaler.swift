import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How many pods there shall be, by what they use. (Kubernetes: pkg/registry/autoscaling/horizontalpodautoscaler)
  static let horizontalPodAutoscalers = ResourceDefinition(
    "horizontalpodautoscalers.autoscaling", kind: "HorizontalPodAutoscaler", shortNames: ["hpa"], categories: ["all"],
    scope: .namespaced, folder: "horizontalpodautoscalers",
    versions: [ServedVersion("v2"), ServedVersion("v1", conversion: AutoscalerConversion.inV1)],
    main: .main(keeps: ["status"]), subresources: [.status()],
    rules: AutoscalerRules.all,
    defaults: AutoscalerForm.applyDefaults, mendDefaults: AutoscalerForm.keepEmptyPolicies,
    prepareForCreate: { $0["status"] = ["desiredReplicas": 0, "currentMetrics": .null] },
    columns: [
      .name,
      TableColumn("Reference", description: "Whose pods are counted.") { object, _ in
        let target = object["spec"]?["scaleTargetRef"]
        return .string("\(target?["kind"]?.string ?? "")/\(target?["name"]?.string ?? "")")
      },
      TableColumn(
        "Targets", description: "What the number of pods follows: how much there is, and how much there shall be."
      ) {
        object, _ in .string(AutoscalerTargets.text(object))
      },
      TableColumn("MinPods", description: "The fewest pods that there may be.") { object, _ in
        .string(object["spec"]?["minReplicas"]?.int.map { String($0) } ?? "<unset>")
      },
      TableColumn("MaxPods", description: "The most pods that there may be.") { object, _ in
        .int(object["spec"]?["maxReplicas"]?.int ?? 0)
      },
      TableColumn("Replicas", description: "How many pods there are.") { object, _ in
        .int(object["status"]?["currentReplicas"]?.int ?? 0)
      },
      .age,
    ])
}

/// The metrics of an autoscaler, as tables show them. (Kubernetes: `formatHPAMetrics`)
enum AutoscalerTargets {
  private static let shownMax = 2

  static func text(_ autoscaler: JSONNode) -> String {
    var all: [String] = []
    var statuses: [JSONNode] = []
    autoscaler["status"]?["currentMetrics"]?.elements.forEach { statuses.append($0) }
    var place = 0
    autoscaler["spec"]?["metrics"]?.elements.forEach { metric in
      all.append(one(metric, place < statuses.count ? statuses[place] : nil))
      place += 1
    }
    if all.isEmpty { return "<none>" }
    let text = all.prefix(shownMax).joined(separator: ", ")
    return all.count > shownMax ? "\(text) + \(all.count - shownMax) more..." : text
  }

  private static func one(_ metric: JSONNode, _ status: JSONNode?) -> String {
    let sources = [
      "External": "external", "Pods": "pods", "Object": "object", "Resource": "resource",
      "ContainerResource": "containerResource",
    ]
    let type = metric["type"]?.string ?? ""
    guard let member = sources[type] else { return "<unknown type>" }
    let target = metric[member]?["target"]
    let current = status?[member]?["current"]
    func amount(_ name: String) -> String { current?[name]?.string ?? "<unknown>" }
    switch type {
    case "Resource", "ContainerResource":
      let name = metric[member]?["name"]?.string ?? ""
      if let average = target?["averageValue"]?.string { return "\(name): \(amount("averageValue"))/\(average)" }
      let used = current?["averageUtilization"]?.int.map { "\($0)%" } ?? "<unknown>"
      return "\(name): \(used)/\(target?["averageUtilization"]?.int.map { "\($0)%" } ?? "<auto>")"
    case "Pods": return "\(amount("averageValue"))/\(target?["averageValue"]?.string ?? "<nil>")"
    default:
      if let average = target?["averageValue"]?.string { return "\(amount("averageValue"))/\(average) (avg)" }
      return "\(amount("value"))/\(target?["value"]?.string ?? "<nil>")"
    }
  }
}
