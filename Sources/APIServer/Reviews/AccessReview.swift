import Access
import ByteBuffers
import JSON
import Machinery

/// Answers to who may do what: `SelfSubjectAccessReview`, `SubjectAccessReview` and `LocalSubjectAccessReview`.
struct AccessReview {
  let kind: ReviewKind
  let object: JSONValue
  private var spec: JSONValue { object["spec"] ?? .null }

  /// The object with its status. Throws 422 for a question that is none.
  func answered(by authorizer: any Authorizer, for requester: UserInfo) async throws(Status) -> JSONValue {
    let errors = problems
    // Upstream has lost the kind where it finds these.
    if !errors.isEmpty { throw .invalid("", group: "authorization.k8s.io", name: "", errors) }
    let question = question(kind == .selfSubjectAccess ? requester : subject)
    var status: JSONObject = [:]
    var faults: [String] = []
    do {
      let decision = try await authorizer.decide(question)
      status["allowed"] = .bool(decision == .allow)
      if case .deny = decision { status["denied"] = true }
      switch decision {
      case .allow:
        let why = authorizer.reason(ofAllowing: question)
        if !why.isEmpty { status["reason"] = .string(why) }
      case .deny(let why), .noOpinion(let why): if !why.isEmpty { status["reason"] = .string(why) }
      }
    } catch {
      status["allowed"] = false
      faults.append("\(error)")
    }
    faults += selectorFaults
    if !faults.isEmpty { status["evaluationError"] = .string(faults.joined(separator: "; ")) }
    var answer = object
    answer["status"] = .object(status)
    return answer
  }

  private var subject: UserInfo {
    UserInfo(
      name: spec["user"]?.string ?? "", uid: spec["uid"]?.string ?? "", groups: Self.texts(spec["groups"]),
      extra: (spec["extra"]?.object?.members ?? []).map { ($0.name, Self.texts($0.value)) })
  }

  private static func texts(_ value: JSONValue?) -> [String] { value?.array?.compactMap(\.string) ?? [] }

  private func question(_ user: UserInfo) -> AccessAttributes {
    func text(_ part: JSONValue, _ name: String) -> String { part[name]?.string ?? "" }
    if let path = Self.part(spec["nonResourceAttributes"]) {
      return AccessAttributes(user, text(path, "verb"), path: text(path, "path"))
    }
    let resource = spec["resourceAttributes"] ?? .null
    let version = text(resource, "version")
    return AccessAttributes(
      user, text(resource, "verb"), group: text(resource, "group"), version: version.isEmpty ? "*" : version,
      resource: text(resource, "resource"),
      subresource: text(resource, "subresource"), namespace: text(resource, "namespace"), name: text(resource, "name"))
  }

  /// A pointer that is set.
  private static func part(_ value: JSONValue?) -> JSONValue? { value.flatMap { $0 == .null ? nil : $0 } }

  // MARK: validation

  /// (authorization `validation.ValidateSubjectAccessReview` and its siblings.)
  private var problems: [FieldError] {
    var errors: [FieldError] = []
    let resource = Self.part(spec["resourceAttributes"])
    let path = Self.part(spec["nonResourceAttributes"])
    if resource != nil, let path {
      errors.append(
        .invalid(
          "spec.nonResourceAttributes", bare: Self.goText(path),
          "cannot be specified in combination with resourceAttributes"))
    }
    if resource == nil && path == nil {
      errors.append(
        .invalid(
          "spec.resourceAttributes", bare: "null",
          "exactly one of nonResourceAttributes or resourceAttributes must be specified"))
    }
    if kind != .selfSubjectAccess, subject.name.isEmpty && subject.groups.isEmpty {
      errors.append(.invalid("spec.user", "", "at least one of user or group must be specified"))
    }
    if let resource {
      for form in SelectorForm.allCases { errors += Self.selectorProblems(resource[form.member], form) }
    }
    var metadata = object["metadata"]?.object ?? JSONObject()
    metadata["managedFields"] = nil
    let namespace = metadata["namespace"]?.string ?? ""
    if kind == .localSubjectAccess { metadata["namespace"] = nil }
    if !metadata.members.isEmpty {
      let shown = (object["metadata"] ?? [:]).encoded().text
      errors.append(
        .invalid(
          "metadata", bare: shown, kind == .localSubjectAccess ? "must be empty except for namespace" : "must be empty")
      )
    }
    guard kind == .localSubjectAccess else { return errors }
    if let resource, (resource["namespace"]?.string ?? "") != namespace {
      errors.append(
        .invalid(
          "spec.resourceAttributes.namespace", resource["namespace"]?.string ?? "", "must match metadata.namespace"))
    }
    if let path {
      errors.append(
        .invalid("spec.nonResourceAttributes", bare: Self.goText(path), "disallowed on this kind of request"))
    }
    return errors
  }

