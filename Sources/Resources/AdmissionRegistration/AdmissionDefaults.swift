import JSON

/// Defaults that are set in code. (Kubernetes: pkg/apis/admissionregistration/v1, defaults.go)
enum AdmissionDefaults {
  private static let emptySelector = JSONValue.object(JSONObject())

  // MARK: webhooks

  static func validating(_ configuration: inout JSONValue) {
    configuration["webhooks"]?.editEach { webhook(&$0, order: validatingOrder) }
  }

  static func mutating(_ configuration: inout JSONValue) {
    configuration["webhooks"]?.editEach {
      webhook(&$0, [("reinvocationPolicy", "Never")], order: mutatingOrder)
    }
  }

  private static let validatingOrder = [
    "name", "clientConfig", "rules", "failurePolicy", "matchPolicy", "namespaceSelector", "objectSelector",
    "sideEffects", "timeoutSeconds", "admissionReviewVersions", "matchConditions",
  ]
  private static let mutatingOrder = [
    "name", "clientConfig", "rules", "failurePolicy", "matchPolicy", "namespaceSelector", "objectSelector",
    "sideEffects", "timeoutSeconds", "admissionReviewVersions", "reinvocationPolicy", "matchConditions",
  ]

  private static func webhook(
    _ webhook: inout JSONValue, _ more: [(name: String, value: JSONValue)] = [], order: [String]
  ) {
    let defaults: [(name: String, value: JSONValue)] = [
      ("failurePolicy", "Fail"), ("matchPolicy", "Equivalent"), ("namespaceSelector", emptySelector),
      ("objectSelector", emptySelector), ("timeoutSeconds", 10),
    ]
    webhook.fill(defaults + more, order: order)
    webhook["clientConfig"]?["service"]?.fill([("port", 443)], order: ["namespace", "name", "path", "port"])
    webhook["rules"]?.editEach(rule)
  }

  // MARK: policies

  static func validatingPolicy(_ policy: inout JSONValue) {
    policy["spec"]?.fill(
      [("failurePolicy", "Fail")],
      order: [
        "paramKind", "matchConstraints", "validations", "failurePolicy", "auditAnnotations", "matchConditions",
        "variables",
      ])
    policy["spec"]?["matchConstraints"]?.matchAll()
  }

  static func mutatingPolicy(_ policy: inout JSONValue) {
    policy["spec"]?.fill(
      [("failurePolicy", "Fail")],
      order: [
        "paramKind", "matchConstraints", "variables", "mutations", "failurePolicy", "matchConditions",
        "reinvocationPolicy",
      ])
    policy["spec"]?["matchConstraints"]?.matchAll()
  }

  static func binding(_ binding: inout JSONValue) { binding["spec"]?["matchResources"]?.matchAll() }

  // MARK: what they match

  fileprivate static func rule(_ rule: inout JSONValue) {
    rule.fill(
      [("scope", "*")], order: ["resourceNames", "operations", "apiGroups", "apiVersions", "resources", "scope"])
  }
}

extension JSONValue {
  /// What a policy or binding matches. (`SetDefaults_MatchResources`)
  fileprivate mutating func matchAll() {
    let empty = JSONValue.object(JSONObject())
    fill(
      [("namespaceSelector", empty), ("objectSelector", empty), ("matchPolicy", "Equivalent")],
      order: ["namespaceSelector", "objectSelector", "resourceRules", "excludeResourceRules", "matchPolicy"])
    self["resourceRules"]?.editEach(AdmissionDefaults.rule)
    self["excludeResourceRules"]?.editEach(AdmissionDefaults.rule)
  }
}
