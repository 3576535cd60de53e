import ByteBuffers
import JSON
import Machinery
import Registry

/// Annotations of a node that hold JSON. (Kubernetes: `ValidateNodeSpecificAnnotations`)
enum NodeAnnotations {
  private static let taintsKey = "scheduler.alpha.kubernetes.io/taints"
  private static let avoidKey = "scheduler.alpha.kubernetes.io/preferAvoidPods"

  static let check: Rule.Function = { context in
    guard case .object(let annotations)? = context.value else { return }
    taints(annotations[taintsKey]?.string ?? "", &context)
    avoidedPods(annotations[avoidKey]?.string ?? "", &context)
  }

  private static func taints(_ text: String, _ context: inout RuleContext) {
    if text.isEmpty { return }
    do {
      let list = try JSONValue(parsing: text)
      guard list.isNull || list.array?.allSatisfy({ $0.isNull || $0.object != nil }) == true else {
        return context.invalid(taintsKey, "json: cannot unmarshal \(list.goKind) into Go value of type []core.Taint")
      }
      context.look(at: list, taintsKey, NodeRules.checkTaints)
    } catch { context.invalid(taintsKey, "\(error)") }
  }

  private static func avoidedPods(_ text: String, _ context: inout RuleContext) {
    if text.isEmpty { return }
    do {
      let avoid = try JSONValue(parsing: text)
      guard avoid.isNull || avoid.object != nil else {
        let why = "json: cannot unmarshal \(avoid.goKind) into Go value of type v1.AvoidPods"
        return context.report(.invalid(context.path("AvoidPods"), avoidKey, why))
      }
      for (place, entry) in (avoid["preferAvoidPods"]?.array ?? []).enumerated() {
        guard let controller = entry["podSignature"]?["podController"], !controller.isNull else {
          context.report(.required(context.path(.member(avoidKey), .index(place), "PodSignature"), ""))
          continue
        }
        // Upstream falls over a reference that does not say; here it is not one to a controller.
        if controller["controller"]?.bool == true { continue }
        let field = context.path(
          .member(avoidKey), .index(place), "PodSignature", "PodController", "Controller")
        context.report(.invalid(field, bare: "false", "must point to a controller"))
      }
    } catch { context.report(.invalid(context.path("AvoidPods"), avoidKey, "\(error)")) }
  }
}
