import CustomResources
import JSON
import Machinery
import Registry

/// Rules for how instances of a definition are converted. Complaints are those of the shape before v1.
/// (`validateCustomResourceConversion`)
enum ConversionRules {
  /// Stands at the spec.
  static let check: Rule.Function = { context in
    guard let conversion = context.value?["conversion"], !conversion.isNull else { return }
    let strategy = conversion["strategy"]?.string ?? ""
    if strategy.isEmpty {
      context.report(.required(context.path("conversion", "strategy"), ""))
    } else if !["None", "Webhook"].contains(strategy) {
      context.report(.notSupported(context.path("conversion", "strategy"), strategy, ["None", "Webhook"]))
    }
    let webhook = conversion["webhook"]
    let client = webhook?["clientConfig"].flatMap { $0.isNull ? nil : $0 }
    let versions = (webhook?["conversionReviewVersions"]?.array ?? []).compactMap(\.string)
    let needsKnown = !wasWithoutKnownVersion(context.oldObject)
    let mayBeBad = ConversionTrust.mayBeBad(after: context.oldObject)
    context.look(at: conversion, "conversion") { context in
      guard strategy == "Webhook" else {
        let detail = "should not be set when strategy is not set to Webhook"
        if client != nil { context.report(.forbidden(context.path("webhookClientConfig"), detail)) }
        if !versions.isEmpty { context.report(.forbidden(context.path("conversionReviewVersions"), detail)) }
        return
      }
      if let client {
        context.look(at: client, "webhookClientConfig", WebhookAddress.check)
        if !mayBeBad, let bundle = client["caBundle"]?.string, let problem = ConversionTrust.problem(bundle) {
          let shown = JSONValue.string(bundle).encoded().text
          context.report(.invalid(context.path("webhookClientConfig", "caBundle"), bare: shown, problem))
        }
      } else {
        context.report(.required(context.path("webhookClientConfig"), "required when strategy is set to Webhook"))
      }
      reviewVersions(versions, needsKnown: needsKnown, &context)
    }
  }

  private static let accepted = ["v1", "v1beta1"]

  private static func reviewVersions(_ versions: [String], needsKnown: Bool, _ context: inout RuleContext) {
    if versions.isEmpty { return context.report(.required(context.path("conversionReviewVersions"), "")) }
    var seen = Set<ByteString>()
    for (place, version) in versions.enumerated() {
      let path = context.path("conversionReviewVersions", .index(place))
      if !seen.insert(ByteString(version)).inserted {
        context.report(.invalid(path, version, "duplicate version"))
        continue
      }
      for problem in NameValidation.dns1035Label(version) { context.report(.invalid(path, version, problem)) }
    }
    if needsKnown, !versions.contains(where: accepted.contains) {
      let shown = JSONValue.array(versions.map(JSONValue.string)).encoded().text
      context.report(
        .invalid(
          context.path("conversionReviewVersions"), bare: shown,
          "must include at least one of \(accepted.joined(separator: ", "))"))
    }
  }

  /// Had a definition versions of reviews before, and none that this server knows?
  private static func wasWithoutKnownVersion(_ old: JSONValue?) -> Bool {
    let before = old?["spec"]?["conversion"]?["webhook"]?["conversionReviewVersions"]?.array ?? []
    return !before.isEmpty && !before.compactMap(\.string).contains(where: accepted.contains)
  }
}
