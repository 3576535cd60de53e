import JSON
import Schema

/// A value of a struct as upstream's messages show it: its internal type has no names for JSON, so that Go's stand
/// there, and nothing is left out.
enum InternalForm {
  static func text(of value: JSONValue, type: String) -> String {
    guard let id = TypeModel.builtin.type(type) else { return value.encoded().text }
    return shown(value, .structure(id)).encoded().text
  }

  /// A list of such structs.
  static func text(ofList values: [JSONValue], type: String) -> String {
    guard let id = TypeModel.builtin.type(type) else { return JSONValue.array(values).encoded().text }
    return JSONValue.array(values.map { shown($0, .structure(id)) }).encoded().text
  }

  private static func shown(_ value: JSONValue?, _ shape: TypeModel.Shape) -> JSONValue {
    switch shape {
    case .structure(let id): return shown(structure: value, id)
    case .list(let element): return value?.array.map { .array($0.map { shown($0, element) }) } ?? .null
    case .map(let element):
      return value?.object.map { map in
        .object(JSONObject(unchecked: map.members.map { .init($0.name, shown($0.value, element)) }))
      } ?? .null
    case .string: return value ?? ""
    case .bool: return value ?? false
    case .int32, .int64, .intOrString: return value ?? 0
    case .quantity: return value ?? "0"
    default: return value ?? .null
    }
  }

  private static func shown(structure value: JSONValue?, _ id: TypeModel.TypeID) -> JSONValue {
    let type = TypeModel.builtin[id]
    // Those are the same inside and outside.
    if type.name.hasPrefix("io.k8s.apimachinery.") { return value ?? .object(JSONObject()) }
    var value = value
    if type.name == "io.k8s.api.core.v1.PodSpec" { moveHostMembers(&value) }
    var members: [JSONObject.Member] = []
    for field in fields(of: type) {
      let given = value?[field.name].flatMap { $0.isNull ? nil : $0 }
      if field.name == "metadata" {
        // Embedded: its members stand among the others.
        members += given?.object?.members ?? []
        continue
      }
      members.append(
        JSONObject.Member(
          names[type.shortName]?[field.name] ?? name(field.name),
          given == nil && field.isPointer ? .null : shown(given, field.shape)))
    }
    return .object(JSONObject(unchecked: members))
  }

  // MARK: what is otherwise inside

  private static let hostMembers = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"]

  /// The members in the order of the internal type.
  private static func fields(of type: TypeModel.Structure) -> [TypeModel.Field] {
    guard let order = orders[type.name] else { return type.fields }
    var known = type.fields
    if type.shortName == "PodSecurityContext", let spec = TypeModel.builtin.type("io.k8s.api.core.v1.PodSpec") {
      known += TypeModel.builtin[spec].fields
    }
    return order.compactMap { name in known.first { $0.name == name } }
  }

  /// What a spec says of its node's namespaces is inside said by its security context.
  private static func moveHostMembers(_ spec: inout JSONValue?) {
    var context = spec?["securityContext"]?.object ?? JSONObject()
    for name in hostMembers { if let given = spec?[name] { context[name] = given } }
    spec?["securityContext"] = .object(context)
  }

  private static let orders: [String: [String]] = [
    "io.k8s.api.core.v1.PodSpec": [
      "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy",
      "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector", "serviceAccountName",
      "automountServiceAccountToken", "nodeName", "securityContext", "imagePullSecrets", "hostname", "subdomain",
      "setHostnameAsFQDN", "affinity", "schedulerName", "tolerations", "hostAliases", "priorityClassName", "priority",
      "preemptionPolicy", "dnsConfig", "readinessGates", "runtimeClassName", "overhead", "enableServiceLinks",
      "topologySpreadConstraints", "os", "schedulingGates", "resourceClaims", "resources", "hostnameOverride",
      "schedulingGroup",
    ],
    "io.k8s.api.core.v1.PodSecurityContext": hostMembers + [
      "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups",
      "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy", "sysctls", "seccompProfile", "appArmorProfile",
      "seLinuxChangePolicy",
    ],
    "io.k8s.api.core.v1.Volume": [
      "name", "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi",
      "glusterfs", "persistentVolumeClaim", "rbd", "quobyte", "flexVolume", "cinder", "cephfs", "flocker",
      "downwardAPI", "fc", "azureFile", "configMap", "vsphereVolume", "azureDisk", "photonPersistentDisk", "projected",
      "portworxVolume", "scaleIO", "storageos", "csi", "ephemeral", "image",
    ],
  ]

  /// Names of members of one type.
  private static let names: [String: [String: String]] = [
    "RBDVolumeSource": ["monitors": "CephMonitors", "image": "RBDImage", "pool": "RBDPool", "user": "RadosUser"],
    "GlusterfsVolumeSource": ["endpoints": "EndpointsName"],
  ]

  /// Go's names differ from JSON's in more than the first letter where that stands for several words.
  private static let words: [String: String] = [
    "apiGroup": "APIGroup", "apiVersion": "APIVersion", "awsElasticBlockStore": "AWSElasticBlockStore",
    "cephfs": "CephFS", "chapAuthDiscovery": "DiscoveryCHAPAuth", "chapAuthSession": "SessionCHAPAuth", "csi": "CSI",
    "diskURI": "DataDiskURI", "dnsConfig": "DNSConfig", "dnsPolicy": "DNSPolicy", "fc": "FC", "fsGroup": "FSGroup",
    "fsGroupChangePolicy": "FSGroupChangePolicy", "fsType": "FSType", "gcePersistentDisk": "GCEPersistentDisk",
    "gmsaCredentialSpec": "GMSACredentialSpec", "gmsaCredentialSpecName": "GMSACredentialSpecName", "grpc": "GRPC",
    "httpGet": "HTTPGet", "httpHeaders": "HTTPHeaders", "ip": "IP", "iqn": "IQN", "iscsi": "ISCSI",
    "iscsiInterface": "ISCSIInterface", "nfs": "NFS", "os": "OS", "pdName": "PDName", "rbd": "RBD",
    "seLinuxChangePolicy": "SELinuxChangePolicy", "seLinuxOptions": "SELinuxOptions", "sslEnabled": "SSLEnabled",
    "storageos": "StorageOS", "tcpSocket": "TCPSocket", "tty": "TTY", "uid": "UID", "wwids": "WWIDs",
  ]

  private static func name(_ member: String) -> String {
    words[member] ?? member.prefix(1).uppercased() + member.dropFirst()
  }
}
