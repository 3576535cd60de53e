import JSON
import Machinery
import Registry

/// Rules for a service's own addresses and their families. (`ValidateServiceClusterIPsRelatedFields`)
enum ServiceAddressRules {
  static func problems(_ spec: ServiceSpec, old: ServiceSpec?) -> [FieldError] {
    if spec.isExternalName { return [] }
    let (path, familiesPath) = ("spec.clusterIPs", "spec.ipFamilies")
    let shown = ServiceSpec.shown(spec.clusterIPs)
    var errors: [FieldError] = []
    if !spec.clusterIP.isEmpty {
      if spec.addresses.isEmpty {
        errors.append(.required(path, ""))
      } else if spec.addresses[0] != spec.clusterIP {
        errors.append(.invalid(path, bare: shown, "first value must match `clusterIP`"))
      }
    } else if !spec.addresses.isEmpty {
      errors.append(.invalid(path, bare: shown, "must be empty when `clusterIP` is not specified"))
    }
    for (place, family) in spec.families.enumerated() {
      let path = "\(familiesPath)[\(place)]"
      let known = [ServiceSpec.v4, ServiceSpec.v6]
      if !known.contains(family) { errors.append(.notSupported(path, family, known)) }
      if spec.families[..<place].contains(family) { errors.append(.duplicate(path, bare: GoText.quoted(family))) }
    }
    let policies = [ServiceSpec.preferDualStack, ServiceSpec.requireDualStack, ServiceSpec.singleStack]
    if let policy = spec.familyPolicy, !policies.contains(policy) {
      errors.append(.notSupported("spec.ipFamilyPolicy", policy, policies))
    }
    var isReadable = true
    for (place, address) in spec.addresses.enumerated() {
      if place == 0 && address == ServiceSpec.none {
        if spec.addresses.count > 1 {
          isReadable = false
          errors.append(.invalid(path, bare: shown, "'None' must be the first and only value"))
        }
        continue
      }
      let found = IPValidation.legacyAddress("\(path)[\(place)]", address, known: old?.addresses ?? [])
      if !found.isEmpty { isReadable = false }
      errors += found
    }
    if spec.addresses.count > 2 { errors.append(.invalid(path, bare: shown, "may only hold up to 2 values")) }
    guard isReadable else { return errors }
    if spec.addresses.count > 1 {
      let families = Set(spec.addresses.map { IPAddress($0)?.isIPv4 })
      if families.count < 2 {
        errors.append(.invalid(path, bare: shown, "may specify no more than one IP for each IP family"))
      }
    }
    if !spec.isHeadless {
      for (place, (address, family)) in zip(spec.addresses, spec.families).enumerated() {
        let isV4 = IPAddress(address)?.isIPv4 ?? true
        if family == ServiceSpec.v4 && !isV4 || family == ServiceSpec.v6 && isV4 {
          let detail = "expected an \(family) value as indicated by `ipFamilies[\(place)]`"
          errors.append(.invalid("\(path)[\(place)]", address, detail))
        }
      }
    }
    return errors
  }
}

/// What may become of a service that is there.
enum ServiceUpdateRules {
  static let changes: Rule.Function = { context in
    guard let value = context.value, let before = context.old else { return }
    let (spec, old) = (ServiceSpec(value), ServiceSpec(before))
    if !spec.isExternalName && !old.isExternalName {
      if !(spec.isHeadless && old.isHeadless) { addresses(&context, spec, old) }
      if !spec.isHeadless && !old.isHeadless { families(&context, spec, old) }
    }
    if spec.isLoadBalancer && old.isLoadBalancer && spec.loadBalancerClass != old.loadBalancerClass {
      let shown = spec.loadBalancerClass.map { GoText.quoted($0) } ?? "null"
      context.report(.invalid("spec.loadBalancerClass", bare: shown, "may not change once set"))
    }
    // It is looked at once more with all else.
    ServiceRules.balancerClass(&context, spec)
    if spec.needsHealthCheck && old.needsHealthCheck && spec.healthCheckNodePort != old.healthCheckNodePort {
      context.report(.forbidden("spec.healthCheckNodePort", "field is immutable"))
    }
  }

  /// (`validateUpgradeDowngradeClusterIPs`)
  private static func addresses(_ context: inout RuleContext, _ spec: ServiceSpec, _ old: ServiceSpec) {
    let shown = ServiceSpec.shown(spec.clusterIPs)
    let path = "spec.clusterIPs"
    func changed(_ place: Int) -> FieldError {
      .invalid("\(path)[\(place)]", bare: shown, "may not change once set")
    }
    let (now, before) = (spec.addresses, old.addresses)
    if now.count == before.count {
      for place in now.indices where now[place] != before[place] { context.report(changed(place)) }
      return
    }
    if now.isEmpty {
      context.report(.invalid("\(path)[0]", bare: shown, "primary clusterIP can not be unset"))
    } else if let first = before.first, now[0] != first {
      context.report(changed(0))
    }
    if before.count > now.count && now.count == 1 && spec.familyPolicy != ServiceSpec.singleStack {
      let detail = "must be set to 'SingleStack' when releasing the secondary clusterIP"
      context.report(.invalid("spec.ipFamilyPolicy", bare: spec.shownPolicy, detail))
    }
  }

  /// (`validateUpgradeDowngradeIPFamilies`)
  private static func families(_ context: inout RuleContext, _ spec: ServiceSpec, _ old: ServiceSpec) {
    let path = "spec.ipFamilies[0]"
    let (now, before) = (spec.families, old.families)
    if now.count == before.count {
      for place in now.indices where now[place] != before[place] {
        context.report(.invalid(path, bare: spec.shownFamilies, "may not change once set"))
      }
      return
    }
    if before.count > now.count && spec.addresses.isEmpty {
      let none = (context.traces?["spec"]?["ipFamilies"] ?? .null).encoded().text
      let shown = now.isEmpty ? none : spec.shownFamilies
      context.report(.invalid(path, bare: shown, "primary ipFamily can not be unset"))
    }
    if let first = now.first, let was = before.first, first != was {
      context.report(.invalid(path, bare: ServiceSpec.shown(spec.clusterIPs), "may not change once set"))
    }
    if before.count > now.count && now.count == 1 && spec.familyPolicy != ServiceSpec.singleStack {
      let detail = "must be set to 'SingleStack' when releasing the secondary ipFamily"
      context.report(.invalid("spec.ipFamilyPolicy", bare: spec.shownPolicy, detail))
    }
  }
}
