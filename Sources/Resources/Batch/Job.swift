import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Work that pods do until it is done. (Kubernetes: pkg/registry/batch/job)
  static let jobs = ResourceDefinition(
    "jobs.batch", kind: "Job", categories: ["all"], scope: .namespaced, folder: "jobs", versions: [.v1],
    main: .main(
      keeps: ["status"],
      prepare: { job, old in
        job.edit("spec") { spec in
          spec.edit("template") { PodGates.dropFromTemplate(&$0, old: old["spec"]?["template"]) }
        }
      }),
    subresources: [.status()],
    rules: JobRules.all,
    generation: .ofSpec,
    deletion: DeletionRule {
      $0.orphansByDefault = true
      $0.warningWithoutPropagation =
        "child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or "
        + "set propagationPolicy=Orphan to suppress this warning"
    },
    defaults: JobForm.applyDefaults,
    prepareForCreate: { job in
      JobForm.generateSelector(&job)
      job["status"] = .object(JSONObject())
      job.edit("spec") { spec in spec.edit("template") { PodGates.dropFromTemplate(&$0, old: nil) } }
    },
    warnings: { job, old in
      guard let old else {
        return JobWarnings.ofName(job) + JobWarnings.ofSpec(job["spec"], at: "spec")
      }
      return old["metadata"]?["generation"] == job["metadata"]?["generation"]
        ? [] : JobWarnings.ofSpec(job["spec"], at: "spec")
    },
    selectableFields: [SelectableField("status.successful") { $0.text(["status", "succeeded"]) ?? "0" }],
    unknownField: .custom { "field label \(GoText.quoted($0)) not supported for Job" },
    columns: [
      .name,
      TableColumn("Status", description: "How far the job is.") { job, _ in .string(JobCells.status(job)) },
      TableColumn("Completions", description: "How many pods succeeded, of how many.") { job, _ in
        .string(JobCells.completions(job))
      },
      TableColumn("Duration", description: "How long the job took, or has been running.") { job, now in
        .string(JobCells.duration(job, now))
      },
      .age,
      TableColumn(
        "Containers", description: "The names of the containers.", priority: 1,
        cell: ContainerColumns.list("name", of: ["spec", "template", "spec"])),
      TableColumn(
        "Images", description: "The images of the containers.", priority: 1,
        cell: ContainerColumns.list("image", of: ["spec", "template", "spec"])),
      TableColumn("Selector", description: "The labels of the pods that count.", priority: 1) { job, _ in
        .string(LabelSelectorText.text(job["spec"]?["selector"]))
      },
    ])
}

/// What a client should know of a job, or of a cron job's template. (Kubernetes: pkg/api/job, `WarningsForJobSpec`)
enum JobWarnings {
  static func ofName(_ object: JSONValue) -> [String] {
    let problems = NameValidation.dns1123Label(object["metadata"]?["name"]?.string ?? "")
    if problems.isEmpty { return [] }
    return [
      "metadata.name: this is used in Pod names and hostnames, which can result in surprising behavior; a DNS label "
        + "is recommended: [\(problems.joined(separator: " "))]"
    ]
  }

  static func ofSpec(_ spec: JSONValue?, at path: String) -> [String] {
    guard let spec else { return [] }
    let isLarge =
      JobRules.isIndexed(spec) && spec.int(at: "completions") > 100_000 && spec.int(at: "parallelism") > 10_000
    let warning =
      "\(path): In Indexed Jobs with a number of completions higher than 10^5 and a parallelism higher than 10^4, "
      + "Kubernetes might not be able to track completedIndexes when a big number of indexes fail"
    return (isLarge ? [warning] : []) + PodWarnings.ofTemplate(spec["template"], at: "\(path).template")
  }
}

/// Cells of tables of jobs. (Kubernetes: pkg/printers/internalversion, `printJob`)
private enum JobCells {
  static func status(_ job: JSONNode) -> String {
    func has(_ type: String) -> Bool {
      job["status"]?["conditions"]?.elements.contains {
        $0["type"]?.string == type && $0["status"]?.string == "True"
      } ?? false
    }
    if has("Complete") { return "Complete" }
    if has("Failed") { return "Failed" }
    if job["metadata"]?["deletionTimestamp"]?.string != nil { return "Terminating" }
    return ["Suspended", "FailureTarget", "SuccessCriteriaMet"].first(where: has) ?? "Running"
  }

  static func completions(_ job: JSONNode) -> String {
    let succeeded = job["status"]?["succeeded"]?.int ?? 0
    if let wanted = job["spec"]?["completions"]?.int { return "\(succeeded)/\(wanted)" }
    let parallelism = job["spec"]?["parallelism"]?.int ?? 0
    return parallelism > 1 ? "\(succeeded)/1 of \(parallelism)" : "\(succeeded)/1"
  }

  static func duration(_ job: JSONNode, _ now: Int64) -> String {
    guard let start = job["status"]?["startTime"]?.string else { return "" }
    let end = job["status"]?["completionTime"]?.string.flatMap { try? Timestamp.parse($0).seconds }
    return Age.text(since: start, now: end ?? now)
  }
}
