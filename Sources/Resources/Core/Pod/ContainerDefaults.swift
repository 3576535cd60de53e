import JSON
import Machinery

/// What a container gets that does not say. (Kubernetes: pkg/apis/core/v1, `SetDefaults_Container` and others)
enum ContainerDefaults {
  private static let order = TypeOrder("io.k8s.api.core.v1.Container")
  private static let portOrder = TypeOrder("io.k8s.api.core.v1.ContainerPort")
  private static let probeOrder = TypeOrder("io.k8s.api.core.v1.Probe")
  private static let getOrder = TypeOrder("io.k8s.api.core.v1.HTTPGetAction")
  private static let resourceOrder = TypeOrder("io.k8s.api.core.v1.ResourceRequirements")
  private static let resourceFieldOrder = TypeOrder("io.k8s.api.core.v1.ResourceFieldSelector")
  private static let fileOrder = TypeOrder("io.k8s.api.core.v1.FileKeySelector")
  private static let askOrder = TypeOrder("io.k8s.api.core.v1.GRPCAction")
  private static let fieldOrder = TypeOrder("io.k8s.api.core.v1.ObjectFieldSelector")

  static func apply(_ container: inout JSONValue) {
    container.editEach("ports") { portOrder.fill("protocol", "TCP", in: &$0) }
    container.editEach("env") { variable in
      variable.edit("valueFrom") { source in
        source.edit("fieldRef") { fieldOrder.fill("apiVersion", "v1", in: &$0) }
        source.edit("resourceFieldRef", divide)
        source.edit("fileKeyRef") { fileOrder.fillPointer("optional", false, in: &$0) }
      }
    }
    container.edit("resources") { resources in
      resources.edit("limits") { round(&$0) }
      resources.edit("requests") { round(&$0) }
    }
    for member in ["livenessProbe", "readinessProbe", "startupProbe"] { container.edit(member, apply(toProbe:)) }
    container.edit("lifecycle") { lifecycle in
      for turn in ["postStart", "preStop"] {
        lifecycle.edit(turn) { $0.edit("httpGet", apply(toGet:)) }
      }
    }
    order.fill("terminationMessagePath", "/dev/termination-log", in: &container)
    order.fill("terminationMessagePolicy", "File", in: &container)
    if container.string(at: "imagePullPolicy").isEmpty {
      let policy = pullPolicy(of: container.string(at: "image"))
      order.set("imagePullPolicy", .string(policy), in: &container)
    }
  }

  static func pullPolicy(of image: String) -> String { ImageName.isLatest(image) ? "Always" : "IfNotPresent" }

  /// What is shown of a resource is its amount, by nothing divided.
  static func divide(_ reference: inout JSONValue) {
    if !reference.isSet("divisor") { resourceFieldOrder.set("divisor", "0", in: &reference) }
  }

  private static func apply(toProbe probe: inout JSONValue) {
    probe.edit("httpGet", apply(toGet:))
    probe.edit("grpc") { askOrder.fillPointer("service", "", in: &$0) }
    probeOrder.fill("timeoutSeconds", 1, in: &probe)
    probeOrder.fill("periodSeconds", 10, in: &probe)
    probeOrder.fill("successThreshold", 1, in: &probe)
    probeOrder.fill("failureThreshold", 3, in: &probe)
  }

  private static func apply(toGet get: inout JSONValue) {
    getOrder.fill("path", "/", in: &get)
    getOrder.fill("scheme", "HTTP", in: &get)
  }

  // MARK: resources

  /// Quantities are kept to a thousandth. (`SetDefaults_ResourceList`)
  static func round(_ amounts: inout JSONValue) {
    guard case .object(let list) = amounts else { return }
    func mayBeFiner(_ text: String) -> Bool {
      text.utf8.contains {
        $0 == UInt8(ascii: "n") || $0 == UInt8(ascii: "u") || $0 == UInt8(ascii: "e") || $0 == UInt8(ascii: ".")
      }
    }
    guard list.members.contains(where: { mayBeFiner($0.value.string ?? "") }) else { return }
    let rounded = list.members.map { amount -> JSONObject.Member in
      guard let text = amount.value.string, mayBeFiner(text), let quantity = try? Quantity(parsing: text) else {
        return amount
      }
      return JSONObject.Member(amount.name, .string(quantity.roundedUpToMilli.description))
    }
    amounts = .object(JSONObject(unchecked: rounded))
  }

  /// What has a limit, and does not say what it asks for, asks for that.
  static func copyLimits(in container: inout JSONValue) {
    container.edit("resources") { resources in
      guard let limits = resources["limits"]?.object, !limits.isEmpty else { return }
      let requests = filled(resources["requests"]?.object, from: limits.members)
      resourceOrder.set("requests", .object(requests), in: &resources)
    }
  }

  /// Amounts with those that are missing, sorted as Go writes maps.
  static func filled(_ amounts: JSONObject?, from others: [JSONObject.Member]) -> JSONObject {
    let known = amounts?.members ?? []
    let added = others.filter { other in !known.contains { $0.name == other.name } }
    var all = JSONObject(unchecked: known + added)
    all.sortByName()
    return all
  }

  /// Containers on the host's network have its ports.
  static func copyPorts(in container: inout JSONValue) {
    container.editEach("ports") { port in
      let number = port.int(at: "containerPort")
      portOrder.fill("hostPort", number, in: &port)
    }
  }
}

/// What a pod that has resources of its own gets. (`defaultHugePagePodLimits`, `defaultPodRequests`)
enum PodResourceDefaults {
  private static let order = TypeOrder("io.k8s.api.core.v1.ResourceRequirements")

  static func apply(_ spec: inout JSONValue) {
    guard let resources = spec["resources"]?.object else { return }
    var limits = resources["limits"]?.object ?? JSONObject()
    var requests = resources["requests"]?.object ?? JSONObject()
    if limits.isEmpty && requests.isEmpty { return }
    let pages = PodResourceRules.sums(of: "limits", spec).filter {
      ContainerLimits.areHugePages($0.name) && requests[$0.name] == nil
    }
    limits = ContainerDefaults.filled(limits, from: pages.map { .init($0.name, .string($0.sum.description)) })
    if !limits.isEmpty {
      let asked = PodResourceRules.sums(of: "requests", spec).filter { $0.name == "cpu" || $0.name == "memory" }
      requests = ContainerDefaults.filled(requests, from: asked.map { .init($0.name, .string($0.sum.description)) })
      requests = ContainerDefaults.filled(
        requests, from: limits.members.filter { PodResourceRules.isSupported($0.name) })
    }
    spec.edit("resources") { own in
      if !limits.isEmpty { order.set("limits", .object(limits), in: &own) }
      if !requests.isEmpty { order.set("requests", .object(requests), in: &own) }
    }
  }
}
