import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// How much of a server requests of a priority may use. (Kubernetes: pkg/registry/flowcontrol/prioritylevelconfiguration)
  static let priorityLevelConfigurations = ResourceDefinition(
    "prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", kind: "PriorityLevelConfiguration", scope: .cluster,
    folder: "prioritylevelconfigurations", versions: [.v1],
    main: .main(keeps: ["status"]), subresources: [.statusAlone],
    rules: PriorityLevelRules.all, generation: .ofSpec,
    defaults: PriorityLevelForm.applyDefaults, prepareForCreate: { $0["status"] = .object(JSONObject()) },
    columns: PriorityLevelForm.columns)
}

/// What priority levels get that do not say, and how they are shown.
enum PriorityLevelForm {
  static func applyDefaults(_ level: inout JSONValue) {
    fill("limited", &level, shares: 30)
    fill("exempt", &level, shares: 0)
    guard case .object? = level["spec"]?["limited"]?["limitResponse"]?["queuing"] else { return }
    for (member, number) in [("queues", 64), ("handSize", 8), ("queueLengthLimit", 50)] as [(String, Int64)] {
      guard level["spec"]?["limited"]?["limitResponse"]?["queuing"]?[member]?.int ?? 0 == 0 else { continue }
      level["spec"]?["limited"]?["limitResponse"]?["queuing"]?[member] = .int(number)
    }
  }

  /// Shares and what can be lent, in the order of the type.
  private static func fill(_ part: String, _ level: inout JSONValue, shares: Int64) {
    guard case .object(let given)? = level["spec"]?[part] else { return }
    func isMissing(_ member: String) -> Bool { given[member].map(\.isNull) ?? true }
    guard isMissing("nominalConcurrencyShares") || isMissing("lendablePercent") else { return }
    func number(_ member: String, _ missing: Int64) -> JSONValue {
      isMissing(member) ? .int(missing) : given[member] ?? .int(missing)
    }
    var members = [JSONObject.Member("nominalConcurrencyShares", number("nominalConcurrencyShares", shares))]
    if let response = given["limitResponse"] { members.append(JSONObject.Member("limitResponse", response)) }
    members.append(JSONObject.Member("lendablePercent", number("lendablePercent", 0)))
    if let limit = given["borrowingLimitPercent"] { members.append(JSONObject.Member("borrowingLimitPercent", limit)) }
    level["spec"]?[part] = .object(JSONObject(unchecked: members))
  }

  static let columns: [TableColumn] = [
    .name,
    .text("Type", at: "spec.type", description: "Whether its requests are limited at all."),
    number("NominalConcurrencyShares", description: "How much of the server it has, beside the others.") {
      $0["nominalConcurrencyShares"]
    },
    number("Queues", description: "How many queues its requests wait in.") { queuing($0)?["queues"] },
    number("HandSize", description: "How many of them a flow is spread over.") { queuing($0)?["handSize"] },
    number("QueueLengthLimit", description: "How many requests may wait in one.") {
      queuing($0)?["queueLengthLimit"]
    },
    .age,
  ]

  private static func queuing(_ limited: JSONNode) -> JSONNode? { limited["limitResponse"]?["queuing"] }

  private static func number(
    _ name: String, description: String, _ value: @escaping @Sendable (_ limited: JSONNode) -> JSONNode?
  ) -> TableColumn {
    TableColumn(name, description: description) { level, _ in
      level["spec"]?["limited"].flatMap(value)?.int.map { .int($0) } ?? "<none>"
    }
  }
}
