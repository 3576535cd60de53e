import JSON
import Machinery
import Registry

/// Rules for where a volume's content comes from, by kind of source: those that persistent volumes and pods have in
/// common, and of those that differ one for each. (Kubernetes: the `validate…VolumeSource` of
/// pkg/apis/core/validation)
enum VolumeSourceRules {
  /// What is said of a second source.
  static let onlyOne = "may not specify more than 1 volume type"
  /// What is said where there is none.
  static let needed = "must specify a volume type"

  // MARK: paths of a machine

  static let hostPath: [Rule] = [
    .custom { context in
      let path = context.value?["path"]?.string ?? ""
      if path.isEmpty { return context.report(.required(context.path("path"), "")) }
      stepsBack(path, "path", &context)
      if let type = context.value?["type"]?.string, !hostPathTypes.contains(type) {
        context.report(.notSupported(context.path("type"), type, hostPathTypes))
      }
    }
  ]

  private static let hostPathTypes = [
    "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket",
  ]

  static let local: [Rule] = [.at("path", .required, .custom { stepsBack($0.value?.string ?? "", nil, &$0) })]

  /// A path must not lead out of where it begins.
  private static func stepsBack(_ path: String, _ part: RuleContext.Part?, _ context: inout RuleContext) {
    let place = part.map { context.path($0) } ?? context.path()
    for problem in PathRules.noBacksteps(path) { context.report(.invalid(place, path, problem)) }
  }

  // MARK: disks of clouds

  static let gcePersistentDisk: [Rule] = [.at("pdName", .required), partition]
  static let awsElasticBlockStore: [Rule] = [.at("volumeID", .required), partition]

  /// Zero, which is none, passes, whatever the text says.
  private static let partition = Rule.at(
    "partition",
    .custom { context in
      guard let number = context.value?.int, !(0...255).contains(number) else { return }
      context.report(.invalid(context.path(), bare: String(number), "must be between 1 and 255, inclusive"))
    })

  static let azureDisk: [Rule] = [
    .at("diskName", .required),
    .at("diskURI", .required),
    .at("cachingMode", .oneOf("None", "ReadOnly", "ReadWrite")),
    .at("kind", .oneOf("Dedicated", "Managed", "Shared")),
    .custom { context in
      guard let kind = context.value?["kind"]?.string else { return }
      let address = context.value?["diskURI"]?.string ?? ""
      let (start, form) =
        kind == "Managed"
        ? (
          "/subscriptions/",
          "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
        ) : ("https://", "https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd")
      if !address.hasPrefix(start) { context.report(.notSupported(context.path("diskURI"), address, [form])) }
    },
  ]

  static let azureFile: [Rule] = [.at("secretName", .required), .at("shareName", .required)]
  static let azureFilePersistent =
    azureFile + [
      .at(
        "secretNamespace",
        .custom { if $0.value?.string == "" { $0.report(.required($0.path(), "")) } })
    ]

  static let cinder: [Rule] = [.at("volumeID", .required), namedSecret]
  static let cinderPersistent: [Rule] = [.at("volumeID", .required), placedSecret]

  static let vsphere: [Rule] = [.at("volumePath", .required)]
  static let photon: [Rule] = [.at("pdID", .required)]
  static let portworx: [Rule] = [.at("volumeID", .required)]
  static let scaleIO: [Rule] = [.at("gateway", .required), .at("system", .required), .at("volumeName", .required)]

  // MARK: file servers

  static let nfs: [Rule] = [
    .at("server", .required),
    .at(
      "path",
      .custom { context in
        let path = context.value?.string ?? ""
        if path.isEmpty { context.report(.required(context.path(), "")) }
        if !path.hasPrefix("/") { context.invalid(path, "must be an absolute path") }
      }),
  ]

  static let cephFS: [Rule] = [.at("monitors", .required)]
  static let rbd: [Rule] = [.at("monitors", .required), .at("image", .required)]

  static let glusterfs: [Rule] = [.at("endpoints", .required), .at("path", .required)]
  static let glusterfsPersistent =
    glusterfs + [
      .at(
        "endpointsNamespace",
        .custom { context in
          guard let name = context.value?.string else { return }
          let problems =
            name.isEmpty
            ? ["if the endpointnamespace is set, it must be a valid namespace name"]
            : NameValidation.dns1123Label(name)
          for problem in problems { context.invalid(name, problem) }
        })
    ]

