import Glibc
import JSON
import Machinery
import Registry

/// Rules for priority levels. (Kubernetes: pkg/apis/flowcontrol/validation, `ValidatePriorityLevelConfiguration`)
enum PriorityLevelRules {
  static let all: [Rule] = [
    .on(
      .main,
      .metadata(.subdomain),
      .at("metadata", .at("annotations", .custom(annotations))),
      .at("spec", .custom(spec), .custom(isAsItMustBe))),
    FlowControlConditions.rule,
  ]

  /// With it an older version of the API carried what it could not say otherwise.
  private static let annotations: Rule.Function = { context in
    let name = "flowcontrol.k8s.io/v1beta3-preserve-zero-concurrency-shares"
    if context.value?[name] == nil { return }
    context.report(.forbidden(context.path(), "annotation '\(name)' is forbidden"))
  }

  private static let spec: Rule.Function = { context in
    let type = context.value?["type"]?.string ?? ""
    func part(_ name: String) -> JSONValue? { context.value?[name].flatMap { $0.isNull ? nil : $0 } }
    if (context.object["metadata"]?["name"]?.string == "exempt") != (type == "Exempt") {
      let detail = "must be 'Exempt' if and only if `name` is 'exempt'"
      context.refuses(value: .string(type), detail, at: "type")
    }
    switch type {
    case "Exempt":
      if part("limited") != nil {
        context.report(.forbidden(context.path("limited"), "must be nil if the type is not Limited"))
      }
      if let exempt = part("exempt") {
        context.look(at: exempt, "exempt") { context in
          shares(&context)
          lendable(&context)
        }
      }
    case "Limited":
      if part("exempt") != nil {
        context.report(.forbidden(context.path("exempt"), "must be nil if the type is Limited"))
      }
      if let limited = part("limited") {
        context.look(at: limited, "limited", PriorityLevelRules.limited)
      } else {
        context.report(.required(context.path("limited"), "must not be empty when type is Limited"))
      }
    default: context.knowsOnly(["Exempt", "Limited"], not: type, at: "type")
    }
  }

  private static func number(_ context: RuleContext, _ member: String) -> Int64? { context.value?[member]?.int }

  private static func invalid(
    _ context: inout RuleContext, _ member: RuleContext.Part, _ number: Int64, _ detail: String
  ) {
    context.report(.invalid(context.path(member), bare: String(number), detail))
  }

  private static func shares(_ context: inout RuleContext) {
    guard let shares = number(context, "nominalConcurrencyShares"), shares < 0 else { return }
    invalid(&context, "nominalConcurrencyShares", shares, "must be a non-negative integer")
  }

  private static func lendable(_ context: inout RuleContext) {
    guard let percent = number(context, "lendablePercent"), !(0...100).contains(percent) else { return }
    invalid(&context, "lendablePercent", percent, "must be between 0 and 100, inclusive")
  }

  private static let limited: Rule.Function = { context in
    shares(&context)
    context.look(at: context.value?["limitResponse"] ?? .object(JSONObject()), "limitResponse", response)
    lendable(&context)
    if let percent = number(context, "borrowingLimitPercent"), percent < 0 {
      invalid(&context, "borrowingLimitPercent", percent, "if specified, must be a non-negative integer")
    }
  }

  private static let response: Rule.Function = { context in
    let type = context.value?["type"]?.string ?? ""
    let queuing = context.value?["queuing"].flatMap { $0.isNull ? nil : $0 }
    switch (type, queuing) {
    case ("Reject", .some):
      context.report(
        .forbidden(context.path("queuing"), "must be nil if limited.limitResponse.type is not Limited"))
    case ("Reject", nil): break
    case ("Queue", let queuing?): context.look(at: queuing, "queuing", queues)
    case ("Queue", nil):
      context.report(
        .required(context.path("queuing"), "must not be empty if limited.limitResponse.type is Limited"))
    default:
      context.report(.notSupported(context.path("type"), named: .string(type), ["Queue", "Reject"]))
    }
  }

  private static let queues: Rule.Function = { context in
    let (length, queues, hand) = (
      number(context, "queueLengthLimit") ?? 0, number(context, "queues") ?? 0, number(context, "handSize") ?? 0
    )
    if length <= 0 { invalid(&context, "queueLengthLimit", length, "must be positive") }
    if queues <= 0 {
      invalid(&context, "queues", queues, "must be positive")
    } else if queues > 10_000_000 {
      invalid(&context, "queues", queues, "must not be greater than 10000000")
    }
    if hand <= 0 {
      invalid(&context, "handSize", hand, "must be positive")
    } else if hand > queues {
      invalid(&context, "handSize", hand, "should not be greater than queues (\(queues))")
    } else if entropyBits(queues: queues, hand: hand) > 60 {
      invalid(
        &context, "handSize", hand,
        "required entropy bits of deckSize \(queues) and handSize \(hand) should not be greater than 60")
    }
  }

  /// How many random bits choose a hand. (`shufflesharding.RequiredEntropyBits`)
  static func entropyBits(queues: Int64, hand: Int64) -> Double { ceil(log2(Double(queues)) * Double(hand)) }

  /// What the objects that are built in say is fixed; of the exempt level the shares may be changed.
  private static let isAsItMustBe: Rule.Function = { context in
    guard let name = context.object["metadata"]?["name"]?.string, let spec = context.value,
      let fixed = BootstrapFlowControl.mandatoryPriorityLevels.first(where: {
        $0["metadata"]?["name"]?.string == name
      })
    else { return }
    var compared = spec
    var but = ""
    if name == "exempt" {
      compared["exempt"] = fixed["spec"]?["exempt"]
      but = " except the 'spec.exempt' field"
    }
    if InternalForm.areSame(compared, fixed["spec"] ?? .null, as: BootstrapFlowControl.levelSpec) { return }
    let shown = InternalForm.text(of: spec, as: BootstrapFlowControl.levelSpec)
    context.report(.invalid(context.path(), bare: shown, "spec of '\(name)'\(but) must equal the fixed value"))
  }
}
