/// What this build calls itself.
enum BuildInfo {
  static let version = "0.1.0"
  /// The Kubernetes whose behaviour is served.
  static let kubernetesVersion = "v1.36.2"
}
