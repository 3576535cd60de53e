import JSON
import Machinery
import Registry

/// Rules for expressions of webhooks and policies, and for what stands beside them.
enum Expressions {
  /// An expression has to be there; white space is none. What it says is not looked at. `detail`: of the complaint.
  static func needed(_ detail: String = "") -> Rule {
    .custom { context in
      let text = context.value?.string ?? ""
      if GoText.trimmed(text).isEmpty { context.report(.required(context.path(), detail)) }
    }
  }

  /// Conditions on which a webhook or policy is asked at all. (`validateMatchConditions`)
  static let matchConditions = Rule.at(
    "matchConditions", .maxItems(64),
    .each(uniqueBy: "name", [.at("expression", needed()), .at("name", .required, .format(.qualifiedName))]))

  /// Values that expressions can use by name. (`validateVariable`)
  static let variables = Rule.at(
    "variables",
    .each(.at("name", .custom(isIdentifier)), .at("expression", needed("expression is not specified"))))

  private static let isIdentifier: Rule.Function = { context in
    let name = context.value?.string ?? ""
    if GoText.trimmed(name).isEmpty { return context.report(.required(context.path(), "name is not specified")) }
    let isPlain = NameValidation.cIdentifier(name).isEmpty
    if !isPlain || reserved.contains(name) { context.invalid(name, "must be a valid CEL identifier") }
  }

  /// Words that the language keeps for itself.
  private static let reserved = [
    "true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
    "loop", "package", "namespace", "return", "var", "void", "while",
  ]

  /// Objects of which kind a policy takes its parameters from. (`validateParamKind`)
  static let paramKind = Rule.at("paramKind", .custom(hasVersion), .custom(hasKind))

  private static let hasVersion: Rule.Function = { context in
    guard let kind = context.value else { return }
    let path = context.path("apiVersion")
    let text = kind["apiVersion"]?.string ?? ""
    if text.isEmpty { return context.report(.required(path, "")) }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if parts.count > 2 {
      return context.report(.invalid(path, text, "unexpected GroupVersion string: \(text)"))
    }
    let group = parts.count == 2 ? parts[0] : ""
    let version = parts.last ?? ""
    let problems = group.isEmpty ? [] : NameValidation.dns1123Subdomain(group)
    if !problems.isEmpty { context.report(.invalid(path, group, problems.joined(separator: ","))) }
    if version.isEmpty { return context.report(.invalid(path, text, "version must be specified")) }
    let faults = NameValidation.dns1035Label(version)
    if !faults.isEmpty { context.report(.invalid(path, version, faults.joined(separator: ","))) }
  }

  private static let hasKind: Rule.Function = { context in
    guard let paramKind = context.value else { return }
    let path = context.path("kind")
    let kind = paramKind["kind"]?.string ?? ""
    if kind.isEmpty { return context.report(.required(path, "")) }
    let problems = NameValidation.dns1035Label(kind.lowercased())
    if problems.isEmpty { return }
    let detail = "may have mixed case, but should otherwise match: \(problems.joined(separator: ","))"
    context.report(.invalid(path, kind, detail))
  }

  /// What a client should know of a name. (`WarningsForStaticSuffix`)
  static func warnings(_ object: JSONValue) -> [String] {
    guard (object["metadata"]?["name"]?.string ?? "").hasSuffix(staticSuffix) else { return [] }
    return [
      "metadata.name: names ending with \(GoText.quoted(staticSuffix)) are reserved for static manifest-based "
        + "configurations and cannot be managed via the API"
    ]
  }

  private static let staticSuffix = ".static.k8s.io"
}
