import JSON
import Machinery
import Registry

/// Rules for what is told of a job: who manages it may be somebody else's controller. What a write leaves as it was is
/// mostly not looked at. (Kubernetes: pkg/apis/batch/validation, `ValidateJobStatusUpdate`; pkg/registry/batch/job,
/// `getStatusValidationOptions`)
struct JobStatusRules {
  private let spec: JSONValue
  private let new: JSONValue
  private let old: JSONValue
  private var context: RuleContext

  static let check: Rule.Function = { context in
    let empty = JSONValue.object(JSONObject())
    var rules = JobStatusRules(
      spec: context.value?["spec"] ?? empty, new: context.value?["status"] ?? empty,
      old: context.old?["status"] ?? empty, context: context)
    rules.counts()
    rules.uncounted()
    rules.outcome()
    rules.ended()
    rules.indexes()
    rules.pods()
    rules.success()
    rules.transitions()
    context = rules.context
  }

  /// Is a condition true?
  static func has(_ type: String, _ status: JSONValue, _ value: String = "True") -> Bool {
    status.array(at: "conditions").contains { $0.string(at: "type") == type && $0.string(at: "status") == value }
  }

  // MARK: what is so, and what has changed

  private func has(_ type: String) -> Bool { Self.has(type, new) }
  private func changes(_ type: String) -> Bool { Self.has(type, new) != Self.has(type, old) }
  private func changes(member: String) -> Bool { !RuleContext.areSame(given(member, new), given(member, old)) }
  private func given(_ member: String, _ status: JSONValue) -> JSONValue? {
    status[member].flatMap { $0.isNull ? nil : $0 }
  }
  private static func isFinished(_ status: JSONValue) -> Bool { has("Complete", status) || has("Failed", status) }
  private var isFinished: Bool { Self.isFinished(new) }
  private var endChanges: Bool { Self.isFinished(new) != Self.isFinished(old) }

  // MARK: complaints

  private mutating func refuse(_ member: String, _ value: JSONValue, _ detail: String) {
    context.refuses(value: value, detail, at: "status", .member(member))
  }
  private mutating func refuse(text member: String, _ detail: String) {
    context.refuses(new.string(at: member), detail, at: "status", .member(member))
  }
  private mutating func refuseConditions(_ detail: String) {
    context.report(FieldError(.invalid, context.path("status", "conditions"), detail: detail))
  }

  // MARK: `validateJobStatus`

  private mutating func counts() {
    for member in ["active", "succeeded", "failed", "ready", "terminating"] {
      let count = new.int(at: member)
      if count < 0 { refuse(member, .int(count), "must be greater than or equal to 0") }
    }
  }

  private mutating func uncounted() {
    var seen = Set<ByteString>()
    for list in ["succeeded", "failed"] {
      for (place, uid) in (new["uncountedTerminatedPods"]?.array(at: list) ?? []).enumerated() {
        let path = context.path("status", "uncountedTerminatedPods", .member(list), .index(place))
        let text = uid.string ?? ""
        if text.isEmpty {
          context.report(.invalid(path, text, "must not be empty"))
        } else if !seen.insert(ByteString(text)).inserted {
          context.report(.duplicate(path, bare: uid.encoded().text))
        }
      }
    }
  }

  private mutating func outcome() {
    let isComplete = has("Complete")
    let end = given("completionTime", new)
    if isComplete, has("Failed"), changes("Complete") || changes("Failed") {
      refuseConditions("cannot set Complete=True and Failed=true conditions")
    }
    if isComplete, has("FailureTarget"), changes("Complete") || changes("FailureTarget") {
      refuseConditions("cannot set Complete=True and FailureTarget=true conditions")
    }
    if changes("Complete") || changes(member: "completionTime") {
      if let end, !isComplete {
        refuse("completionTime", end, "cannot set completionTime when there is no Complete=True condition")
      }
      if end == nil, isComplete {
        context.needs("status", "completionTime", detail: "completionTime is required for Complete jobs")
      }
    }
    if changes(member: "startTime") || changes(member: "completionTime"), let end,
      let ended = (end.string).flatMap({ try? Timestamp.parse($0).seconds }),
      let began = new["startTime"]?.string.flatMap({ try? Timestamp.parse($0).seconds }), ended < began
    {
      refuse("completionTime", end, "must be equal to or after `startTime`")
    }
    if has("Failed"), !has("FailureTarget"), changes("Failed") || changes(member: "failedIndexes") {
      refuseConditions("cannot set Failed=True condition without the FailureTarget=true condition")
    }
    if isComplete, !has("SuccessCriteriaMet"), changes("Complete") || changes("SuccessCriteriaMet") {
      refuseConditions("cannot set Complete=True condition without the SuccessCriteriaMet=true condition")
    }
  }

