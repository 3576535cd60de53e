import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for annotations of pods that mean something. (Kubernetes: pkg/apis/core/validation,
/// `ValidatePodSpecificAnnotations`)
enum PodAnnotationRules {
  static let mirror = "kubernetes.io/config.mirror"
  static let seccompOfPod = "seccomp.security.alpha.kubernetes.io/pod"
  static let seccompOfContainer = "container.seccomp.security.alpha.kubernetes.io/"
  static let appArmor = "container.apparmor.security.beta.kubernetes.io/"
  private static let deletionCost = "controller.kubernetes.io/pod-deletion-cost"
  private static let tolerations = "scheduler.alpha.kubernetes.io/tolerations"

  /// Of a template, whose annotations upstream names without `metadata`.
  static let ofTemplate: Rule.Function = { context in
    guard let template = context.value, let annotations = template["metadata"]?["annotations"]?.object else { return }
    check(annotations: annotations, at: ["annotations"], &context)
    let before = context.old?["metadata"]?["annotations"]?.object
    specific(annotations, before, template["spec"] ?? .null, at: ["annotations"], &context)
  }

  /// Of a pod.
  static let ofPod: Rule.Function = { context in
    guard let pod = context.value, let annotations = pod["metadata"]?["annotations"]?.object else { return }
    let before = context.old?["metadata"]?["annotations"]?.object
    specific(annotations, before, pod["spec"] ?? .null, at: ["metadata", "annotations"], &context)
  }

  /// What is asked of all annotations. (`ValidateAnnotations`)
  static func check(annotations: JSONObject?, at path: [RuleContext.Part], _ context: inout RuleContext) {
    guard let annotations else { return }
    var size = 0
    for annotation in annotations.members {
      for problem in NameValidation.qualifiedName(annotation.name.lowercased()) {
        context.report(.invalid(context.path(path), annotation.name, problem))
      }
      size += annotation.name.utf8.count + (annotation.value.string ?? "").utf8.count
    }
    if size > 256 << 10 { context.report(.tooLong(context.path(path), limit: 256 << 10)) }
  }

  private static func specific(
    _ annotations: JSONObject, _ before: JSONObject?, _ spec: JSONValue, at path: [RuleContext.Part],
    _ context: inout RuleContext
  ) {
    func complain(_ key: String, _ text: String, _ detail: String, _ context: inout RuleContext) {
      context.report(.invalid(context.path(path + [.key(key)]), text, detail))
    }
    if let value = annotations[mirror]?.string, spec.string(at: "nodeName").isEmpty {
      complain(mirror, value, "must set spec.nodeName if mirror pod annotation is set", &context)
    }
    if let text = annotations[tolerations]?.string, !text.isEmpty, let problem = problem(withTolerations: text) {
      context.report(.invalid(context.path(path), tolerations, problem))
    }
    if let cost = annotations[deletionCost]?.string, !isCost(cost),
      before?[deletionCost]?.string.map(isCost) ?? true
    {
      complain(deletionCost, cost, "must be a 32bit integer", &context)
    }
    if let profile = annotations[seccompOfPod]?.string {
      seccomp(profile, at: path + [.member(seccompOfPod)], &context)
    }
    for annotation in annotations.members where annotation.name.hasPrefix(seccompOfContainer) {
      seccomp(annotation.value.string ?? "", at: path + [.member(annotation.name)], &context)
    }
    for annotation in annotations.members where annotation.name.hasPrefix(appArmor) {
      let container = String(annotation.name.dropFirst(appArmor.count))
      let profile = annotation.value.string ?? ""
      var isThere = false
      PodFacts.containers(of: spec) { each, _, _ in isThere = isThere || each.string(at: "name") == container }
      if !isThere { complain(annotation.name, container, "container not found", &context) }
      if !["", "runtime/default", "unconfined"].contains(profile), !profile.hasPrefix("localhost/") {
        complain(
          annotation.name, profile, "invalid AppArmor profile name: \(GoText.quoted(profile))", &context)
      }
    }
  }

  private static func problem(withTolerations text: String) -> String? {
    do {
      let list = try JSONValue(parsing: text)
      if list.isNull || list.array?.allSatisfy({ $0.isNull || $0.object != nil }) == true { return nil }
      return "json: cannot unmarshal \(list.goKind) into Go value of type []core.Toleration"
    } catch { return "\(error)" }
  }

  /// (`GetDeletionCostFromPodAnnotations`)
  private static func isCost(_ text: String) -> Bool {
    let first = text.utf8.first ?? 0
    let begins =
      first == UInt8(ascii: "-") || text == "0" || first >= UInt8(ascii: "1") && first <= UInt8(ascii: "9")
    return begins && Int32(text) != nil
  }

  /// (`ValidateSeccompProfile`)
  private static func seccomp(_ profile: String, at path: [RuleContext.Part], _ context: inout RuleContext) {
    if ["runtime/default", "docker/default", "unconfined"].contains(profile) { return }
    let local = "localhost/"
    let problems =
      profile.hasPrefix(local)
      ? PathRules.descending(String(profile.dropFirst(local.count))) : ["must be a valid seccomp profile"]
    let shown = profile.hasPrefix(local) ? String(profile.dropFirst(local.count)) : profile
    for problem in problems { context.report(.invalid(context.path(path), shown, problem)) }
  }

  // MARK: annotations that say what members say

  /// Of a pod or template. (`validateSeccompAnnotationsAndFields`, `validateAppArmorAnnotationsAndFieldsMatchOnCreate`)
  static let matchFields: Rule.Function = { context in
    guard let pod = context.value, case .object(let annotations)? = pod["metadata"]?["annotations"],
      annotations.members.contains(where: {
        $0.name == seccompOfPod || $0.name.hasPrefix(seccompOfContainer) || $0.name.hasPrefix(appArmor)
      })
    else { return }
    let spec = pod["spec"] ?? .null
    func compare(
      _ annotation: String, _ profile: JSONValue, _ path: [RuleContext.Part], _ what: String, _ defaults: [String],
      _ context: inout RuleContext
    ) {
      guard let (member, whole) = difference(annotation, profile, defaults) else { return }
      let detail = "\(what) \(whole) in annotation and field must match"
      context.report(.forbidden(context.path(path + [.member(member)]), detail))
    }
    let ofPod = spec["securityContext"]
    if let profile = ofPod?["seccompProfile"], !profile.isNull, let annotation = annotations[seccompOfPod]?.string {
      compare(
        annotation, profile, ["spec", "securityContext", "seccompProfile"], "seccomp",
        ["runtime/default", "docker/default"], &context)
    }
    var each: [(container: JSONValue, path: [RuleContext.Part])] = []
    PodFacts.containers(of: spec) { each.append(($0, ["spec", .member($1), .index($2), "securityContext"])) }
    for (container, path) in each {
      guard let profile = container["securityContext"]?["seccompProfile"], !profile.isNull,
        let annotation = annotations[seccompOfContainer + container.string(at: "name")]?.string
      else { continue }
      compare(
        annotation, profile, path + ["seccompProfile"], "seccomp", ["runtime/default", "docker/default"], &context)
    }
    if spec["os"]?.string(at: "name") == "windows" { return }
    for (container, path) in each {
      let own = container["securityContext"]?["appArmorProfile"].flatMap { $0.isNull ? nil : $0 }
      guard let profile = own ?? ofPod?["appArmorProfile"], !profile.isNull,
        let annotation = annotations[appArmor + container.string(at: "name")]?.string
      else { continue }
      compare(annotation, profile, path + ["appArmorProfile"], "apparmor", ["runtime/default"], &context)
    }
  }

  /// The member that says something else than the annotation.
  private static func difference(
    _ annotation: String, _ profile: JSONValue, _ defaults: [String]
  ) -> (member: String, what: String)? {
    switch profile.string(at: "type") {
    case "Unconfined": return annotation == "unconfined" ? nil : ("type", "type")
    case "RuntimeDefault": return defaults.contains(annotation) ? nil : ("type", "type")
    case "Localhost":
      guard annotation.hasPrefix("localhost/") else { return ("type", "type") }
      return "localhost/\(profile["localhostProfile"]?.string ?? "")" == annotation && profile.isSet("localhostProfile")
        ? nil : ("localhostProfile", "profile")
    default: return nil
    }
  }
}
