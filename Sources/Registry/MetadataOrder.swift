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
