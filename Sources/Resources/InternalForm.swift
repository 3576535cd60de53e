import JSON
import Schema

/// A value of a struct as upstream's messages show it: its internal type has no names for JSON, so that Go's stand
/// there, and nothing is left out.
enum InternalForm {
  /// `traces`: what of `RuleContext.traces` is inside of the value.
  static func text(of value: JSONValue, as type: String, traces: JSONValue? = nil) -> String {
    guard let id = TypeModel.builtin.type(type) else { return value.encoded().text }
    return shown(value, .structure(id), traces).encoded().text
  }

  /// A list of such structs.
  static func text(ofList values: [JSONValue], as type: String) -> String {
    guard let id = TypeModel.builtin.type(type) else { return JSONValue.array(values).encoded().text }
    return JSONValue.array(values.map { shown($0, .structure(id), nil) }).encoded().text
  }

  /// Are two structs the same to Go? What is not there counts as its zero value, a pointer apart, and an empty list as
  /// none. (`Semantic.DeepEqual`)
  static func areSame(_ a: JSONValue, _ b: JSONValue, as type: String) -> Bool {
    guard let id = TypeModel.builtin.type(type) else { return a.isSameValue(as: b) }
    return areSame(shown(a, .structure(id), nil), shown(b, .structure(id), nil))
  }

  /// Of two values of one type, as they are shown.
  private static func areSame(_ a: JSONValue, _ b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .array(let elements)), (.array(let elements), .null): elements.isEmpty
    case (.null, .object(let map)), (.object(let map), .null): map.isEmpty
    case (.array(let a), .array(let b)): a.count == b.count && zip(a, b).allSatisfy { areSame($0, $1) }
    case (.object(let a), .object(let b)):
      a.count == b.count && a.members.allSatisfy { member in b[member.name].map { areSame(member.value, $0) } ?? false }
    default: a.isSameValue(as: b)
    }
  }

  private static func shown(_ value: JSONValue?, _ shape: TypeModel.Shape, _ traces: JSONValue?) -> JSONValue {
    switch shape {
    case .structure(let id): return shown(structure: value, id, traces)
    case .list(let element):
      guard let elements = value?.array else { return traces?.array?.isEmpty == true ? .array([]) : .null }
      let inner = traces?.array ?? []
      return .array(
        elements.indices.map { shown(elements[$0], element, inner.indices.contains($0) ? inner[$0] : nil) })
    case .map(let element):
      guard let map = value?.object else { return traces?.object?.isEmpty == true ? .object(JSONObject()) : .null }
      return .object(JSONObject(unchecked: map.members.map { .init($0.name, shown($0.value, element, nil)) }))
    case .string: return value ?? ""
    case .bool: return value ?? false
    case .int32, .int64, .intOrString: return value ?? 0
    case .quantity: return value ?? "0"
    default: return value ?? .null
    }
  }

  private static func shown(
    structure value: JSONValue?, _ id: TypeModel.TypeID, _ traces: JSONValue?
  ) -> JSONValue {
    let type = TypeModel.builtin[id]
    // Those are the same inside and outside.
    if type.name.hasPrefix("io.k8s.apimachinery.") { return value ?? .object(JSONObject()) }
    var value = value
    if type.name == "io.k8s.api.core.v1.PodSpec" { moveHostMembers(&value) }
    var members: [JSONObject.Member] = []
    for field in fields(of: type) {
      let member = value?[field.name].flatMap { $0.isNull ? nil : $0 }
      if field.name == "metadata" {
        // Embedded: its members stand among the others.
        members += member?.object?.members ?? []
        continue
      }
      members.append(
        JSONObject.Member(
          name(field.name, in: type.shortName),
          member == nil && field.isPointer ? .null : shown(member, field.shape, traces?[field.name])))
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
    "cel": "CEL", "ips": "IPs", "podIPs": "PodIPs", "hostIP": "HostIP", "apiGroup": "APIGroup",
    "apiGroups": "APIGroups",
    "apiVersion": "APIVersion", "awsElasticBlockStore": "AWSElasticBlockStore",
    "cephfs": "CephFS", "chapAuthDiscovery": "DiscoveryCHAPAuth", "chapAuthSession": "SessionCHAPAuth", "csi": "CSI",
    "diskURI": "DataDiskURI", "dnsConfig": "DNSConfig", "dnsPolicy": "DNSPolicy", "fc": "FC", "fsGroup": "FSGroup",
    "fsGroupChangePolicy": "FSGroupChangePolicy", "fsType": "FSType", "gcePersistentDisk": "GCEPersistentDisk",
    "gmsaCredentialSpec": "GMSACredentialSpec", "gmsaCredentialSpecName": "GMSACredentialSpecName", "grpc": "GRPC",
    "httpGet": "HTTPGet", "httpHeaders": "HTTPHeaders", "ip": "IP", "iqn": "IQN", "iscsi": "ISCSI",
    "iscsiInterface": "ISCSIInterface", "nfs": "NFS", "os": "OS", "pdName": "PDName", "rbd": "RBD",
    "seLinuxChangePolicy": "SELinuxChangePolicy", "seLinuxOptions": "SELinuxOptions", "sslEnabled": "SSLEnabled",
    "storageos": "StorageOS", "tcpSocket": "TCPSocket", "tty": "TTY", "uid": "UID", "wwids": "WWIDs",
  ]

  private static func name(_ member: String, in type: String) -> String {
    if let known = names[type]?[member] ?? words[member] { return known }
    let name = member.prefix(1).uppercased() + member.dropFirst()
    // `int`, `ints`
    if type == "DeviceAttribute" { return name.hasSuffix("s") ? "\(name.dropLast())Values" : "\(name)Value" }
    return name
  }
}
