import JSON
import Machinery
import Registry

/// Rules for persistent volumes. (Kubernetes: `ValidatePersistentVolume` and its siblings of pkg/apis/core/validation,
/// and pkg/volume/validation)
enum PersistentVolumeRules {
  /// An update is asked twice what a creation is, and then what may change.
  static let all: [Rule] = [
    .on(.main, object),
    .on(.main, mountOptions),
    .on(.main, .onUpdate(object), .onUpdate(update)),
    .on(.status, .metadataUpdate),
  ]

  private static let object: [Rule] = [.metadata(.subdomain), .at("spec", spec(isInline: false))]

  /// Rules for the spec. `isInline`: of a volume that has no object of its own; such rules are compiled for the spec
  /// alone.
  static func spec(isInline: Bool) -> [Rule] {
    let rules: [Rule] =
      isInline ? [.at("claimRef", .forbidden(notInline)), .at("capacity", .forbidden(notInline)), csiIsNeeded] : []
    return rules + [
      .at("accessModes", .required, .custom(AccessModes.check)),
      .all(isInline ? [] : [.custom(capacity)]),
      .at(
        "persistentVolumeReclaimPolicy", isInline ? [onlyRetained] : [.optional, .oneOf("Delete", "Recycle", "Retain")]),
      .at(
        "nodeAffinity",
        isInline
          ? [.forbidden(notInline)]
          : [.at("required", .required("must specify required node constraints"), .custom(nodeSelector))]),
      .firstOf(
        sources(isInline: isInline), others: VolumeSourceRules.onlyOne, none: VolumeSourceRules.needed),
      .custom(rootIsNotRecycled),
      .at("storageClassName", .optional, isInline ? .forbidden(notInline) : .format(.dns1123Subdomain)),
      .at("volumeMode", isInline ? onlyFilesystem : .oneOf("Block", "Filesystem")),
      .all(isInline ? [] : [.custom(attributesClass)]),
    ]
  }

  // MARK: inline

  private static let notInline = "may not be specified in the context of inline volumes"
  private static let csiIsNeeded = Rule.at("csi", .required("has to be specified in the context of inline volumes"))
  private static let onlyRetained = Rule.custom { context in
    guard let policy = context.value?.string, !policy.isEmpty, policy != "Retain" else { return }
    context.report(.forbidden(context.path(), "may only be Retain in the context of inline volumes"))
  }
  private static let onlyFilesystem = Rule.custom { context in
    guard let mode = context.value?.string, mode != "Filesystem" else { return }
    let detail = "may not specify volumeMode other than Filesystem in the context of inline volumes"
    context.report(.forbidden(context.path(), detail))
  }

  // MARK: members

  private static let capacity: Rule.Function = { context in
    let capacity = context.value?["capacity"]
    var amounts = capacity?.object ?? JSONObject()
    amounts.sortByName()
    let path = context.path("capacity")
    if amounts.isEmpty { context.report(.required(path, "")) }
    if amounts["storage"] == nil || amounts.count > 1 {
      let given = capacity?.object == nil ? context.emptied("capacity") ?? .null : .object(amounts)
      context.report(.notSupported(path, named: given, ["storage"]))
    }
    for amount in amounts.members {
      let path = context.path("capacity", .key(amount.name))
      if let error = ResourceLists.basic(amount.value, path) { context.report(error) }
      if let error = ResourceLists.positive(amount.value, path) { context.report(error) }
    }
  }

  /// Values that no label can have stay where they are.
  private static let nodeSelector: Rule.Function = { context in
    let old = context.oldObject?["spec"]?["nodeAffinity"]?["required"]
    NodeSelectorRules.selector(&context, allowsBadValues: NodeSelectorRules.hasBadValues(old))
  }

  private static let rootIsNotRecycled: Rule.Function = { context in
    guard context.value?["persistentVolumeReclaimPolicy"]?.string == "Recycle",
      let path = context.value?["hostPath"]?["path"]?.string, isRoot(path)
    else { return }
    let detail = "may not be 'recycle' for a hostPath mount of '/'"
    context.report(.forbidden(context.path("persistentVolumeReclaimPolicy"), detail))
  }

  /// Does a path come to `/`, once it is cleaned?
  private static func isRoot(_ path: String) -> Bool {
    guard path.hasPrefix("/") else { return false }
    var depth = 0
    for part in path.split(separator: "/") where part != "." {
      depth = part == ".." ? max(0, depth - 1) : depth + 1
    }
    return depth == 0
  }

  private static let attributesClass: Rule.Function = { context in
    guard let name = context.value?["volumeAttributesClassName"]?.string else { return }
    let path = context.path("volumeAttributesClassName")
    if name.isEmpty {
      context.report(.required(path, "an empty string is disallowed"))
    } else {
      for problem in NameValidation.dns1123Subdomain(name) { context.report(.invalid(path, name, problem)) }
    }
    if context.value?["csi"]?.object == nil {
      context.report(.required(context.path("csi"), "has to be specified when using volumeAttributesClassName"))
    }
  }

  // MARK: sources

  /// In the order in which they are looked for. Some complaints name members otherwise than the type does.
  private static func sources(isInline: Bool) -> [Rule.Choice] {
    typealias Source = VolumeSourceRules
    return [
      .init("hostPath", Source.hostPath),
      .init("gcePersistentDisk", Source.gcePersistentDisk, path: "persistentDisk"),
      .init("awsElasticBlockStore", Source.awsElasticBlockStore),
      .init("glusterfs", Source.glusterfsPersistent),
      .init("flocker", Source.flocker),
      .init("nfs", Source.nfs),
      .init("rbd", Source.rbd),
      .init("quobyte", Source.quobyte),
      .init("cephfs", Source.cephFS, forbiddenAs: "cephFS"),
      .init("iscsi", ISCSIRules.persistent(isInline: isInline)),
      .init("cinder", Source.cinderPersistent),
      .init("fc", Source.fc),
      .init("flexVolume", Source.flex, mayJoin: true),
      .init("azureFile", Source.azureFilePersistent),
      .init("vsphereVolume", Source.vsphere),
      .init("photonPersistentDisk", Source.photon),
      .init("portworxVolume", Source.portworx),
      .init("azureDisk", Source.azureDisk),
      .init("scaleIO", Source.scaleIO),
      .init("local", Source.local + [isInline ? localInline : localAffinity]),
      .init("storageos", Source.storageOSPersistent),
      .init("csi", Source.csiPersistent),
    ]
  }

  private static let localAffinity = Rule.custom { context in
    if context.object["spec"]?["nodeAffinity"]?.object != nil { return }
    context.report(.required("spec.nodeAffinity", "Local volume requires node affinity"))
  }
  /// There the affinity counts as absent, whatever is written. The spec is all that there is.
  private static let localInline = Rule.custom { context in
    context.report(.required("nodeAffinity", "Local volume requires node affinity"))
  }

  static let sourceNames = sources(isInline: false).map(\.name)

  /// The annotation of old is for what can be mounted with options. (`checkMountOption`)
  private static let mountOptions = Rule.custom { context in
    let mountable = [
      "gcePersistentDisk", "awsElasticBlockStore", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "cinder", "cephfs",
      "azureFile", "vsphereVolume", "azureDisk", "photonPersistentDisk",
    ]
    let name = "volume.beta.kubernetes.io/mount-options"
    guard context.value?["metadata"]?["annotations"]?[name] != nil,
      !mountable.contains(where: { context.value?["spec"]?[$0]?.object != nil })
    else { return }
    let path = context.path("metadata", "annotations", .member(name))
    context.report(.forbidden(path, "may not specify mount options for this volume type"))
  }
}
