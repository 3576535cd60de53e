import JSON
import Registry

extension ResourceDefinition {
  /// Webhooks that may refuse what is written. (Kubernetes:
  /// pkg/registry/admissionregistration/validatingwebhookconfiguration)
  static let validatingWebhookConfigurations = ResourceDefinition(
    "validatingwebhookconfigurations.admissionregistration.k8s.io", kind: "ValidatingWebhookConfiguration",
    categories: ["api-extensions"], scope: .cluster, folder: "validatingwebhookconfigurations", versions: [.v1],
    puts: [.needVersion], rules: WebhookRules.validating, generation: .followingGo("webhooks"),
    defaults: AdmissionDefaults.validating, warnings: { object, _ in Expressions.warnings(object) },
    columns: [.name, AdmissionTable.webhooks, .age])

  /// Webhooks that may change what is written. (Kubernetes:
  /// pkg/registry/admissionregistration/mutatingwebhookconfiguration)
  static let mutatingWebhookConfigurations = ResourceDefinition(
    "mutatingwebhookconfigurations.admissionregistration.k8s.io", kind: "MutatingWebhookConfiguration",
    categories: ["api-extensions"], scope: .cluster, folder: "mutatingwebhookconfigurations", versions: [.v1],
    puts: [.needVersion], rules: WebhookRules.mutating, generation: .followingGo("webhooks"),
    defaults: AdmissionDefaults.mutating, warnings: { object, _ in Expressions.warnings(object) },
    columns: [.name, AdmissionTable.webhooks, .age])
}
