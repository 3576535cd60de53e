import JSON
import Machinery
import Registry

/// Rules for the spec of a volume that has no object of its own, which a driver by the Container Storage Interface has
/// to have. (Kubernetes: `ValidatePersistentVolumeSpec` of pkg/apis/core/validation, as it looks at such)
enum InlineVolumeRules {
  static let all: [Rule] = [
    .at("claimRef", .forbidden(notInline)),
    .at("capacity", .forbidden(notInline)),
    .at("csi", .required("has to be specified in the context of inline volumes")),
    .at("accessModes", .required, .custom(accessModes)),
    .at("persistentVolumeReclaimPolicy", .optional, .custom(isRetained)),
    .at("nodeAffinity", .forbidden(notInline)),
    .firstOf(
      // In upstream's order, of which csi is the last.
      [
        Rule.Choice("hostPath", []), Rule.Choice("gcePersistentDisk", []), Rule.Choice("awsElasticBlockStore", []),
        Rule.Choice("glusterfs", []), Rule.Choice("flocker", []), Rule.Choice("nfs", []), Rule.Choice("rbd", []),
        Rule.Choice("quobyte", []), Rule.Choice("cephfs", [], forbiddenAs: "cephFS"), Rule.Choice("iscsi", []),
        Rule.Choice("cinder", []), Rule.Choice("fc", []), Rule.Choice("flexVolume", []), Rule.Choice("azureFile", []),
        Rule.Choice("vsphereVolume", []), Rule.Choice("photonPersistentDisk", []), Rule.Choice("portworxVolume", []),
        Rule.Choice("azureDisk", []), Rule.Choice("scaleIO", []), Rule.Choice("local", []),
        Rule.Choice("storageos", []), Rule.Choice("csi", csi),
      ], others: "may not specify more than 1 volume type", none: "must specify a volume type"),
    .at("storageClassName", .optional, .forbidden(notInline)),
    .at("volumeMode", .custom(isFilesystem)),
  ]

  private static let notInline = "may not be specified in the context of inline volumes"

  private static let csi: [Rule] = [
    .at("driver", .custom(driverName)),
    .at("volumeHandle", .required),
    .at("controllerPublishSecretRef", secret),
    .at("controllerExpandSecretRef", secret),
    .at("nodePublishSecretRef", secret),
    .at("nodeExpandSecretRef", secret),
  ]

  private static let secret: [Rule] = [
    .at("name", .required, .format(.dns1123Subdomain)),
    .at("namespace", .required, .format(.dns1123Label)),
  ]

  static let driverName: Rule.Function = { context in
    for error in CSINodeRules.nameErrors(context.path(), context.value?.string ?? "") { context.report(error) }
  }

  private static let accessModes: Rule.Function = { context in
    let known = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"]
    let modes = (context.value?.array ?? []).map { $0.string ?? "" }
    for mode in modes where !known.contains(mode) {
      let error = FieldError.notSupported(context.path(), mode, known)
      let shown = JSONValue.string(mode).encoded().text
      context.report(FieldError(error.kind, error.field, value: shown, detail: error.detail))
    }
    let isShared = modes.contains { known.contains($0) && $0 != "ReadWriteOncePod" }
    if isShared, modes.contains("ReadWriteOncePod") {
      context.report(.forbidden(context.path(), "may not use ReadWriteOncePod with other access modes"))
    }
  }

  private static let isRetained: Rule.Function = { context in
    if context.value?.string != "Retain" {
      context.report(.forbidden(context.path(), "may only be Retain in the context of inline volumes"))
    }
  }

  private static let isFilesystem: Rule.Function = { context in
    guard let mode = context.value?.string, mode != "Filesystem" else { return }
    let detail = "may not specify volumeMode other than Filesystem in the context of inline volumes"
    context.report(.forbidden(context.path(), detail))
  }
}
