import JSON
import Machinery
import Registry

/// Rules for pods. (Kubernetes: pkg/apis/core/validation, `ValidatePodCreate`, `ValidatePodUpdate`,
/// `ValidatePodStatusUpdate` and others)
enum PodRules {
  static let ephemeralContainers = Subresource("ephemeralcontainers")
  static let resize = Subresource("resize")

  static let all: [Rule] = [
    .onCreate(
      whole + [
        .custom(create),
        .custom(PodAnnotationRules.matchFields),
      ]),
    .onUpdate(
      .metadataUpdate,
      .on(.main, whole + [.custom(annotationsStay), .custom(PodAnnotationRules.ofPod), .custom(PodUpdateRules.check)]),
      .on(.status, .custom(annotationsStay), .custom(PodAnnotationRules.ofPod), .custom(PodStatusRules.check)),
      .on(
        ephemeralContainers,
        whole + [
          .custom(annotationsStay), .custom(PodAnnotationRules.ofPod), .custom(PodUpdateRules.ephemeralContainers),
        ]),
      .on(resize, whole + [.custom(PodResizeRules.check)])),
  ]

  /// (`validatePodMetadataAndSpec`)
  private static let whole: [Rule] = [
    .metadata(.subdomain),
    .custom(PodAnnotationRules.ofPod),
    .at("spec", PodSpecRules.ofPod),
    .custom(tokensNeedAccount),
    .at(
      "spec",
      .at("containers", .each(.at("image", .custom(ContainerRules.trimmed)))),
      .at("initContainers", .each(.at("image", .custom(ContainerRules.trimmed))))),
  ]

  private static let tokensNeedAccount: Rule.Function = { context in
    guard let spec = context.value?["spec"], spec.string(at: "serviceAccountName").isEmpty,
      case .array(let volumes)? = spec["volumes"]
    else { return }
    for (place, volume) in volumes.enumerated() {
      for (number, source) in (volume["projected"]?.array(at: "sources") ?? []).enumerated()
      where source.isSet("serviceAccountToken") {
        context.forbids(
          "spec", "volumes", .index(place), "projected", "sources", .index(number), "serviceAccountToken",
          detail: "must not be specified when serviceAccountName is not set")
      }
    }
  }

  private static let create: Rule.Function = { context in
    guard let spec = context.value?["spec"] else { return }
    if !spec.array(at: "ephemeralContainers").isEmpty {
      context.forbids("spec", "ephemeralContainers", detail: "cannot be set on create")
    }
    if !spec.string(at: "nodeName").isEmpty && !spec.array(at: "schedulingGates").isEmpty {
      context.forbids("spec", "nodeName", detail: "cannot be set until all schedulingGates have been cleared")
    }
  }

  /// Some annotations are for good. (`ValidatePodSpecificAnnotationUpdates`)
  private static let annotationsStay: Rule.Function = { context in
    let after = context.value?["metadata"]?["annotations"]?.object ?? JSONObject()
    let before = context.old?["metadata"]?["annotations"]?.object ?? JSONObject()
    func look(_ key: String, _ appArmor: String, _ mirror: String, _ context: inout RuleContext) {
      if key.hasPrefix(PodAnnotationRules.appArmor) {
        context.forbids("metadata", "annotations", .key(key), detail: appArmor)
      }
      if key == PodAnnotationRules.mirror {
        context.forbids("metadata", "annotations", .key(key), detail: mirror)
      }
    }
    for annotation in before.members where after[annotation.name] != annotation.value {
      look(
        annotation.name, "may not remove or update AppArmor annotations",
        "may not remove or update mirror pod annotation", &context)
    }
    for annotation in after.members where before[annotation.name] == nil {
      look(annotation.name, "may not add AppArmor annotations", "may not add mirror pod annotation", &context)
    }
  }
}
