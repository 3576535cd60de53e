import JSON
import Machinery
import Registry

/// How many may use a volume, and for what.
enum AccessModes {
  /// Rules for a list of them that is there. (Kubernetes: `ValidatePersistentVolumeSpec` and
  /// `ValidatePersistentVolumeClaimSpec` of pkg/apis/core/validation)
  static let check: Rule.Function = { context in
    let modes = (context.value?.array ?? []).map { $0.string ?? "" }
    let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", alone]
    for mode in modes where !known.contains(mode) {
      context.report(.notSupported(context.path(), named: .string(mode), known))
    }
    if modes.contains(alone), modes.contains(where: { $0 != alone && known.contains($0) }) {
      context.report(.forbidden(context.path(), "may not use ReadWriteOncePod with other access modes"))
    }
  }

  private static let alone = "ReadWriteOncePod"

  /// As tables show them. (`GetAccessModesAsString`)
  static func shown(_ modes: JSONNode?) -> String {
    let given = modes?.elements.map { $0.string ?? "" } ?? []
    let names = [
      ("ReadWriteOnce", "RWO"), ("ReadOnlyMany", "ROX"), ("ReadWriteMany", "RWX"), (alone, "RWOP"),
    ]
    return names.filter { given.contains($0.0) }.map(\.1).joined(separator: ",")
  }
}