  private mutating func ended() {
    guard isFinished else { return }
    let active = new.int(at: "active")
    if active > 0, endChanges || changes(member: "active") {
      refuse("active", .int(active), "active>0 is invalid for finished job")
    }
    let neverRuns = spec.bool(at: "suspend") && spec["completions"]?.int == 0
    if given("startTime", new) == nil, endChanges || changes(member: "startTime"), !neverRuns {
      context.needs("status", "startTime", detail: "startTime is required for finished job")
    }
    if let pods = given("uncountedTerminatedPods", new), endChanges || changes(member: "uncountedTerminatedPods"),
      !pods.array(at: "failed").isEmpty || !pods.array(at: "succeeded").isEmpty
    {
      let shown = InternalForm.text(of: pods, as: "io.k8s.api.batch.v1.UncountedTerminatedPods")
      let path = context.path("status", "uncountedTerminatedPods")
      context.report(.invalid(path, bare: shown, "must be empty for finished job"))
    }
  }

  private mutating func indexes() {
    let completed = new.string(at: "completedIndexes")
    let failed = new["failedIndexes"]?.string
    let completions = spec["completions"]?.int
    let completedChange = completed != old.string(at: "completedIndexes")
    let failedChange = failed != old["failedIndexes"]?.string
    let isPerIndex = spec.isSet("backoffLimitPerIndex")
    if completedChange, let completions {
      do { _ = try JobIndexes.count(completed, below: completions) } catch {
        refuse(text: "completedIndexes", "error parsing completedIndexes: \(error.text)")
      }
    }
    if failedChange, isPerIndex, let completions, let failed {
      do { _ = try JobIndexes.count(failed, below: completions) } catch {
        refuse(text: "failedIndexes", "error parsing failedIndexes: \(error.text)")
      }
    }
    if completedChange, !completed.isEmpty, !JobRules.isIndexed(spec) {
      refuse(text: "completedIndexes", "cannot set non-empty completedIndexes when non-indexed completion mode")
    }
    if failedChange, !isPerIndex, failed != nil {
      refuse(text: "failedIndexes", "cannot set non-null failedIndexes when backoffLimitPerIndex is null")
    }
    if completedChange || failedChange, let completions, let failed,
      let index = JobIndexes.overlap(completed, failed, below: completions)
    {
      refuse(text: "failedIndexes", "failedIndexes and completedIndexes overlap at index: \(index)")
    }
  }

  private mutating func pods() {
    let terminating = new.int(at: "terminating")
    if isFinished, terminating > 0, endChanges || changes(member: "terminating") {
      refuse("terminating", .int(terminating), "terminating>0 is invalid for finished job")
    }
    if let ready = new["ready"]?.int, ready > new.int(at: "active"),
      changes(member: "ready") || changes(member: "active")
    {
      refuse("ready", .int(ready), "cannot set more ready pods than active")
    }
  }

  private mutating func success() {
    let isMet = has("SuccessCriteriaMet")
    if isMet, has("Failed") { refuseConditions("cannot set SuccessCriteriaMet=True and Failed=true conditions") }
    if isMet, has("FailureTarget") {
      refuseConditions("cannot set SuccessCriteriaMet=True and FailureTarget=true conditions")
    }
    if spec.isSet("successPolicy"), !isMet, has("Complete") {
      refuseConditions("cannot set Complete=True for Job with SuccessPolicy unless SuccessCriteriaMet=True")
    }
  }

  // MARK: `ValidateJobStatusUpdate`, what it adds

  private mutating func transitions() {
    for type in ["Failed", "Complete", "FailureTarget"] where Self.has(type, old) && !has(type) {
      refuseConditions("cannot disable the terminal \(type)=True condition")
    }
    if new.int(at: "failed") < old.int(at: "failed") {
      refuse("failed", .int(new.int(at: "failed")), "cannot decrease the failed counter")
    }
    // An indexed job may be made smaller.
    let mayShrink = JobRules.isIndexed(spec) && spec["completions"]?.int == spec["parallelism"]?.int
    if !mayShrink, new.int(at: "succeeded") < old.int(at: "succeeded") {
      refuse("succeeded", .int(new.int(at: "succeeded")), "cannot decrease the succeeded counter")
    }
    if let end = given("completionTime", new), let before = given("completionTime", old), end != before {
      refuse("completionTime", end, "field is immutable")
    }
    let isResuming = Self.has("Suspended", old) && Self.has("Suspended", new, "False")
    if let before = given("startTime", old), given("startTime", new) != before, !spec.bool(at: "suspend"), !isResuming {
      refuse("startTime", given("startTime", new) ?? .null, "field is immutable for unsuspended job once set")
    }
    let (wasMet, isMet) = (Self.has("SuccessCriteriaMet", old), has("SuccessCriteriaMet"))
    if wasMet, !isMet { refuseConditions("cannot disable the SuccessCriteriaMet=True condition") }
    if Self.has("Complete", old), !wasMet, isMet {
      refuseConditions("cannot set SuccessCriteriaMet=True for Job already has Complete=true conditions")
    }
  }
}
