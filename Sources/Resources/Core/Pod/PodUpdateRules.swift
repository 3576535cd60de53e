import ByteBuffers
import JSON
import Machinery
import Registry

/// What may change in a pod's spec. (Kubernetes: pkg/apis/core/validation, `ValidatePodUpdate`)
enum PodUpdateRules {
  static let check: Rule.Function = { context in
    guard let new = context.value?["spec"], let old = context.old?["spec"] else { return }
    for list in ["containers", "initContainers"] {
      let containers = new.array(at: list)
      if containers.count != old.array(at: list).count {
        return context.forbids("spec", .member(list), detail: "pod updates may not add or remove containers")
      }
      for (place, container) in containers.enumerated() {
        let image = container.string(at: "image")
        if image.isEmpty { context.needs("spec", .member(list), .index(place), "image") }
        if GoSpace.isPadded(image) {
          context.refuses(
            image, "must not have leading or trailing whitespace", at: "spec", .member(list), .index(place), "image")
        }
      }
    }
    guard deadline(new, old, &context) else { return }
    tolerations(new, old, &context)
    schedulingGates(new, old, &context)
    if RuleContext.areSame(new, old) { return }
    var munged = masked(new, old)
    if !old.array(at: "schedulingGates").isEmpty { maskNodes(&munged, old, &context) }
    if !RuleContext.areSame(munged, old) { context.forbids("spec", detail: immutable) }
  }

  private static let immutable =
    "pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,"
    + "`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),"
    + "`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)"

  /// False where nothing more is said.
  private static func deadline(_ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) -> Bool {
    let before = old["activeDeadlineSeconds"]?.int
    guard let after = new["activeDeadlineSeconds"]?.int else {
      if before != nil {
        context.refuses(
          value: .null, "must not update from a positive integer to nil value", at: "spec", "activeDeadlineSeconds")
      }
      return true
    }
    if after < 0 || after > Int64(Int32.max) {
      context.refuses(
        value: .int(after), "must be between 0 and \(Int32.max), inclusive", at: "spec", "activeDeadlineSeconds")
      return false
    }
    if let before, before < after {
      context.refuses(
        value: .int(after), "must be less than or equal to previous value", at: "spec", "activeDeadlineSeconds")
      return false
    }
    return true
  }

  private static func tolerations(_ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    func key(_ toleration: JSONValue) -> [ByteString] {
      ["key", "operator", "value", "effect"].map { ByteString(toleration.string(at: $0)) }
    }
    let known = Set(new.array(at: "tolerations").map(key))
    if old.array(at: "tolerations").contains(where: { !known.contains(key($0)) }) {
      context.forbids(
        "spec", "tolerations", detail: "existing toleration can not be modified except its tolerationSeconds")
    } else {
      // Upstream asks each again what it is asked of all specs.
      Tolerations.check(new.array(at: "tolerations"), at: ["spec", "tolerations"], &context)
    }
  }

  private static func schedulingGates(_ new: JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    let known = Set(old.array(at: "schedulingGates").map { ByteString($0.string(at: "name")) })
    for (place, gate) in new.array(at: "schedulingGates").enumerated() {
      let name = gate.string(at: "name")
      if known.contains(ByteString(name)) { continue }
      context.forbids(
        "spec", "schedulingGates", .index(place), "name",
        detail: "only deletion is allowed, but found new scheduling gate '\(name)'")
    }
  }

  /// The new spec, with what may change as it was before.
  private static func masked(_ new: JSONValue, _ old: JSONValue) -> JSONValue {
    var munged = new
    for list in ["containers", "initContainers"] {
      let before = old.array(at: list)
      var place = 0
      munged.editEach(list) { container in
        container["image"] = before[place]["image"]
        place += 1
      }
    }
    for member in ["activeDeadlineSeconds", "schedulingGates", "tolerations"] { munged[member] = old[member] }
    if old.int(at: "terminationGracePeriodSeconds") < 0, new["terminationGracePeriodSeconds"]?.int == 1 {
      munged["terminationGracePeriodSeconds"] = old["terminationGracePeriodSeconds"]
    }
    return munged
  }

  // MARK: what may change while nobody schedules the pod

