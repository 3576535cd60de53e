import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for what is written into a pod's status. (Kubernetes: pkg/apis/core/validation, `ValidatePodStatusUpdate`)
enum PodStatusRules {
  static let check: Rule.Function = { context in
    guard let pod = context.value, let before = context.old else { return }
    let status = pod["status"] ?? .object(JSONObject())
    let old = before["status"] ?? .object(JSONObject())
    let spec = pod["spec"] ?? .object(JSONObject())
    conditions(status, &context)
    nominated(status, old, before["spec"] ?? .null, &context)
    let generation = status.int(at: "observedGeneration")
    if generation < 0 {
      context.refuses(value: .int(generation), "must be a non-negative integer", at: "status", "observedGeneration")
    }
    if status.string(at: "qosClass") != old.string(at: "qosClass") {
      context.refuses(
        value: .string(status.string(at: "qosClass")), "field is immutable", at: "status", "qosClass")
    }
    PodTransitionRules.check(status, old, before["spec"] ?? .null, &context)
    claims(status, spec, &context)
    extendedClaim(status, spec, &context)
    allocatableClaims(status, spec, &context)
    podAddresses(status, old, &context)
    hostAddresses(status, old, &context)
    ContainerStatusRules.check(status, spec, &context)
  }

  private static func conditions(_ status: JSONValue, _ context: inout RuleContext) {
    for (place, condition) in status.array(at: "conditions").enumerated() {
      let generation = condition.int(at: "observedGeneration")
      if generation < 0 {
        context.refuses(
          value: .int(generation), "must be a non-negative integer", at: "status", "conditions", .index(place),
          "observedGeneration")
      }
      let type = condition.string(at: "type")
      if ["PodScheduled", "Ready", "Initialized"].contains(type) { continue }
      context.refuses(
        type, each: NameValidation.qualifiedName(type), at: "status", "conditions", .index(place), "Type")
    }
  }

  private static func nominated(
    _ status: JSONValue, _ old: JSONValue, _ spec: JSONValue, _ context: inout RuleContext
  ) {
    let name = status.string(at: "nominatedNodeName")
    if name.isEmpty || name == old.string(at: "nominatedNodeName") { return }
    context.refuses(name, each: NameValidation.dns1123Subdomain(name), at: "status", "nominatedNodeName")
    if !spec.string(at: "nodeName").isEmpty {
      context.forbids(
        "status", "nominatedNodeName", detail: "may not be set on pods that are already bound to a node")
    }
  }

  // MARK: claims

  /// (`validatePodResourceClaimStatuses`)
  private static func claims(_ status: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    var seen = Set<ByteString>()
    let known = Set(spec.array(at: "resourceClaims").map { ByteString($0.string(at: "name")) })
    for (place, claim) in status.array(at: "resourceClaimStatuses").enumerated() {
      let name = claim.string(at: "name")
      let path: [RuleContext.Part] = ["status", "resourceClaimStatuses", .index(place)]
      if !known.contains(ByteString(name)) {
        let detail = "must match the name of an entry in `spec.resourceClaims`"
        context.report(.invalid(context.path(path + ["name"]), name, detail))
      }
      if !seen.insert(name).inserted {
        context.report(.duplicate(context.path(path + ["name"]), bare: GoText.quoted(name)))
      }
      guard let target = claim["resourceClaimName"]?.string else { continue }
      for problem in NameValidation.dns1123Subdomain(target) {
        context.report(.invalid(context.path(path + ["resourceClaimName"]), target, problem))
      }
    }
  }

  /// (`validatePodExtendedResourceClaimStatus`)
  private static func extendedClaim(_ status: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    guard let claim = status["extendedResourceClaimStatus"], !claim.isNull else { return }
    let path: [RuleContext.Part] = ["status", "extendedResourceClaimStatus"]
    let mappings = claim.array(at: "requestMappings")
    if mappings.isEmpty {
      let detail = "at least one request mapping is required"
      context.report(.required(context.path(path + ["requestMappings"]), detail))
    }
    var containers: [ByteString: JSONValue] = [:]
    for container in spec.array(at: "initContainers") + spec.array(at: "containers") {
      containers[ByteString(container.string(at: "name"))] = container
    }
    var seen = Set<[ByteString]>()
    for (place, mapping) in mappings.enumerated() {
      let here = path + ["requestMappings", .index(place)]
      let names = ["containerName", "resourceName", "requestName"].map { mapping.string(at: $0) }
      if let container = containers[ByteString(names[0])] {
        if container["resources"]?["requests"]?[names[1]] == nil {
          let detail =
            "must match the extended resource name of an entry in spec.initContainers.resources.requests or "
            + "spec.containers.resources.requests"
          context.report(.invalid(context.path(here + ["resourceName"]), names[1], detail))
        }
      } else {
        let detail = "must match the name of an entry in spec.initContainers.name or spec.containers.name"
        context.report(.invalid(context.path(here + ["containerName"]), names[0], detail))
      }
      // Upstream does not say which mapping it is.
      for problem in NameValidation.dns1123Label(names[2]) {
        context.report(.invalid(context.path(path + ["requestName"]), names[2], problem))
      }
      if seen.insert(names.map { ByteString($0) }).inserted { continue }
      for (member, name) in zip(["containerName", "resourceName", "requestName"], names) {
        context.report(.duplicate(context.path(here + [.member(member)]), bare: GoText.quoted(name)))
      }
    }
    let name = claim.string(at: "resourceClaimName")
    if name.isEmpty { return context.report(.required(context.path(path + ["resourceClaimName"]), "")) }
    for problem in NameValidation.dns1123Subdomain(name) {
      context.report(.invalid(context.path(path + ["resourceClaimName"]), name, problem))
    }
  }

