import JSON
import Registry

/// Profiles of AppArmor were annotations once. (Kubernetes: pkg/api/pod, `ApparmorFieldForAnnotation`)
enum AppArmorAnnotation {
  /// The profile that an annotation stands for; nil for none.
  static func profile(_ annotation: String) -> JSONValue? {
    switch annotation {
    case "unconfined": return ["type": "Unconfined"]
    case "runtime/default": return ["type": "RuntimeDefault"]
    default:
      guard annotation.hasPrefix("localhost/") else { return nil }
      let name = String(annotation.dropFirst("localhost/".count))
      return name.isEmpty ? nil : ["type": "Localhost", "localhostProfile": .string(name)]
    }
  }

  static func warning(_ key: String, _ prefix: String) -> String {
    #"\#(prefix)metadata.annotations[\#(key)]: deprecated since v1.30; use the "appArmorProfile" field instead"#
  }
}
