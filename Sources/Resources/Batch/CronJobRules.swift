import JSON
import Machinery
import Registry

/// Rules for cron jobs. (Kubernetes: pkg/apis/batch/validation, `ValidateCronJobCreate`, `ValidateCronJobUpdate`)
enum CronJobRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain)),
    .on(.main, .onUpdate(.metadataUpdate), .at("spec", spec)),
    .onCreate(
      .custom { context in
        let name = context.value?["metadata"]?["name"]?.string ?? ""
        // Its jobs are named after it, with the time behind.
        if name.utf8.count > 52 { context.refuses(name, "must be no more than 52 characters", at: "metadata", "name") }
      }),
  ]

  private static let spec: [Rule] = [
    .custom(schedule),
    .at("startingDeadlineSeconds", .atLeast(0)),
    .custom(timeZone),
    .at("concurrencyPolicy", .required, .oneOf("Allow", "Forbid", "Replace")),
    .at("jobTemplate", .at("spec", JobRules.spec), .at("spec", .custom(ownSelector))),
    .at("successfulJobsHistoryLimit", .atLeast(0)),
    .at("failedJobsHistoryLimit", .atLeast(0)),
  ]

  /// Does a schedule name the time zone by itself, as old ones do?
  static func namesZone(_ schedule: JSONValue?) -> Bool { schedule?.string?.contains("TZ") ?? false }

  private static let schedule: Rule.Function = { context in
    guard let spec = context.value else { return }
    let text = spec.string(at: "schedule")
    if text.isEmpty { return context.needs("schedule") }
    if let problem = CronSchedule.problem(text) { context.refuses(text, problem, at: "schedule") }
    guard namesZone(.string(text)) else { return }
    if !namesZone(context.old?["schedule"]) {
      context.refuses(text, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead", at: "schedule")
    } else if spec.isSet("timeZone") {
      context.refuses(text, "cannot use both timeZone field and TZ or CRON_TZ in schedule", at: "schedule")
    }
  }

  private static let timeZone: Rule.Function = { context in
    guard let zone = context.value?["timeZone"]?.string, context.old?["timeZone"]?.string != zone else { return }
    if zone.isEmpty { return context.refuses(zone, "timeZone must be nil or non-empty string", at: "timeZone") }
    let parts = zone.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    if !parts.allSatisfy({ isPart(Substring($0)) }) {
      return context.refuses(zone, "unknown time zone \(zone)", at: "timeZone")
    }
    if zone.lowercased() == "local" {
      context.refuses(
        zone, "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones", at: "timeZone")
    }
    if let problem = TimeZones.problem(zone) { context.refuses(zone, problem, at: "timeZone") }
  }

  /// A part of a time zone's name, as IANA has them.
  private static func isPart(_ part: Substring) -> Bool {
    func isGood(_ byte: UInt8) -> Bool {
      switch byte {
      case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "a")...UInt8(ascii: "z"):
        true
      default: ".-_+".utf8.contains(byte)
      }
    }
    return (1...14).contains(part.utf8.count) && part.utf8.allSatisfy(isGood) && part != "." && part != ".."
      && part.utf8.first != UInt8(ascii: "-")
  }

  /// Its jobs make their selectors themselves. (`ValidateJobTemplateSpec`)
  private static let ownSelector: Rule.Function = { context in
    if let selector = context.value?["selector"], !selector.isNull {
      context.refuses(value: selector, "`selector` will be auto-generated", at: "selector")
    }
    if context.value?.bool(at: "manualSelector") == true {
      context.report(.notSupported(context.path("manualSelector"), bare: "true", ["nil", "false"]))
    }
  }
}
