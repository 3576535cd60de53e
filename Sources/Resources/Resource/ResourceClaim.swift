import ByteBuffers
import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A wish for devices, and what was given for it. (Kubernetes: pkg/registry/resource/resourceclaim)
  static let resourceClaims = ResourceDefinition(
    "resourceclaims.resource.k8s.io", kind: "ResourceClaim", scope: .namespaced, folder: "resourceclaims",
    versions: [.v1],
    main: .main(keeps: ["status"]),
    subresources: [
      SubresourceDefinition(
        .status, keeps: ["spec"], disowned: [["metadata"]], prepare: ResourceClaimForm.prepareStatus)
    ],
    rules: ResourceClaimRules.ofClaims, deletion: DeletionRule { $0.answersObject = true },
    defaults: { claim in
      DeviceDefaults.count(&claim, ["spec", "devices"])
      DeviceDefaults.results(&claim)
    },
    prepareForCreate: { $0["status"] = [:] },
    columns: [
      .name,
      TableColumn("State", description: "Whether devices have been given, and are used.") { claim, _ in
        .string(ResourceClaimForm.state(claim))
      },
      .age,
    ])

  /// Claims that are made for each pod. (Kubernetes: pkg/registry/resource/resourceclaimtemplate)
  static let resourceClaimTemplates = ResourceDefinition(
    "resourceclaimtemplates.resource.k8s.io", kind: "ResourceClaimTemplate", scope: .namespaced,
    folder: "resourceclaimtemplates", versions: [.v1],
    rules: ResourceClaimRules.ofTemplates, deletion: DeletionRule { $0.answersObject = true },
    defaults: { DeviceDefaults.count(&$0, ["spec", "spec", "devices"]) })
}

/// How claims are answered.
enum ResourceClaimForm {
  /// What a write of the status leaves alone. (`ResetObjectMetaForStatus`)
  private static let ownMetadata = [
    "deletionTimestamp", "generation", "selfLink", "labels", "annotations", "finalizers", "ownerReferences",
  ]

  /// What is told of devices goes with them. (`dropDeallocatedStatusDevices`)
  static let prepareStatus: ResourceDefinition.UpdateHook = { claim, old in
    var meta = claim["metadata"]?.object ?? JSONObject()
    for member in ownMetadata { meta[member] = old["metadata"]?[member] }
    claim["metadata"] = .object(MetadataOrder.sorted(meta))
    guard let devices = claim["status"]?["devices"]?.array else { return }
    let taken = devicesGiven(old)
    let given = devicesGiven(claim)
    let kept = devices.filter {
      let key = key($0)
      return !taken.contains(key) || given.contains(key)
    }
    claim["status"]?["devices"] = kept.isEmpty ? nil : .array(kept)
  }

  private static func devicesGiven(_ claim: JSONValue) -> Set<[ByteString]> {
    Set((claim["status"]?["allocation"]?["devices"]?["results"]?.array ?? []).map(key))
  }

  private static func key(_ device: JSONValue) -> [ByteString] {
    ["driver", "pool", "device", "shareID"].map { ByteString(device[$0]?.string ?? "") }
  }

  /// (`resourceClaimState` of pkg/printers)
  static func state(_ claim: JSONNode) -> String {
    let isGoing = claim["metadata"]?["deletionTimestamp"] != nil
    var states = isGoing ? ["deleted"] : []
    if claim["status"]?["allocation"] == nil {
      if !isGoing { states.append("pending") }
    } else {
      states.append("allocated")
      if let users = claim["status"]?["reservedFor"], users.elements.contains(where: { _ in true }) {
        states.append("reserved")
      }
    }
    return states.joined(separator: ",")
  }
}

/// What is filled in. (Kubernetes: pkg/apis/resource/v1, `SetDefaults_ExactDeviceRequest` and its siblings)
enum DeviceDefaults {
  /// A request that does not say how many devices it is for wants one. `path`: where the requests' list stands in the
  /// object.
  static func count(_ object: inout JSONValue, _ path: [String]) {
    guard let name = path.first else {
      guard let requests = object["requests"]?.array else { return }
      object["requests"] = .array(requests.map(completed))
      return
    }
    guard var part = object[name], !part.isNull else { return }
    count(&part, Array(path.dropFirst()))
    object[name] = part
  }

  private static func completed(_ request: JSONValue) -> JSONValue {
    var request = request
    if let exact = request["exactly"], !exact.isNull { request["exactly"] = counted(exact) }
    if let choices = request["firstAvailable"]?.array, !choices.isEmpty {
      request["firstAvailable"] = .array(choices.map(counted))
    }
    return request
  }

  private static func counted(_ request: JSONValue) -> JSONValue {
    var members = request.object?.members ?? []
    func set(_ name: String, _ value: JSONValue, before others: [String]) {
      members.removeAll { $0.name == name }
      let place = members.firstIndex { others.contains($0.name) } ?? members.endIndex
      members.insert(JSONObject.Member(name, value), at: place)
    }
    let rest = ["adminAccess", "tolerations", "capacity"]
    if (request["allocationMode"]?.string ?? "").isEmpty {
      set("allocationMode", "ExactCount", before: ["count"] + rest)
    }
    let mode = members.first { $0.name == "allocationMode" }?.value.string
    if mode == "ExactCount" && request["count"]?.int ?? 0 == 0 { set("count", 1, before: rest) }
    return tolerant(.object(JSONObject(unchecked: members)))
  }

  /// A toleration is of a value unless it says otherwise.
  private static func tolerant(_ part: JSONValue) -> JSONValue {
    guard let tolerations = part["tolerations"]?.array, !tolerations.isEmpty else { return part }
    var part = part
    part["tolerations"] = .array(
      tolerations.map { toleration in
        guard (toleration["operator"]?.string ?? "").isEmpty else { return toleration }
        var members = (toleration.object?.members ?? []).filter { $0.name != "operator" }
        let place = members.first?.name == "key" ? 1 : 0
        members.insert(JSONObject.Member("operator", "Equal"), at: place)
        return .object(JSONObject(unchecked: members))
      })
    return part
  }

  /// The same where a claim has been given devices.
  static func results(_ claim: inout JSONValue) {
    guard let results = claim["status"]?["allocation"]?["devices"]?["results"]?.array, !results.isEmpty else { return }
    claim["status"]?["allocation"]?["devices"]?["results"] = .array(results.map(tolerant))
  }

  /// A taint begins when it is written.
  static func taintTimes(_ slice: inout JSONValue) {
    guard let devices = slice["spec"]?["devices"]?.array,
      devices.contains(where: { !($0["taints"]?.array ?? []).isEmpty })
    else { return }
    let now = JSONValue.string(Timestamp.text(Timestamp.now))
    slice["spec"]?["devices"] = .array(
      devices.map { device in
        guard let taints = device["taints"]?.array, !taints.isEmpty else { return device }
        var device = device
        device["taints"] = .array(
          taints.map { taint in
            var taint = taint
            if taint["timeAdded"]?.isNull ?? true { taint["timeAdded"] = now }
            return taint
          })
        return device
      })
  }
}
