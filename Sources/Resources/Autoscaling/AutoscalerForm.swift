import JSON
import Machinery
import Registry

/// What Go code sets where a client leaves it out. (Kubernetes: pkg/apis/autoscaling/v2/defaults.go)
enum AutoscalerForm {
  /// Of processors, in percent, where nothing says by what to scale.
  static let usualMetrics: JSONValue = [
    [
      "type": "Resource",
      "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": 80]],
    ]
  ]

  static func applyDefaults(_ autoscaler: inout JSONValue) {
    guard var spec = autoscaler["spec"]?.object else { return }
    if spec["minReplicas"] == nil { spec["minReplicas"] = 1 }
    if spec["metrics"]?.array?.isEmpty ?? true { spec["metrics"] = usualMetrics }
    if let behavior = spec["behavior"]?.object {
      spec["behavior"] = .object(
        ordered(
          [
            JSONObject.Member("scaleUp", rules(behavior["scaleUp"], usualUp)),
            JSONObject.Member("scaleDown", rules(behavior["scaleDown"], usualDown)),
          ]))
    }
    autoscaler["spec"] = .object(
      ordered(
        ["scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior"].compactMap { name in
          spec[name].map { JSONObject.Member(name, $0) }
        }))
  }

  /// A list of no policies is not the usual ones: rules complain of it. (`copyHPAScalingRules`)
  static func keepEmptyPolicies(_ autoscaler: inout JSONValue, _ traces: JSONValue) {
    for (direction, usual) in [("scaleUp", usualUp), ("scaleDown", usualDown)]
    where traces["spec"]?["behavior"]?[direction]?["policies"] != nil {
      guard autoscaler["spec"]?["behavior"]?[direction]?["policies"] == usual["policies"] else { continue }
      autoscaler["spec"]?["behavior"]?[direction]?["policies"] = .array([])
    }
  }

  private static func ordered(_ members: [JSONObject.Member]) -> JSONObject { JSONObject(unchecked: members) }

  private static let usualUp: JSONValue = [
    "stabilizationWindowSeconds": 0, "selectPolicy": "Max",
    "policies": [
      ["type": "Pods", "value": 4, "periodSeconds": 15], ["type": "Percent", "value": 100, "periodSeconds": 15],
    ],
  ]
  /// How long to wait before fewer are run is the controller's to say.
  private static let usualDown: JSONValue = [
    "selectPolicy": "Max", "policies": [["type": "Percent", "value": 100, "periodSeconds": 15]],
  ]

  /// What is given, over what is usual. (`copyHPAScalingRules`)
  private static func rules(_ given: JSONValue?, _ usual: JSONValue) -> JSONValue {
    .object(
      ordered(
        ["stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance"].compactMap { name in
          let value = given?[name].flatMap { $0.isNull ? nil : $0 } ?? usual[name]
          return value.map { JSONObject.Member(name, $0) }
        }))
  }
}
