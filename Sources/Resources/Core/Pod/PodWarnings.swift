import ByteBuffers
import JSON
import Machinery
import Registry

/// What a client should know of its pod, or of its template. (Kubernetes: pkg/api/pod, `GetWarningsForPod` and
/// `GetWarningsForPodTemplate`)
struct PodWarnings {
  /// `template`: a template; `path`: where it stands, as `spec.template`.
  static func ofTemplate(_ template: JSONValue?, at path: String) -> [String] {
    guard let template, !template.isNull else { return [] }
    var warnings = PodWarnings(template, prefix: "\(path).", isTemplate: true)
    warnings.look()
    return warnings.found
  }

  static func ofPod(_ pod: JSONValue) -> [String] {
    var warnings = PodWarnings(pod, prefix: "", isTemplate: false)
    warnings.look()
    return warnings.found
  }

  private let spec: JSONValue
  private let annotations: JSONObject
  private let prefix: String
  private let isTemplate: Bool
  private var found: [String] = []
  private var containers: [(container: JSONValue, path: String)] = []

  private init(_ pod: JSONValue, prefix: String, isTemplate: Bool) {
    spec = pod["spec"] ?? .object(JSONObject())
    annotations = pod["metadata"]?["annotations"]?.object ?? JSONObject()
    self.prefix = prefix
    self.isTemplate = isTemplate
    var all: [(JSONValue, String)] = []
    PodFacts.containers(of: spec) { container, list, place in
      all.append((container, "\(prefix)spec.\(list)[\(place)]"))
    }
    containers = all
  }

  private mutating func look() {
    nodes()
    for (key, message) in Self.oldAnnotations where annotations[key] != nil {
      found.append("\(prefix)metadata.annotations[\(key)]: \(message)")
    }
    for (place, volume) in spec.array(at: "volumes").enumerated() { look(at: volume, place) }
    for volume in spec.array(at: "volumes") { found += VolumePathOverlaps.warnings(volume) }
    doubles("hostAliases", "ip")
    doubles("imagePullSecrets", "name")
    for (place, secret) in spec.array(at: "imagePullSecrets").enumerated() where secret.string(at: "name").isEmpty {
      found.append("\(prefix)spec.imagePullSecrets[\(place)].name: invalid empty name \"\"")
    }
    fractions(spec["overhead"], "\(prefix)spec.overhead")
    let ofPod = spec["securityContext"]
    let pod = PodAnnotationRules.seccompOfPod
    if ofPod?.isSet("seccompProfile") != true, annotations[pod] != nil { seccomp(pod) }
    for (container, path) in containers { look(at: container, path, ofPod) }
    found += PortWarnings.all(containers)
    if let seconds = spec["terminationGracePeriodSeconds"]?.int, seconds < 0 {
      found.append(
        "\(prefix)spec.terminationGracePeriodSeconds: must be >= 0; negative values are invalid and will be treated "
          + "as 1")
    }
    for kind in ["podAffinity", "podAntiAffinity"] { affinity(kind) }
    for (place, server) in (spec["dnsConfig"]?.array(at: "nameservers") ?? []).enumerated() {
      found += IPValidation.warnings(
        ofAddress: server.string ?? "", "\(prefix)spec.dnsConfig.nameservers[\(place)]")
    }
    for (place, alias) in spec.array(at: "hostAliases").enumerated() {
      found += IPValidation.warnings(ofAddress: alias.string(at: "ip"), "\(prefix)spec.hostAliases[\(place)].ip")
    }
  }

  // MARK: nodes

  private mutating func nodes() {
    for label in spec["nodeSelector"]?.object?.members ?? [] {
      guard let message = DeprecatedNodeLabels.message(of: label.name) else { continue }
      found.append("\(prefix)spec.nodeSelector[\(label.name)]: \(message)")
    }
    let affinity = spec["affinity"]?["nodeAffinity"]
    let path = "\(prefix)spec.affinity.nodeAffinity"
    let required = affinity?["requiredDuringSchedulingIgnoredDuringExecution"]
    for (place, term) in (required?.array(at: "nodeSelectorTerms") ?? []).enumerated() {
      found += DeprecatedNodeLabels.warnings(
        of: term, at: "\(path).requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[\(place)]")
    }
    let preferred = affinity?.array(at: "preferredDuringSchedulingIgnoredDuringExecution") ?? []
    for (place, term) in preferred.enumerated() {
      found += DeprecatedNodeLabels.warnings(
        of: term["preference"] ?? .null,
        at: "\(path).preferredDuringSchedulingIgnoredDuringExecution[\(place)].preference", looksAtValues: true)
    }
    for (place, constraint) in spec.array(at: "topologySpreadConstraints").enumerated() {
      let path = "\(prefix)spec.topologySpreadConstraints[\(place)]"
      let key = constraint.string(at: "topologyKey")
      if let message = DeprecatedNodeLabels.message(of: key) {
        found.append("\(path).topologyKey: \(key) is \(message)")
      }
      if !constraint.isSet("labelSelector") { found.append("\(path).labelSelector: \(Self.nothing)") }
    }
  }

  private static let nothing = "a null labelSelector results in matching no pod"

