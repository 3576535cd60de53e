import JSON
import Machinery

/// How a pod is treated when its node runs short. (Kubernetes: pkg/apis/core/helper/qos, `ComputePodQOS`)
enum PodQoS {
  static func qosClass(of spec: JSONValue) -> String {
    var requests: [Amounts] = []
    var limits: [Amounts] = []
    var isGuaranteed = true
    if let own = spec["resources"], !own.isNull {
      requests.append(Amounts(own["requests"]))
      let amounts = Amounts(own["limits"])
      limits.append(amounts)
      if own["limits"]?.object?.isEmpty == false, !amounts.isWhole { isGuaranteed = false }
    } else {
      for container in spec.array(at: "containers") + spec.array(at: "initContainers") {
        let resources = container["resources"]
        requests.append(Amounts(resources?["requests"]))
        let amounts = Amounts(resources?["limits"])
        limits.append(amounts)
        if !amounts.isWhole { isGuaranteed = false }
      }
    }
    let (asked, most) = (Amounts(sum: requests), Amounts(sum: limits))
    if asked.isNone && most.isNone { return "BestEffort" }
    return isGuaranteed && asked == most ? "Guaranteed" : "Burstable"
  }

  /// Amounts of what counts, above zero.
  private struct Amounts: Equatable {
    var cpu: Quantity?
    var memory: Quantity?
    var isWhole: Bool { cpu != nil && memory != nil }
    var isNone: Bool { cpu == nil && memory == nil }

    init(_ list: JSONValue?) {
      func amount(_ name: String) -> Quantity? {
        guard let text = list?[name]?.string, let quantity = try? Quantity(parsing: text), !quantity.isZero,
          !quantity.isBelowZero
        else { return nil }
        return quantity
      }
      cpu = amount("cpu")
      memory = amount("memory")
    }

    init(sum all: [Amounts]) {
      func sum(_ amounts: [Quantity]) -> Quantity? {
        amounts.first.map { amounts.dropFirst().reduce($0) { $0.adding($1) ?? max($0, $1) } }
      }
      cpu = sum(all.compactMap(\.cpu))
      memory = sum(all.compactMap(\.memory))
    }
  }
}
