import JSON
import Machinery
import Registry

/// Rules for what is asked of a container while it lives, and done at its turns. (Kubernetes: pkg/apis/core/validation,
/// `validateProbe`, `validateLifecycle`, `validateHandler`)
enum ProbeRules {
  static let liveness: [Rule] = probe + [.at("successThreshold", .between(1, 1, "must be 1"))]
  static let startup: [Rule] = liveness
  static let readiness: [Rule] =
    probe + [
      .at(
        "terminationGracePeriodSeconds",
        .custom { context in
          guard let seconds = context.value else { return }
          context.refuses(value: seconds, "must not be set for readinessProbes")
        })
    ]

  static let lifecycle: [Rule] = [
    .at("postStart", handler(sleepAllowed: true)),
    .at("preStop", handler(sleepAllowed: true)),
    .at("stopSignal", .custom(stopSignal)),
  ]

  private static let probe: [Rule] =
    handler(sleepAllowed: false) + [
      .at("initialDelaySeconds", .atLeast(0)),
      .at("timeoutSeconds", .atLeast(0)),
      .at("periodSeconds", .atLeast(0)),
      .at("successThreshold", .atLeast(0)),
      .at("failureThreshold", .atLeast(0)),
      .at("terminationGracePeriodSeconds", .above(0)),
    ]

  /// Probes can ask by gRPC, turns of life can sleep.
  private static func handler(sleepAllowed: Bool) -> [Rule] {
    var choices: [Rule.Choice] = [
      Rule.Choice("exec", [.at("command", .required)]),
      Rule.Choice(
        "httpGet",
        [
          .at("path", .required),
          .at("port", .custom(ContainerPortRules.numberOrName)),
          .at("scheme", .oneOf("HTTP", "HTTPS")),
          .at("httpHeaders", .custom(headers)),
        ]),
      Rule.Choice("tcpSocket", [.at("port", .custom(ContainerPortRules.numberOrName))]),
    ]
    choices.append(
      sleepAllowed
        ? Rule.Choice("sleep", [.custom(sleep)])
        : Rule.Choice("grpc", [.at("port", .between(1, 65535))]))
    return [.firstOf(choices, others: "may not specify more than 1 handler type", none: "must specify a handler type")]
  }

  private static let headers: Rule.Function = { context in
    for header in context.value?.array ?? [] {
      let name = header.string(at: "name")
      let isGood =
        !name.isEmpty
        && name.utf8.allSatisfy {
          $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") || $0 == UInt8(ascii: "-")
            || ($0 | 0x20) >= UInt8(ascii: "a") && ($0 | 0x20) <= UInt8(ascii: "z")
        }
      if !isGood { context.refuses(name, headerText) }
    }
  }

  private static let headerText =
    "a valid HTTP header must consist of alphanumeric characters or '-' (e.g. 'X-Header-Name', regex used for "
    + "validation is '[-A-Za-z0-9]+')"

  private static let sleep: Rule.Function = { context in
    let seconds = context.value?.int(at: "seconds") ?? 0
    guard let most = context.pod.gracePeriod, seconds < 0 || seconds > most else { return }
    context.refuses(
      value: .int(seconds), "must be non-negative and less than terminationGracePeriodSeconds (\(most))")
  }

  /// Only who has stored such a signal elsewhere comes here: its gate is closed. (`validateStopSignal`)
  private static let stopSignal: Rule.Function = { context in
    guard let signal = context.value?.string else { return }
    switch context.pod.os {
    case nil: context.forbids(detail: "may not be set for containers with empty `spec.os.name`")
    case "windows":
      let known = ["SIGKILL", "SIGTERM"]
      if !known.contains(signal) { context.knowsOnly(known, not: signal) }
    default: break
    }
  }
}
