import JSON
import Machinery
import Registry

/// Rules for templates of pods. Whoever has one embeds them where the template stands:
///
///     .at("spec", .at("template", PodTemplateRules.all))
///
/// and gives its objects the defaults of a template by `PodDefaults.applyToTemplate`, drops what is behind closed gates
/// by `PodGates.dropFromTemplate`, and warns by `PodWarnings.ofTemplate`. (Kubernetes: pkg/apis/core/validation,
/// `ValidatePodTemplateSpec`)
enum PodTemplateRules {
  static let all: [Rule] = [
    .custom(labels),
    .custom(PodAnnotationRules.ofTemplate),
    .at("spec", PodSpecRules.ofTemplate),
    .custom(PodAnnotationRules.matchFields),
    .custom(hasNoEphemeralContainers),
  ]

  /// Complaints leave `metadata` out of the path, as upstream's do.
  static let labels: Rule.Function = { context in
    for label in context.value?["metadata"]?["labels"]?.object?.members ?? [] {
      let text = label.value.string ?? ""
      context.refuses(label.name, each: NameValidation.qualifiedName(label.name), at: "labels")
      context.refuses(text, each: NameValidation.labelValue(text), at: "labels")
    }
  }

  private static let hasNoEphemeralContainers: Rule.Function = { context in
    if context.value?["spec"]?.array(at: "ephemeralContainers").isEmpty == false {
      context.forbids("spec", "ephemeralContainers", detail: "ephemeral containers not allowed in pod template")
    }
  }
}
