import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A driver for storage, and what Kubernetes has to know to use it. (Kubernetes: pkg/registry/storage/csidriver)
  static let csiDrivers = ResourceDefinition(
    "csidrivers.storage.k8s.io", kind: "CSIDriver", scope: .cluster, folder: "csidrivers", versions: [.v1],
    puts: [.needVersion],
    main: .main(prepare: { CSIDriverForm.dropGated(from: &$0, unlessIn: $1) }),
    rules: CSIDriverRules.all,
    generation: .following("spec", fromCreation: false),
    deletion: DeletionRule { $0.answersObject = true },
    defaults: CSIDriverForm.applyDefaults,
    prepareForCreate: { CSIDriverForm.dropGated(from: &$0, unlessIn: nil) },
    warnings: CSIDriverForm.warnings,
    columns: CSIDriverTable.columns)
}

/// What becomes of a driver as clients write it.
private enum CSIDriverForm {
  private static let order = [
    "attachRequired", "podInfoOnMount", "volumeLifecycleModes", "storageCapacity", "fsGroupPolicy", "tokenRequests",
    "requiresRepublish", "seLinuxMount", "nodeAllocatableUpdatePeriodSeconds", "serviceAccountTokenInSecrets",
    "preventPodSchedulingIfMissing",
  ]
  private static let defaults: [(name: String, value: JSONValue)] = [
    ("attachRequired", true), ("podInfoOnMount", false), ("volumeLifecycleModes", ["Persistent"]),
    ("storageCapacity", false), ("fsGroupPolicy", "ReadWriteOnceWithFSType"), ("requiresRepublish", false),
    ("seLinuxMount", false),
  ]

  /// (`SetDefaults_CSIDriver`)
  static func applyDefaults(_ driver: inout JSONValue) {
    let spec = driver["spec"]?.object ?? JSONObject()
    func isGiven(_ name: String) -> Bool {
      guard let value = spec[name], !value.isNull else { return false }
      return value.array?.isEmpty != true
    }
    if defaults.allSatisfy({ isGiven($0.name) }) { return }
    let members = order.compactMap { name -> JSONObject.Member? in
      let value = isGiven(name) ? spec[name] : defaults.first { $0.name == name }?.value ?? spec[name]
      return value.map { JSONObject.Member(name, $0) }
    }
    driver["spec"] = .object(JSONObject(unchecked: members))
  }

  /// What belongs to the gate VolumeLimitScaling, which is off.
  static func dropGated(from driver: inout JSONValue, unlessIn old: JSONValue?) {
    let name = "preventPodSchedulingIfMissing"
    if old?["spec"]?[name] == nil, driver["spec"]?[name] != nil { driver["spec"]?[name] = nil }
  }

  static func warnings(_ driver: JSONValue, _ old: JSONValue?) -> [String] {
    let (spec, requests) = (driver["spec"], driver["spec"]?["tokenRequests"])
    guard requests?.array?.isEmpty == false, spec?["serviceAccountTokenInSecrets"] == nil,
      old == nil || !RuleContext.areSame(requests, old?["spec"]?["tokenRequests"])
    else { return [] }
    return [
      "spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible "
        + "logging of tokens in volume attributes"
    ]
  }
}

/// Rules for drivers. What has a default is always there. (Kubernetes: pkg/apis/storage/validation, `ValidateCSIDriver`
/// and `ValidateCSIDriverUpdate`)
enum CSIDriverRules {
  static let all: [Rule] = [
    .name(.subdomain),
    .at(
      "spec",
      .at("fsGroupPolicy", .oneOf("File", "None", "ReadWriteOnceWithFSType")),
      .at("tokenRequests", .custom(tokenRequests)),
      .at("volumeLifecycleModes", .custom(lifecycleModes)),
      .at("nodeAllocatableUpdatePeriodSeconds", .above(9, "must be greater than or equal to 10 seconds")),
      .custom(tokensInSecrets),
      .onUpdate(
        // So upstream names it.
        .at("attachRequired", .said(at: "spec.attachedRequired", .immutable)),
        .at("volumeLifecycleModes", .immutable))),
  ]

  private static let tokenRequests: Rule.Function = { context in
    var audiences = Set<ByteString>()
    for (place, request) in (context.value?.array ?? []).enumerated() {
      let audience = request["audience"]?.string ?? ""
      if !audiences.insert(ByteString(audience)).inserted {
        let path = context.path(.index(place), "audience")
        context.report(.duplicate(path, bare: GoText.quoted(audience)))
        continue
      }
      guard let seconds = request["expirationSeconds"]?.int else { continue }
      let path = context.path(.index(place), "expirationSeconds")
      if seconds < 600 {
        context.report(.invalid(path, bare: String(seconds), "may not specify a duration less than 10 minutes"))
      }
      if seconds > 1 << 32 {
        context.report(.invalid(path, bare: String(seconds), "may not specify a duration larger than 2^32 seconds"))
      }
    }
  }

  private static let lifecycleModes: Rule.Function = { context in
    let known = ["Persistent", "Ephemeral"]
    for mode in (context.value?.array ?? []).map({ $0.string ?? "" }) where !known.contains(mode) {
      context.report(.notSupported(context.path(), named: .string(mode), known))
    }
  }

  private static let tokensInSecrets: Rule.Function = { context in
    guard let isSet = context.value?["serviceAccountTokenInSecrets"], !isSet.isNull,
      context.value?["tokenRequests"]?.array?.isEmpty ?? true
    else { return }
    let detail = "serviceAccountTokenInSecrets is set but no tokenRequests are specified"
    context.report(.invalid(context.path("serviceAccountTokenInSecrets"), bare: isSet.encoded().text, detail))
  }
}

/// (Kubernetes: pkg/printers/internalversion, printCSIDriver)
private enum CSIDriverTable {
  static let columns: [TableColumn] = [
    .name,
    flag("AttachRequired", at: "attachRequired", missing: true, "Do its volumes have to be attached to nodes?"),
    flag("PodInfoOnMount", at: "podInfoOnMount", "Is it told of the pods that volumes are mounted for?"),
    flag("StorageCapacity", at: "storageCapacity", "Does the scheduler look at how much room it has?"),
    TableColumn("TokenRequests", description: "For whom it is given tokens of pods' service accounts.") { driver, _ in
      .string(texts(driver["spec"]?["tokenRequests"], ofMember: "audience") ?? "<unset>")
    },
    flag("RequiresRepublish", at: "requiresRepublish", "Is it called again and again while a volume is mounted?"),
    TableColumn("Modes", description: "What kinds of volumes it has.") { driver, _ in
      let modes = texts(driver["spec"]?["volumeLifecycleModes"], ofMember: nil) ?? ""
      return .string(modes.isEmpty ? "<none>" : modes)
    },
    .age,
  ]

  private static func flag(
    _ name: String, at member: String, missing: Bool = false, _ description: String
  ) -> TableColumn {
    TableColumn(name, type: "boolean", description: description) { driver, _ in
      .bool(driver["spec"]?[member]?.bool ?? missing)
    }
  }

  /// Nil where there is no list.
  private static func texts(_ list: JSONNode?, ofMember member: String?) -> String? {
    guard let list, !list.isNull else { return nil }
    return list.elements.map { element in
      (member.map { element[$0] } ?? element)?.string ?? ""
    }.joined(separator: ",")
  }
}
