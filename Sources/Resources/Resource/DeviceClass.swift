import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Devices of a sort, as claims ask for them. (Kubernetes: pkg/registry/resource/deviceclass)
  static let deviceClasses = ResourceDefinition(
    "deviceclasses.resource.k8s.io", kind: "DeviceClass", scope: .cluster, folder: "deviceclasses", versions: [.v1],
    rules: DeviceClassRules.all, generation: .ofSpec, deletion: DeletionRule { $0.answersObject = true })
}

/// Rules for classes of devices. (Kubernetes: `ValidateDeviceClass` and `ValidateDeviceClassUpdate` of
/// pkg/apis/resource/validation)
enum DeviceClassRules {
  static let all: [Rule] = [
    .metadata(name),
    .onUpdate(.metadataUpdate),
    .at(
      "spec",
      .at("selectors", DeviceRules.selectors),
      .at("config", .few(32, DeviceRules.configuration(isKnown: hasOldConfiguration))),
      .at("extendedResourceName", .custom(extendedResourceName))),
  ]

  /// What a name is generated from is not looked at.
  private static let name = NameForm { name, isPrefix in
    isPrefix
      ? []
      : NameValidation.dns1123Subdomain(name).map {
        $0 == "must be no more than 253 characters" ? "must be no more than 253 bytes" : $0
      }
  }

  /// Is all configuration as it was?
  private static func hasOldConfiguration(_ context: RuleContext) -> Bool {
    guard let old = context.oldObject else { return false }
    return RuleContext.areSame(context.object["spec"]?["config"], old["spec"]?["config"])
  }

  private static let extendedResourceName: Rule.Function = { context in
    guard let name = context.value?.string, !ResourceAmounts.isExtended(name) else { return }
    context.invalid(name, "must be a valid extended resource name")
  }
}
