import Registry

extension ResourceDefinition {
  static let allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]

  /// A kind that is served for a test: with nodes' members, and names, scope and verbs as the test wants them.
  static func test(
    _ plural: String, group: String, version: String = "v1", isNamespaced: Bool = false, categories: [String] = [],
    verbs: [String] = allVerbs, subresources: [(name: String, verbs: [String])] = [],
    heartbeat: Subresource? = nil
  ) -> ResourceDefinition {
    let singular = String(plural.dropLast())
    return ResourceDefinition(
      group.isEmpty ? plural : "\(plural).\(group)", kind: singular.prefix(1).uppercased() + singular.dropFirst(),
      singular: singular, categories: categories, scope: isNamespaced ? .namespaced : .cluster,
      folder: "\(group)/\(plural)", versions: [ServedVersion(version, typeName: "io.k8s.api.core.v1.Node")],
      verbs: verbs,
      subresources: subresources.map { SubresourceDefinition(Subresource($0.name), verbs: $0.verbs, keeps: []) },
      rules: [], heartbeat: heartbeat, columns: [])
  }
}
