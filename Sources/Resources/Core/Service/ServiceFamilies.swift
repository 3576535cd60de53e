import Machinery

/// Which families of addresses a service gets. (Kubernetes: pkg/registry/core/service/storage, `initIPFamilyFields`)
struct ServiceFamilies: Sendable {
  /// Those that services have here, the first one where nothing else is asked for.
  let configured: [String]

  var primary: String { configured.first ?? ServiceSpec.v4 }

  /// A service that will take what there is is neither given more nor less, unless it is changed.
  static func isSettled(_ spec: ServiceSpec, _ old: ServiceSpec?) -> Bool {
    guard let old, spec.familyPolicy == ServiceSpec.preferDualStack, old.type == spec.type,
      ["ClusterIP", "NodePort", "LoadBalancer"].contains(spec.type),
      old.familyPolicy == nil || old.familyPolicy == ServiceSpec.preferDualStack
    else { return false }
    return old.addresses == spec.addresses && old.families == spec.families
  }

  /// Fills in policy and families. Throws 422.
  func fillIn(_ spec: inout ServiceSpec, _ old: ServiceSpec?) throws(Status) {
    if spec.isExternalName || Self.isSettled(spec, old) { return }
    let isOpen = spec.clusterIP == ServiceSpec.none && !spec.hasSelector
    if spec.familyPolicy == nil {
      spec.familyPolicy = old?.familyPolicy ?? (isOpen ? ServiceSpec.requireDualStack : ServiceSpec.singleStack)
    }
    try Self.check(spec, ServiceAddressRules.problems(spec, old: old))
    var errors: [FieldError] = []
    if let old { release(&spec, old, &errors) }
    if spec.familyPolicy == ServiceSpec.singleStack {
      for (count, what) in [(spec.addresses.count, "cluster IPs"), (spec.families.count, "IP families")]
      where count == 2 {
        let detail = "must be 'RequireDualStack' or 'PreferDualStack' when multiple \(what) are specified"
        errors.append(.invalid("spec.ipFamilyPolicy", bare: spec.shownPolicy, detail))
      }
    }
    for (place, address) in spec.addresses.enumerated() {
      if address == ServiceSpec.none { break }
      if place < spec.families.count { continue }
      let family = ServiceSpec.family(of: address)
      if configured.contains(family) {
        spec.families.append(family)
      } else {
        let shown = ServiceSpec.shown(spec.clusterIPs)
        errors.append(
          .invalid("spec.clusterIPs[\(place)]", bare: shown, "\(family) is not configured on this cluster"))
      }
    }
    try Self.check(spec, errors)
    if isOpen {
      // Whoever writes its endpoints decides what they are.
      if spec.families.isEmpty { spec.families = [primary] }
      addOther(&spec)
      return
    }
    if spec.familyPolicy == ServiceSpec.requireDualStack && configured.count < 2 {
      let detail = "this cluster is not configured for dual-stack services"
      errors.append(.invalid("spec.ipFamilyPolicy", bare: spec.shownPolicy, detail))
    }
    for (place, family) in spec.families.enumerated() where !configured.contains(family) {
      errors.append(.invalid("spec.ipFamilies[\(place)]", family, "not configured on this cluster"))
    }
    try Self.check(spec, errors)
    if spec.families.isEmpty { spec.families = [primary] }
    if configured.count == 2 { addOther(&spec) }
  }

  private func addOther(_ spec: inout ServiceSpec) {
    if spec.familyPolicy != ServiceSpec.singleStack, spec.families.count == 1 {
      spec.families.append(ServiceSpec.other(spec.families[0]))
    }
  }

  /// What an update means that says less than there was.
  private func release(_ spec: inout ServiceSpec, _ old: ServiceSpec, _ errors: inout [FieldError]) {
    if spec.familyPolicy == ServiceSpec.singleStack {
      if old.addresses == spec.addresses && spec.addresses.count > 1 { spec.clusterIPs = [spec.addresses[0]] }
      if old.families == spec.families && spec.families.count > 1 { spec.families = [spec.families[0]] }
      return
    }
    for (now, before, what) in [
      (spec.addresses.count, old.addresses.count, "cluster IP"), (spec.families.count, old.families.count, "IP family"),
    ] where now > 0 && now < before {
      let detail = "must be 'SingleStack' to release the secondary \(what)"
      errors.append(.invalid("spec.ipFamilyPolicy", bare: spec.shownPolicy, detail))
    }
  }

  static func check(_ spec: ServiceSpec, _ errors: [FieldError]) throws(Status) {
    if !errors.isEmpty { throw .invalid("Service", name: spec.name, errors) }
  }
}
