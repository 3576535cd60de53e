import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for nodes. (Kubernetes: pkg/apis/core/validation, ValidateNode and ValidateNodeUpdate.) Complaints about
/// taints name `metadata.taints`, as upstream's do.
enum NodeValidation {
  /// `isMetaGood`: nothing is wrong with the metadata but maybe its name.
  static func validate(_ node: JSONValue, isMetaGood: Bool = false) -> [FieldError] {
    let meta = node["metadata"]?.object ?? JSONObject()
    let isNameGood =
      isMetaGood && meta["generateName"] == nil && NameValidation.dns1123Subdomain(meta["name"]?.string ?? "").isEmpty
    var errors =
      isNameGood ? [] : MetaValidation.validate(meta, isNamespaced: false, nameRule: MetaValidation.subdomainName)
    errors +=
      finalizers(meta) + NodeAnnotations.validate(meta) + taints(node["spec"]?["taints"], "metadata.taints")
      + resources(node)
    if let swap = node["status"]?["nodeInfo"]?["swap"]?["capacity"]?.int, swap <= 0 {
      errors.append(.invalid("metadata.nodeSwapStatus.capacity", bare: String(swap), "must be greater than zero"))
    }
    errors += declaredFeatures(node)
    let cidrs = (node["spec"]?["podCIDRs"]?.array ?? []).compactMap(\.string)
    for (place, cidr) in cidrs.enumerated() { errors += IPValidation.legacyNetwork("spec.podCIDRs[\(place)]", cidr) }
    if cidrs.count > 1 {
      let networks = cidrs.map { IPNetwork($0) }
      if let bad = networks.firstIndex(where: { $0 == nil }) {
        let why = "invalid CIDR[\(bad)]: <nil> (invalid CIDR address: \(cidrs[bad]))"
        let check = "invalid PodCIDRs. failed to check with dual stack with error"
        errors.append(FieldError(.internalError, "spec.podCIDRs", detail: "\(check):\(why)"))
      }
      // One that is no network ends the look at families.
      let families = networks.contains { $0 == nil } ? [] : Set(networks.compactMap { $0?.isIPv6 })
      if families.count < 2 || cidrs.count > 2 {
        let shown = JSONValue.array(cidrs.map { .string($0) }).encoded().text
        errors.append(.invalid("spec.podCIDRs", bare: shown, "may specify no more than one CIDR for each IP family"))
      }
    }
    return errors
  }

  static func warnings(_ object: JSONValue) -> [String] {
    var warnings: [String] = []
    if object["spec"]?["configSource"] != nil { warnings.append("spec.configSource: the feature is removed") }
    if !(object["spec"]?["externalID"]?.string ?? "").isEmpty {
      warnings.append("spec.externalID: this field is deprecated, and is unused by Kubernetes")
    }
    for (place, cidr) in (object["spec"]?["podCIDRs"]?.array ?? []).enumerated() {
      warnings += IPValidation.warnings(ofNetwork: cidr.string ?? "", "spec.podCIDRs[\(place)]")
    }
    return warnings
  }

  static func validateUpdate(_ node: JSONValue, old: JSONValue, isMetaGood: Bool = false) -> [FieldError] {
    var errors = MetaValidation.validateUpdate(
      node["metadata"]?.object ?? JSONObject(), old["metadata"]?.object ?? JSONObject(), isKnownGood: isMetaGood)
    errors +=
      NodeAnnotations.validate(node["metadata"]?.object ?? JSONObject()) + resources(node) + declaredFeatures(node)
    var seen = SeenValues()
    for (place, address) in (node["status"]?["addresses"]?.array ?? []).enumerated() where !seen.insert(address) {
      let shown: JSONValue = ["Type": address["type"] ?? "", "Address": address["address"] ?? ""]
      errors.append(.duplicate("status.addresses[\(place)]", bare: shown.encoded().text))
    }
    let text = #"node updates may not change podCIDR except from "" to valid"#
    let before = old["spec"]?["podCIDRs"]?.array ?? []
    let after = node["spec"]?["podCIDRs"]?.array ?? []
    if !before.isEmpty {
      if before.count != after.count {
        errors.append(.forbidden("spec.podCIDRs", text))
      } else {
        for (a, b) in zip(before, after) where a != b { errors.append(.forbidden("spec.podCIDRs", text)) }
      }
    }
    let provider = old["spec"]?["providerID"]?.string ?? ""
    if !provider.isEmpty && provider != node["spec"]?["providerID"]?.string ?? "" {
      errors.append(.forbidden("spec.providerID", #"node updates may not change providerID except from "" to valid"#))
    }
    errors += taints(node["spec"]?["taints"], "metadata.taints")
    if node["spec"]?["externalID"]?.string ?? "" != old["spec"]?["externalID"]?.string ?? "" {
      errors.append(.forbidden("spec.externalID", "may not be updated"))
    }
    return errors
  }

  /// A finalizer of a core kind without a domain must be one of those that have none. (`validateKubeFinalizerName`)
  private static func finalizers(_ meta: JSONObject) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, finalizer) in (meta["finalizers"]?.array ?? []).enumerated() {
      guard let name = finalizer.string, !name.utf8.contains(UInt8(ascii: "/")),
        !["kubernetes", "orphan", "foregroundDeletion"].contains(name)
      else { continue }
      errors.append(
        .invalid(
          "metadata.finalizers[\(place)]", name, "name is neither a standard finalizer name nor is it fully qualified"))
    }
    return errors
  }

