import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A room for objects. (Kubernetes: pkg/registry/core/namespace)
  static let namespaces = ResourceDefinition(
    "namespaces", kind: "Namespace", shortNames: ["ns"], scope: .cluster, folder: "namespaces", versions: [.v1],
    verbs: ["create", "delete", "get", "list", "patch", "update", "watch"],
    main: .main(
      keeps: ["status"],
      prepare: { namespace, old in
        // Only `/finalize` changes them, but those who write them here come to own them.
        namespace["spec"] = old["spec"]
        NamespaceForm.label(&namespace)
      }),
    subresources: [
      .status(prepare: { namespace, _ in NamespaceForm.label(&namespace) }),
      SubresourceDefinition(
        NamespaceRules.finalize, verbs: ["update"], keeps: ["status"],
        prepare: { namespace, _ in NamespaceForm.label(&namespace) }),
    ],
    rules: NamespaceRules.all, deletion: NamespaceForm.deletion,
    defaults: NamespaceForm.applyDefaults, prepareForCreate: NamespaceForm.begin,
    selectableFields: [SelectableField("status.phase")], unknownField: .label,
    columns: [
      .name,
      .text("Status", at: "status.phase", description: "Whether the namespace is there to be used, or going."),
      .age,
    ])
}

/// How a namespace begins, and how it goes.
enum NamespaceForm {
  private static let nameLabel = "kubernetes.io/metadata.name"

  static func applyDefaults(_ namespace: inout JSONValue) {
    label(&namespace)
    if (namespace["status"]?["phase"]?.string ?? "").isEmpty { setPhase("Active", &namespace) }
  }

  /// It stands before all else in the status.
  private static func setPhase(_ phase: JSONValue, _ namespace: inout JSONValue) {
    let others = (namespace["status"]?.object?.members ?? []).filter { $0.name != "phase" }
    namespace["status"] = .object(JSONObject(unchecked: [JSONObject.Member("phase", phase)] + others))
  }

  /// A label repeats the name, as soon as that is known: selectors know labels alone.
  static func label(_ namespace: inout JSONValue) {
    guard let name = namespace["metadata"]?["name"]?.string, !name.isEmpty else { return }
    var labels = namespace["metadata"]?["labels"]?.object ?? JSONObject()
    if labels[nameLabel]?.string == name { return }
    labels[nameLabel] = .string(name)
    // As Go writes a map.
    let sorted = JSONObject(unchecked: labels.members.sorted { $0.name < $1.name })
    namespace["metadata"]?["labels"] = .object(sorted)
    if let meta = namespace["metadata"]?.object { namespace["metadata"] = .object(MetadataOrder.sorted(meta)) }
  }

  /// The server's own finalizer stands for the content.
  static func begin(_ namespace: inout JSONValue) {
    namespace["status"] = ["phase": "Active"]
    label(&namespace)
    var finalizers = namespace["spec"]?["finalizers"]?.array ?? []
    if !finalizers.contains("kubernetes") { finalizers.append("kubernetes") }
    namespace["spec"] = ["finalizers": .array(finalizers)]
  }

  /// A namespace is marked first and goes later, when what `spec.finalizers` stands for is gone. (Kubernetes:
  /// pkg/registry/core/namespace/storage, `Delete`.)
  static let deletion = DeletionRule {
    $0.answersObject = true
    $0.namesFoundInPreconditions = true
    $0.isHeld = { namespace in
      namespace["metadata"]?["deletionTimestamp"] == nil
        || !(namespace["spec"]?["finalizers"]?.array ?? []).isEmpty
    }
    $0.mark = { namespace, options in
      if namespace["metadata"]?["deletionTimestamp"] != nil {
        // What holds it does not change by being asked again; without that it goes as others do.
        return !(namespace["spec"]?["finalizers"]?.array ?? []).isEmpty
      }
      var meta = namespace["metadata"]?.object ?? JSONObject()
      meta["deletionTimestamp"] = .string(Timestamp.text(Timestamp.now))
      let finalizers = finalizers(meta["finalizers"]?.array ?? [], options)
      meta["finalizers"] = finalizers.isEmpty ? nil : .array(finalizers)
      namespace["metadata"] = .object(MetadataOrder.sorted(meta))
      setPhase("Terminating", &namespace)
      return true
    }
  }

  /// The finalizers with what the options add or take away.
  private static func finalizers(_ present: [JSONValue], _ options: DeleteOptions) -> [JSONValue] {
    func wanted(_ finalizer: JSONValue, explicit: Bool, policy: String) -> Bool {
      if let orphans = options.orphanDependents { return orphans == explicit }
      if let given = options.propagationPolicy { return given == policy }
      return present.contains(finalizer)
    }
    var finalizers = present
    for (finalizer, isWanted) in [
      ("orphan", wanted("orphan", explicit: true, policy: "Orphan")),
      ("foregroundDeletion", wanted("foregroundDeletion", explicit: false, policy: "Foreground")),
    ] as [(JSONValue, Bool)] {
      if !isWanted {
        finalizers.removeAll { $0 == finalizer }
      } else if !finalizers.contains(finalizer) {
        finalizers.append(finalizer)
      }
    }
    return finalizers
  }
}
