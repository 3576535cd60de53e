public import JSON

/// The flow schemas and priority levels that a fresh server holds, as they are sent to be created. (Kubernetes:
/// staging/src/k8s.io/apiserver/pkg/apis/flowcontrol/bootstrap)
public enum BootstrapFlowControl {
  /// Says of an object whether the server may set its spec right.
  public static let autoUpdate = "apf.kubernetes.io/autoupdate-spec"

  /// Has an object the spec of one that is built in? Of the exempt level the shares do not count, which anybody may set.
  /// (`flowSchemaSpecEqual`, `plcSpecEqualish`)
  public static func hasSpec(_ object: JSONValue, of wanted: JSONValue) -> Bool {
    guard var spec = object["spec"], let fixed = wanted["spec"] else { return false }
    if fixed["priorityLevelConfiguration"] != nil { return InternalForm.areSame(spec, fixed, as: schemaSpec) }
    if let exempt = fixed["exempt"], spec["exempt"].map({ !$0.isNull }) ?? false { spec["exempt"] = exempt }
    return InternalForm.areSame(spec, fixed, as: levelSpec)
  }

  static let schemaSpec = "io.k8s.api.flowcontrol.v1.FlowSchemaSpec"
  static let levelSpec = "io.k8s.api.flowcontrol.v1.PriorityLevelConfigurationSpec"

  // MARK: levels

  /// What the server can't be without.
  public static let mandatoryPriorityLevels = [
    level("catch-all", shares: 5, lendable: 0),
    object(
      "exempt",
      ["type": "Exempt", "exempt": ["nominalConcurrencyShares": 0, "lendablePercent": 0]]),
  ]

  /// What may be changed or taken out by whoever knows better.
  public static var suggestedPriorityLevels: [JSONValue] {
    [
      level("system", shares: 30, lendable: 33, queues: 64, hand: 6),
      level("node-high", shares: 40, lendable: 25, queues: 64, hand: 6),
      level("leader-election", shares: 10, lendable: 0, queues: 16, hand: 4),
      level("workload-high", shares: 40, lendable: 50, queues: 128, hand: 6),
      level("workload-low", shares: 100, lendable: 90, queues: 128, hand: 6),
      level("global-default", shares: 20, lendable: 50, queues: 128, hand: 6),
    ]
  }

  // MARK: schemas

  /// What the server can't be without.
  public static let mandatoryFlowSchemas = [
    schema("exempt", level: "exempt", 1, groups("system:masters"), everything),
    schema("catch-all", level: "catch-all", 10_000, by: "ByUser", everybody, everything),
  ]

  /// What may be changed or taken out by whoever knows better.
  public static var suggestedFlowSchemas: [JSONValue] {
    [
      schema("system-nodes", level: "system", 500, by: "ByUser", groups("system:nodes"), everything),
      schema(
        "system-node-high", level: "node-high", 400, by: "ByUser", groups("system:nodes"),
        resources([
          resource(["*"], group: "", ["nodes", "nodes/status"], inCluster: true),
          resource(["*"], group: "coordination.k8s.io", ["leases"]),
        ])),
      schema("probes", level: "exempt", 2, everybody, urls(["get"], ["/healthz", "/readyz", "/livez"])),
      schema(
        "system-leader-election", level: "leader-election", 100, by: "ByUser",
        users("system:kube-controller-manager", "system:kube-scheduler") + systemAccounts,
        resources([resource(["get", "create", "update"], group: "coordination.k8s.io", ["leases"])])),
      schema(
        "kube-controller-manager", level: "workload-high", 800, by: "ByNamespace",
        users("system:kube-controller-manager"), everything),
      schema(
        "kube-scheduler", level: "workload-high", 800, by: "ByNamespace", users("system:kube-scheduler"), everything),
      schema(
        "kube-system-service-accounts", level: "workload-high", 900, by: "ByNamespace", systemAccounts, everything),
      schema(
        "service-accounts", level: "workload-low", 9_000, by: "ByUser", groups("system:serviceaccounts"), everything),
      schema("global-default", level: "global-default", 9_900, by: "ByUser", everybody, everything),
    ]
  }

  // MARK: making them

  private static func object(_ name: String, _ spec: JSONValue) -> JSONValue {
    ["metadata": ["name": .string(name), "annotations": [autoUpdate: "true"]], "spec": spec]
  }

  /// Without queues what does not fit in is refused.
  private static func level(
    _ name: String, shares: Int64, lendable: Int64, queues: Int64 = 0, hand: Int64 = 0
  ) -> JSONValue {
    let response: JSONValue =
      queues == 0
      ? ["type": "Reject"]
      : [
        "type": "Queue", "queuing": ["queues": .int(queues), "handSize": .int(hand), "queueLengthLimit": 50],
      ]
    return object(
      name,
      [
        "type": "Limited",
        "limited": [
          "nominalConcurrencyShares": .int(shares), "limitResponse": response, "lendablePercent": .int(lendable),
        ],
      ])
  }

  private static func schema(
    _ name: String, level: String, _ precedence: Int64, by method: String? = nil, _ subjects: [JSONValue],
    _ what: [JSONObject.Member]
  ) -> JSONValue {
    var members = [
      JSONObject.Member("priorityLevelConfiguration", ["name": .string(level)]),
      JSONObject.Member("matchingPrecedence", .int(precedence)),
    ]
    if let method { members.append(JSONObject.Member("distinguisherMethod", ["type": .string(method)])) }
    let rule = JSONObject(unchecked: [JSONObject.Member("subjects", .array(subjects))] + what)
    members.append(JSONObject.Member("rules", [.object(rule)]))
    return object(name, .object(JSONObject(unchecked: members)))
  }

  private static func groups(_ names: String...) -> [JSONValue] {
    names.map { ["kind": "Group", "group": ["name": .string($0)]] }
  }
  private static func users(_ names: String...) -> [JSONValue] {
    names.map { ["kind": "User", "user": ["name": .string($0)]] }
  }
  private static let everybody = groups("system:unauthenticated", "system:authenticated")
  private static let systemAccounts: [JSONValue] = [
    ["kind": "ServiceAccount", "serviceAccount": ["namespace": "kube-system", "name": "*"]]
  ]

  private static func resource(
    _ verbs: JSONValue, group: JSONValue, _ resources: JSONValue, inCluster: Bool = false
  ) -> JSONValue {
    var members = [
      JSONObject.Member("verbs", verbs), JSONObject.Member("apiGroups", [group]),
      JSONObject.Member("resources", resources),
    ]
    if inCluster { members.append(JSONObject.Member("clusterScope", true)) }
    members.append(JSONObject.Member("namespaces", ["*"]))
    return .object(JSONObject(unchecked: members))
  }
  private static func resources(_ rules: JSONValue) -> [JSONObject.Member] {
    [JSONObject.Member("resourceRules", rules)]
  }
  private static func urls(_ verbs: JSONValue, _ urls: JSONValue) -> [JSONObject.Member] {
    [JSONObject.Member("nonResourceRules", [["verbs": verbs, "nonResourceURLs": urls]])]
  }
  private static let everything =
    resources([resource(["*"], group: "*", ["*"], inCluster: true)]) + urls(["*"], ["*"])
}