  private mutating func affinity(_ kind: String) {
    let affinity = spec["affinity"]?[kind]
    let path = "\(prefix)spec.affinity.\(kind)"
    let required = "requiredDuringSchedulingIgnoredDuringExecution"
    for (place, term) in (affinity?.array(at: required) ?? []).enumerated() where !term.isSet("labelSelector") {
      found.append("\(path).\(required)[\(place)].labelSelector: \(Self.nothing)")
    }
    let preferred = "preferredDuringSchedulingIgnoredDuringExecution"
    for (place, term) in (affinity?.array(at: preferred) ?? []).enumerated()
    where term["podAffinityTerm"]?.isSet("labelSelector") != true {
      found.append("\(path).\(preferred)[\(place)].podAffinityTerm.labelSelector: \(Self.nothing)")
    }
  }

  // MARK: the pod itself

  private static let oldAnnotations: [(String, String)] = [
    (
      "scheduler.alpha.kubernetes.io/critical-pod",
      #"non-functional in v1.16+; use the "priorityClassName" field instead"#
    ),
    ("security.alpha.kubernetes.io/sysctls", #"non-functional in v1.11+; use the "sysctls" field instead"#),
    ("security.alpha.kubernetes.io/unsafe-sysctls", #"non-functional in v1.11+; use the "sysctls" field instead"#),
  ]

  private mutating func doubles(_ list: String, _ member: String) {
    let items = spec.array(at: list)
    guard items.count > 1 else { return }
    var seen = Set<ByteString>()
    for (place, item) in items.enumerated() {
      let text = item.string(at: member)
      if seen.insert(text).inserted { continue }
      found.append("\(prefix)spec.\(list)[\(place)].\(member): duplicate \(member) \(GoText.quoted(text))")
    }
  }

  private static let oldVolumes: [(member: String, name: String, message: String)] = [
    ("photonPersistentDisk", "photonPersistentDisk", "deprecated in v1.11, non-functional in v1.16+"),
    ("gitRepo", "gitRepo", "deprecated in v1.11, and disabled by default in v1.33+"),
    ("scaleIO", "scaleIO", "deprecated in v1.16, non-functional in v1.22+"),
    ("flocker", "flocker", "deprecated in v1.22, non-functional in v1.25+"),
    ("storageos", "storageOS", "deprecated in v1.22, non-functional in v1.25+"),
    ("quobyte", "quobyte", "deprecated in v1.22, non-functional in v1.25+"),
    ("glusterfs", "glusterfs", "deprecated in v1.25, non-functional in v1.26+"),
    ("cephfs", "cephfs", "deprecated in v1.28, non-functional in v1.31+"),
    ("rbd", "rbd", "deprecated in v1.28, non-functional in v1.31+"),
  ]

  private mutating func look(at volume: JSONValue, _ place: Int) {
    let path = "\(prefix)spec.volumes[\(place)]"
    for old in Self.oldVolumes where volume.isSet(old.member) { found.append("\(path).\(old.name): \(old.message)") }
    let resources = volume["ephemeral"]?["volumeClaimTemplate"]?["spec"]?["resources"]
    for list in ["requests", "limits"] {
      fraction(
        resources?[list]?["storage"], "\(path).ephemeral.volumeClaimTemplate.spec.resources.\(list)[storage]")
    }
  }

  // MARK: amounts

  private mutating func fractions(
    _ amounts: JSONValue?, _ path: String, _ names: [String] = ["memory", "ephemeral-storage"]
  ) {
    guard let amounts else { return }
    for name in names { fraction(amounts[name], "\(path)[\(name)]") }
  }

  /// There are no parts of a byte.
  private mutating func fraction(_ amount: JSONValue?, _ path: String) {
    guard let text = amount?.string, let quantity = try? Quantity(parsing: text), !quantity.isInteger else { return }
    found.append("\(path): fractional byte value \(GoText.quoted(text)) is invalid, must be an integer")
  }

  // MARK: containers

  private mutating func seccomp(_ key: String) {
    found.append(
      #"\#(prefix)metadata.annotations[\#(key)]: non-functional in v1.27+; use the "seccompProfile" field instead"#)
  }

  private mutating func look(at container: JSONValue, _ path: String, _ ofPod: JSONValue?) {
    let own = container["securityContext"]
    let name = container.string(at: "name")
    if own?.isSet("seccompProfile") != true {
      let key = PodAnnotationRules.seccompOfContainer + name
      if annotations[key] != nil { seccomp(key) }
    }
    if isTemplate, own?.isSet("appArmorProfile") != true {
      let key = PodAnnotationRules.appArmor + name
      if let annotation = annotations[key]?.string {
        let profile = ofPod?["appArmorProfile"].flatMap { $0.isNull ? nil : $0 }
        if profile == nil || !RuleContext.areSame(profile, AppArmorAnnotation.profile(annotation)) {
          found.append(AppArmorAnnotation.warning(key, prefix))
        }
      }
    }
    for amount in ["memory", "ephemeral-storage"] {
      for list in ["limits", "requests"] {
        fraction(container["resources"]?[list]?[amount], "\(path).resources.\(list)[\(amount)]")
      }
    }
    let variables = container.array(at: "env")
    guard variables.count > 1 else { return }
    var seen = Set<ByteString>()
    for (place, variable) in variables.enumerated() {
      let name = variable.string(at: "name")
      if seen.insert(name).inserted { continue }
      let reference = "$(\(name))"
      let value = variable.string(at: "value")
      if !variable.isSet("valueFrom") && value != reference && value.contains(reference) { continue }
      found.append(
        "\(path).env[\(place)]: hides previous definition of \(GoText.quoted(name)), which may be dropped when using "
          + "apply")
    }
  }
}
