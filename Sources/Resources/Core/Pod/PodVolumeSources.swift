import JSON
import Machinery
import Registry

/// Rules for what a pod's volume alone can hold, by the kind of it; for others see `VolumeSourceRules`. (Kubernetes:
/// pkg/apis/core/validation, `validateVolumeSource`)
enum PodVolumeSources {
  static let gitRepo: [Rule] = [
    .at("repository", .required), .at("directory", .format(PathRules.descendingFormat)),
  ]

  /// Files from an object that a member names.
  static func files(of name: String) -> [Rule] {
    [.at(name, .required), .at("defaultMode", PathRules.mode), .at("items", .each(keyToPath))]
  }

  /// (`validateKeyToPath`)
  static let keyToPath: [Rule] = [
    .at("key", .required),
    .at("path", .custom(neededPath)),
    .at("mode", PathRules.mode),
  ]

  static let neededPath: Rule.Function = { context in
    let path = context.value?.string ?? ""
    if path.isEmpty { return context.needs() }
    context.refuses(path, each: PathRules.localName(path))
  }

  static let ephemeral: [Rule] = [
    .at(
      "volumeClaimTemplate", .required, .custom(ClaimTemplateRules.metadata),
      .at("spec", PersistentVolumeClaimRules.specOfPods))
  ]

  static let image: [Rule] = [
    .custom { context in
      if context.pod.isPod && context.value?.string(at: "reference").isEmpty == true { context.needs("reference") }
    },
    .at("pullPolicy", .required, .oneOf("Always", "IfNotPresent", "Never")),
  ]
}
