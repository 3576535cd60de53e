import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for what containers and pods ask for. (Kubernetes: pkg/apis/core/validation, `validateResourceRequirements`)
enum ResourceRules {
  /// The resources of a container.
  static let ofContainer: Rule.Function = { context in
    guard case .object(let resources)? = context.value, !resources.isEmpty else { return }
    check(
      limits: resources["limits"]?.object ?? JSONObject(), requests: resources["requests"]?.object ?? JSONObject(),
      claims: resources["claims"]?.array ?? [], &context)
  }

  /// `ofPod`: a whole pod may ask for less than a container may.
  static func check(
    limits: JSONObject, requests: JSONObject, claims: [JSONValue], ofPod: Bool = false, _ context: inout RuleContext
  ) {
    var hasHugePages = false
    var hasCompute = false
    func look(_ name: String, _ amount: String, _ list: RuleContext.Part, _ context: inout RuleContext) {
      if name == "cpu" || name == "memory" {
        hasCompute = true
        // Of these nothing else can be wrong.
        if amount.utf8.first != UInt8(ascii: "-") { return }
      }
      let problems = ofPod ? podNameProblems(name, list, &context) : ResourceNames.containerProblems(name)
      for problem in problems {
        context.refuses(value: .string(name), problem, at: list, .key(name))
      }
      for problem in ResourceAmounts.problems(amount, of: name) {
        context.refuses(amount, problem, at: list, .key(name))
      }
    }
    func lookAtPages(_ name: String, _ amount: String, _ list: RuleContext.Part, _ context: inout RuleContext) {
      guard ContainerLimits.areHugePages(name) else { return }
      hasHugePages = true
      if ContainerLimits.areWholePages(amount, of: name) || context.pod.mayHaveOddHugePages { return }
      context.refuses(amount, "\(amount) is not positive integer multiple of \(name)", at: list, .key(name))
    }
    for limit in limits.members {
      let amount = limit.value.string ?? ""
      look(limit.name, amount, "limits", &context)
      lookAtPages(limit.name, amount, "limits", &context)
    }
    for request in requests.members {
      let amount = request.value.string ?? ""
      look(request.name, amount, "requests", &context)
      check(request.name, amount, limit: limits[request.name]?.string, &context)
      lookAtPages(request.name, amount, "requests", &context)
    }
    if hasHugePages && !hasCompute { context.forbids(detail: "HugePages require cpu or memory") }
    if !claims.isEmpty { check(claims, &context) }
  }

  /// A request and its limit.
  private static func check(_ name: String, _ amount: String, limit: String?, _ context: inout RuleContext) {
    let mayExceed = ResourceNames.mayBeOvercommitted(name)
    guard let limit else {
      if !mayExceed { context.needs("limits", detail: "Limit must be set for non overcommitable resources") }
      return
    }
    if amount == limit { return }
    guard let asked = try? Quantity(parsing: amount), let most = try? Quantity(parsing: limit) else { return }
    if asked != most && !mayExceed {
      context.refuses(amount, "must be equal to \(name) limit of \(limit)", at: "requests")
    } else if asked > most {
      context.refuses(amount, "must be less than or equal to \(name) limit of \(limit)", at: "requests")
    }
  }

  /// (`validatePodResourceName`)
  private static func podNameProblems(
    _ name: String, _ list: RuleContext.Part, _ context: inout RuleContext
  ) -> [String] {
    let problems = ResourceNames.problems(name)
    if !problems.isEmpty { return problems }
    if !PodResourceRules.isSupported(name) {
      context.knowsOnly(["cpu", "hugepages-", "memory"], not: name, at: list, .key(name))
    }
    return []
  }

  /// (`validateResourceClaimNames`)
  private static func check(_ claims: [JSONValue], _ context: inout RuleContext) {
    let known = context.pod.claims
    var names = Set<ByteString>()
    /// Names of which one request was asked for.
    var parts = Set<ByteString>()
    for (place, claim) in claims.enumerated() {
      let name = claim.string(at: "name")
      let request = claim.string(at: "request")
      func isDouble(_ key: String, _ context: inout RuleContext) {
        context.report(.duplicate(context.path("claims", .index(place)), bare: GoText.quoted(key)))
      }
      if name.isEmpty {
        context.needs("claims", .index(place))
      } else {
        if names.contains(ByteString(name)) {
          isDouble(name, &context)
        } else {
          var key = name
          if !request.isEmpty {
            context.refuses(request, each: NameValidation.dns1123Label(request), at: "claims", .index(place), "request")
            key += "/\(request)"
          }
          if names.contains(ByteString(key)) {
            isDouble(key, &context)
          } else if request.isEmpty, parts.contains(ByteString(name)) {
            isDouble(name, &context)
          }
          names.insert(key)
          if !request.isEmpty { parts.insert(name) }
        }
      }
      if !name.isEmpty && !known.contains(name) {
        let list =
          known.isEmpty
          ? " which is empty" : ": " + Set(known.map { ByteString($0) }).map(\.text).sorted().joined(separator: ", ")
        context.report(
          FieldError(
            .notFound, context.path("claims", .index(place)), value: GoText.quoted(name),
            detail: "must be one of the names in pod.spec.resourceClaims\(list)"))
      }
    }
  }

  /// How a container takes to other resources. (`validateResizePolicy`)
  static let resizePolicy: Rule.Function = { context in
    guard case .array(let policies)? = context.value else { return }
    var seen = Set<ByteString>()
    for (place, policy) in policies.enumerated() {
      let name = policy.string(at: "resourceName")
      let restart = policy.string(at: "restartPolicy")
      if !seen.insert(name).inserted {
        context.report(.duplicate(context.path(.index(place)), bare: JSONValue.string(name).encoded().text))
      }
      switch name {
      case "cpu", "memory": break
      case "": context.needs()
      default: context.knowsOnly(["cpu", "memory"], not: name)
      }
      switch restart {
      case "NotRequired", "RestartContainer": break
      case "": context.needs()
      default: context.knowsOnly(["NotRequired", "RestartContainer"], not: restart)
      }
      if context.pod.restartPolicy == "Never" && restart != "NotRequired" {
        context.refuses(
          value: .string(restart), "must be 'NotRequired' when pod `restartPolicy` is 'Never'")
      }
    }
  }
}
