import ArgumentParser
import Audit
import ByteBuffers
import JSON
import Logging
import Schema

/// Flags of the audit, under kube-apiserver's names.
struct AuditOptions: ParsableArguments {
  @Option(help: "Policy file (audit.k8s.io/v1): which requests are audited, and how closely. Without it none are.")
  var auditPolicyFile = ""

  @Option(help: "File that audit events are written to, a line of JSON each; - for standard output.")
  var auditLogPath = ""

  @Option(name: .customLong("audit-log-maxage"), help: "Days to keep audit files that were put aside; 0 for ever.")
  var auditLogMaxAge = 366

  @Option(
    name: .customLong("audit-log-maxbackup"), help: "Audit files to keep of those that were put aside; 0 for all.")
  var auditLogMaxBackup = 100

  @Option(name: .customLong("audit-log-maxsize"), help: "Megabytes after which the audit file is put aside.")
  var auditLogMaxSize = 100

  @Option(
    help:
      "Only batch is served: requests don't wait for the audit. What finds no room in the buffer is dropped and counted."
  )
  var auditLogMode = "batch"

  @Option(help: "Events that may wait to be written.")
  var auditLogBatchBufferSize = 10_000

  @Option(help: "Cut events that are too large for the log: they lose the bodies of request and answer.")
  var auditLogTruncateEnabled = false

  @Option(help: "Bytes of an event beyond which it is cut, and dropped if that is not enough.")
  var auditLogTruncateMaxEventSize = AuditTruncation().maxEventSize

  @Option(help: "Must hold the largest event; the log is written in lines, so it changes nothing else.")
  var auditLogTruncateMaxBatchSize = AuditTruncation().maxBatchSize

  @Option(help: "Kubeconfig file of a webhook that audit events are sent to.")
  var auditWebhookConfigFile = ""

  @Option(help: "Only batch is served, as for the log.")
  var auditWebhookMode = "batch"

  @Option(help: "Events that may wait to be sent.")
  var auditWebhookBatchBufferSize = 10_000

  @Option(help: "Events sent at a time.")
  var auditWebhookBatchMaxSize = 400

  @Option(help: "How long an event may wait for others.", transform: Seconds.init(parsing:))
  var auditWebhookBatchMaxWait = Seconds(30)

  @Option(
    help: "How long to wait before a list that failed is sent again; longer each time.",
    transform: Seconds.init(parsing:))
  var auditWebhookInitialBackoff = Seconds(10)

  @Option(help: "Cut events that are too large for the webhook, as for the log.")
  var auditWebhookTruncateEnabled = false

  @Option(help: "Bytes of an event beyond which it is cut, and dropped if that is not enough.")
  var auditWebhookTruncateMaxEventSize = AuditTruncation().maxEventSize

  @Option(help: "Bytes of events that are sent at a time.")
  var auditWebhookTruncateMaxBatchSize = AuditTruncation().maxBatchSize

