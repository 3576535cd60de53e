import JSON
import Machinery
import Registry

/// Rules for the metadata of the claim that is made for a pod's own volume. (Kubernetes: pkg/apis/core/validation,
/// `ValidatePersistentVolumeClaimTemplate`)
enum ClaimTemplateRules {
  /// Nothing but labels and annotations.
  static let metadata: Rule.Function = { context in
    guard let metadata = context.value?["metadata"] else { return }
    PodAnnotationRules.check(annotations: metadata["annotations"]?.object, at: ["metadata", "annotations"], &context)
    for label in metadata["labels"]?.object?.members ?? [] {
      let text = label.value.string ?? ""
      context.refuses(label.name, each: NameValidation.qualifiedName(label.name), at: "metadata", "labels")
      context.refuses(text, each: NameValidation.labelValue(text), at: "metadata", "labels")
    }
    for member in members {
      guard let value = metadata[member], !value.isNull, !RuleContext.isZero(value) else { continue }
      context.forbids("metadata", .member(member == "uid" ? "uID" : member), detail: "cannot be set")
    }
  }

  private static let members = [
    "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp",
    "deletionTimestamp", "deletionGracePeriodSeconds", "ownerReferences", "finalizers", "managedFields",
  ]
}
