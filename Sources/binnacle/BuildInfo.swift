import CMimalloc

/// What this build calls itself.
enum BuildInfo {
  static let version = "0.1.0"
  /// The Kubernetes whose behaviour is served.
  static let kubernetesVersion = "v1.36.2"
  /// Who hands out memory. Saying so also keeps the linker from leaving the library out.
  static let allocator = "mimalloc \(mi_version() / 100).\(mi_version() % 100)"
}
