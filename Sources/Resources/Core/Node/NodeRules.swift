import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for nodes. (Kubernetes: pkg/apis/core/validation, `ValidateNode` and `ValidateNodeUpdate`) Complaints about
/// taints name `metadata.taints`, as upstream's do.
enum NodeRules {
  /// An update of the object is asked what a creation is, and then what an update of the status is as well: some
  /// complaints come twice.
  static let all: [Rule] = [.on(.main, object), .onUpdate(update)]

  /// What has to be true of every node.
  static let object: [Rule] = [
    .metadata(.subdomain),
    annotations,
    taints,
    quantities,
    .at(
      "status",
      .at(
        "nodeInfo",
        .at(
          "swap",
          .at("capacity", .said(at: "metadata.nodeSwapStatus.capacity", .above(0, "must be greater than zero")))))),
    features,
    .at("spec", .at("podCIDRs", .custom(networks))),
  ]

  /// What may change.
  static let update: [Rule] = [
    .metadataUpdate,
    annotations,
    quantities,
    features,
    .at("status", .at("addresses", .custom(addresses))),
    .at(
      "spec",
      .at("podCIDRs", .custom(networksStay)),
      .at("providerID", .custom(providerStays)),
      .at("configSource", configSource(inSpec: true))),
    .at(
      "status",
      .at(
        "config",
        .at("assigned", configSource(inSpec: false)),
        .at("active", configSource(inSpec: false)),
        .at("lastKnownGood", configSource(inSpec: false)))),
    taints,
    .at("spec", .at("externalID", .custom(externalIDStays))),
  ]

  private static let annotations = Rule.at("metadata", .at("annotations", .custom(NodeAnnotations.check)))
  private static let taints = Rule.at("spec", .at("taints", .said(at: "metadata.taints", .custom(checkTaints))))
  private static let quantities = Rule.at(
    "status", .at("capacity", .custom(checkQuantities)), .at("allocatable", .custom(checkQuantities)))
  private static let features = Rule.at("status", .at("declaredFeatures", .custom(checkFeatures)))

  // MARK: spec

  /// Each by itself, then what they are together.
  private static let networks: Rule.Function = { context in
    let cidrs = (context.value?.array ?? []).compactMap(\.string)
    for (place, cidr) in cidrs.enumerated() {
      for error in IPValidation.legacyNetwork("", cidr) { context.report(error.at(context.path(.index(place)))) }
    }
    guard cidrs.count > 1 else { return }
    let networks = cidrs.map { IPNetwork($0) }
    if let bad = networks.firstIndex(where: { $0 == nil }) {
      let why = "invalid CIDR[\(bad)]: <nil> (invalid CIDR address: \(cidrs[bad]))"
      let check = "invalid PodCIDRs. failed to check with dual stack with error"
      context.report(.internalError(context.path(), "\(check):\(why)"))
    }
    // One that is no network ends the look at families.
    let families = networks.contains { $0 == nil } ? [] : Set(networks.compactMap { $0?.isIPv6 })
    if families.count < 2 || cidrs.count > 2 {
      let shown = JSONValue.array(cidrs.map { .string($0) }).encoded().text
      let detail = "may specify no more than one CIDR for each IP family"
      context.report(.invalid(context.path(), bare: shown, detail))
    }
  }

