import JSON
import Machinery
import Registry

/// Rules for bindings of policies. (Kubernetes: pkg/apis/admissionregistration/validation,
/// `validateValidatingAdmissionPolicyBinding` and `validateMutatingAdmissionPolicyBinding`) An update is asked what a
/// creation is.
enum BindingRules {
  static let validating: [Rule] = [
    .metadata(.subdomain, checksFinalizers: false),
    .at(
      "spec", beginning, .at("matchResources", .optional, .all(OperationRules.matchResources)),
      .at("validationActions", .custom(actions))),
  ]

  static let mutating: [Rule] = [
    .metadata(.subdomain, checksFinalizers: false),
    .at(
      "spec", beginning,
      .at(
        "matchResources", .optional, .all(OperationRules.matchResources), .custom(OperationRules.areMutable))),
  ]

  private static let beginning = Rule.all([
    .at("policyName", .required, .format(.dns1123Subdomain)),
    .at("paramRef", .custom(reference)),
  ])

  /// (`validateParamRef`)
  private static let reference: Rule.Function = { context in
    guard let reference = context.value else { return }
    let name = reference["name"]?.string ?? ""
    let selector = reference["selector"].flatMap { $0.isNull ? nil : $0 }
    let detail = "name and selector are mutually exclusive"
    for problem in NameValidation.pathSegmentName(name) {
      context.report(.invalid(context.path("name"), name, problem))
    }
    if !name.isEmpty, selector != nil { context.report(.forbidden(context.path("name"), detail)) }
    if selector != nil {
      context.labelSelector(at: "selector", anyValue: false)
      if !name.isEmpty { context.report(.forbidden(context.path("selector"), detail)) }
    }
    if name.isEmpty, selector == nil {
      context.report(.required(context.path(), "one of name or selector must be specified"))
    }
    let path = context.path("parameterNotFoundAction")
    let action = reference["parameterNotFoundAction"]?.string ?? ""
    if action.isEmpty {
      context.report(.required(path, ""))
    } else if action != "Deny" && action != "Allow" {
      context.report(.notSupported(path, named: .string(action), ["Deny", "Allow"]))
    }
  }

  /// (`validateValidationActions`)
  private static let actions: Rule.Function = { context in
    let actions = context.value?.array ?? []
    var seen = Set<ByteString>()
    for (place, action) in actions.enumerated() {
      let path = context.path(.index(place))
      let name = action.string ?? ""
      if !["Audit", "Deny", "Warn"].contains(name) {
        context.report(.notSupported(path, named: action, ["Audit", "Deny", "Warn"]))
      }
      if !seen.insert(ByteString(name)).inserted { context.report(.duplicate(path, bare: action.encoded().text)) }
    }
    if seen.contains("Deny"), seen.contains("Warn") {
      let detail =
        "must not contain both Deny and Warn (repeating the same validation failure information in the API response "
        + "and headers serves no purpose)"
      context.report(.invalid(context.path(), bare: context.value?.encoded().text ?? "", detail))
    }
    if actions.isEmpty { context.report(.required(context.path(), "at least one validation action is required")) }
  }
}
