import JSON
import Registry

/// What writes of a status leave alone beside the spec.
enum StatusWrites {
  /// Labels, annotations and what else clients set in metadata. (`ResetObjectMetaForStatus`)
  static let keepMetadata: ResourceDefinition.UpdateHook = { object, old in
    guard var metadata = object["metadata"]?.object else { return }
    for name in ["labels", "annotations", "finalizers", "ownerReferences"] { metadata[name] = old["metadata"]?[name] }
    object["metadata"] = .object(MetadataOrder.sorted(metadata))
  }
}