  static let quobyte: [Rule] = [
    .custom { context in
      let pairs = "must be a host:port pair or multiple pairs separated by commas"
      let registry = context.value?["registry"]?.string ?? ""
      if registry.isEmpty {
        context.report(.required(context.path("registry"), pairs))
      } else if (context.value?["tenant"]?.string ?? "").utf8.count >= 65 {
        let detail = "must be a UUID and may not exceed a length of 64 characters"
        context.report(.required(context.path("tenant"), detail))
      } else {
        for pair in registry.split(separator: ",", omittingEmptySubsequences: false) where !HostAndPort.isOne(pair) {
          context.report(.invalid(context.path("registry"), registry, pairs))
        }
      }
    },
    .at("volume", .required),
  ]

  static let flocker: [Rule] = [
    .custom { context in
      let name = context.value?["datasetName"]?.string ?? ""
      let hasID = context.value?["datasetUUID"]?.string?.isEmpty == false
      if name.isEmpty && !hasID {
        context.report(.required(context.path(), "one of datasetName and datasetUUID is required"))
      }
      if !name.isEmpty && hasID {
        context.invalid("resource", "datasetName and datasetUUID can not be specified simultaneously")
      }
      if name.utf8.contains(UInt8(ascii: "/")) {
        context.report(.invalid(context.path("datasetName"), name, "must not contain '/'"))
      }
    }
  ]

  static let storageOS = storageOSVolume + [namedSecret]
  static let storageOSPersistent = storageOSVolume + [placedSecret]
  private static let storageOSVolume: [Rule] = [
    .at("volumeName", .required, .format(.dns1123Label)),
    .at("volumeNamespace", .optional, .format(.dns1123Label)),
  ]

  // MARK: fibre channel

  static let fc: [Rule] = [
    .custom { context in
      let names = context.value?["targetWWNs"]?.array ?? []
      let ids = context.value?["wwids"]?.array ?? []
      if names.isEmpty && ids.isEmpty {
        let detail = "must specify either targetWWNs or wwids, but not both"
        context.report(.required(context.path("targetWWNs"), detail))
      }
      if names.isEmpty { return }
      if !ids.isEmpty {
        let detail = "targetWWNs and wwids can not be specified simultaneously"
        context.report(.invalid(context.path("targetWWNs"), bare: JSONValue.array(names).encoded().text, detail))
      }
      guard let unit = context.value?["lun"]?.int else {
        return context.report(.required(context.path("lun"), "lun is required if targetWWNs is specified"))
      }
      if !(0...255).contains(unit) {
        context.report(.invalid(context.path("lun"), bare: String(unit), "must be between 0 and 255, inclusive"))
      }
    }
  ]

  // MARK: drivers

  static let flex: [Rule] = [
    .at("driver", .required),
    .at(
      "options",
      .keys(
        .custom { context in
          guard let name = context.value?.string else { return }
          // What stands before the first slash, or all of it.
          let space = name.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).first ?? ""
          let domain = ".\(space.lowercased())"
          if domain.hasSuffix(".kubernetes.io") || domain.hasSuffix(".k8s.io") {
            context.invalid(name, "kubernetes.io and k8s.io namespaces are reserved")
          }
        })),
  ]

  /// In a pod. Upstream tells of a bad name of the secret at a place that there is not.
  static let csi: [Rule] = [
    .at("driver", CSIDriverName.rules),
    .custom { context in
      guard let secret = context.value?["nodePublishSecretRef"], !secret.isNull else { return }
      let name = secret["name"]?.string ?? ""
      if name.isEmpty { return context.report(.required(context.path("nodePublishSecretRef", "name"), "")) }
      for problem in NameValidation.dns1123Subdomain(name) {
        context.report(.invalid(context.path("name"), name, problem))
      }
    },
  ]

  static let csiPersistent: [Rule] = [
    .at("driver", CSIDriverName.rules),
    .at("volumeHandle", .required),
    .at("controllerPublishSecretRef", secretReference),
    .at("controllerExpandSecretRef", secretReference),
    .at("nodePublishSecretRef", secretReference),
    .at("nodeExpandSecretRef", secretReference),
  ]

  // MARK: secrets

  /// (`validatePVSecretReference`)
  private static let secretReference: [Rule] = [
    .at("name", .required, .format(.dns1123Subdomain)),
    .at("namespace", .required, .format(.dns1123Label)),
  ]
  private static let namedSecret = Rule.at("secretRef", .at("name", .required))
  private static let placedSecret = Rule.at("secretRef", .at("name", .required), .at("namespace", .required))
}
