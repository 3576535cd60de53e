import ByteBuffers
import JSON
import Machinery
import Registry

/// What classes, claims and slices of devices have in common. (Kubernetes: pkg/apis/resource/validation)
enum DeviceRules {
  /// Which devices will do, as expressions. Those are not read here.
  static let selectors: Rule = .few(32, .at("cel", .required, .at("expression", .custom(expression))))

  private static let expression: Rule.Function = { context in
    if (context.value?.string ?? "").utf8.count > 10 << 10 { context.report(.tooLong(context.path(), limit: 10 << 10)) }
  }

  /// What a driver is told: its name, and an object that nobody else reads. `isKnown`: what an update leaves as it was
  /// may be as long as it is. (`validateDeviceConfiguration`)
  static func configuration(isKnown: @escaping @Sendable (RuleContext) -> Bool = { _ in false }) -> Rule {
    .at(
      "opaque", .required, .at("driver", CSIDriverName.rules),
      .custom { context in
        raw(context.value?["parameters"], "parameters", isBounded: !isKnown(context), &context)
      })
  }

  /// (`validateRawExtension`)
  static func raw(_ value: JSONValue?, _ member: String, isBounded: Bool = true, _ context: inout RuleContext) {
    let path = context.path(.member(member))
    guard let value, !value.isNull else { return context.report(.required(path, "")) }
    if isBounded, value.encoded().count > 10 << 10 { return context.report(.tooLong(path, limit: 10 << 10)) }
    if value.object == nil { context.report(.invalid(path, "<value omitted>", "must be a valid JSON object")) }
  }

  /// What keeps a device from being used. Not asked of a device whose taints stay as they were.
  /// (`validateDeviceTaint`)
  static let checkTaint: Rule.Function = { context in
    func text(_ member: String) -> String { context.value?[member]?.string ?? "" }
    for problem in NameValidation.qualifiedName(text("key")) {
      context.report(.invalid(context.path("key"), text("key"), problem))
    }
    for problem in NameValidation.labelValue(text("value")) {
      context.report(.invalid(context.path("value"), text("value"), problem))
    }
    let effect = text("effect")
    if effect.isEmpty { return context.report(.required(context.path("effect"), "")) }
    let known = ["NoExecute", "NoSchedule", "None"]
    if !known.contains(effect) { context.report(.notSupported(context.path("effect"), named: .string(effect), known)) }
  }

  /// What is put up with. (`validateDeviceToleration`)
  static let toleration: [Rule] = [
    .at("key", .optional, .format(.labelKey)),
    .custom(tolerated),
    .at("effect", .optional, .oneOf("NoExecute", "NoSchedule", "None")),
  ]

  private static let tolerated: Rule.Function = { context in
    let value = context.value?["value"]?.string ?? ""
    let operation = context.value?["operator"]?.string ?? ""
    switch operation {
    case "Exists":
      if !value.isEmpty {
        context.report(.invalid(context.path("value"), value, "must be empty for operator `Exists`"))
      }
    case "Equal":
      for problem in NameValidation.labelValue(value) {
        context.report(.invalid(context.path("value"), value, problem))
      }
    case "": context.report(.required(context.path("operator"), ""))
    default: context.report(.notSupported(context.path("operator"), named: .string(operation), ["Equal", "Exists"]))
    }
  }

  /// What has to come true, or must not, before a device is bound. (`validateDeviceBindingParameters`)
  static let checkBinding: Rule.Function = { context in
    for member in ["bindingConditions", "bindingFailureConditions"] {
      let names = context.value?[member]?.array ?? []
      if names.count > 4 {
        context.report(.tooMany(context.path(.member(member)), count: names.count, limit: 4))
        continue
      }
      for (place, name) in names.enumerated() {
        for problem in NameValidation.qualifiedName(name.string ?? "") {
          context.report(.invalid(context.path(.member(member), .index(place)), name.string ?? "", problem))
        }
      }
    }
    func texts(_ member: String) -> [String] { (context.value?[member]?.array ?? []).map { $0.string ?? "" } }
    let (good, bad) = (texts("bindingConditions"), texts("bindingFailureConditions"))
    func complainOfRepeated(_ texts: [String], _ member: String, _ alsoNot: [String], _ context: inout RuleContext) {
      var seen = Set<ByteString>()
      let others = Set(alsoNot.map { ByteString($0) })
      for (place, text) in texts.enumerated() {
        let path = context.path(.member(member), .index(place))
        if !seen.insert(ByteString(text)).inserted { context.report(.duplicate(path, bare: GoText.quoted(text))) }
        if others.contains(ByteString(text)) {
          context.report(.invalid(path, text, "bindingFailureConditions must not overlap with bindingConditions"))
        }
      }
    }
    complainOfRepeated(good, "bindingConditions", [], &context)
    complainOfRepeated(bad, "bindingFailureConditions", good, &context)
    func complainOfMissing(_ member: String, _ other: String, _ context: inout RuleContext) {
      let shown = (context.emptied(.member(member)) ?? .null).encoded().text
      context.report(.invalid(context.path(.member(member)), bare: shown, "\(member) are required to use \(other)"))
    }
    if good.isEmpty && !bad.isEmpty {
      complainOfMissing("bindingConditions", "bindingFailureConditions", &context)
    }
    if bad.isEmpty && !good.isEmpty {
      complainOfMissing("bindingFailureConditions", "bindingConditions", &context)
    }
  }
}
