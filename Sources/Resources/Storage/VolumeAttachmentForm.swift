import JSON

/// How upstream prints the spec of a volume attachment where it says that nothing of it may change: as its internal
/// type, whose members have names of their own, stand in another order, and are all there.
enum VolumeAttachmentForm {
  static func shown(_ spec: JSONValue?) -> JSONValue { structure("VolumeAttachmentSpec", spec) }

  /// Members in order: Go's name, `=` and the API's name where that is more than another first letter, and what is
  /// printed for one that is not there: text if nothing follows, `#` a number, `!` a bool, `*` null. Behind `*` stands
  /// the type of what it points to, behind `.` that of a struct, behind `[` that of a list's elements.
  private static let types: [String: [Member]] = [
    "VolumeAttachmentSpec": members("Attacher Source.VolumeAttachmentSource NodeName"),
    "VolumeAttachmentSource": members("PersistentVolumeName* InlineVolumeSpec*PersistentVolumeSpec"),
    "PersistentVolumeSpec": members(
      """
      Capacity* GCEPersistentDisk=gcePersistentDisk*PartitionedDisk \
      AWSElasticBlockStore=awsElasticBlockStore*PartitionedVolume HostPath*HostPath Glusterfs*Glusterfs NFS=nfs*NFS \
      RBD=rbd*RBD Quobyte*Quobyte ISCSI=iscsi*ISCSI FlexVolume*FlexVolume Cinder*Cinder CephFS=cephfs*CephFS FC=fc*FC \
      Flocker*Flocker AzureFile*AzureFile VsphereVolume*VsphereVolume AzureDisk*AzureDisk \
      PhotonPersistentDisk*PhotonPersistentDisk PortworxVolume*PortworxVolume ScaleIO*ScaleIO Local*Local \
      StorageOS=storageos*StorageOS CSI=csi*CSI AccessModes* ClaimRef*ObjectReference PersistentVolumeReclaimPolicy \
      StorageClassName MountOptions* VolumeMode* NodeAffinity*VolumeNodeAffinity VolumeAttributesClassName*
      """),
    "PartitionedDisk": members("PDName=pdName FSType=fsType Partition# ReadOnly!"),
    "PartitionedVolume": members("VolumeID FSType=fsType Partition# ReadOnly!"),
    "HostPath": members("Path Type*"),
    "Glusterfs": members("EndpointsName=endpoints Path ReadOnly! EndpointsNamespace*"),
    "NFS": members("Server Path ReadOnly!"),
    "RBD": members(
      """
      CephMonitors=monitors* RBDImage=image FSType=fsType RBDPool=pool RadosUser=user Keyring \
      SecretRef*SecretReference ReadOnly!
      """),
    "Quobyte": members("Registry Volume ReadOnly! User Group Tenant"),
    "ISCSI": members(
      """
      TargetPortal IQN=iqn Lun# ISCSIInterface=iscsiInterface FSType=fsType ReadOnly! Portals* \
      DiscoveryCHAPAuth=chapAuthDiscovery! SessionCHAPAuth=chapAuthSession! SecretRef*SecretReference InitiatorName*
      """),
    "FlexVolume": members("Driver FSType=fsType SecretRef*SecretReference ReadOnly! Options*"),
    "Cinder": members("VolumeID FSType=fsType ReadOnly! SecretRef*SecretReference"),
    "CephFS": members("Monitors* Path User SecretFile SecretRef*SecretReference ReadOnly!"),
    "FC": members("TargetWWNs* Lun* FSType=fsType ReadOnly! WWIDs=wwids*"),
    "Flocker": members("DatasetName DatasetUUID"),
    "AzureFile": members("SecretName ShareName ReadOnly! SecretNamespace*"),
    "VsphereVolume": members("VolumePath FSType=fsType StoragePolicyName StoragePolicyID"),
    "AzureDisk": members("DiskName DataDiskURI=diskURI CachingMode* FSType=fsType* ReadOnly* Kind*"),
    "PhotonPersistentDisk": members("PdID FSType=fsType"),
    "PortworxVolume": members("VolumeID FSType=fsType ReadOnly!"),
    "ScaleIO": members(
      """
      Gateway System SecretRef*SecretReference SSLEnabled=sslEnabled! ProtectionDomain StoragePool StorageMode \
      VolumeName FSType=fsType ReadOnly!
      """),
    "Local": members("Path FSType=fsType*"),
    "StorageOS": members("VolumeName VolumeNamespace FSType=fsType ReadOnly! SecretRef*ObjectReference"),
    "CSI": members(
      """
      Driver VolumeHandle ReadOnly! FSType=fsType VolumeAttributes* ControllerPublishSecretRef*SecretReference \
      NodeStageSecretRef*SecretReference NodePublishSecretRef*SecretReference \
      ControllerExpandSecretRef*SecretReference NodeExpandSecretRef*SecretReference
      """),
    "SecretReference": members("Name Namespace"),
    "ObjectReference": members("Kind Namespace Name UID=uid APIVersion=apiVersion ResourceVersion FieldPath"),
    "VolumeNodeAffinity": members("Required*NodeSelector"),
    "NodeSelector": members("NodeSelectorTerms[NodeSelectorTerm"),
    "NodeSelectorTerm": members("MatchExpressions[NodeSelectorRequirement MatchFields[NodeSelectorRequirement"),
    "NodeSelectorRequirement": members("Key Operator Values*"),
  ]

  private struct Member {
    let shownName: String
    let name: String
    /// What stands behind the names; nil for a text.
    let mark: Character?
    let type: String
  }

  private static func members(_ words: String) -> [Member] {
    words.split { $0 == " " || $0 == "\n" }.map { word in
      let names = word.prefix { !"#!*.[".contains($0) }
      let rest = word.dropFirst(names.count)
      let parts = names.split(separator: "=")
      let shown = String(parts[0])
      let name = parts.count > 1 ? String(parts[1]) : shown.prefix(1).lowercased() + shown.dropFirst()
      return Member(shownName: shown, name: name, mark: rest.first, type: String(rest.dropFirst()))
    }
  }

  private static func structure(_ type: String, _ value: JSONValue?) -> JSONValue {
    .object(
      JSONObject(
        unchecked: (types[type] ?? []).map { member in
          JSONObject.Member(member.shownName, shown(member, value?[member.name]))
        }))
  }

  private static func shown(_ member: Member, _ value: JSONValue?) -> JSONValue {
    guard let value, !value.isNull else {
      switch member.mark {
      case nil: return ""
      case "#": return 0
      case "!": return false
      case ".": return structure(member.type, nil)
      default: return .null
      }
    }
    if member.type.isEmpty { return value }
    if member.mark == "[" { return .array((value.array ?? []).map { structure(member.type, $0) }) }
    return structure(member.type, value)
  }
}
