import JSON
import Machinery
import Registry

/// Rules for the claim that is made for a pod's own volume. (Kubernetes: pkg/apis/core/validation,
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

  /// (`ValidatePersistentVolumeClaimSpec`)
  static let spec: [Rule] = [
    .at("accessModes", .required("at least 1 access mode is required")),
    .at("selector", .labelSelector),
    .at("accessModes", .custom(modes)),
    .custom(size),
    .at("storageClassName", .custom(className)),
    .at("volumeMode", .oneOf("Block", "Filesystem")),
    .at("dataSource", .custom(source)),
    .at("dataSourceRef", .custom(source)),
    .custom(sourcesMatch),
    .at("volumeAttributesClassName", .custom(className)),
  ]

  private static let modes: Rule.Function = { context in
    let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
    let modes = (context.value?.array ?? []).map { $0.string ?? "" }
    for mode in modes where !known.contains(mode) { context.knowsOnly(known, not: mode) }
    if modes.contains("ReadWriteOncePod"), modes.contains(where: { $0 != "ReadWriteOncePod" && known.contains($0) }) {
      context.forbids(detail: "may not use ReadWriteOncePod with other access modes")
    }
  }

  private static let size: Rule.Function = { context in
    guard let amount = context.value?["resources"]?["requests"]?["storage"]?.string else {
      return context.needs("resources", .key("storage"))
    }
    guard let quantity = try? Quantity(parsing: amount), quantity.isZero || quantity.isBelowZero else { return }
    context.refuses(amount, "must be greater than zero", at: "resources", .key("storage"))
  }

  private static let className: Rule.Function = { context in
    guard let name = context.value?.string, !name.isEmpty else { return }
    context.refuses(name, each: NameValidation.dns1123Subdomain(name))
  }

  private static let source: Rule.Function = { context in
    guard let source = context.value else { return }
    let kind = source.string(at: "kind")
    let group = source.string(at: "apiGroup")
    if source.string(at: "name").isEmpty { context.needs("name") }
    if kind.isEmpty { context.needs("kind") }
    if group.isEmpty {
      if kind != "PersistentVolumeClaim" {
        context.refuses(kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
      }
    } else {
      context.refuses(group, each: NameValidation.dns1123Subdomain(group), at: "apiGroup")
    }
    let namespace = source.string(at: "namespace")
    if !namespace.isEmpty { context.refuses(namespace, each: NameValidation.dns1123Label(namespace), at: "namespace") }
  }

  private static let sourcesMatch: Rule.Function = { context in
    guard let spec = context.value, let source = spec["dataSource"], !source.isNull,
      let reference = spec["dataSourceRef"], !reference.isNull
    else { return }
    let detail: String
    if !reference.string(at: "namespace").isEmpty {
      detail = "may not be specified when dataSourceRef.namespace is specified"
    } else {
      let areSame = ["apiGroup", "kind", "name"].allSatisfy { source.string(at: $0) == reference.string(at: $0) }
      if areSame { return }
      detail = "must match dataSourceRef"
    }
    // Upstream shows the path where a value should stand; it has nothing that JSON shows.
    context.report(.invalid(context.path(), bare: "{}", detail))
  }
}
