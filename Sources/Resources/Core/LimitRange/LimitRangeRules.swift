import JSON
import Machinery
import Registry

/// Rules for limit ranges, the same for an update. (Kubernetes: pkg/apis/core/validation, `ValidateLimitRange`)
enum LimitRangeRules {
  static let all: [Rule] = [
    .metadata(.subdomain),
    .at("spec", .at("limits", .custom(items))),
  ]

  private static let items: Rule.Function = { context in
    var types = Set<ByteString>()
    for (place, item) in (context.value?.array ?? []).enumerated() {
      let type = item["type"]?.string ?? ""
      let path = context.path(.index(place), "type")
      let shown = JSONValue.string(type).encoded().text
      for problem in typeProblems(type) { context.report(.invalid(path, bare: shown, problem)) }
      if !types.insert(ByteString(type)).inserted { context.report(.duplicate(path, bare: shown)) }
      Limits(item, type: type, path: context.path(.index(place))).check(&context)
    }
  }

  /// (`validateLimitRangeTypeName`)
  private static func typeProblems(_ type: String) -> [String] {
    let problems = NameValidation.qualifiedName(type)
    if !problems.isEmpty || type.utf8.contains(UInt8(ascii: "/")) { return problems }
    let isKnown = ["Pod", "Container", "PersistentVolumeClaim"].contains(type)
    return isKnown ? [] : ["must be a standard limit type or fully qualified"]
  }
}

/// The limits of one type.
private struct Limits {
  private let item: JSONValue
  private let type: String
  private let path: String
  private var amounts: [String: [ByteString: Quantity]] = [:]

  init(_ item: JSONValue, type: String, path: String) {
    self.item = item
    self.type = type
    self.path = path
    let isOfPods = type == "Pod"
    for map in ["max", "min", "default", "defaultRequest", "maxLimitRequestRatio"]
    where !isOfPods || !map.hasPrefix("default") {
      for entry in item[map]?.object?.members ?? [] {
        amounts[map, default: [:]][ByteString(entry.name)] = try? Quantity(parsing: entry.value.string ?? "")
      }
    }
  }

  func check(_ context: inout RuleContext) {
    names(of: "max", &context)
    names(of: "min", &context)
    for map in ["default", "defaultRequest"] {
      if type != "Pod" {
        names(of: map, &context)
      } else if item[map]?.object?.isEmpty == false {
        context.report(.forbidden("\(path).\(map)", "may not be specified when `type` is 'Pod'"))
      }
    }
    if type == "PersistentVolumeClaim", amount("min", "storage") == nil, amount("max", "storage") == nil {
      let detail = "either minimum or maximum storage value is required, but neither was provided"
      context.report(.required("\(path).limits", detail))
    }
    names(of: "maxLimitRequestRatio", &context)
    for name in Set(amounts.values.flatMap(\.keys)).map(\.text).sorted() { compare(name, &context) }
  }

  private func names(of map: String, _ context: inout RuleContext) {
    for entry in item[map]?.object?.members ?? [] {
      let problems =
        type == "Pod" || type == "Container"
        ? ResourceNames.containerProblems(entry.name) : ResourceNames.problems(entry.name)
      let shown = JSONValue.string(entry.name).encoded().text
      for problem in problems { context.report(.invalid("\(path).\(map)[\(entry.name)]", bare: shown, problem)) }
    }
  }

  private func amount(_ map: String, _ name: String) -> Quantity? { amounts[map]?[ByteString(name)] }

  /// What is said of one resource must hold together.
  private func compare(_ name: String, _ context: inout RuleContext) {
    let (least, most) = (amount("min", name), amount("max", name))
    let (limit, request) = (amount("default", name), amount("defaultRequest", name))
    func complain(_ map: String, _ value: Quantity, _ detail: String) {
      context.report(.invalid("\(path).\(map)[\(name)]", value.description, detail))
    }
    if let least, let most, least > most {
      complain("min", least, "min value \(least) is greater than max value \(most)")
    }
    if let request {
      if let least, least > request {
        complain("defaultRequest", request, "min value \(least) is greater than default request value \(request)")
      }
      if let most, request > most {
        complain("defaultRequest", request, "default request value \(request) is greater than max value \(most)")
      }
      if let limit, request > limit {
        let detail = "default request value \(request) is greater than default limit value \(limit)"
        complain("defaultRequest", request, detail)
      }
    }
    if let limit {
      if let least, least > limit {
        complain("default", least, "min value \(least) is greater than default value \(limit)")
      }
      if let most, limit > most {
        complain("default", most, "default value \(limit) is greater than max value \(most)")
      }
    }
    if let ratio = amount("maxLimitRequestRatio", name) {
      if let one = try? Quantity(parsing: "1"), ratio < one {
        complain("maxLimitRequestRatio", ratio, "ratio \(ratio) is less than 1")
      }
      if let least, let most, let bound = LimitRatio.exceeded(by: ratio, min: least, max: most) {
        complain("maxLimitRequestRatio", ratio, "ratio \(ratio) is greater than max/min = \(bound)")
      }
    }
    // Of what can't be overcommitted, limit and request are one.
    if let limit, let request, limit != request, !ResourceNames.mayBeOvercommitted(name) {
      complain(
        "defaultRequest", request, "default value \(limit) must equal to defaultRequest value \(request) in \(name)")
    }
  }
}
