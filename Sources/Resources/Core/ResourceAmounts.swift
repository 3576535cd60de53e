import Machinery

/// What a machine has and pods use, by name: `cpu`, `hugepages-2Mi`, `example.org/device`. (Kubernetes:
/// pkg/apis/core/helper)
enum ResourceAmounts {
  /// What counts objects, and so comes in whole numbers.
  private static let counted = [
    "pods", "services", "replicationcontrollers", "resourcequotas", "secrets", "configmaps", "persistentvolumeclaims",
    "services.nodeports", "services.loadbalancers",
  ]

  /// Is it Kubernetes' own? Those without a domain are. (`IsNativeResource`)
  static func isNative(_ name: String) -> Bool {
    !name.utf8.contains(UInt8(ascii: "/")) || name.contains("kubernetes.io/")
  }

  /// Is it somebody else's, with a name that a quota could have as well? (`IsExtendedResourceName`)
  static func isExtended(_ name: String) -> Bool {
    !isNative(name) && !name.hasPrefix("requests.") && NameValidation.qualifiedName("requests.\(name)").isEmpty
  }

  /// (`IsIntegerResourceName`)
  private static func countsThings(_ name: String) -> Bool { counted.contains(name) || isExtended(name) }

  /// What is wrong with an amount: none may be negative, and what counts things has to be whole.
  /// (`ValidateResourceQuantityValue`)
  static func problems(_ text: String, of name: String) -> [String] {
    let countsThings = countsThings(name)
    guard text.utf8.first == UInt8(ascii: "-") || countsThings, let quantity = try? Quantity(parsing: text) else {
      return []
    }
    return (quantity.isBelowZero ? ["must be greater than or equal to 0"] : [])
      + (countsThings && !quantity.isInteger ? ["must be an integer"] : [])
  }
}
