import CustomResources
import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A kind that somebody else brings. (Kubernetes: apiextensions-apiserver/pkg/registry/customresourcedefinition)
  static let customResourceDefinitions = ResourceDefinition(
    "customresourcedefinitions.apiextensions.k8s.io", kind: "CustomResourceDefinition", shortNames: ["crd", "crds"],
    categories: ["api-extensions"], scope: .cluster, folder: "apiextensions.k8s.io/customresourcedefinitions",
    versions: [
      ServedVersion(
        "v1", typeName: "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition")
    ],
    puts: [.needVersion],
    main: .main(keeps: ["status"], prepare: { definition, _ in DefinitionForm.noteStorageVersion(&definition) }),
    // Labels and finalizers can be changed with the status: upstream means to keep them, and does not.
    subresources: [.status()],
    rules: DefinitionRules.all, generation: .ofSpec, deletion: DefinitionForm.deletion,
    defaults: DefinitionForm.applyDefaults, prepareForCreate: DefinitionForm.begin,
    warnings: { definition, old in UnknownFormats.warnings(definition, old: old) },
    columns: [.name, .createdAt])
}

/// How a definition begins, and how it goes.
enum DefinitionForm {
  /// (`SetDefaults_CustomResourceDefinition`)
  static func applyDefaults(_ definition: inout JSONValue) {
    if let names = definition["spec"]?["names"] {
      let kind = names["kind"]?.string ?? ""
      var missing: [(name: String, value: JSONValue)] = []
      if (names["singular"]?.string ?? "").isEmpty, !kind.isEmpty {
        missing.append(("singular", .string(kind.lowercased())))
      }
      if (names["listKind"]?.string ?? "").isEmpty, !kind.isEmpty {
        missing.append(("listKind", .string("\(kind)List")))
      }
      definition["spec"]?["names"]?.fill(missing, order: nameOrder)
    }
    definition["spec"]?.fill([("conversion", ["strategy": "None"])], order: specOrder)
    if let webhook = definition["spec"]?["conversion"]?["webhook"] {
      definition["spec"]?["conversion"]?["webhook"]?["clientConfig"]?["service"]?.fill(
        [("port", 443)], order: ["namespace", "name", "path", "port"])
      // The older shape has no place for one that says nothing.
      if webhook["clientConfig"]?.isNull ?? true, webhook["conversionReviewVersions"]?.isNull ?? true {
        definition["spec"]?["conversion"]?["webhook"] = nil
      }
    }
    if (definition["status"]?["storedVersions"]?.array ?? []).isEmpty { noteStorageVersion(&definition) }
  }

  /// What else a client sets of the status is dropped.
  static func begin(_ definition: inout JSONValue) {
    definition["status"] = nil
    noteStorageVersion(&definition)
  }

  /// Instances are stored in a version from the moment that it is the one for that.
  static func noteStorageVersion(_ definition: inout JSONValue) {
    let versions = definition["spec"]?["versions"]?.array ?? []
    var status = definition["status"]?.object ?? JSONObject()
    var stored = status["storedVersions"]?.array ?? []
    if let name = versions.first(where: { $0["storage"]?.bool == true })?["name"], !stored.contains(name) {
      stored.append(name)
    }
    status["storedVersions"] = stored.isEmpty ? .null : .array(stored)
    var members = [
      JSONObject.Member("conditions", status["conditions"] ?? .null),
      JSONObject.Member("acceptedNames", status["acceptedNames"] ?? DefinitionNames(nil).value),
      JSONObject.Member("storedVersions", stored.isEmpty ? .null : .array(stored)),
    ]
    if let generation = status["observedGeneration"] {
      members.append(JSONObject.Member("observedGeneration", generation))
    }
    definition["status"] = .object(JSONObject(unchecked: members))
  }

  /// A definition is marked first and goes later, when its instances are gone: the server's own finalizer stands for
  /// them. (`REST.Delete`)
  static let deletion = DeletionRule {
    $0.namesFoundInPreconditions = true
    $0.isHeld = { !DefinitionStatus.isTerminating($0) }
    $0.mark = { definition, _ in
      if DefinitionStatus.isTerminating(definition) { return false }
      var meta = definition["metadata"]?.object ?? JSONObject()
      meta["deletionTimestamp"] = .string(Timestamp.text(Timestamp.now))
      var finalizers = meta["finalizers"]?.array ?? []
      let own = JSONValue.string(DefinitionStatus.finalizer)
      if !finalizers.contains(own) { finalizers.append(own) }
      meta["finalizers"] = .array(finalizers)
      definition["metadata"] = .object(MetadataOrder.sorted(meta))
      if let marked = DefinitionStatus.cleaned(definition, .pending) { definition = marked }
      return true
    }
  }

  private static let nameOrder = ["plural", "singular", "shortNames", "kind", "listKind", "categories"]
  private static let specOrder = ["group", "names", "scope", "versions", "conversion", "preserveUnknownFields"]
}
