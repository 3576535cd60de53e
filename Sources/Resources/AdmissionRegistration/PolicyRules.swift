import JSON
import Machinery
import Registry

/// Rules for policies. (Kubernetes: pkg/apis/admissionregistration/validation, `validateValidatingAdmissionPolicy` and
/// `validateMutatingAdmissionPolicy`) An update is asked what a creation is.
enum PolicyRules {
  static let validating: [Rule] = [
    .on(
      .main,
      .metadata(.subdomain, checksFinalizers: false),
      .tolerating(
        sameConditions,
        .at(
          "spec",
          beginning(.at("matchConstraints", .required, matches)),
          .custom(saysSomething),
          .at("validations", .each(validation)),
          .at("auditAnnotations", .custom(areFew), .custom(auditAnnotations))))),
    .on(
      .status,
      .at(
        "status",
        .at("typeChecking", .at("expressionWarnings", .each(warning))),
        .at("conditions", Conditions.rules))),
  ]

  static let mutating: [Rule] = [
    .metadata(.subdomain, checksFinalizers: false),
    .tolerating(
      sameConditions,
      .at(
        "spec",
        beginning(.at("matchConstraints", .required, matches, .custom(OperationRules.areMutable))),
        .at("mutations", .required("mutations must contain at least one item"), .each(mutation)),
        .at("reinvocationPolicy", .required, .oneOf("IfNeeded", "Never")))),
  ]

  /// What both begin with.
  private static func beginning(_ constraints: Rule) -> Rule {
    .all([
      .at("failurePolicy", .required, .oneOf("Fail", "Ignore")),
      Expressions.paramKind,
      constraints,
      .unlessOption(unchanged, Expressions.matchConditions),
      Expressions.variables,
    ])
  }

  /// A rule is needed: it tells the types that expressions are about.
  private static let matches = Rule.all(OperationRules.matchResources + [.at("resourceRules", .required)])

  private static let unchanged = "match conditions as before"

  private static let sameConditions: Rule.Tolerance = { object, old in
    let isSame = ["paramKind", "matchConditions"].allSatisfy { name in
      RuleContext.areSame(object["spec"]?[name], old["spec"]?[name])
    }
    return isSame ? [unchanged] : []
  }

  // MARK: validations

  private static let saysSomething: Rule.Function = { context in
    let members = ["validations", "auditAnnotations"]
    guard members.allSatisfy({ (context.value?[$0]?.array ?? []).isEmpty }) else { return }
    for member in members {
      let detail = "validations or auditAnnotations must contain at least one item"
      context.report(.required(context.path(.member(member)), detail))
    }
  }

  private static let validation: [Rule] = [
    .at("expression", Expressions.needed("expression is not specified")),
    .at("messageExpression", .custom(isNotBlank)),
    .at("message", .custom(isNotBlank), .custom(isOneLine)),
    .at("reason", .oneOf("Forbidden", "Invalid", "RequestEntityTooLarge")),
  ]

  private static let isNotBlank: Rule.Function = { context in
    guard let text = context.value?.string, !text.isEmpty, GoText.trimmed(text).isEmpty else { return }
    context.invalid(text, "must be non-empty if specified")
  }

  private static let isOneLine: Rule.Function = { context in
    guard let text = context.value?.string else { return }
    if GoText.trimmed(text).utf8.contains(where: { $0 == 0x0A || $0 == 0x0D }) {
      context.invalid(text, "must not contain line breaks")
    }
  }

  private static let areFew: Rule.Function = { context in
    let annotations = context.value?.array ?? []
    if annotations.count <= 20 { return }
    // Upstream prints its internal type here.
    let shown = annotations.map { annotation -> JSONValue in
      ["Key": annotation["key"] ?? "", "ValueExpression": annotation["valueExpression"] ?? ""]
    }
    context.report(
      .invalid(
        context.path(), bare: JSONValue.array(shown).encoded().text, "must not have more than 20 auditAnnotations"))
  }

  private static let auditAnnotations: Rule.Function = { context in
    let policy = context.object["metadata"]?["name"]?.string ?? ""
    var seen = Set<ByteString>()
    for (place, annotation) in (context.value?.array ?? []).enumerated() {
      let key = annotation["key"]?.string ?? ""
      let path = context.path(.index(place), "key")
      if policy.isEmpty {
        context.report(.invalid(path, key, "requires metadata.name be non-empty"))
      } else {
        let whole = "\(policy)/\(key)"
        for problem in NameValidation.qualifiedName(whole) { context.report(.invalid(path, whole, problem)) }
      }
      let size = GoText.trimmed(annotation["valueExpression"]?.string ?? "").utf8.count
      if size == 0 || size > 5_120 {
        let detail = size == 0 ? "valueExpression is not specified" : "must not exceed 5120 bytes in length"
        context.report(.required(context.path(.index(place), "valueExpression"), detail))
      }
      if !seen.insert(ByteString(key)).inserted { context.report(.duplicate(path, bare: GoText.quoted(key))) }
    }
  }

  // MARK: mutations

  /// (`validateMutation`)
  private static let mutation: [Rule] = [.at("patchType", .required), .custom(hasOnePatch)]

  private static let forms = [("JSONPatch", "jsonPatch"), ("ApplyConfiguration", "applyConfiguration")]

  private static let hasOnePatch: Rule.Function = { context in
    guard let type = context.value?["patchType"], type != "" else { return }
    guard let form = forms.first(where: { type.string == $0.0 }) else {
      return context.report(
        .notSupported(context.path("patchType"), named: type, ["ApplyConfiguration", "JSONPatch"]))
    }
    let path = context.path(.member(form.1))
    if let patch = context.value?[form.1], !patch.isNull {
      if GoText.trimmed(patch["expression"]?.string ?? "").isEmpty {
        context.report(.required("\(path).expression", ""))
      }
    } else {
      context.report(.required(path, "must be specified when patchType is \(form.0)"))
    }
    for other in forms where other.1 != form.1 {
      guard let patch = context.value?[other.1], !patch.isNull else { continue }
      let detail = "must not be specified when patchType is \(form.0)"
      context.report(.invalid(context.path(.member(other.1)), "{\(other.1)}", detail))
    }
  }

  // MARK: status

  /// (`validateExpressionWarning`)
  private static let warning: [Rule] = [.at("warning", .required), .at("fieldRef", .custom(isFieldPath))]

  private static let isFieldPath: Rule.Function = { context in
    let text = GoText.trimmed(context.value?.string ?? "")
    if text.isEmpty { return context.report(.required(context.path(), "")) }
    do { try JSONPathSyntax.check("{\(text)}") } catch { context.invalid(text, "invalid JSONPath: \(error)") }
  }
}