  /// `path`: how complaints name the list.
  static func taints(_ list: JSONValue?, _ path: String) -> [FieldError] {
    var errors: [FieldError] = []
    var seen = Set<[ByteString]>()
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
    for (place, taint) in (list?.array ?? []).enumerated() {
      let field = "\(path)[\(place)]"
      let key = taint["key"]?.string ?? ""
      let value = taint["value"]?.string ?? ""
      let effect = taint["effect"]?.string ?? ""
      errors += NameValidation.qualifiedName(key).map { .invalid("\(field).key", key, $0) }
      let problems = NameValidation.labelValue(value)
      if !problems.isEmpty { errors.append(.invalid("\(field).value", value, problems.joined(separator: ";"))) }
      if effect.isEmpty {
        errors.append(.required("\(field).effect", ""))
      } else if !effects.contains(effect) {
        errors.append(.notSupported("\(field).effect", effect, effects))
      }
      if !seen.insert([ByteString(key), ByteString(effect)]).inserted {
        // Upstream prints its internal type here (semantics 2.6).
        let shown: JSONValue = [
          "Key": .string(key), "Value": .string(value), "Effect": .string(effect),
          "TimeAdded": taint["timeAdded"] ?? .null,
        ]
        errors.append(.duplicate(field, bare: shown.encoded().text, "taints must be unique by key and effect pair"))
      }
    }
    return errors
  }

  /// Names of what a kubelet can do, sorted and each once. (`validateNodeDeclaredFeatures`)
  private static func declaredFeatures(_ node: JSONValue) -> [FieldError] {
    let names = (node["status"]?["declaredFeatures"]?.array ?? []).map { $0.string ?? "" }
    var errors: [FieldError] = []
    for (place, name) in names.enumerated() {
      if let problem = featureNameProblem(name) {
        errors.append(
          .invalid("status.declaredFeatures[\(place)]", name, "invalid feature name \(GoText.quoted(name)): \(problem)")
        )
      }
      guard place + 1 < names.count else { break }
      let next = names[place + 1]
      if next == name {
        errors.append(.duplicate("status.declaredFeatures[\(place + 1)]", bare: GoText.quoted(next)))
      } else if next.utf8.lexicographicallyPrecedes(name.utf8) {
        errors.append(.invalid("status.declaredFeatures[\(place + 1)]", next, "list must be sorted alphabetically"))
      }
    }
    return errors
  }

  private static func featureNameProblem(_ name: String) -> String? {
    if name.utf8.count > 253 { return "must be no more than 253 characters" }
    func isLetter(_ byte: UInt8) -> Bool { (byte | 0x20) >= UInt8(ascii: "a") && (byte | 0x20) <= UInt8(ascii: "z") }
    let segments = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isGood = segments.allSatisfy { segment in
      guard let first = segment.first, isLetter(first) else { return false }
      return segment.allSatisfy { isLetter($0) || $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }
    }
    if isGood, let first = name.utf8.first, first <= UInt8(ascii: "Z") { return nil }
    return
      "must start with an UpperCamelCase segment, with subsequent segments separated by '/' (e.g., MyFeature or MyFeature/mySubFeature), "
      + "and contain only alphanumeric characters and slashes"
  }

  /// Quantities must not be negative, and what counts things must be whole.
  private static func resources(_ node: JSONValue) -> [FieldError] {
    var errors: [FieldError] = []
    for list in ["capacity", "allocatable"] {
      for member in node["status"]?[list]?.object?.members ?? [] {
        guard let text = member.value.string, text.utf8.first == UInt8(ascii: "-") || countsThings(member.name),
          let quantity = try? Quantity(parsing: text)
        else { continue }
        let field = "status.\(list).\(member.name)"
        if quantity.isBelowZero { errors.append(.invalid(field, text, "must be greater than or equal to 0")) }
        if countsThings(member.name) && !quantity.isInteger {
          errors.append(.invalid(field, text, "must be an integer"))
        }
      }
    }
    return errors
  }

  private static let counted: Set<String> = [
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports",
    "services.loadbalancers",
  ]

  /// Upstream's `IsIntegerResourceName`: object counts and extended resources.
  private static func countsThings(_ name: String) -> Bool {
    if counted.contains(name) { return true }
    guard name.contains("/"), !name.hasPrefix("requests.") else { return false }
    let domain = name.split(separator: "/").first ?? ""
    return domain != "kubernetes.io" && !domain.hasSuffix(".kubernetes.io")
  }
}
