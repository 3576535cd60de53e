import JSON
import Machinery
import Registry

/// Rules for replication controllers. (Kubernetes: pkg/apis/core/validation, `ValidateReplicationController` and its
/// siblings) What upstream declares at the types comes behind what it says by hand.
enum ReplicationControllerRules {
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate),
    .onCreate(.metadata(name)),
    .on(
      .main,
      .at(
        "spec",
        .at("selector", .required),
        .custom(matches),
        .at("template", .required, .all(PodTemplateRules.all)),
        .custom(template),
        .at("replicas", .required, .atLeast(0)),
        .at("minReadySeconds", .atLeast(0)))),
    .on(.status, .at("status", status)),
  ]

  /// Declared, and so counted in bytes.
  private static let name = NameForm { name, isPrefix in
    MetaValidation.subdomainName(name, isPrefix).map {
      $0 == "must be no more than 253 characters" ? "must be no more than 253 bytes" : $0
    }
  }

  private static let matches: Rule.Function = { context in
    guard let spec = context.value, let template = spec["template"], !template.isNull,
      let selector = spec["selector"]?.object
    else { return }
    let labels = template["metadata"]?["labels"] ?? context.emptied("template", "metadata", "labels") ?? .null
    if selector.members.allSatisfy({ labels[$0.name] == $0.value }) { return }
    context.refuses(
      value: labels, "`selector` does not match template `labels`", at: "template", "metadata", "labels")
  }

  private static let template: Rule.Function = { context in
    guard let spec = context.value?["template"]?["spec"] else { return }
    let policy = spec.string(at: "restartPolicy")
    if policy != "Always" { context.knowsOnly(["Always"], not: policy, at: "template", "spec", "restartPolicy") }
    if spec.isSet("activeDeadlineSeconds") {
      context.forbids(
        "template", "spec", "activeDeadlineSeconds",
        detail: "activeDeadlineSeconds in ReplicationController is not Supported")
    }
  }

  private static let status: [Rule] = [
    .at("replicas", .atLeast(0)),
    .at("fullyLabeledReplicas", .atLeast(0)),
    .at("readyReplicas", .atLeast(0)),
    .at("availableReplicas", .atLeast(0)),
    .at("observedGeneration", .atLeast(0)),
    .custom { context in
      guard let status = context.value else { return }
      let replicas = status.int(at: "replicas")
      for member in ["fullyLabeledReplicas", "readyReplicas", "availableReplicas"] {
        let count = status.int(at: member)
        if count > replicas {
          context.refuses(value: .int(count), "cannot be greater than status.replicas", at: .member(member))
        }
      }
      let available = status.int(at: "availableReplicas")
      if available > status.int(at: "readyReplicas") {
        context.refuses(value: .int(available), "cannot be greater than readyReplicas", at: "availableReplicas")
      }
    },
  ]
}
