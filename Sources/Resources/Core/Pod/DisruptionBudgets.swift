import JSON
import Machinery
import Registry

/// Budgets of disruptions, as an eviction looks at them.
enum DisruptionBudgets {
  private static let order = TypeOrder("io.k8s.api.policy.v1.PodDisruptionBudgetStatus")

  /// Those that a pod counts in. (`getPodDisruptionBudgets`)
  static func of(_ pod: JSONValue, _ store: Store, namespace: String) async throws(Status) -> [JSONValue] {
    let labels = pod["metadata"]?["labels"]?.object ?? JSONObject()
    return try await store.readAll(namespace: namespace).filter { budget in
      guard let selector = budget["spec"]?["selector"], !selector.isNull else { return false }
      return LabelSelectorMatch.selects(selector, labels)
    }
  }

  /// Why nothing more may go.
  static func refusal(_ name: String, _ status: JSONValue) -> String {
    let (healthy, wanted) = (status.int(at: "currentHealthy"), status.int(at: "desiredHealthy"))
    let condition = status.array(at: "conditions").first { $0.string(at: "type") == "DisruptionAllowed" }
    let message = condition?.string(at: "message") ?? ""
    let reason = condition?.string(at: "reason") ?? ""
    let isFalse = condition?.string(at: "status") == "False" && !message.isEmpty
    let budget = "The disruption budget \(name)"
    if isFalse && reason == "SyncFailed" {
      return "\(budget) does not allow evicting pods currently because it failed sync: \(message)"
    }
    if healthy <= wanted { return "\(budget) needs \(wanted) healthy pods and has \(healthy) currently" }
    if isFalse { return "\(budget) does not allow evicting pods currently (\(reason)): \(message)" }
    return "\(budget) does not allow evicting pods currently"
  }

  /// One less, for a pod that is about to go.
  static func take(from budget: inout JSONValue, _ allowed: Int64, _ pod: String) {
    budget.edit("status") { status in
      let generation = status.int(at: "observedGeneration")
      order.set("disruptionsAllowed", .int(allowed - 1), in: &status)
      var pods = status["disruptedPods"]?.object ?? JSONObject()
      pods[pod] = .string(Timestamp.text(Timestamp.now))
      pods.sortByName()
      order.set("disruptedPods", .object(pods), in: &status)
      guard allowed == 1 else { return }
      var conditions = status.array(at: "conditions")
      let place = conditions.firstIndex { $0.string(at: "type") == "DisruptionAllowed" }
      let known = place.map { conditions[$0] }
      let time =
        known?.string(at: "status") == "False"
        ? known?["lastTransitionTime"] : JSONValue.string(Timestamp.text(Timestamp.now))
      var condition: JSONObject = ["type": "DisruptionAllowed", "status": "False"]
      if generation != 0 { condition["observedGeneration"] = .int(generation) }
      condition["lastTransitionTime"] = time ?? .null
      condition["reason"] = "InsufficientPods"
      condition["message"] = ""
      if let place { conditions[place] = .object(condition) } else { conditions.append(.object(condition)) }
      order.set("conditions", .array(conditions), in: &status)
    }
  }
}
