import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for the volumes of a pod. (Kubernetes: pkg/apis/core/validation, `ValidateVolumes`)
enum PodVolumeRules {
  static let all: [Rule] = [
    .each(
      .custom { $0.pod.mark = $0.complaintCount },
      .firstOf(sources, others: VolumeSourceRules.onlyOne, none: VolumeSourceRules.needed),
      .custom(nameFits),
      .at("name", .required, .format(.dns1123Label)),
      .custom(end))
  ]

  /// In the order of upstream's complaints, with the names that it gives them there.
  private static let sources: [Rule.Choice] = [
    Rule.Choice("emptyDir", [.at("sizeLimit", .custom(sizeLimit))]),
    Rule.Choice("hostPath", VolumeSourceRules.hostPath),
    Rule.Choice("gitRepo", PodVolumeSources.gitRepo),
    Rule.Choice("gcePersistentDisk", VolumeSourceRules.gcePersistentDisk, path: "persistentDisk"),
    Rule.Choice("awsElasticBlockStore", VolumeSourceRules.awsElasticBlockStore),
    Rule.Choice("secret", PodVolumeSources.files(of: "secretName")),
    Rule.Choice("nfs", VolumeSourceRules.nfs),
    Rule.Choice("iscsi", ISCSIRules.inPod),
    Rule.Choice("glusterfs", VolumeSourceRules.glusterfs),
    Rule.Choice("flocker", VolumeSourceRules.flocker),
    Rule.Choice("persistentVolumeClaim", [.at("claimName", .required)]),
    Rule.Choice("rbd", VolumeSourceRules.rbd),
    Rule.Choice("cinder", VolumeSourceRules.cinder),
    Rule.Choice("cephfs", VolumeSourceRules.cephFS, forbiddenAs: "cephFS"),
    Rule.Choice("quobyte", VolumeSourceRules.quobyte),
    Rule.Choice("downwardAPI", ProjectedVolumeRules.downward, forbiddenAs: "downwarAPI"),
    Rule.Choice("fc", VolumeSourceRules.fc),
    Rule.Choice("flexVolume", VolumeSourceRules.flex),
    Rule.Choice("configMap", PodVolumeSources.files(of: "name")),
    Rule.Choice("azureFile", VolumeSourceRules.azureFile),
    Rule.Choice("vsphereVolume", VolumeSourceRules.vsphere),
    Rule.Choice("photonPersistentDisk", VolumeSourceRules.photon),
    Rule.Choice("portworxVolume", VolumeSourceRules.portworx),
    Rule.Choice("azureDisk", VolumeSourceRules.azureDisk),
    Rule.Choice("storageos", VolumeSourceRules.storageOS),
    Rule.Choice("projected", ProjectedVolumeRules.all),
    Rule.Choice("scaleIO", VolumeSourceRules.scaleIO),
    Rule.Choice("csi", VolumeSourceRules.csi),
    Rule.Choice("ephemeral", PodVolumeSources.ephemeral),
    Rule.Choice("image", PodVolumeSources.image),
  ]

  private static let sizeLimit: Rule.Function = { context in
    if context.value?.string?.utf8.first == UInt8(ascii: "-") {
      context.forbids(detail: "SizeLimit field must be a valid resource quantity")
    }
  }

  /// What a volume's name is used for.
  private static let nameFits: Rule.Function = { context in
    guard let volume = context.value else { return }
    let name = volume.string(at: "name")
    if let iscsi = volume["iscsi"], iscsi.isSet("initiatorName"),
      ISCSIRules.isTooLong(volume: name, iscsi.string(at: "targetPortal"))
    {
      context.refuses(name, ISCSIRules.tooLong, at: "name")
    }
    let pod = context.pod.meta?.string(at: "name") ?? ""
    if volume.isSet("ephemeral"), !pod.isEmpty, !name.isEmpty {
      let claim = "\(pod)-\(name)"
      for problem in NameValidation.dns1123Subdomain(claim) {
        context.refuses(name, "PVC name \(GoText.quoted(claim)): \(problem)", at: "name")
      }
    }
  }

  private static let end: Rule.Function = { context in
    guard let volume = context.value else { return }
    let facts = context.pod
    let name = volume.string(at: "name")
    if facts.volumes[ByteString(name)] != nil {
      context.report(.duplicate(context.path("name"), bare: GoText.quoted(name)))
    } else if context.complaintCount == facts.mark {
      facts.volumes[ByteString(name)] = volume
    }
    guard let claim = volume["persistentVolumeClaim"]?.string(at: "claimName"),
      let pod = facts.meta?.string(at: "name"), !pod.isEmpty, claim.hasPrefix("\(pod)-")
    else { return }
    let isMade = facts.spec.array(at: "volumes").contains {
      $0.isSet("ephemeral") && "\(pod)-\($0.string(at: "name"))" == claim
    }
    if isMade {
      context.refuses(
        claim, "must not reference a PVC that gets created for an ephemeral volume", at: "persistentVolumeClaim",
        "claimName")
    }
  }
}