  private static func maskNodes(_ munged: inout JSONValue, _ old: JSONValue, _ context: inout RuleContext) {
    let selector = munged["nodeSelector"]
    if !RuleContext.areSame(selector, old["nodeSelector"]) {
      for label in old["nodeSelector"]?.object?.members ?? [] where selector?[label.name] != label.value {
        let shown = selector ?? context.traces?["spec"]?["nodeSelector"] ?? .null
        context.refuses(
          value: shown, "only additions to spec.nodeSelector are allowed (no mutations or deletions)", at: "spec",
          "nodeSelector")
        break
      }
      munged["nodeSelector"] = old["nodeSelector"]
    }
    let before = old["affinity"]?["nodeAffinity"].flatMap { $0.isNull ? nil : $0 }
    let after = munged["affinity"]?["nodeAffinity"].flatMap { $0.isNull ? nil : $0 }
    if RuleContext.areSame(before, after) { return }
    terms(after, before, &context)
    let affinity = munged["affinity"]
    if affinity.map(\.isNull) ?? true {
      munged["affinity"] = before.map { ["nodeAffinity": $0] }
    } else if !old.isSet("affinity"), affinity?.isSet("podAffinity") == false,
      affinity?.isSet("podAntiAffinity") == false
    {
      munged["affinity"] = nil
    } else {
      munged["affinity"]?["nodeAffinity"] = before
    }
  }

  /// (`validateNodeAffinityMutation`)
  private static func terms(_ after: JSONValue?, _ before: JSONValue?, _ context: inout RuleContext) {
    let required = "requiredDuringSchedulingIgnoredDuringExecution"
    let old = before?[required]?.array(at: "nodeSelectorTerms") ?? []
    let new = after?[required]?.array(at: "nodeSelectorTerms") ?? []
    if old.isEmpty { return }
    let path: [RuleContext.Part] = ["spec", "affinity", "nodeAffinity", .member(required), "nodeSelectorTerms"]
    let type = "io.k8s.api.core.v1.NodeSelectorTerm"
    if old.count != new.count {
      let shown =
        new.isEmpty
        ? (after?[required]?["nodeSelectorTerms"] ?? .null).encoded().text : InternalForm.text(ofList: new, as: type)
      let detail = "no additions/deletions to non-empty NodeSelectorTerms list are allowed"
      return context.report(.invalid(context.path(path), bare: shown, detail))
    }
    for (place, term) in old.enumerated() where !isNarrowed(new[place], term) {
      let shown = InternalForm.text(of: new[place], as: type)
      let detail = "only additions are allowed (no mutations or deletions)"
      context.report(.invalid(context.path(path + [.index(place)]), bare: shown, detail))
    }
  }

  private static func isNarrowed(_ new: JSONValue, _ old: JSONValue) -> Bool {
    let lists = ["matchExpressions", "matchFields"]
    if lists.allSatisfy({ old.array(at: $0).isEmpty }), lists.contains(where: { !new.array(at: $0).isEmpty }) {
      return false
    }
    return lists.allSatisfy { list in
      let (before, after) = (old.array(at: list), new.array(at: list))
      return after.count >= before.count && zip(before, after).allSatisfy { RuleContext.areSame($0, $1) }
    }
  }

  // MARK: ephemeral containers (`ValidatePodEphemeralContainersUpdate`)

  static let ephemeralContainers: Rule.Function = { context in
    guard let new = context.value, let old = context.old else { return }
    if old["metadata"]?["annotations"]?[PodAnnotationRules.mirror] != nil {
      context.withdraw(to: 0)
      return context.report(.forbidden("", "static pods do not support ephemeral containers"))
    }
    var byName: [ByteString: JSONValue] = [:]
    for container in new["spec"]?.array(at: "ephemeralContainers") ?? [] {
      byName[ByteString(container.string(at: "name"))] = container
    }
    for container in old["spec"]?.array(at: "ephemeralContainers") ?? [] {
      let name = container.string(at: "name")
      let shown = GoText.quoted(name)
      guard let now = byName[ByteString(name)] else {
        context.forbids(
          "spec", "ephemeralContainers", detail: "existing ephemeral containers \(shown) may not be removed\n")
        continue
      }
      if !RuleContext.areSame(container, now) {
        context.forbids(
          "spec", "ephemeralContainers", detail: "existing ephemeral containers \(shown) may not be changed")
      }
    }
  }
}