  /// As upstream's internal type prints, which has no JSON names.
  private static func goText(_ path: JSONValue) -> String {
    JSONValue.object(["Path": .string(path["path"]?.string ?? ""), "Verb": .string(path["verb"]?.string ?? "")])
      .encoded().text
  }

  private enum SelectorForm: CaseIterable {
    case field, label
    var member: String { self == .field ? "fieldSelector" : "labelSelector" }
    var path: String { "spec.resourceAttributes.\(member)" }
  }

  private static func selectorProblems(_ selector: JSONValue?, _ form: SelectorForm) -> [FieldError] {
    guard let selector = part(selector) else { return [] }
    let field = form.path
    let raw = selector["rawSelector"]?.string ?? ""
    let requirements = selector["requirements"]?.array ?? []
    var errors: [FieldError] = []
    if !raw.isEmpty && !requirements.isEmpty {
      errors.append(.invalid("\(field).rawSelector", raw, "may not specified at the same time as requirements"))
    }
    if raw.isEmpty && requirements.isEmpty {
      errors.append(
        .required("\(field).requirements", "when \(field) is specified, requirements or rawSelector is required"))
    }
    for (place, requirement) in requirements.enumerated() {
      let at = "\(field).requirements[\(place)]"
      let key = requirement["key"]?.string ?? ""
      let values = texts(requirement["values"])
      if form == .field && key.isEmpty { errors.append(.required("\(at).key", "must be specified")) }
      switch requirement["operator"]?.string ?? "" {
      case "In", "NotIn":
        if values.isEmpty {
          errors.append(.required("\(at).values", "must be specified when `operator` is 'In' or 'NotIn'"))
        }
      case "Exists", "DoesNotExist":
        if !values.isEmpty {
          errors.append(
            .forbidden("\(at).values", "may not be specified when `operator` is 'Exists' or 'DoesNotExist'"))
        }
      default: break  // A newer client may know more than we do.
      }
      guard form == .label else { continue }
      errors += NameValidation.qualifiedName(key).map { .invalid("\(at).key", key, $0) }
      for (index, value) in values.enumerated() {
        errors += NameValidation.labelValue(value).map { .invalid("\(at).values[\(index)]", value, $0) }
      }
    }
    return errors
  }

  /// No authorizer here looks at selectors, and leaving one out asks for more, never for less; but a client is told
  /// that its own makes no sense. (authorization `util.BuildEvaluationError`.)
  private var selectorFaults: [String] {
    guard let resource = Self.part(spec["resourceAttributes"]) else { return [] }
    return SelectorForm.allCases.compactMap { form in
      guard let selector = Self.part(resource[form.member]) else { return nil }
      let readable = Self.readableParts(of: selector, form)
      if readable.allSatisfy({ $0 }) { return nil }
      return "\(form.path) \(readable.contains(true) ? "partially ignored" : "ignored") due to parse error"
    }
  }

  /// For each part of a selector whether an authorizer could go by it; a text is one part.
  private static func readableParts(of selector: JSONValue, _ form: SelectorForm) -> [Bool] {
    if let raw = selector["rawSelector"]?.string, !raw.isEmpty {
      return [form == .field ? (try? FieldSelector.parse(raw)) != nil : (try? LabelSelector.parse(raw)) != nil]
    }
    return (selector["requirements"]?.array ?? []).map { requirement in
      switch (form, requirement["operator"]?.string ?? "") {
      // One value is what a field selector's text could say.
      case (.field, "In"), (.field, "NotIn"): texts(requirement["values"]).count == 1
      case (.field, _): false
      case (.label, "In"), (.label, "NotIn"), (.label, "Exists"), (.label, "DoesNotExist"): true
      case (.label, _): false
      }
    }
  }
}

/// `SelfSubjectRulesReview`.
enum RulesReview {
  static func answer(
    _ object: JSONValue, by authorizer: any Authorizer, for requester: UserInfo
  ) throws(Status) -> JSONValue {
    let namespace = object["spec"]?["namespace"]?.string ?? ""
    if namespace.isEmpty { throw .badRequest("no namespace on request") }
    let rules = authorizer.rules(for: requester, namespace: namespace)
    func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
    let resources = rules.resources.map { rule -> JSONValue in
      var one: JSONObject = [
        "verbs": list(rule.verbs), "apiGroups": list(rule.groups), "resources": list(rule.resources),
      ]
      if !rule.names.isEmpty { one["resourceNames"] = list(rule.names) }
      return .object(one)
    }
    let paths = rules.paths.map { rule -> JSONValue in ["verbs": list(rule.verbs), "nonResourceURLs": list(rule.paths)]
    }
    var status: JSONObject = [
      "resourceRules": .array(resources), "nonResourceRules": .array(paths), "incomplete": .bool(rules.isIncomplete),
    ]
    if !rules.error.isEmpty { status["evaluationError"] = .string(rules.error) }
    return [
      "kind": object["kind"] ?? .null, "apiVersion": object["apiVersion"] ?? .null, "metadata": [:], "spec": [:],
      "status": .object(status),
    ]
  }
}