  /// Its gate is closed, so that only what was there before comes here. (`validateNodeAllocatableResourceClaimStatus`)
  private static func allocatableClaims(_ status: JSONValue, _ spec: JSONValue, _ context: inout RuleContext) {
    let known = (spec.array(at: "resourceClaims") + status.array(at: "resourceClaimStatuses"))
      .compactMap { $0["resourceClaimName"]?.string }
    for (place, claim) in status.array(at: "nodeAllocatableResourceClaimStatuses").enumerated() {
      let path: [RuleContext.Part] = ["status", "nodeAllocatableResourceClaimStatuses", .index(place)]
      let name = claim.string(at: "resourceClaimName")
      if name.isEmpty {
        context.report(.required(context.path(path + ["resourceClaimName"]), "must not be empty"))
      }
      if !known.contains(name) {
        context.report(
          .invalid(context.path(path + ["resourceClaimName"]), name, "no mapping found in pod reference"))
      }
      if claim.array(at: "containers").isEmpty {
        context.report(.required(context.path(path + ["containers"]), "must not be empty"))
      }
      let amounts = claim["resources"]?.object?.members ?? []
      if amounts.isEmpty { context.report(.required(context.path(path + ["resources"]), "must not be empty")) }
    }
  }

  // MARK: addresses

  private static func podAddresses(_ status: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    addresses("podIPs", status, old, &context)
  }

  private static func hostAddresses(_ status: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    guard let first = status.array(at: "hostIPs").first?.string(at: "ip") else { return }
    if status.string(at: "hostIP") != first {
      context.refuses(first, "must be equal to `hostIP`", at: "status", "hostIPs", .index(0), "ip")
    }
    addresses("hostIPs", status, old, &context)
  }

  private static func addresses(
    _ member: String, _ status: JSONValue, _ old: JSONValue, _ context: inout RuleContext
  ) {
    let given = status.array(at: member)
    if given.isEmpty { return }
    let known = old.array(at: member).map { $0.string(at: "ip") }
    let texts = given.map { $0.string(at: "ip") }
    for (place, text) in texts.enumerated() {
      for error in IPValidation.legacyAddress("", text, known: known) {
        context.report(error.at(context.path("status", .member(member), .index(place))))
      }
    }
    guard texts.count > 1 else { return }
    let parsed = texts.map { IPAddress($0) }
    if let bad = parsed.firstIndex(where: { $0 == nil }) {
      let why = "failed to check for dual stack with error:invalid IP[\(bad)]: \(texts[bad])"
      context.report(.internalError(context.path("status", .member(member)), why))
    }
    let families = parsed.contains { $0 == nil } ? [] : Set(parsed.compactMap { $0?.isIPv4 })
    if families.count < 2 || texts.count > 2 {
      let type = member == "podIPs" ? "io.k8s.api.core.v1.PodIP" : "io.k8s.api.core.v1.HostIP"
      let shown = InternalForm.text(ofList: given, as: type)
      let detail = "may specify no more than one IP for each IP family"
      context.report(.invalid(context.path("status", .member(member)), bare: shown, detail))
    }
  }

  /// What is to be said of the addresses that a status brings. (`podStatusStrategy.WarningsOnUpdate`)
  static func warnings(_ pod: JSONValue) -> [String] {
    ["podIPs", "hostIPs"].flatMap { member in
      (pod["status"]?.array(at: member) ?? []).enumerated().flatMap { place, address in
        IPValidation.warnings(ofAddress: address.string(at: "ip"), "status.\(member)[\(place)].ip")
      }
    }
  }
}
