import JSON
import Machinery
import Registry

/// Between autoscalers of v2, which are stored, and those of v1. What v1 has no member for travels in annotations.
/// (Kubernetes: pkg/apis/autoscaling/v1/conversion.go)
enum AutoscalerConversion {
  static let inV1 = ServedVersion.Conversion(toStored: toV2, fromStored: toV1)

  private enum Annotation {
    static let metrics = "autoscaling.alpha.kubernetes.io/metrics"
    static let statuses = "autoscaling.alpha.kubernetes.io/current-metrics"
    static let conditions = "autoscaling.alpha.kubernetes.io/conditions"
    static let behavior = "autoscaling.alpha.kubernetes.io/behavior"
    static let all: Set<ByteString> = [
      ByteString(metrics), ByteString(statuses), ByteString(conditions), ByteString(behavior),
      "autoscaling.alpha.kubernetes.io/scale-down-tolerance", "autoscaling.alpha.kubernetes.io/scale-up-tolerance",
    ]
  }

  // MARK: v1 to v2

  private static func toV2(_ autoscaler: JSONValue) -> JSONValue {
    let annotations = autoscaler["metadata"]?["annotations"]
    func annotation(_ name: String) -> JSONValue? {
      (annotations?[name]?.string).flatMap { try? JSONValue(parsing: $0) }
    }
    var spec = members(of: autoscaler["spec"], ["scaleTargetRef", "minReplicas", "maxReplicas"])
    var metrics: [JSONValue] = []
    // One that can't be read says nothing.
    if let others = annotation(Annotation.metrics).flatMap({ AutoscalerMetrics.toV2($0, .specs) }) { metrics = others }
    if let percent = autoscaler["spec"]?["targetCPUUtilizationPercentage"], !percent.isNull {
      metrics.append(
        [
          "type": "Resource",
          "resource": ["name": "cpu", "target": ["type": "Utilization", "averageUtilization": percent]],
        ])
    }
    spec.append(JSONObject.Member("metrics", metrics.isEmpty ? AutoscalerForm.usualMetrics : .array(metrics)))
    if let behavior = annotation(Annotation.behavior).flatMap(AutoscalerBehavior.read) {
      spec.append(JSONObject.Member("behavior", behavior))
    }
    var status = members(
      of: autoscaler["status"], ["observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas"])
    var current: JSONValue?
    if let percent = autoscaler["status"]?["currentCPUUtilizationPercentage"], !percent.isNull {
      current = [["type": "Resource", "resource": ["name": "cpu", "current": ["averageUtilization": percent]]]]
    }
    if let statuses = annotation(Annotation.statuses).flatMap({ AutoscalerMetrics.toV2($0, .statuses) }) {
      current = .array(statuses)
    }
    status.append(JSONObject.Member("currentMetrics", current ?? .null))
    if let conditions = annotation(Annotation.conditions).flatMap(AutoscalerMetrics.conditions) {
      status.append(JSONObject.Member("conditions", conditions))
    }
    return whole(autoscaler, spec, status, adding: [])
  }

  // MARK: v2 to v1

  private static func toV1(_ autoscaler: JSONValue) -> JSONValue {
    var spec = members(of: autoscaler["spec"], ["scaleTargetRef", "minReplicas", "maxReplicas"])
    let metrics = autoscaler["spec"]?["metrics"]?.array ?? []
    func percent(_ metric: JSONValue) -> JSONValue? {
      guard metric["type"] == "Resource", metric["resource"]?["name"] == "cpu" else { return nil }
      return metric["resource"]?["target"]?["averageUtilization"].flatMap { $0.isNull ? nil : $0 }
    }
    if let first = metrics.lazy.compactMap(percent).first {
      spec.append(JSONObject.Member("targetCPUUtilizationPercentage", first))
    }
    var status = members(
      of: autoscaler["status"], ["observedGeneration", "lastScaleTime", "currentReplicas", "desiredReplicas"])
    let statuses = autoscaler["status"]?["currentMetrics"]?.array ?? []
    let used = statuses.last { status in
      status["type"] == "Resource" && status["resource"]?["name"] == "cpu"
        && (status["resource"]?["current"]?["averageUtilization"].map { !$0.isNull } ?? false)
    }
    if let used = used?["resource"]?["current"]?["averageUtilization"] {
      status.append(JSONObject.Member("currentCPUUtilizationPercentage", used))
    }
    var added: [JSONObject.Member] = []
    func add(_ name: String, _ value: JSONValue) {
      added.append(JSONObject.Member(name, .string(value.encoded().text)))
    }
    let others = metrics.filter { percent($0) == nil }
    if !others.isEmpty { add(Annotation.metrics, AutoscalerMetrics.toV1(others, .specs)) }
    if !statuses.isEmpty { add(Annotation.statuses, AutoscalerMetrics.toV1(statuses, .statuses)) }
    if let behavior = autoscaler["spec"]?["behavior"], !behavior.isNull {
      add(Annotation.behavior, AutoscalerBehavior.written(behavior))
    }
    let conditions = autoscaler["status"]?["conditions"]?.array ?? []
    if !conditions.isEmpty { add(Annotation.conditions, .array(conditions)) }
    return whole(autoscaler, spec, status, adding: added)
  }