  private static let networksStay: Rule.Function = { context in
    let before = context.old?.array ?? []
    let after = context.value?.array ?? []
    if before.isEmpty { return }
    let changes = before.count == after.count ? zip(before, after).count { $0 != $1 } : 1
    for _ in 0..<changes {
      context.report(
        .forbidden(context.path(), #"node updates may not change podCIDR except from "" to valid"#))
    }
  }

  private static let providerStays: Rule.Function = { context in
    guard let before = context.old?.string, !before.isEmpty, before != context.value?.string else { return }
    context.report(.forbidden(context.path(), #"node updates may not change providerID except from "" to valid"#))
  }

  private static let externalIDStays: Rule.Function = { context in
    if context.old?.string != context.value?.string {
      context.report(.forbidden(context.path(), "may not be updated"))
    }
  }

  /// Of the removed feature only old nodes have something left.
  private static func configSource(inSpec: Bool) -> [Rule] {
    let identity: [Rule] =
      inSpec
      ? [
        .at("uid", .forbidden("uid must not be set in spec")),
        .at("resourceVersion", .forbidden("resourceVersion must not be set in spec")),
      ] : [.at("uid", .required), .at("resourceVersion", .required)]
    return [
      .at(
        "configMap", .all(identity),
        .at("namespace", .required, .format(.dns1123Label)),
        .at("name", .required, .format(.dns1123Subdomain)),
        .at("kubeletConfigKey", .required, .format(.configMapKey))),
      .custom { context in
        guard let source = context.value, source["configMap"] == nil else { return }
        let detail = "exactly one reference subfield must be non-nil"
        context.report(.invalid(context.path(), bare: #"{"ConfigMap":null}"#, detail))
      },
    ]
  }

  /// The list of taints that a rule stands at.
  static let checkTaints: Rule.Function = { context in
    let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
    let taints = context.value?.array ?? []
    var seen = Set<[ByteString]>()
    for (place, taint) in taints.enumerated() {
      let key = taint["key"]?.string ?? ""
      let value = taint["value"]?.string ?? ""
      let effect = taint["effect"]?.string ?? ""
      for problem in NameValidation.qualifiedName(key) {
        context.report(.invalid(context.path(.index(place), "key"), key, problem))
      }
      let problems = NameValidation.labelValue(value)
      if !problems.isEmpty {
        context.report(.invalid(context.path(.index(place), "value"), value, problems.joined(separator: ";")))
      }
      if effect.isEmpty {
        context.report(.required(context.path(.index(place), "effect"), ""))
      } else if !effects.contains(effect) {
        context.report(.notSupported(context.path(.index(place), "effect"), effect, effects))
      }
      if taints.count > 1, !seen.insert([ByteString(key), ByteString(effect)]).inserted {
        // Upstream prints its internal type here.
        let shown: JSONValue = [
          "Key": .string(key), "Value": .string(value), "Effect": .string(effect),
          "TimeAdded": taint["timeAdded"] ?? .null,
        ]
        let detail = "taints must be unique by key and effect pair"
        context.report(.duplicate(context.path(.index(place)), bare: shown.encoded().text, detail))
      }
    }
  }

  // MARK: status

  private static let addresses: Rule.Function = { context in
    let addresses = context.value?.array ?? []
    guard addresses.count > 1 else { return }
    var seen = SeenValues()
    for (place, address) in addresses.enumerated() where !seen.insert(address) {
      let shown: JSONValue = ["Type": address["type"] ?? "", "Address": address["address"] ?? ""]
      context.report(.duplicate(context.path(.index(place)), bare: shown.encoded().text))
    }
  }

  /// Names of what a kubelet can do, sorted and each once. (`validateNodeDeclaredFeatures`)
  private static let checkFeatures: Rule.Function = { context in
    let names = (context.value?.array ?? []).map { $0.string ?? "" }
    for (place, name) in names.enumerated() {
      if let problem = featureNameProblem(name) {
        let detail = "invalid feature name \(GoText.quoted(name)): \(problem)"
        context.report(.invalid(context.path(.index(place)), name, detail))
      }
      guard place + 1 < names.count else { break }
      let next = names[place + 1]
      if next == name {
        context.report(.duplicate(context.path(.index(place + 1)), bare: GoText.quoted(next)))
      } else if next < name {
        context.report(.invalid(context.path(.index(place + 1)), next, "list must be sorted alphabetically"))
      }
    }
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
    return "must start with an UpperCamelCase segment, with subsequent segments separated by '/' "
      + "(e.g., MyFeature or MyFeature/mySubFeature), and contain only alphanumeric characters and slashes"
  }

  /// Quantities must not be negative, and what counts things must be whole.
  private static let checkQuantities: Rule.Function = { context in
    guard case .object(let quantities)? = context.value else { return }
    for member in quantities.members {
      guard let text = member.value.string else { continue }
      for problem in ResourceAmounts.problems(text, of: member.name) {
        context.report(.invalid(context.path(.member(member.name)), text, problem))
      }
    }
  }
}
