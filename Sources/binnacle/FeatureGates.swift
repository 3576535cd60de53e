import ArgumentParser

/// Upstream's feature gates that decide anything here, under their names (`--feature-gates`).
struct FeatureGates: ExpressibleByArgument {
  /// Lets objects that can't be read be listed by key, and deleted unseen with ignoreStoreReadErrorWithClusterBreakingPotential.
  var allowUnsafeMalformedObjectDeletion = false

  init() {}

  /// nil for a gate that is not known, or a value that is neither true nor false.
  init?(argument: String) {
    for entry in argument.split(separator: ",") {
      let parts = entry.split(separator: "=", omittingEmptySubsequences: false)
      guard parts.count == 2, parts[0] == "AllowUnsafeMalformedObjectDeletion", let isOn = Bool(String(parts[1])) else { return nil }
      allowUnsafeMalformedObjectDeletion = isOn
    }
  }

  static let help = "AllowUnsafeMalformedObjectDeletion (default false)"
  var defaultValueDescription: String { "none" }
}
