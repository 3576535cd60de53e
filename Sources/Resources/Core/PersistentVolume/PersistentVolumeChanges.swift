import JSON
import Machinery
import Registry

/// What may change of a persistent volume. (Kubernetes: `ValidatePersistentVolumeUpdate` of pkg/apis/core/validation)
extension PersistentVolumeRules {
  static let update: [Rule] = [
    .at("spec", .custom(sourceStays), .at("volumeMode", .said(at: "volumeMode", .immutable))),
    .at("spec", .at("nodeAffinity", .said(at: "nodeAffinity", .custom(affinityStays))), .custom(classStays)),
  ]

  /// Upstream tells of a place that there is not. What differs is left out: it would be in Go's words.
  private static let sourceStays: Rule.Function = { context in
    var (new, old) = (context.value ?? [:], context.old ?? [:])
    // It may be given later.
    if old["csi"]?.object != nil, old["csi"]?["controllerExpandSecretRef"]?.object == nil, new["csi"]?.object != nil {
      new["csi"]?["controllerExpandSecretRef"] = nil
    }
    for (source, map) in [("csi", "volumeAttributes"), ("flexVolume", "options")] {
      dropEmpty(source, map, &new)
      dropEmpty(source, map, &old)
    }
    guard sourceNames.contains(where: { !RuleContext.areSame(new[$0], old[$0]) }) else { return }
    let detail = "spec.persistentvolumesource is immutable after creation"
    context.report(.forbidden("spec.persistentvolumesource", detail))
  }

  /// An empty map is as good as none.
  private static func dropEmpty(_ source: String, _ map: String, _ spec: inout JSONValue) {
    if spec[source]?[map]?.object?.isEmpty == true { spec[source]?[map] = nil }
  }

  /// Once given it stays, but for labels that have got another name.
  private static let affinityStays: Rule.Function = { context in
    guard let old = context.old, !old.isNull else { return }
    if areSame(context.value, old) { return }
    var shown = "null"
    if let new = context.value, !new.isNull {
      shown = InternalForm.text(
        of: new, as: "io.k8s.api.core.v1.VolumeNodeAffinity", traces: context.tracesInside())
    }
    let detail = "field is immutable, except for updating from beta label to GA"
    context.report(.invalid(context.path(), bare: shown, detail))
  }

  private static func areSame(_ new: JSONValue?, _ old: JSONValue) -> Bool {
    guard let new, !new.isNull else { return false }
    guard let required = new["required"]?.object, let before = old["required"]?.object else {
      return new["required"]?.object == nil && old["required"]?.object == nil
    }
    return areSame(required["nodeSelectorTerms"], before["nodeSelectorTerms"]) { term, before in
      ["matchExpressions", "matchFields"].allSatisfy { areSame(term[$0], before[$0], isSameRequirement) }
    }
  }

  private static func areSame(
    _ new: JSONValue?, _ old: JSONValue?, _ isSame: (JSONValue, JSONValue) -> Bool
  ) -> Bool {
    let (new, old) = (new?.array ?? [], old?.array ?? [])
    return new.count == old.count && zip(new, old).allSatisfy(isSame)
  }

  private static func isSameRequirement(_ new: JSONValue, _ old: JSONValue) -> Bool {
    let (key, before) = (new["key"]?.string ?? "", old["key"]?.string ?? "")
    return (key == before || (successors[ByteString(before)]?.text ?? "") == key)
      && new["operator"]?.string == old["operator"]?.string && areSame(new["values"], old["values"], ==)
  }

  private static let successors: [ByteString: ByteString] = [
    "failure-domain.beta.kubernetes.io/zone": "topology.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region": "topology.kubernetes.io/region",
    "beta.kubernetes.io/os": "kubernetes.io/os",
    "beta.kubernetes.io/arch": "kubernetes.io/arch",
    "beta.kubernetes.io/instance-type": "node.kubernetes.io/instance-type",
  ]

  private static let classStays: Rule.Function = { context in
    guard context.old?["volumeAttributesClassName"]?.string != nil,
      context.value?["volumeAttributesClassName"]?.string == nil
    else { return }
    let detail = "update from non-nil value to nil is forbidden"
    context.report(.forbidden(context.path("volumeAttributesClassName"), detail))
  }
}
