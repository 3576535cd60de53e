import JSON
import Machinery
import Registry

/// Rules for names of CSI drivers. (Kubernetes: `ValidateCSIDriverName` of pkg/apis/core/validation)
enum CSIDriverName {
  static let rules: [Rule] = [
    .required,
    .maxBytes(63),
    .custom { context in
      guard let name = context.value?.string else { return }
      for problem in NameValidation.dns1123Subdomain(name.lowercased()) { context.invalid(name, problem) }
    },
  ]
}
