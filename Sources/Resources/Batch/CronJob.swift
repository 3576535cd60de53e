import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Jobs that are made by the clock. (Kubernetes: pkg/registry/batch/cronjob)
  static let cronJobs = ResourceDefinition(
    "cronjobs.batch", kind: "CronJob", shortNames: ["cj"], categories: ["all"], scope: .namespaced, folder: "cronjobs",
    versions: [.v1],
    main: .main(
      keeps: ["status"],
      prepare: { object, old in
        CronJobForm.editTemplate(&object) {
          PodGates.dropFromTemplate(&$0, old: old["spec"]?["jobTemplate"]?["spec"]?["template"])
        }
      }),
    subresources: [.status()],
    rules: CronJobRules.all,
    generation: .ofSpec,
    defaults: CronJobForm.applyDefaults,
    prepareForCreate: { object in
      object["status"] = .object(JSONObject())
      CronJobForm.editTemplate(&object) { PodGates.dropFromTemplate(&$0, old: nil) }
    },
    warnings: CronJobForm.warnings,
    columns: [
      .name,
      .text("Schedule", at: "spec.schedule", description: "When jobs are made, in cron's form."),
      TableColumn("Timezone", description: "The time zone that the schedule is meant in.") { object, _ in
        .string(object["spec"]?["timeZone"]?.string ?? "<none>")
      },
      TableColumn("Suspend", type: "boolean", description: "Whether no more jobs are made.") { object, _ in
        .string(object["spec"]?["suspend"]?.bool.map { $0 ? "True" : "False" } ?? "<unset>")
      },
      TableColumn("Active", type: "integer", description: "How many of its jobs are running.") { object, _ in
        .int(Int64(object["status"]?["active"]?.elements.map { _ in 0 }.count ?? 0))
      },
      TableColumn("Last Schedule", description: "How long ago the last job was made.") { object, now in
        .string((object["status"]?["lastScheduleTime"]?.string).map { Age.text(since: $0, now: now) } ?? "<none>")
      },
      .age,
      TableColumn(
        "Containers", description: "The names of the containers.", priority: 1,
        cell: ContainerColumns.list("name", of: ["spec", "jobTemplate", "spec", "template", "spec"])),
      TableColumn(
        "Images", description: "The images of the containers.", priority: 1,
        cell: ContainerColumns.list("image", of: ["spec", "jobTemplate", "spec", "template", "spec"])),
      TableColumn("Selector", description: "The labels of the pods that count.", priority: 1) { object, _ in
        .string(LabelSelectorText.text(object["spec"]?["jobTemplate"]?["spec"]?["selector"]))
      },
    ])
}

/// What a cron job gets that does not say, and what its client should know. (Kubernetes: pkg/apis/batch/v1,
/// `SetDefaults_CronJob`)
enum CronJobForm {
  private static let spec = TypeOrder("io.k8s.api.batch.v1.CronJobSpec")

  static func applyDefaults(_ object: inout JSONValue) {
    if !object.isSet("spec") { object["spec"] = .object(JSONObject()) }
    object.edit("spec") { spec in
      Self.spec.fill("concurrencyPolicy", "Allow", in: &spec)
      Self.spec.fillPointer("suspend", false, in: &spec)
      Self.spec.fillPointer("successfulJobsHistoryLimit", 3, in: &spec)
      Self.spec.fillPointer("failedJobsHistoryLimit", 1, in: &spec)
      spec.edit("jobTemplate") { template in template.edit("spec") { JobForm.applyPartDefaults(&$0) } }
    }
  }

  /// Changes the template of pods.
  static func editTemplate(_ object: inout JSONValue, _ change: (inout JSONValue) -> Void) {
    object.edit("spec") { spec in
      spec.edit("jobTemplate") { template in template.edit("spec") { job in job.edit("template", change) } }
    }
  }

  static let warnings: ResourceDefinition.Warnings = { object, old in
    let job = object["spec"]?["jobTemplate"]?["spec"]
    guard let old else { return JobWarnings.ofName(object) + JobWarnings.ofSpec(job, at: "spec.jobTemplate.spec") }
    var warnings: [String] = []
    if old["metadata"]?["generation"] != object["metadata"]?["generation"] {
      warnings = JobWarnings.ofSpec(job, at: "spec.jobTemplate.spec")
    }
    if CronJobRules.namesZone(object["spec"]?["schedule"]) {
      warnings.append(
        "cannot use TZ or CRON_TZ in spec.spec.schedule, use timeZone instead, see "
          + "https://kubernetes.io/docs/concepts/workloads/controllers/cron-jobs/ for more details")
    }
    return warnings
  }
}
