import JSON
import Machinery
import Registry

/// Rules for names of CSI drivers, which drivers of devices go by as well. (Kubernetes: `ValidateCSIDriverName` of
/// pkg/apis/core/validation)
enum CSIDriverName {
  static let rules: [Rule] = [
    .required,
    .custom { context in
      for error in errors(context.path(), context.value?.string ?? "") { context.report(error) }
    },
  ]

  static func errors(_ path: String, _ name: String) -> [FieldError] {
    if name.isEmpty { return [.required(path, "")] }
    return (name.utf8.count > 63 ? [.tooLong(path, limit: 63)] : [])
      + NameValidation.dns1123Subdomain(name.lowercased()).map { .invalid(path, name, $0) }
  }
}
