import ByteBuffers
import JSON
import Machinery
import Registry

/// What is known of a pod's spec while its parts are looked at: rules far inside it ask for what stands outside.
final class PodFacts {
  /// The spec that is looked at, and the one that it replaces.
  let spec: JSONValue
  let old: JSONValue?
  /// The metadata of a pod; nil for a template, which has no name of its own.
  let meta: JSONValue?
  let isPod: Bool
  /// How long containers are given to end.
  let gracePeriod: Int64?
  /// The operating system, where the spec names one.
  let os: String?
  let restartPolicy: String
  /// Do the containers share the users of their node?
  let usesHostUsers: Bool
  /// The names of its resource claims.
  let claims: [String]
  /// The volumes that nothing is wrong with, by name.
  var volumes: [ByteString: JSONValue] = [:]
  /// Names of containers that were met.
  var names = Set<ByteString>()
  /// How many complaints there were before the volume that is looked at.
  var mark = 0

  init(_ spec: JSONValue, old: JSONValue?, meta: JSONValue?, isPod: Bool) {
    self.spec = spec
    self.old = old
    self.meta = meta
    self.isPod = isPod
    gracePeriod = spec["terminationGracePeriodSeconds"]?.int
    os = spec["os"]?.object.map { $0["name"]?.string ?? "" }
    restartPolicy = spec.string(at: "restartPolicy")
    usesHostUsers = spec["hostUsers"]?.bool ?? true
    claims = spec.array(at: "resourceClaims").map { $0.string(at: "name") }.filter { !$0.isEmpty }
  }

  private static var none: PodFacts { PodFacts(.object(JSONObject()), old: nil, meta: nil, isPod: false) }

  /// What a check has noted; facts of nothing where a rule stands outside a pod's spec.
  static func noted(in context: RuleContext) -> PodFacts { context.memo as? PodFacts ?? PodFacts.none }

  /// The first rule of a spec.
  static func begin(isPod: Bool) -> Rule {
    .custom { context in
      guard let spec = context.value else { return }
      context.memo = PodFacts(
        spec, old: context.old, meta: isPod ? context.object["metadata"] : nil, isPod: isPod)
    }
  }

  /// All containers, with the member that they stand in and their place there: init containers first, as upstream
  /// visits them.
  static func containers(of spec: JSONValue, _ body: (_ container: JSONValue, _ list: String, _ place: Int) -> Void) {
    for list in ["initContainers", "containers", "ephemeralContainers"] {
      guard case .array(let containers)? = spec[list] else { continue }
      for (place, container) in containers.enumerated() { body(container, list, place) }
    }
  }

  // MARK: what the spec had before may stay, though it would not be let in today

  /// (`usesIndivisibleHugePagesValues`)
  lazy var mayHaveOddHugePages: Bool = {
    guard let old else { return false }
    var isOdd = ContainerLimits.haveOddPages(old["overhead"])
    Self.containers(of: old) { container, _, _ in
      for list in ["limits", "requests"] where !isOdd {
        isOdd = ContainerLimits.haveOddPages(container["resources"]?[list])
      }
    }
    return isOdd
  }()

  /// (`hasNonLocalProjectedTokenPath`)
  lazy var mayHaveForeignTokenPath: Bool =
    old?.array(at: "volumes").contains { volume in
      volume["projected"]?.array(at: "sources").contains { source in
        guard let token = source["serviceAccountToken"], !token.isNull else { return false }
        return !PathRules.localName(token.string(at: "path")).isEmpty
      } ?? false
    } ?? false

  /// (`hasInvalidLabelValueInAffinitySelector`)
  lazy var mayHaveBadSelectorValues: Bool =
    old.map { old in
      ["podAffinity", "podAntiAffinity"].contains { kind in
        AffinityRules.terms(of: old["affinity"]?[kind]).contains { (term: JSONValue) in
          AffinityRules.hasBadValues(term["labelSelector"]) || AffinityRules.hasBadValues(term["namespaceSelector"])
        }
      }
    } ?? false

  /// (`hasInvalidLabelValueInRequiredNodeAffinity`)
  lazy var mayHaveBadNodeValues: Bool = NodeSelectorRules.hasBadValues(
    old?["affinity"]?["nodeAffinity"]?["requiredDuringSchedulingIgnoredDuringExecution"])

  /// (`ValidateHostSysctl`, asked of what was there)
  lazy var mayHaveHostSysctls: Bool =
    old.map { old in
      (old["securityContext"]?.array(at: "sysctls") ?? []).contains {
        SysctlRules.hostProblem($0.string(at: "name"), old) != nil
      }
    } ?? false

  /// (`hasRestartContainerForNonSidecarInitContainer`)
  lazy var mayRestartOnResize: Bool =
    old?.array(at: "initContainers").contains { container in
      container.string(at: "restartPolicy") != "Always"
        && container.array(at: "resizePolicy").contains { $0.string(at: "restartPolicy") == "RestartContainer" }
    } ?? false

  /// (`hasUserNamespacesWithVolumeDevices`)
  lazy var mayHaveDevicesForOwnUsers: Bool = {
    guard let old, old["hostUsers"]?.bool == false else { return false }
    var isFound = false
    Self.containers(of: old) { container, _, _ in
      if !container.array(at: "volumeDevices").isEmpty { isFound = true }
    }
    return isFound
  }()

  /// (`useAllowUserNamespacesHostNetworkSupport`)
  lazy var mayJoinHostNetworkWithOwnUsers: Bool =
    old?["hostUsers"]?.bool == false && old?["hostNetwork"]?.bool == true
}

extension RuleContext {
  /// What is known of the pod that the rule stands in.
  var pod: PodFacts { PodFacts.noted(in: self) }
}
