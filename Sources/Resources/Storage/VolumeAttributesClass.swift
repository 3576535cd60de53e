import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// What may be changed of a volume that is there. (Kubernetes: pkg/registry/storage/volumeattributesclass)
  static let volumeAttributesClasses = ResourceDefinition(
    "volumeattributesclasses.storage.k8s.io", kind: "VolumeAttributesClass", shortNames: ["vac"], scope: .cluster,
    folder: "volumeattributesclasses", versions: [.v1],
    rules: VolumeAttributesClassRules.all, deletion: DeletionRule { $0.answersObject = true },
    columns: [
      .name, .text("DriverName", at: "driverName", description: "The driver that knows the attributes."), .age,
    ])
}

/// Rules for classes of volumes' attributes. (Kubernetes: pkg/apis/storage/validation,
/// `ValidateVolumeAttributesClass` and its sibling)
private enum VolumeAttributesClassRules {
  /// An update is asked what may change, and then what a creation is.
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate, stays("driverName"), stays("parameters")),
    .metadata(.subdomain),
    .at("driverName", DriverParameters.driver),
    .custom { DriverParameters.check($0.value?["parameters"], isNeeded: true, &$0) },
  ]

  private static func stays(_ name: String) -> Rule {
    .at(
      name,
      .custom { context in
        if RuleContext.areSame(context.value, context.old) { return }
        context.report(.forbidden(context.path(), "updates to \(name) are forbidden."))
      })
  }
}
