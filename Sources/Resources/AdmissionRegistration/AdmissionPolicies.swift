import JSON
import Registry

extension ResourceDefinition {
  /// Expressions by which writes are refused. (Kubernetes:
  /// pkg/registry/admissionregistration/validatingadmissionpolicy)
  static let validatingAdmissionPolicies = ResourceDefinition(
    "validatingadmissionpolicies.admissionregistration.k8s.io", kind: "ValidatingAdmissionPolicy",
    categories: ["api-extensions"], scope: .cluster, folder: "validatingadmissionpolicies", versions: [.v1],
    puts: [.needVersion], main: .main(keeps: ["status"]),
    subresources: [
      SubresourceDefinition(
        .status, keeps: ["spec"], disowned: [["metadata"]], warns: true, prepare: StatusWrites.keepMetadata)
    ],
    rules: PolicyRules.validating, generation: .ofSpec, defaults: AdmissionDefaults.validatingPolicy,
    prepareForCreate: { $0["status"] = .object(JSONObject()) }, warnings: { object, _ in Expressions.warnings(object) },
    columns: [.name, AdmissionTable.validations, AdmissionTable.paramKind, .age])

  /// Where a validating policy is put to use. (Kubernetes:
  /// pkg/registry/admissionregistration/validatingadmissionpolicybinding)
  static let validatingAdmissionPolicyBindings = ResourceDefinition(
    "validatingadmissionpolicybindings.admissionregistration.k8s.io", kind: "ValidatingAdmissionPolicyBinding",
    categories: ["api-extensions"], scope: .cluster, folder: "validatingadmissionpolicybindings", versions: [.v1],
    puts: [.needVersion], rules: BindingRules.validating, generation: .ofSpec, defaults: AdmissionDefaults.binding,
    warnings: { object, _ in Expressions.warnings(object) },
    columns: [.name, AdmissionTable.policyName, AdmissionTable.paramRef, .age])

  /// Expressions that change what is written. (Kubernetes: pkg/registry/admissionregistration/mutatingadmissionpolicy)
  static let mutatingAdmissionPolicies = ResourceDefinition(
    "mutatingadmissionpolicies.admissionregistration.k8s.io", kind: "MutatingAdmissionPolicy",
    categories: ["api-extensions"], scope: .cluster, folder: "mutatingadmissionpolicies",
    versions: versions(of: "MutatingAdmissionPolicy"), puts: [.needVersion], rules: PolicyRules.mutating,
    generation: .ofSpec, defaults: AdmissionDefaults.mutatingPolicy,
    warnings: { object, _ in Expressions.warnings(object) },
    columns: [.name, AdmissionTable.mutations, AdmissionTable.paramKind, .age])

  /// Where a mutating policy is put to use. (Kubernetes:
  /// pkg/registry/admissionregistration/mutatingadmissionpolicybinding)
  static let mutatingAdmissionPolicyBindings = ResourceDefinition(
    "mutatingadmissionpolicybindings.admissionregistration.k8s.io", kind: "MutatingAdmissionPolicyBinding",
    categories: ["api-extensions"], scope: .cluster, folder: "mutatingadmissionpolicybindings",
    versions: versions(of: "MutatingAdmissionPolicyBinding"), puts: [.needVersion], rules: BindingRules.mutating,
    generation: .ofSpec, defaults: AdmissionDefaults.binding, warnings: { object, _ in Expressions.warnings(object) },
    columns: [.name, AdmissionTable.policyName, AdmissionTable.paramRef, .age])

  /// Kubernetes stores them so that the release before can still read them; the types are the same.
  private static func versions(of kind: String) -> [ServedVersion] {
    [ServedVersion("v1beta1", typeName: "io.k8s.api.admissionregistration.v1.\(kind)", isServed: false), .v1]
  }
}
