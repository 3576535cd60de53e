import JSON
import Machinery
import Registry

/// What may change of a claim. (Kubernetes: `ValidatePersistentVolumeClaimUpdate` of pkg/apis/core/validation)
extension PersistentVolumeClaimRules {
  static let update: [Rule] = [
    .custom(annotationStays),
    .custom(specStays),
    .custom(requestIsEnough),
    .at("spec", .at("volumeMode", .said(at: "volumeMode", .immutable))),
    .custom(attributesClassStays),
  ]

  private static let classAnnotation = "volume.beta.kubernetes.io/storage-class"

  private static func annotation(_ claim: JSONValue?) -> String? {
    claim?["metadata"]?["annotations"]?[classAnnotation]?.string
  }
  private static func storageClass(_ claim: JSONValue?) -> String? { claim?["spec"]?["storageClassName"]?.string }

  /// Does the class move from the annotation of old into the member? (`validateStorageClassUpgradeFromAnnotation`)
  private static func movesClass(_ new: JSONValue?, _ old: JSONValue?) -> Bool {
    guard let before = annotation(old), storageClass(old) == nil, storageClass(new) == before else { return false }
    return annotation(new) ?? before == before
  }

  private static let annotationStays: Rule.Function = { context in
    if movesClass(context.value, context.old) { return }
    let new = annotation(context.value) ?? ""
    if new == annotation(context.old) ?? "" { return }
    let path = context.path("metadata", "annotations", .member(classAnnotation))
    context.report(.invalid(path, new, "field is immutable"))
  }

  /// What differs is left out of the complaint: it would be in Go's words.
  private static let specStays: Rule.Function = { context in
    var new = context.value?["spec"] ?? [:]
    var old = context.old?["spec"] ?? [:]
    ClaimDataSources.mirror(&old)
    // The volume's name may be given once.
    if (old["volumeName"]?.string ?? "").isEmpty { old["volumeName"] = new["volumeName"] }
    if movesClass(context.value, context.old) {
      new["storageClassName"] = nil
    } else if let name = storageClass(context.value), storageClass(context.old) == nil,
      annotation(context.old) ?? name == name
    {
      new["storageClassName"] = nil
    }
    if context.value?["status"]?["phase"]?.string == "Bound" {
      let given = new["resources"]?["requests"] ?? context.emptied("spec", "resources", "requests")
      if var requests = given?.object {
        requests["storage"] = old["resources"]?["requests"]?["storage"]
        var resources = new["resources"]?.object ?? JSONObject()
        resources["requests"] = .object(requests)
        new["resources"] = .object(resources)
      }
      new["volumeAttributesClassName"] = old["volumeAttributesClassName"]
    }
    if areSame(new, old) { return }
    let detail =
      "spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"
    context.report(.forbidden(context.path("spec"), detail))
  }

  private static func areSame(_ new: JSONValue, _ old: JSONValue) -> Bool {
    let members = [
      "accessModes", "volumeName", "storageClassName", "volumeMode", "dataSource", "dataSourceRef",
      "volumeAttributesClassName",
    ]
    return members.allSatisfy { RuleContext.areSame(new[$0], old[$0]) }
      && RuleContext.areSame(withoutEmpty(new["selector"]), withoutEmpty(old["selector"]))
      && ["requests", "limits"].allSatisfy {
        ResourceLists.areSame(new["resources"]?[$0], old["resources"]?[$0])
      }
  }

  /// Empty maps and lists of a selector are as good as none.
  private static func withoutEmpty(_ selector: JSONValue?) -> JSONValue? {
    guard let members = selector?.object?.members else { return selector }
    return .object(JSONObject(unchecked: members.filter { !RuleContext.isZero($0.value) }))
  }

  /// A request that could not be met may be taken back, but not to what the volume has.
  private static let requestIsEnough: Rule.Function = { context in
    func request(_ claim: JSONValue?) -> Quantity? {
      ResourceLists.amount(claim?["spec"]?["resources"]?["requests"]?["storage"])
    }
    guard let new = request(context.value), let old = request(context.old), new < old,
      let has = ResourceLists.amount(context.old?["status"]?["capacity"]?["storage"]), new <= has
    else { return }
    let path = context.path("spec", "resources", "requests", "storage")
    context.report(.forbidden(path, "field can not be less than status.capacity"))
  }

  private static let attributesClassStays: Rule.Function = { context in
    let new = context.value?["spec"]?["volumeAttributesClassName"]?.string
    guard new != context.old?["spec"]?["volumeAttributesClassName"]?.string, new ?? "" == "",
      context.old?["status"]?["currentVolumeAttributesClassName"]?.string != nil
    else { return }
    let what = new == nil ? "nil" : "empty string"
    let detail = "update to \(what) is forbidden when status.currentVolumeAttributesClassName is not nil"
    context.report(.forbidden(context.path("spec", "volumeAttributesClassName"), detail))
  }
}