  /// The policy; nil where nothing is audited. Throws `StartFailure` with the flag to change, whichever of these it is.
  func policy() throws -> AuditPolicy? {
    let numbers = [
      ("--audit-log-maxage", auditLogMaxAge, 0), ("--audit-log-maxbackup", auditLogMaxBackup, 0),
      ("--audit-log-maxsize", auditLogMaxSize, 1),
      ("--audit-log-batch-buffer-size", auditLogBatchBufferSize, 1),
      ("--audit-webhook-batch-buffer-size", auditWebhookBatchBufferSize, 1),
      ("--audit-webhook-batch-max-size", auditWebhookBatchMaxSize, 1),
    ]
    for (flag, value, least) in numbers where value < least || value > 1 << 30 {
      throw StartFailure("\(flag): \(value) is too \(value < least ? "small: at least \(least)" : "large")")
    }
    for (flag, mode) in [("--audit-log-mode", auditLogMode), ("--audit-webhook-mode", auditWebhookMode)]
    where mode != "batch" {
      throw StartFailure(
        "\(flag): \"\(mode)\" is not served: requests don't wait for the audit here; leave it out, or say batch")
    }
    for (plugin, truncation) in [("log", logTruncation), ("webhook", webhookTruncation)] {
      guard let truncation else { continue }
      if truncation.maxEventSize < 1 {
        throw StartFailure(
          "--audit-\(plugin)-truncate-max-event-size: \(truncation.maxEventSize) is too small: at least 1")
      }
      if truncation.maxBatchSize < truncation.maxEventSize {
        throw StartFailure(
          "--audit-\(plugin)-truncate-max-batch-size: \(truncation.maxBatchSize) is too small: at least --audit-\(plugin)-truncate-max-event-size, which is \(truncation.maxEventSize)"
        )
      }
    }
    let keepers = auditLogPath.isEmpty && auditWebhookConfigFile.isEmpty
    if auditPolicyFile.isEmpty {
      if keepers { return nil }
      throw StartFailure(
        "\(auditLogPath.isEmpty ? "--audit-webhook-config-file" : "--audit-log-path") is of no use without --audit-policy-file: without a policy nothing is audited"
      )
    }
    if keepers {
      throw StartFailure("--audit-policy-file is of no use without --audit-log-path or --audit-webhook-config-file")
    }
    let text = try TextFile.contents(of: auditPolicyFile, flag: "--audit-policy-file")
    do {
      let (tree, duplicates) = try TextFile.tree(yaml: text)
      return try AuditPolicy(tree, duplicates: duplicates)
    } catch {
      throw StartFailure("--audit-policy-file: loading audit policy file: \(error): from file \(auditPolicyFile)")
    }
  }

  private var logTruncation: AuditTruncation? {
    Self.truncation(auditLogTruncateEnabled, auditLogTruncateMaxEventSize, auditLogTruncateMaxBatchSize)
  }
  private var webhookTruncation: AuditTruncation? {
    Self.truncation(auditWebhookTruncateEnabled, auditWebhookTruncateMaxEventSize, auditWebhookTruncateMaxBatchSize)
  }

  private static func truncation(_ isEnabled: Bool, _ maxEventSize: Int, _ maxBatchSize: Int) -> AuditTruncation? {
    isEnabled ? AuditTruncation(maxEventSize: maxEventSize, maxBatchSize: maxBatchSize) : nil
  }

  /// Looks at what `trail` will open, and leaves it alone. Throws `StartFailure` with the flag to change.
  func checkPlaces() throws {
    if !auditLogPath.isEmpty, auditLogPath != "-", let problem = TextFile.problemWriting(file: auditLogPath) {
      throw StartFailure("--audit-log-path: \(auditLogPath): \(problem)")
    }
    if !auditWebhookConfigFile.isEmpty {
      _ = try WebhookOptions.connection("--audit-webhook-config-file", auditWebhookConfigFile)
    }
  }

  /// Opens the log and reads the webhook's file. Throws `StartFailure` with the flag to change.
  func trail(_ policy: AuditPolicy, _ logger: Logger) throws -> AuditTrail {
    var backends: [any AuditBackend] = []
    func report(_ plugin: String) -> @Sendable (String) -> Void {
      { problem in logger.error("audit events are lost", metadata: ["plugin": "\(plugin)", "why": "\(problem)"]) }
    }
    if !auditLogPath.isEmpty {
      var configuration = AuditLog.Configuration(path: auditLogPath)
      (configuration.maxAge, configuration.maxBackups, configuration.maxSize) = (
        auditLogMaxAge, auditLogMaxBackup, auditLogMaxSize
      )
      configuration.bufferSize = auditLogBatchBufferSize
      configuration.truncation = logTruncation
      configuration.report = report("log")
      do { backends.append(try AuditLog(configuration)) } catch { throw StartFailure("--audit-log-path: \(error)") }
    }
    if !auditWebhookConfigFile.isEmpty {
      var configuration = AuditWebhook.Configuration()
      (configuration.bufferSize, configuration.maxBatchSize) = (auditWebhookBatchBufferSize, auditWebhookBatchMaxSize)
      (configuration.maxBatchWait, configuration.initialBackoff) = (
        auditWebhookBatchMaxWait.duration, auditWebhookInitialBackoff.duration
      )
      configuration.truncation = webhookTruncation
      configuration.report = report("webhook")
      backends.append(
        AuditWebhook(
          try WebhookOptions.connection("--audit-webhook-config-file", auditWebhookConfigFile), configuration))
    }
    return AuditTrail(policy, backends)
  }
}
