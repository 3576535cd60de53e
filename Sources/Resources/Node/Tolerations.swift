import JSON
import Machinery
import Registry

/// Rules for lists of tolerations. (Kubernetes: `ValidateTolerations` of pkg/apis/core/validation)
enum Tolerations {
  static let each = Rule.each(
    .at("key", .optional, .format(.labelKey)),
    .custom(means),
    .at("effect", .optional, .oneOf("NoSchedule", "PreferNoSchedule", "NoExecute")))

  /// The same of a list that stands elsewhere, or has no place of its own.
  static func check(_ tolerations: [JSONValue], at path: [RuleContext.Part], _ context: inout RuleContext) {
    for (place, toleration) in tolerations.enumerated() {
      context.look(at: toleration, path + [.index(place)]) { context in
        let key = toleration["key"]?.string ?? ""
        if !key.isEmpty {
          for problem in NameValidation.qualifiedName(key) {
            context.report(.invalid(context.path("key"), key, problem))
          }
        }
        means(&context)
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"]
        let effect = toleration["effect"]?.string ?? ""
        if !effect.isEmpty, !effects.contains(effect) {
          context.report(.notSupported(context.path("effect"), named: .string(effect), effects))
        }
      }
    }
  }

  /// What the members say has to be true of them together.
  private static let means: Rule.Function = { context in
    func text(_ member: String) -> String { context.value?[member]?.string ?? "" }
    func asJSON(_ text: String) -> String { JSONValue.string(text).encoded().text }
    let (operation, value) = (text("operator"), text("value"))
    let path = context.path("operator")
    if text("key").isEmpty && operation != "Exists" {
      let detail = #"operator must be Exists when `key` is empty, which means "match all values and all keys""#
      context.report(.invalid(path, bare: asJSON(operation), detail))
    }
    if let seconds = context.value?["tolerationSeconds"], !seconds.isNull, text("effect") != "NoExecute" {
      let detail = "effect must be 'NoExecute' when `tolerationSeconds` is set"
      context.report(.invalid(context.path("effect"), bare: asJSON(text("effect")), detail))
    }
    switch operation {
    case "Equal", "":
      let problems = NameValidation.labelValue(value)
      if !problems.isEmpty { context.report(.invalid(path, value, problems.joined(separator: ";"))) }
    case "Exists":
      if !value.isEmpty { context.report(.invalid(path, value, "value must be empty when `operator` is 'Exists'")) }
    default:
      // Numbers are compared behind a gate that is off; only who asks for it is told that there is such a thing.
      let known = ["Equal", "Exists"] + (operation == "Lt" || operation == "Gt" ? ["Lt", "Gt"] : [])
      context.report(.notSupported(path, named: .string(operation), known))
    }
  }

  /// No two may be the same but for their seconds. (`validateTolerations` of pkg/apis/node/validation)
  static let areUnique: Rule.Function = { context in
    let members = ["key", "operator", "value", "effect"]
    var seen = Set<[ByteString]>()
    for (place, toleration) in (context.value?.array ?? []).enumerated() {
      let texts = members.map { toleration[$0]?.string ?? "" }
      if seen.insert(texts.map { ByteString($0) }).inserted { continue }
      // Upstream prints its internal type here.
      let shown: JSONValue = [
        "Key": .string(texts[0]), "Operator": .string(texts[1]), "Value": .string(texts[2]),
        "Effect": .string(texts[3]), "TolerationSeconds": toleration["tolerationSeconds"] ?? .null,
      ]
      context.report(.duplicate(context.path(.index(place)), bare: shown.encoded().text))
    }
  }
}
