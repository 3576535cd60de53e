import JSON
import Machinery
import RegularExpressions
import Registry

/// Rules for what a pod's volume holds, by the kind of it. (Kubernetes: pkg/apis/core/validation,
/// `validateVolumeSource`)
enum PodVolumeSources {
  static let hostPath: [Rule] = [
    .at("path", .required, .format(PathRules.noBackstepsFormat)),
    .at(
      "type",
      .oneOf("", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket")),
  ]

  static let gitRepo: [Rule] = [
    .at("repository", .required), .at("directory", .format(PathRules.descendingFormat)),
  ]

  private static let partition = Rule.at("partition", .between(0, 255, "must be between 1 and 255, inclusive"))
  static let gcePersistentDisk: [Rule] = [.at("pdName", .required), partition]
  static let awsElasticBlockStore: [Rule] = [.at("volumeID", .required), partition]

  /// Files from an object that a member names.
  static func files(of name: String) -> [Rule] {
    [.at(name, .required), .at("defaultMode", PathRules.mode), .at("items", .each(keyToPath))]
  }

  /// (`validateKeyToPath`)
  static let keyToPath: [Rule] = [
    .at("key", .required),
    .at("path", .custom(neededPath)),
    .at("mode", PathRules.mode),
  ]

  static let neededPath: Rule.Function = { context in
    let path = context.value?.string ?? ""
    if path.isEmpty { return context.needs() }
    context.refuses(path, each: PathRules.localName(path))
  }

  static let nfs: [Rule] = [
    .at("server", .required),
    .at(
      "path",
      .custom { context in
        let path = context.value?.string ?? ""
        if path.isEmpty { context.needs() }
        if path.utf8.first != UInt8(ascii: "/") { context.refuses(path, "must be an absolute path") }
      }),
  ]

  // MARK: iSCSI

  static let iscsi: [Rule] = [
    .at("targetPortal", .required),
    .at("iqn", .required, .custom { iqn(&$0, isInitiator: false) }),
    .at("lun", .between(0, 255)),
    .custom { context in
      guard let source = context.value, !source.isSet("secretRef") else { return }
      if source.bool(at: "chapAuthDiscovery") || source.bool(at: "chapAuthSession") { context.needs("secretRef") }
    },
    .custom { context in
      guard let name = context.value?["initiatorName"], !name.isNull else { return }
      context.look(at: name, "initiatorname") { iqn(&$0, isInitiator: true) }
    },
  ]

  private static let iqnForm = try? GoRegexp(#"iqn\.\d{4}-\d{2}\.([[:alnum:]-.]+)(:[^,;*&$|\s]+)$"#)
  private static let euiForm = try? GoRegexp("^eui.[[:alnum:]]{16}$")
  private static let naaForm = try? GoRegexp("^naa.[[:alnum:]]{32}$")

  private static func iqn(_ context: inout RuleContext, isInitiator: Bool) {
    let name = context.value?.string ?? ""
    let forms = [("iqn", iqnForm), ("eui", euiForm), ("naa", naaForm)]
    guard let form = forms.first(where: { name.hasPrefix($0.0) }) else {
      return context.refuses(name, "must be valid format starting with iqn, eui, or naa")
    }
    if form.1?.matches(name) != true { context.refuses(name, "must be valid format") }
  }

  // MARK: others over the network

  static let glusterfs: [Rule] = [.at("endpoints", .required), .at("path", .required)]

  static let flocker: [Rule] = [
    .custom { context in
      guard let source = context.value else { return }
      let name = source.string(at: "datasetName")
      let uuid = source.string(at: "datasetUUID")
      if name.isEmpty && uuid.isEmpty { context.needs(detail: "one of datasetName and datasetUUID is required") }
      if !name.isEmpty && !uuid.isEmpty {
        context.refuses("resource", "datasetName and datasetUUID can not be specified simultaneously")
      }
      if name.utf8.contains(UInt8(ascii: "/")) { context.refuses(name, "must not contain '/'", at: "datasetName") }
    }
  ]

  static let rbd: [Rule] = [.at("monitors", .required), .at("image", .required)]

  static let cinder: [Rule] = [.at("volumeID", .required), .at("secretRef", .at("name", .required))]

  static let quobyte: [Rule] = [
    .custom { context in
      guard let source = context.value else { return }
      let registry = source.string(at: "registry")
      let detail = "must be a host:port pair or multiple pairs separated by commas"
      if registry.isEmpty { return context.needs("registry", detail: detail) }
      if source.string(at: "tenant").utf8.count >= 65 {
        return context.needs("tenant", detail: "must be a UUID and may not exceed a length of 64 characters")
      }
      for pair in registry.split(separator: ",", omittingEmptySubsequences: false) where !isHostPort(pair) {
        context.refuses(registry, detail, at: "registry")
      }
    },
    .at("volume", .required),
  ]

  /// (`net.SplitHostPort`)
  private static func isHostPort(_ text: Substring) -> Bool {
    let bytes = Array(text.utf8)
    guard let colon = bytes.lastIndex(of: UInt8(ascii: ":")) else { return false }
    let (open, close) = (UInt8(ascii: "["), UInt8(ascii: "]"))
    if bytes.first == open {
      guard let end = bytes.firstIndex(of: close), end + 1 == colon else { return false }
      return !bytes[1...].contains(open) && !bytes[(end + 1)...].contains(close)
    }
    return !bytes[..<colon].contains(UInt8(ascii: ":")) && !bytes.contains(open) && !bytes.contains(close)
  }

  static let fibreChannel: [Rule] = [
    .custom { context in
      guard let source = context.value else { return }
      let names = source.array(at: "targetWWNs")
      let ids = source.array(at: "wwids")
      if names.isEmpty && ids.isEmpty {
        context.needs("targetWWNs", detail: "must specify either targetWWNs or wwids, but not both")
      }
      if !names.isEmpty && !ids.isEmpty {
        context.refuses(
          value: .array(names), "targetWWNs and wwids can not be specified simultaneously", at: "targetWWNs")
      }
      if names.isEmpty { return }
      guard let lun = source["lun"]?.int else {
        return context.needs("lun", detail: "lun is required if targetWWNs is specified")
      }
      if lun < 0 || lun > 255 { context.refuses(value: .int(lun), "must be between 0 and 255, inclusive", at: "lun") }
    }
  ]

  static let flex: [Rule] = [
    .at("driver", .required),
    .at(
      "options",
      .custom { context in
        for option in context.value?.object?.members ?? [] {
          let owner =
            "." + (option.name.split(separator: "/", omittingEmptySubsequences: false).first ?? "").lowercased()
          if owner.hasSuffix(".kubernetes.io") || owner.hasSuffix(".k8s.io") {
            context.refuses(
              option.name, "kubernetes.io and k8s.io namespaces are reserved", at: .key(option.name))
          }
        }
      }),
  ]

  // MARK: of clouds

  static let azureFile: [Rule] = [.at("secretName", .required), .at("shareName", .required)]

  static let azureDisk: [Rule] = [
    .at("diskName", .required),
    .at("diskURI", .required),
    .at("cachingMode", .oneOf("None", "ReadOnly", "ReadWrite")),
    .at("kind", .oneOf("Dedicated", "Managed", "Shared")),
    .custom { context in
      guard let source = context.value, let kind = source["kind"]?.string else { return }
      let uri = source.string(at: "diskURI")
      if kind == "Managed", !uri.hasPrefix("/subscriptions/") {
        context.report(
          .notSupported(
            context.path("diskURI"), uri,
            [
              "/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"
            ]))
      }
      if kind != "Managed", !uri.hasPrefix("https://") {
        context.report(
          .notSupported(
            context.path("diskURI"), uri,
            ["https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"]))
      }
    },
  ]

  static let storageOS: [Rule] = [
    .at("volumeName", .required, .format(.dns1123Label)),
    .at("volumeNamespace", .optional, .format(.dns1123Label)),
    .at("secretRef", .at("name", .required)),
  ]

  static let scaleIO: [Rule] = [
    .at("gateway", .required), .at("system", .required), .at("volumeName", .required),
  ]

  // MARK: by drivers and images

  static let csi: [Rule] = [
    .at("driver", CSIDriverName.rules),
    .custom { context in
      guard let secret = context.value?["nodePublishSecretRef"], !secret.isNull else { return }
      let name = secret.string(at: "name")
      if name.isEmpty { return context.needs("nodePublishSecretRef", "name") }
      context.refuses(name, each: NameValidation.dns1123Subdomain(name), at: "name")
    },
  ]

  static let ephemeral: [Rule] = [
    .at("volumeClaimTemplate", .required, .custom(ClaimTemplateRules.metadata), .at("spec", ClaimTemplateRules.spec))
  ]

  static let image: [Rule] = [
    .custom { context in
      if context.pod.isPod && context.value?.string(at: "reference").isEmpty == true { context.needs("reference") }
    },
    .at("pullPolicy", .required, .oneOf("Always", "IfNotPresent", "Never")),
  ]
}
