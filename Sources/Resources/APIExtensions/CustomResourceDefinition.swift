import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// What clients define of kinds of their own. (apiextensions-apiserver: `pkg/registry/customresourcedefinition`)
  static let customResourceDefinitions = ResourceDefinition(
    "customresourcedefinitions.apiextensions.k8s.io", kind: "CustomResourceDefinition", shortNames: ["crd", "crds"],
    categories: ["api-extensions"], scope: .cluster, folder: "apiextensions.k8s.io/customresourcedefinitions",
    versions: [
      ServedVersion(
        "v1", typeName: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition")
    ],
    puts: [.needVersion], main: .main(keeps: ["status"]), subresources: [.status()],
    rules: [], generation: .ofSpec,
    deletion: DeletionRule {
      $0.isHeld = { $0["metadata"]?["deletionTimestamp"] == nil }
      $0.mark = { object, _ in
        guard object["metadata"]?["deletionTimestamp"] == nil else { return false }
        var meta = object["metadata"]?.object ?? JSONObject()
        meta["deletionTimestamp"] = .string(Timestamp.text(Timestamp.now))
        var finalizers = meta["finalizers"]?.array ?? []
        let own: JSONValue = "customresourcecleanup.apiextensions.k8s.io"
        if !finalizers.contains(own) { finalizers.append(own) }
        meta["finalizers"] = .array(finalizers)
        object["metadata"] = .object(MetadataOrder.sorted(meta))
        return true
      }
    },
    prepareForCreate: { object in
      let names = object["spec"]?["names"]
      let kind = names?["kind"]?.string ?? ""
      if names?["singular"]?.string == nil { object["spec"]?["names"]?["singular"] = .string(kind.lowercased()) }
      if names?["listKind"]?.string == nil { object["spec"]?["names"]?["listKind"] = .string(kind + "List") }
      let stored = (object["spec"]?["versions"]?.array ?? []).filter { $0["storage"] == true }.compactMap { $0["name"] }
      object["status"] = [
        "conditions": .null, "acceptedNames": ["plural": "", "kind": ""], "storedVersions": .array(stored),
      ]
    },
    columns: [.name, .createdAt])
}
