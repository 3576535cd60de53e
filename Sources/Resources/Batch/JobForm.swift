import JSON
import Machinery
import Registry

/// What jobs get that do not say, and the selector that is made for them. (Kubernetes: pkg/apis/batch/v1/defaults.go,
/// pkg/registry/batch/job, `generateSelector`)
enum JobForm {
  static let uidLabel = "batch.kubernetes.io/controller-uid"
  static let nameLabel = "batch.kubernetes.io/job-name"
  static let oldUIDLabel = "controller-uid"
  static let oldNameLabel = "job-name"

  private static let spec = TypeOrder("io.k8s.api.batch.v1.JobSpec")
  private static let template = TypeOrder("io.k8s.api.core.v1.PodTemplateSpec")
  private static let pattern = TypeOrder("io.k8s.api.batch.v1.PodFailurePolicyOnPodConditionsPattern")

  /// (`SetDefaults_Job`)
  static func applyDefaults(_ job: inout JSONValue) {
    if !job.isSet("spec") { job["spec"] = .object(JSONObject()) }
    job.edit("spec") { spec in
      if !spec.isSet("parallelism") {
        if !spec.isSet("completions") { Self.spec.set("completions", 1, in: &spec) }
        Self.spec.set("parallelism", 1, in: &spec)
      }
      let limit: JSONValue = spec.isSet("backoffLimitPerIndex") ? .int(Int64(Int32.max)) : 6
      Self.spec.fillPointer("backoffLimit", limit, in: &spec)
      Self.spec.fillPointer("completionMode", "NonIndexed", in: &spec)
      Self.spec.fillPointer("suspend", false, in: &spec)
      Self.spec.fillPointer(
        "podReplacementPolicy", spec.isSet("podFailurePolicy") ? "Failed" : "TerminatingOrFailed", in: &spec)
      Self.spec.fillPointer("manualSelector", false, in: &spec)
      applyPartDefaults(&spec)
    }
    copyLabels(&job)
  }

  /// What the spec of a cron job's template gets, too: the rest comes with the job.
  static func applyPartDefaults(_ spec: inout JSONValue) {
    spec.edit("podFailurePolicy") { policy in
      policy.editEach("rules") { rule in
        rule.editEach("onPodConditions") { pattern.fill("status", "True", in: &$0) }
      }
    }
    spec.edit("template") { PodDefaults.applyToTemplate(&$0) }
  }

  /// A job without labels has those of its pods.
  static func copyLabels(_ job: inout JSONValue) {
    guard let labels = job["spec"]?["template"]?["metadata"]?["labels"]?.object, !labels.isEmpty,
      job["metadata"]?["labels"]?.object?.isEmpty != false
    else { return }
    var metadata = job["metadata"]?.object ?? JSONObject()
    metadata["labels"] = .object(labels)
    job["metadata"] = .object(MetadataOrder.sorted(metadata))
  }

  /// Lets the job find its pods by its uid, where the client does not choose the selector.
  static func generateSelector(_ job: inout JSONValue) {
    if job["spec"]?.bool(at: "manualSelector") == true { return }
    let name = job["metadata"]?["name"] ?? ""
    let uid = job["metadata"]?["uid"] ?? ""
    // Labels that were taken over from the template go along with it.
    let given = job["spec"]?["template"]?["metadata"]?["labels"]
    let isShared = job["metadata"]?["labels"] == given
    job.edit("spec") { spec in
      var template = spec["template"] ?? .object(JSONObject())
      var metadata = template["metadata"]?.object ?? JSONObject()
      var labels = metadata["labels"]?.object ?? JSONObject()
      for (label, value) in [(oldNameLabel, name), (nameLabel, name), (oldUIDLabel, uid), (uidLabel, uid)]
      where labels[label] == nil {
        labels[label] = value
      }
      labels.sortByName()
      metadata["labels"] = .object(labels)
      Self.template.set("metadata", .object(MetadataOrder.sorted(metadata)), in: &template)
      Self.spec.set("template", template, in: &spec)
      var selector = spec["selector"]?.object ?? JSONObject()
      var wanted = selector["matchLabels"]?.object ?? JSONObject()
      if wanted[uidLabel] == nil { wanted[uidLabel] = uid }
      wanted.sortByName()
      let expressions = selector["matchExpressions"]
      selector = ["matchLabels": .object(wanted)]
      if let expressions { selector["matchExpressions"] = expressions }
      Self.spec.set("selector", .object(selector), in: &spec)
    }
    if isShared, job.isSet("metadata") { job["metadata"]?["labels"] = nil }
    copyLabels(&job)
  }
}
