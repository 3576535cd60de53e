import JSON
import Registry

extension ResourceDefinition {
  /// A form that pods are made by. (Kubernetes: pkg/registry/core/podtemplate)
  static let podTemplates = ResourceDefinition(
    "podtemplates", kind: "PodTemplate", scope: .namespaced, folder: "podtemplates", versions: [.v1],
    main: .main(prepare: { object, old in
      object.edit("template") { PodGates.dropFromTemplate(&$0, old: old["template"]) }
    }),
    rules: [
      .onCreate(.metadata(.subdomain)),
      .onUpdate(.metadataUpdate),
      .at("template", PodTemplateRules.all),
    ],
    generation: .following("template"), deletion: DeletionRule { $0.answersObject = true },
    defaults: { object in object.edit("template") { PodDefaults.applyToTemplate(&$0) } },
    prepareForCreate: { object in object.edit("template") { PodGates.dropFromTemplate(&$0, old: nil) } },
    warnings: { object, old in
      // What stays as it was has been warned of.
      if let old, old["metadata"]?["generation"] == object["metadata"]?["generation"] { return [] }
      return PodWarnings.ofTemplate(object["template"], at: "template")
    },
    columns: [
      .name,
      TableColumn(
        "Containers", description: "The names of the containers.",
        cell: ContainerColumns.list("name", of: ["template", "spec"])),
      TableColumn(
        "Images", description: "The images of the containers.",
        cell: ContainerColumns.list("image", of: ["template", "spec"])),
      TableColumn(
        "Pod Labels", description: "The labels that the pods have.",
        cell: ContainerColumns.labels(at: ["template", "metadata", "labels"])),
    ])
}
