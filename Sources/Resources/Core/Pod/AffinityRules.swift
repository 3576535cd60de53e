import JSON
import Machinery
import Registry

/// Rules for what a pod wants to be near to. (Kubernetes: pkg/apis/core/validation, `validateAffinity`)
enum AffinityRules {
  static let all: [Rule] = [
    .at(
      "nodeAffinity",
      .at("requiredDuringSchedulingIgnoredDuringExecution", .custom(requiredNodes)),
      .at("preferredDuringSchedulingIgnoredDuringExecution", .custom(preferredNodes))),
    .at("podAffinity", pods),
    .at("podAntiAffinity", pods),
  ]

  // MARK: nodes

  private static let requiredNodes: Rule.Function = { context in
    if context.value == nil { return }
    NodeSelectorRules.selector(&context, allowsBadValues: context.pod.mayHaveBadNodeValues)
  }

  /// What is only preferred may have values that no label has.
  private static let preferredNodes: Rule.Function = { context in
    for (place, term) in (context.value?.array ?? []).enumerated() {
      checkWeight(term, place, &context)
      NodeSelectorRules.term(term["preference"], at: [.index(place), "preference"], allowsBadValues: true, &context)
    }
  }

  private static func checkWeight(_ term: JSONValue, _ place: Int, _ context: inout RuleContext) {
    let weight = term.int(at: "weight")
    if weight <= 0 || weight > 100 {
      context.refuses(value: .int(weight), "must be in the range 1-100", at: .index(place), "weight")
    }
  }

  // MARK: pods

  private static let pods: [Rule] = [
    .at(
      "requiredDuringSchedulingIgnoredDuringExecution",
      .custom { context in
        for (place, term) in (context.value?.array ?? []).enumerated() {
          context.look(at: term, [.index(place)], podTerm)
        }
      }),
    .at(
      "preferredDuringSchedulingIgnoredDuringExecution",
      .custom { context in
        for (place, weighted) in (context.value?.array ?? []).enumerated() {
          checkWeight(weighted, place, &context)
          let term = weighted["podAffinityTerm"] ?? .object(JSONObject())
          context.look(at: term, [.index(place), "podAffinityTerm"], podTerm)
        }
      }),
  ]

  /// All terms, whether they are required or only preferred.
  static func terms(of affinity: JSONValue?) -> [JSONValue] {
    guard let affinity else { return [] }
    return affinity.array(at: "requiredDuringSchedulingIgnoredDuringExecution")
      + affinity.array(at: "preferredDuringSchedulingIgnoredDuringExecution").compactMap { $0["podAffinityTerm"] }
  }

  /// Does a label selector ask for values that no label has?
  static func hasBadValues(_ selector: JSONValue?) -> Bool {
    (selector?.array(at: "matchExpressions") ?? []).contains { term in
      term.array(at: "values").contains { !NameValidation.labelValue($0.string ?? "").isEmpty }
    }
  }

  /// (`validatePodAffinityTerm`)
  private static let podTerm: Rule.Function = { context in
    guard let term = context.value else { return }
    let anyValue = context.pod.mayHaveBadSelectorValues
    context.labelSelector(at: "labelSelector", anyValue: anyValue)
    context.labelSelector(at: "namespaceSelector", anyValue: anyValue)
    for name in term.array(at: "namespaces") {
      let text = name.string ?? ""
      context.refuses(text, each: NameValidation.dns1123Label(text), at: "namespace")
    }
    LabelKeyRules.check(
      matching: term.array(at: "matchLabelKeys"), mismatching: term.array(at: "mismatchLabelKeys"),
      term["labelSelector"], &context)
    let key = term.string(at: "topologyKey")
    if key.isEmpty { context.needs("topologyKey", detail: "can not be empty") }
    context.refuses(key, each: NameValidation.qualifiedName(key), at: "topologyKey")
  }
}

/// Rules for keys whose values a selector takes from the pod itself. (Kubernetes: pkg/apis/core/validation,
/// `ValidateMatchLabelKeysAndMismatchLabelKeys`)
enum LabelKeyRules {
  static func check(
    matching: [JSONValue], mismatching: [JSONValue], _ selector: JSONValue?, _ context: inout RuleContext
  ) {
    if matching.isEmpty && mismatching.isEmpty { return }
    let selector = selector.flatMap { $0.isNull ? nil : $0 }
    for (member, keys) in [("matchLabelKeys", matching), ("mismatchLabelKeys", mismatching)] {
      if keys.isEmpty { continue }
      if selector == nil {
        context.forbids(.member(member), detail: "must not be specified when labelSelector is not set")
        continue
      }
      for (place, key) in keys.enumerated() {
        let text = key.string ?? ""
        context.refuses(text, each: NameValidation.qualifiedName(text), at: .member(member), .index(place))
      }
    }
    if let selector {
      var selected = (selector["matchLabels"]?.object?.members ?? []).map(\.name)
      for term in selector.array(at: "matchExpressions") {
        let key = term.string(at: "key")
        // The last of equal keys counts, and its place is told without the list.
        if let place = matching.lastIndex(where: { $0.string == key }), selected.contains(key) {
          context.refuses(key, "exists in both matchLabelKeys and labelSelector", at: .index(place))
        }
        selected.append(key)
      }
    }
    for (place, key) in matching.enumerated() where mismatching.contains(key) {
      context.refuses(
        key.string ?? "", "exists in both matchLabelKeys and mismatchLabelKeys", at: "matchLabelKeys", .index(place))
    }
  }

  /// What was asked before selectors were merged; who has such a spec may keep it.
  /// (`ValidateMatchLabelKeysInTopologySpread`)
  static func checkOld(matching: [JSONValue], _ selector: JSONValue?, _ context: inout RuleContext) {
    if matching.isEmpty { return }
    let selector = selector.flatMap { $0.isNull ? nil : $0 }
    if selector == nil {
      context.forbids("matchLabelKeys", detail: "must not be specified when labelSelector is not set")
    }
    let selected =
      (selector?["matchLabels"]?.object?.members ?? []).map(\.name)
      + (selector?.array(at: "matchExpressions") ?? []).map { $0.string(at: "key") }
    for (place, key) in matching.enumerated() {
      let text = key.string ?? ""
      context.refuses(text, each: NameValidation.qualifiedName(text), at: "matchLabelKeys", .index(place))
      if selected.contains(text) {
        context.refuses(text, "exists in both matchLabelKeys and labelSelector", at: "matchLabelKeys", .index(place))
      }
    }
  }
}
