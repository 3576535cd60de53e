import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for what a pod asks for as a whole. (Kubernetes: pkg/apis/core/validation, `validatePodResources`)
enum PodResourceRules {
  /// (`IsSupportedPodLevelResource`)
  static func isSupported(_ name: String) -> Bool {
    name == "cpu" || name == "memory" || ContainerLimits.areHugePages(name)
  }

  static let check: Rule.Function = { context in
    guard let resources = context.value else { return }
    if context.pod.os == "windows" { return context.forbids(detail: "may not be set for a windows pod") }
    if !resources.array(at: "claims").isEmpty || context.emptied("claims") != nil {
      context.forbids("claims", detail: "claims may not be set for Resources at pod-level")
    }
    let limits = resources["limits"]?.object ?? JSONObject()
    let requests = resources["requests"]?.object ?? JSONObject()
    ResourceRules.check(
      limits: limits, requests: requests, claims: resources.array(at: "claims"), ofPod: true, &context)
    hold(context.pod.spec, limits, requests, &context)
  }

  /// The pod has to have room for its containers. (`validatePodResourceConsistency`)
  private static func hold(
    _ spec: JSONValue, _ limits: JSONObject, _ requests: JSONObject, _ context: inout RuleContext
  ) {
    for (name, sum) in sums(of: "requests", spec) {
      guard let given = requests[name]?.string, let most = try? Quantity(parsing: given), sum > most else { continue }
      context.refuses(
        given, "must be greater than or equal to aggregate container requests of \(sum)", at: "requests", .key(name))
    }
    for (name, sum) in sums(of: "limits", spec) where ContainerLimits.areHugePages(name) {
      guard let given = limits[name]?.string, let most = try? Quantity(parsing: given), sum > most else { continue }
      context.refuses(
        given, "must be greater than or equal to aggregate container limits of \(sum)", at: "limits", .key(name))
    }
    for (place, container) in spec.array(at: "containers").enumerated() {
      for limit in container["resources"]?["limits"]?.object?.members ?? [] {
        guard let text = limits[limit.name]?.string, let own = limit.value.string,
          let most = try? Quantity(parsing: text), let quantity = try? Quantity(parsing: own), quantity > most
        else { continue }
        context.refuses(
          own, "must be less than or equal to pod limits of \(text)", at: "containers", .index(place),
          .key(limit.name), "limits")
      }
    }
  }

  // MARK: sums

  /// Where nobody counts, it is the larger of the two.
  private static func sum(_ known: Quantity?, _ more: Quantity) -> Quantity {
    known.map { $0.adding(more) ?? max($0, more) } ?? more
  }

  /// What the containers ask for together, sorted by name: side by side, or while the init containers run, if that is
  /// more. (`AggregateContainerRequests`, `AggregateContainerLimits`)
  static func sums(of list: String, _ spec: JSONValue) -> [(name: String, sum: Quantity)] {
    var sums: [ByteString: Quantity] = [:]
    var running: [ByteString: Quantity] = [:]
    var most: [ByteString: Quantity] = [:]
    func add(_ container: JSONValue, to all: inout [ByteString: Quantity]) {
      for amount in container["resources"]?[list]?.object?.members ?? [] {
        guard let quantity = try? Quantity(parsing: amount.value.string ?? "") else { continue }
        let name = ByteString(amount.name)
        all[name] = sum(all[name], quantity)
      }
    }
    for container in spec.array(at: "containers") { add(container, to: &sums) }
    for container in spec.array(at: "initContainers") {
      var now = running
      if container.string(at: "restartPolicy") == "Always" {
        add(container, to: &sums)
        add(container, to: &running)
        now = running
      } else {
        now = [:]
        add(container, to: &now)
        for (name, quantity) in running { now[name] = sum(now[name], quantity) }
      }
      for (name, quantity) in now where most[name].map({ quantity > $0 }) ?? true { most[name] = quantity }
    }
    for (name, quantity) in most where sums[name].map({ quantity > $0 }) ?? true { sums[name] = quantity }
    return sums.map { (name: $0.key.text, sum: $0.value) }.sorted { $0.name < $1.name }
  }
}
