import JSON
import Machinery
import Registry
import Schema

extension ResourceDefinition {
  /// That a volume shall be attached to a node, and whether it is. (Kubernetes: pkg/registry/storage/volumeattachment)
  static let volumeAttachments = ResourceDefinition(
    "volumeattachments.storage.k8s.io", kind: "VolumeAttachment", scope: .cluster, folder: "volumeattachments",
    versions: [.v1],
    puts: [.needVersion],
    main: .main(keeps: ["status"]),
    subresources: [
      SubresourceDefinition(
        .status, keeps: ["spec"], disowned: [["metadata"]], prepare: VolumeAttachmentStatus.keepMetadata)
    ],
    rules: VolumeAttachmentRules.all,
    deletion: DeletionRule { $0.answersObject = true },
    defaults: { attachment in
      attachment.edit("spec") { spec in
        spec.edit("source") { source in
          source.edit("inlineVolumeSpec") { volume in
            VolumeDefaults.applyToPersistent(&volume)
            ResourceLists.roundUp(&volume["capacity"])
          }
        }
      }
    },
    prepareForCreate: { $0["status"] = ["attached": false] },
    columns: [
      .name,
      TableColumn(
        "Attacher", format: "name", description: "The driver that attaches it.",
        cell: TableColumn.text("", at: "spec.attacher", description: "").cell),
      .text("PV", at: "spec.source.persistentVolumeName", description: "The volume's name."),
      .text("Node", at: "spec.nodeName", description: "The node it shall be attached to."),
      TableColumn("Attached", type: "boolean", description: "Is it attached?") { attachment, _ in
        .bool(attachment["status"]?["attached"]?.bool ?? false)
      },
      .age,
    ])
}

private enum VolumeAttachmentStatus {
  private static let kept = [
    "selfLink", "generation", "deletionTimestamp", "labels", "annotations", "ownerReferences", "finalizers",
  ]

  /// A write of the status changes nothing of what stands in metadata. (`ResetObjectMetaForStatus`)
  static func keepMetadata(_ attachment: inout JSONValue, _ old: JSONValue) {
    var metadata = attachment["metadata"]?.object ?? JSONObject()
    for name in kept { metadata[name] = old["metadata"]?[name] }
    attachment["metadata"] = .object(MetadataOrder.sorted(metadata))
  }
}

/// Rules for volume attachments, the same for every update. (Kubernetes: pkg/apis/storage/validation,
/// `ValidateVolumeAttachment` and `ValidateVolumeAttachmentUpdate`)
enum VolumeAttachmentRules {
  static let all: [Rule] = [
    .metadata(.subdomain),
    .at(
      "spec",
      .at("attacher", CSIDriverName.rules),
      .at("source", .custom(source)),
      .at("nodeName", .format(.dns1123Subdomain))),
    .at(
      "status",
      .at("attachmentMetadata", .custom(size)),
      .at("attachError", failure),
      .at("detachError", failure)),
    .at("spec", .at("source", .at("persistentVolumeName", .format(.dns1123Subdomain)))),
    .onUpdate(.at("spec", .custom(stays))),
  ]

  /// Those of a volume that has no object of its own.
  private static let inlineRules: CompiledRules? = {
    let model = TypeModel.builtin
    return model.type("io.k8s.api.core.v1.PersistentVolumeSpec").map {
      CompiledRules(PersistentVolumeRules.spec(isInline: true), type: $0, model: model, isNamespaced: false)
    }
  }()

  private static let bytesMax = 256 << 10

  private static let failure: [Rule] = [
    .at("message", .custom(message)),
    .at("errorCode", .custom(errorCode)),
  ]

  private static let size: Rule.Function = { context in
    let bytes = (context.value?.object?.members ?? []).reduce(0) { sum, entry in
      sum + entry.name.utf8.count + (entry.value.string ?? "").utf8.count
    }
    if bytes > bytesMax { context.report(.tooLong(context.path(), limit: bytesMax)) }
  }

  /// Upstream counts to one number and tells of another.
  private static let message: Rule.Function = { context in
    if (context.value?.string ?? "").utf8.count > 1_024 { context.report(.tooLong(context.path(), limit: bytesMax)) }
  }

  private static let errorCode: Rule.Function = { context in
    guard let code = context.value?.int, code < 0 else { return }
    context.report(.invalid(context.path(), bare: String(code), "must be between 0 and 2147483647, inclusive"))
  }

  private static let source: Rule.Function = { context in
    func given(_ member: String) -> JSONValue? { context.value?[member].flatMap { $0.isNull ? nil : $0 } }
    let name = given("persistentVolumeName")
    let inline = given("inlineVolumeSpec")
    let detail = "must specify exactly one of inlineVolumeSpec and persistentVolumeName"
    switch (name, inline) {
    case (nil, nil): context.report(.required(context.path(), detail))
    case (_?, _?): context.report(.forbidden(context.path(), detail))
    case (let name?, nil):
      if (name.string ?? "").isEmpty {
        let detail = "must specify non empty persistentVolumeName"
        context.report(.required(context.path("persistentVolumeName"), detail))
      }
    case (nil, let inline?):
      for error in inlineRules?.check(inline) ?? [] {
        let path = context.path("inlineVolumeSpec")
        // A complaint about the spec itself has no path.
        context.report(error.at(error.field == "<nil>" ? path : "\(path).\(error.field)"))
      }
    }
  }

  private static let stays: Rule.Function = { context in
    if RuleContext.areSame(context.value, context.old) { return }
    let shown = VolumeAttachmentForm.shown(context.value)
    context.report(.invalid(context.path(), bare: shown.encoded().text, "field is immutable"))
  }
}
