import JSON

/// What a pod's volume gets that does not say. (Kubernetes: pkg/apis/core/v1, `SetDefaults_Volume` and others)
enum VolumeDefaults {
  private static let order = TypeOrder("io.k8s.api.core.v1.Volume")
  private static let claimOrder = TypeOrder("io.k8s.api.core.v1.PersistentVolumeClaimSpec")
  private static let imageOrder = TypeOrder("io.k8s.api.core.v1.ImageVolumeSource")
  private static let fieldOrder = TypeOrder("io.k8s.api.core.v1.ObjectFieldSelector")
  private static let hostPathOrder = TypeOrder("io.k8s.api.core.v1.HostPathVolumeSource")
  private static let modeOrders = [
    ("secret", TypeOrder("io.k8s.api.core.v1.SecretVolumeSource")),
    ("configMap", TypeOrder("io.k8s.api.core.v1.ConfigMapVolumeSource")),
    ("downwardAPI", TypeOrder("io.k8s.api.core.v1.DownwardAPIVolumeSource")),
    ("projected", TypeOrder("io.k8s.api.core.v1.ProjectedVolumeSource")),
  ]
  private typealias Texts = [(source: String, order: TypeOrder, defaults: [(String, String)])]
  /// `kind`: how the types are called of what is mounted so.
  private static func texts(_ kind: String) -> Texts {
    [
      ("iscsi", TypeOrder("io.k8s.api.core.v1.ISCSI\(kind)Source"), [("iscsiInterface", "default")]),
      (
        "rbd", TypeOrder("io.k8s.api.core.v1.RBD\(kind)Source"),
        [("pool", "rbd"), ("user", "admin"), ("keyring", "/etc/ceph/keyring")]
      ),
      (
        "scaleIO", TypeOrder("io.k8s.api.core.v1.ScaleIO\(kind)Source"),
        [("storageMode", "ThinProvisioned"), ("fsType", "xfs")]
      ),
    ]
  }
  private static let ownTexts = texts("Volume")
  private static let persistentTexts = texts("PersistentVolume")
  private static let diskOrder = TypeOrder("io.k8s.api.core.v1.AzureDiskVolumeSource")
  private static let tokenOrder = TypeOrder("io.k8s.api.core.v1.ServiceAccountTokenProjection")

  static func apply(_ volume: inout JSONValue) {
    guard let members = volume.object?.members else { return }
    // One that says nothing is empty at first.
    if !members.contains(where: { $0.name != "name" && !$0.value.isNull }) {
      return order.set("emptyDir", .object(JSONObject()), in: &volume)
    }
    for (member, order) in modeOrders {
      volume.edit(member) { order.fillPointer("defaultMode", 0o644, in: &$0) }
    }
    volume.edit("downwardAPI", fields)
    volume.edit("projected") { projected in
      projected.editEach("sources") { source in
        source.edit("downwardAPI", fields)
        source.edit("serviceAccountToken") { tokenOrder.fillPointer("expirationSeconds", 3600, in: &$0) }
      }
    }
    fillSources(&volume, ownTexts)
    volume.edit("ephemeral") { ephemeral in
      ephemeral.edit("volumeClaimTemplate") { template in
        template.edit("spec") { spec in
          claimOrder.fillPointer("volumeMode", "Filesystem", in: &spec)
          spec.edit("resources") { resources in
            resources.edit("limits") { ContainerDefaults.round(&$0) }
            resources.edit("requests") { ContainerDefaults.round(&$0) }
          }
        }
      }
    }
    volume.edit("image") { image in
      let policy = ContainerDefaults.pullPolicy(of: image.string(at: "reference"))
      imageOrder.fill("pullPolicy", policy, in: &image)
    }
  }

  /// What the source of a persistent volume gets, in the volume's spec or in one that stands in another object.
  static func applyToPersistent(_ spec: inout JSONValue) { fillSources(&spec, persistentTexts) }

  private static func fillSources(_ volume: inout JSONValue, _ texts: Texts) {
    volume.edit("hostPath") { hostPathOrder.fillPointer("type", "", in: &$0) }
    for (member, order, defaults) in texts {
      volume.edit(member) { source in
        for (name, value) in defaults { order.fill(name, value, in: &source) }
      }
    }
    volume.edit("azureDisk") { disk in
      diskOrder.fillPointer("cachingMode", "ReadWrite", in: &disk)
      diskOrder.fillPointer("fsType", "ext4", in: &disk)
      diskOrder.fillPointer("readOnly", false, in: &disk)
      diskOrder.fillPointer("kind", "Shared", in: &disk)
    }
  }

  private static func fields(_ source: inout JSONValue) {
    source.editEach("items") { file in
      file.edit("fieldRef") { fieldOrder.fill("apiVersion", "v1", in: &$0) }
      file.edit("resourceFieldRef", ContainerDefaults.divide)
    }
  }
}