  // MARK: parts

  private static func members(of value: JSONValue?, _ names: [String]) -> [JSONObject.Member] {
    names.compactMap { name in
      (value?[name]).flatMap { $0.isNull ? nil : JSONObject.Member(name, $0) }
    }
  }

  /// The autoscaler with these parts, and annotations that are those of what it is made of, as Go writes a map.
  private static func whole(
    _ autoscaler: JSONValue, _ spec: [JSONObject.Member], _ status: [JSONObject.Member],
    adding added: [JSONObject.Member]
  ) -> JSONValue {
    var whole = autoscaler
    whole["spec"] = .object(JSONObject(unchecked: spec))
    whole["status"] = .object(JSONObject(unchecked: status))
    guard var metadata = autoscaler["metadata"]?.object else { return whole }
    let before = metadata["annotations"]?.object?.members ?? []
    let kept = before.filter { !Annotation.all.contains(ByteString($0.name)) }
    if added.isEmpty && kept.count == before.count { return whole }
    let all = (kept + added).sorted { $0.name < $1.name }
    metadata["annotations"] = all.isEmpty ? nil : .object(JSONObject(unchecked: all))
    whole["metadata"] = .object(MetadataOrder.sorted(metadata))
    return whole
  }
}

/// The rules of scaling in an annotation, which has the names of Go's own type.
enum AutoscalerBehavior {
  private static let rules: [(go: String, name: String)] = [
    ("StabilizationWindowSeconds", "stabilizationWindowSeconds"), ("SelectPolicy", "selectPolicy"),
    ("Policies", "policies"), ("Tolerance", "tolerance"),
  ]
  private static let policy: [(go: String, name: String)] = [
    ("Type", "type"), ("Value", "value"), ("PeriodSeconds", "periodSeconds"),
  ]

  /// As it is stored; nil for one that can't be read, or says nothing.
  static func read(_ annotation: JSONValue) -> JSONValue? {
    guard annotation.object != nil else { return nil }
    var behavior: [JSONObject.Member] = []
    for (go, name) in [("ScaleUp", "scaleUp"), ("ScaleDown", "scaleDown")] {
      guard let given = annotation[go], !given.isNull else { continue }
      guard given.object != nil else { return nil }
      var members: [JSONObject.Member] = []
      for (go, name) in rules {
        guard let value = given[go], !value.isNull else { continue }
        let isRight =
          switch name {
          case "stabilizationWindowSeconds": value.int32 != nil
          case "selectPolicy": value.string != nil
          case "policies": value.array != nil
          default: value.string.map { (try? Quantity(parsing: $0)) != nil } ?? (value.int != nil)
          }
        guard isRight else { return nil }
        if name == "policies" {
          var policies: [JSONValue] = []
          for item in value.array ?? [] {
            guard let read = onePolicy(item) else { return nil }
            policies.append(read)
          }
          members.append(JSONObject.Member(name, .array(policies)))
        } else {
          members.append(JSONObject.Member(name, value))
        }
      }
      behavior.append(JSONObject.Member(name, .object(JSONObject(unchecked: members))))
    }
    return behavior.isEmpty ? nil : .object(JSONObject(unchecked: behavior))
  }

  private static func onePolicy(_ item: JSONValue) -> JSONValue? {
    if item.isNull { return ["type": "", "value": 0, "periodSeconds": 0] }
    guard item.object != nil else { return nil }
    let type = item["Type"] ?? ""
    guard type.isNull || type.string != nil else { return nil }
    var members = [JSONObject.Member("type", type.isNull ? "" : type)]
    for (go, name) in policy.dropFirst() {
      let value = item[go] ?? 0
      guard value.isNull || value.int32 != nil else { return nil }
      members.append(JSONObject.Member(name, value.isNull ? 0 : value))
    }
    return .object(JSONObject(unchecked: members))
  }

  static func written(_ behavior: JSONValue) -> JSONValue {
    func one(_ given: JSONValue?) -> JSONValue {
      guard let given, !given.isNull else { return .null }
      return .object(
        JSONObject(
          unchecked: rules.map { go, name in
            guard let value = given[name] else { return JSONObject.Member(go, .null) }
            guard name == "policies" else { return JSONObject.Member(go, value) }
            let policies = (value.array ?? []).map { item in
              JSONValue.object(
                JSONObject(
                  unchecked: policy.map { JSONObject.Member($0.go, item[$0.name] ?? ($0.go == "Type" ? "" : 0)) }))
            }
            return JSONObject.Member(go, .array(policies))
          }))
    }
    return ["ScaleUp": one(behavior["scaleUp"]), "ScaleDown": one(behavior["scaleDown"])]
  }
}

extension JSONValue {
  /// The number, where Go's int32 holds it.
  var int32: Int32? { int.flatMap { Int32(exactly: $0) } }
}
