import ByteBuffers
import JSON
import Machinery

/// Annotations of a node that hold JSON. (Kubernetes: `ValidateNodeSpecificAnnotations`)
enum NodeAnnotations {
  private static let taintsKey = "scheduler.alpha.kubernetes.io/taints"
  private static let avoidKey = "scheduler.alpha.kubernetes.io/preferAvoidPods"
  private static let path = "metadata.annotations"

  static func validate(_ meta: JSONObject) -> [FieldError] {
    guard let annotations = meta["annotations"]?.object else { return [] }
    return taints(annotations[taintsKey]?.string ?? "") + avoidedPods(annotations[avoidKey]?.string ?? "")
  }

  private static func taints(_ text: String) -> [FieldError] {
    if text.isEmpty { return [] }
    do {
      let list = try JSONValue(parsing: text)
      guard list.isNull || list.array?.allSatisfy({ $0.isNull || $0.object != nil }) == true else {
        return [.invalid(path, taintsKey, "json: cannot unmarshal \(list.goKind) into Go value of type []core.Taint")]
      }
      return NodeValidation.taints(list, "\(path).\(taintsKey)")
    } catch {
      return [.invalid(path, taintsKey, "\(error)")]
    }
  }

  private static func avoidedPods(_ text: String) -> [FieldError] {
    if text.isEmpty { return [] }
    do {
      let avoid = try JSONValue(parsing: text)
      guard avoid.isNull || avoid.object != nil else {
        return [
          .invalid(
            "\(path).AvoidPods", avoidKey, "json: cannot unmarshal \(avoid.goKind) into Go value of type v1.AvoidPods")
        ]
      }
      return (avoid["preferAvoidPods"]?.array ?? []).enumerated().flatMap { place, entry -> [FieldError] in
        let field = "\(path).\(avoidKey)[\(place)].PodSignature"
        guard let controller = entry["podSignature"]?["podController"], !controller.isNull else {
          return [.required(field, "")]
        }
        // Upstream falls over a reference that does not say; here it is not one to a controller.
        guard controller["controller"]?.bool != true else { return [] }
        return [.invalid("\(field).PodController.Controller", bare: "false", "must point to a controller")]
      }
    } catch {
      return [.invalid("\(path).AvoidPods", avoidKey, "\(error)")]
    }
  }
}
