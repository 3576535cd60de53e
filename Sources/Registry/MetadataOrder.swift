public import JSON

/// metadata in the order of answers, after members were added.
public enum MetadataOrder {
  private static let order = [
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp",
    "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers", "managedFields",
  ]

  public static func sorted(_ meta: JSONObject) -> JSONObject {
    JSONObject(unchecked: order.compactMap { name in meta.index(of: name).map { meta.members[$0] } })
  }
}

extension MetadataOrder {
  /// What of the metadata a write of the status can't change, where a kind says so. (`ResetObjectMetaForStatus`)
  public static func restoreForStatus(_ object: inout JSONValue, _ old: JSONValue) {
    var meta = object["metadata"]?.object ?? JSONObject()
    let before = old["metadata"]?.object ?? JSONObject()
    for name in kept { meta[name] = before[name] }
    object["metadata"] = .object(sorted(meta))
  }
  private static let kept = [
    "deletionTimestamp", "generation", "selfLink", "labels", "annotations", "finalizers", "ownerReferences",
  ]
}
