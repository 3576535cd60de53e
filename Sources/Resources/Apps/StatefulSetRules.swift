import JSON
import Machinery
import Registry
import Schema

/// Rules for stateful sets. (Kubernetes: pkg/apis/apps/validation, `ValidateStatefulSet` and its siblings)
enum StatefulSetRules {
  static let all: [Rule] = [
    .on(
      .main,
      .onCreate(.metadata(.label), .at("spec", spec)),
      .onUpdate(
        .metadataUpdate,
        .tolerating({ _, old in isBad(old) ? [badTemplate] : [] }, .at("spec", changedSpec)),
        .custom(specStays))),
    .on(.status, .at("status", status), .metadataUpdate, .custom(WorkloadRules.collisionsGrow)),
  ]

  /// Something was wrong with the object before: its template is not looked at again.
  private static let badTemplate = "the stateful set was bad before"

  private static let spec = rules(
    claims: [.at("volumeClaimTemplates", .each(.at("spec", PersistentVolumeClaimRules.spec)))],
    service: [.at("serviceName", .optional, .format(.dns1123Label))], template: PodTemplateRules.all)

  private static let changedSpec = rules(
    claims: [], service: [], template: [.unlessOption(badTemplate, .all(PodTemplateRules.all))])

  private static func rules(claims: [Rule], service: [Rule], template: [Rule]) -> [Rule] {
    [
      .at("podManagementPolicy", .required, .custom(management)),
      .at("updateStrategy", .custom(strategy)),
      .at(
        "persistentVolumeClaimRetentionPolicy", .at("whenDeleted", .custom(retention)),
        .at("whenScaled", .custom(retention))),
    ] + claims + [
      .at("replicas", .atLeast(0)),
      .at("minReadySeconds", .atLeast(0)),
      .at("ordinals", .said(at: "spec.ordinals.start", .custom(start))),
    ] + service + [WorkloadRules.selector("statefulset")]
      + WorkloadRules.template(
        [
          .seen(
            as: withVolumes,
            .at(
              "template",
              template + [.custom(PodTemplateRules.labels), .custom(PodAnnotationRules.ofTemplate)]))
        ], unreadable: "")
      + [WorkloadRules.runsForGood("StatefulSet")]
  }

  private static let management: Rule.Function = { context in
    let policy = context.value?.string ?? ""
    if ["OrderedReady", "Parallel"].contains(policy) { return }
    context.refuses(value: .string(policy), "must be 'OrderedReady' or 'Parallel'")
  }

  private static let strategy: Rule.Function = { context in
    guard let strategy = context.value else { return }
    let type = "io.k8s.api.apps.v1."
    let update = strategy["rollingUpdate"].flatMap { $0.isNull ? nil : $0 }
    switch strategy.string(at: "type") {
    case "": context.needs()
    case "OnDelete":
      guard let update else { return }
      let text = InternalForm.text(of: whole(update), as: "\(type)RollingUpdateStatefulSetStrategy")
      let path = context.path("rollingUpdate")
      context.report(.invalid(path, bare: text, "only allowed for updateStrategy 'RollingUpdate'"))
    case "RollingUpdate":
      if let update { context.look(at: update, "rollingUpdate", rollingUpdate) }
    default:
      var shown = strategy
      shown.edit("rollingUpdate") { $0 = whole($0) }
      let text = InternalForm.text(of: shown, as: "\(type)StatefulSetUpdateStrategy")
      context.report(.invalid(context.path(), bare: text, "must be 'RollingUpdate' or 'OnDelete'"))
    }
  }

  /// Inside, the partition is no pointer.
  private static func whole(_ update: JSONValue) -> JSONValue {
    var update = update
    if !update.isSet("partition") { update["partition"] = 0 }
    return update
  }

  private static let rollingUpdate: Rule.Function = { context in
    guard let update = context.value else { return }
    let partition = update.int(at: "partition")
    if partition < 0 {
      context.refuses(value: .int(partition), "must be greater than or equal to 0", at: "partition")
    }
    guard let unavailable = update["maxUnavailable"], !unavailable.isNull else { return }
    context.look(at: unavailable, "maxUnavailable", IntOrPercent.notNegative)
    if IntOrPercent.number(unavailable) == 0 {
      context.refuses(value: unavailable, "cannot be 0", at: "maxUnavailable")
    }
    context.look(at: unavailable, "maxUnavailable", IntOrPercent.notMoreThanAll)
  }

  private static let retention: Rule.Function = { context in
    let policy = context.value?.string ?? ""
    if !["Retain", "Delete"].contains(policy) { context.knowsOnly(["Retain", "Delete"], not: policy) }
  }

  private static let start: Rule.Function = { context in
    let start = context.value?.int(at: "start") ?? 0
    if start < 0 { context.refuses(value: .int(start), "must be greater than or equal to 0") }
  }

  /// A spec whose pods have the volumes that claims will be made for, and not the names that the controller gives them.
  private static func withVolumes(_ spec: JSONValue) -> JSONValue {
    let templates = spec.array(at: "volumeClaimTemplates")
    guard let pod = spec["template"]?["spec"],
      !templates.isEmpty || !pod.string(at: "hostname").isEmpty || !pod.string(at: "subdomain").isEmpty
    else { return spec }
    var names: [String] = []
    for template in templates {
      let name = template["metadata"]?.string(at: "name") ?? ""
      if !names.contains(name) { names.append(name) }
    }
    let others = pod.array(at: "volumes").filter { !names.contains($0.string(at: "name")) }
    let claimed = names.map { name -> JSONValue in
      ["name": .string(name), "persistentVolumeClaim": ["claimName": .string(name)]]
    }
    var spec = spec
    spec.edit("template") { template in
      template.edit("spec") { pod in
        pod["hostname"] = nil
        pod["subdomain"] = nil
        if !templates.isEmpty { pod["volumes"] = .array(claimed + others) }
      }
    }
    return spec
  }

  /// Rules for a spec that was there before.
  private static let earlier: CompiledRules? = TypeModel.builtin.type("io.k8s.api.apps.v1.StatefulSet").map {
    CompiledRules([.at("spec", changedSpec)], type: $0, model: .builtin, isNamespaced: true)
  }

  private static func isBad(_ old: JSONValue) -> Bool { earlier?.check(old).isEmpty == false }

  private static let specStays: Rule.Function = { context in
    guard let new = context.value?["spec"], let old = context.old?["spec"] else { return }
    var kept = new
    for member in [
      "replicas", "template", "updateStrategy", "minReadySeconds", "ordinals", "revisionHistoryLimit",
      "persistentVolumeClaimRetentionPolicy",
    ] { kept[member] = old[member] }
    if RuleContext.areSame(kept, old) { return }
    context.forbids(
      "spec",
      detail: "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
        + "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden")
  }

  private static let status: [Rule] =
    WorkloadRules.counts(
      "replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", "observedGeneration",
      "collisionCount")
    + [
      WorkloadRules.areAmongReplicas(
        "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas", ready: "status.readyReplicas")
    ]
}
