import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for claims of devices, and for templates of them. (Kubernetes: pkg/apis/resource/validation)
enum ResourceClaimRules {
  static let ofClaims: [Rule] = [
    .on(.main, .metadata(.subdomain)),
    // Nothing of a spec can be mended later, so what is wrong with it is not told then.
    .onCreate(.at("spec", spec(at: ["spec"]))),
    .onUpdate(.metadataUpdate),
    .on(.main, .custom(isImmutable("ResourceClaimSpec"))),
    .on(.status, .at("status", ResourceClaimStatusRules.all)),
  ]

  static let ofTemplates: [Rule] = [
    .metadata(.subdomain),
    .at(
      "spec",
      .at("metadata", .custom(templateMetadata)),
      .at("spec", spec(at: ["spec", "spec"]))),
    .onUpdate(.metadataUpdate, .custom(isImmutable("ResourceClaimTemplateSpec"))),
  ]

  private static func isImmutable(_ type: String) -> Rule.Function {
    { context in
      guard let old = context.oldObject else { return }
      let (new, before) = (context.object["spec"], old["spec"])
      if RuleContext.areSame(new, before) && !context.hasLooseRaw("spec") { return }
      let shown = InternalForm.text(
        of: new ?? [:], as: "io.k8s.api.resource.v1.\(type)", traces: context.traces?["spec"])
      context.report(.invalid(context.path("spec"), bare: shown, "field is immutable"))
    }
  }

  /// (`ValidateTemplateObjectMeta`)
  private static let templateMetadata: Rule.Function = { context in
    guard let meta = context.value?.object else { return }
    for error in MetaValidation.templateErrors(meta) {
      // They are said of an object's own metadata.
      context.report(error.at("spec.\(error.field)"))
    }
  }

  /// `path`: where the claim's spec stands in the object.
  private static func spec(at path: [String]) -> [Rule] {
    let references = RequestNames.references(path)
    return [
      .at(
        "devices",
        .at("requests", .few(32, .all(request)), fewDistinct(32, by: "name")),
        .at(
          "constraints",
          .few(32, .at("requests", .all(references)), .custom(attribute))),
        .at(
          "config",
          .few(32, .at("requests", .all(references)), DeviceRules.configuration())))
    ]
  }

  private static func fewDistinct(_ count: Int, by member: String) -> Rule {
    .given({ list, _ in (list?.array?.count ?? 0) <= count }, DeviceNames.distinct(by: member))
  }

  // MARK: requests

  /// (`validateDeviceRequest`)
  private static let request: [Rule] = [
    .at("name", .format(.dns1123Label)),
    .custom(form),
    .given(
      { request, _ in forms(request).count == 1 },
      .at("firstAvailable", .few(8, .all(subRequest)), fewDistinct(8, by: "name")), .at("exactly", exactRequest)),
  ]

  /// Which of the two is there.
  private static func forms(_ request: JSONValue?) -> [String] {
    let isExact = request?["exactly"].map { !$0.isNull } ?? false
    let hasChoice = !(request?["firstAvailable"]?.array ?? []).isEmpty
    return (isExact ? ["exactly"] : []) + (hasChoice ? ["firstAvailable"] : [])
  }

  private static let form: Rule.Function = { context in
    let detail = "exactly one of `exactly` or `firstAvailable` is required"
    switch forms(context.value).count {
    case 0: context.report(.required(context.path(), detail))
    case 1: break
    default: context.report(.invalid(context.path(), bare: "null", "\(detail), but multiple fields are set"))
    }
  }

  private static let exactRequest: [Rule] = [
    .at("deviceClassName", .required, .format(.dns1123Subdomain)),
    .at("selectors", DeviceRules.selectors),
    .custom(count),
    .at("tolerations", .each(DeviceRules.toleration)),
  ]

  private static let subRequest: [Rule] = [.at("name", .format(.dns1123Label))] + exactRequest

  /// (`validateDeviceAllocationMode`)
  private static let count: Rule.Function = { context in
    let count = context.value?["count"]?.int ?? 0
    let mode = context.value?["allocationMode"]?.string ?? ""
    switch mode {
    case "All":
      if count != 0 {
        let detail = "must not be specified when allocationMode is 'All'"
        context.report(.invalid(context.path("count"), bare: "\(count)", detail))
      }
    case "ExactCount":
      if count <= 0 { context.report(.invalid(context.path("count"), bare: "\(count)", "must be greater than zero")) }
    default:
      context.report(.notSupported(context.path("allocationMode"), named: .string(mode), ["All", "ExactCount"]))
    }
  }

  /// (`validateDeviceConstraint`)
  private static let attribute: Rule.Function = { context in
    for member in ["matchAttribute", "distinctAttribute"] {
      guard let name = context.value?[member], !name.isNull else { continue }
      return context.look(at: name, member, DeviceNames.fullyQualified)
    }
    let detail =
      #"exactly one of "matchAttribute" or "distinctAttribute" is required, but multiple fields are set"#
    context.report(.required(context.path(), detail))
  }
}

/// The names of a claim's requests, by which other parts of it speak of them: `one`, `two/first`.
struct RequestNames {
  private var names: [ByteString: Set<ByteString>] = [:]

  /// `path`: where the claim's spec stands. (`gatherRequestNames`)
  init(_ object: JSONValue, _ path: [String]) {
    let spec = path.reduce(object) { $0[$1] ?? .null }
    for request in spec["devices"]?["requests"]?.array ?? [] {
      let choices = (request["firstAvailable"]?.array ?? []).map { ByteString($0["name"]?.string ?? "") }
      names[ByteString(request["name"]?.string ?? "")] = Set(choices)
    }
  }

  private func contains(_ parts: [String]) -> Bool {
    guard let choices = names[ByteString(parts[0])] else { return false }
    return parts.count == 1 || choices.contains(ByteString(parts[1]))
  }

  /// (`validateRequestNameRef`)
  func check(_ name: String, _ context: inout RuleContext) {
    let detail =
      "must be the name of a request in the claim or the name of a request and a subrequest separated by '/'"
    let parts = name.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
    if parts.count > 2 { return context.invalid(name, detail) }
    for part in parts {
      for problem in NameValidation.dns1123Label(part) { context.invalid(part, problem) }
    }
    if !contains(parts) { context.invalid(name, detail) }
  }

  /// Rules for a list of such names.
  static func references(_ path: [String]) -> [Rule] {
    [
      .maxItems(32),
      .given(
        { list, _ in (list?.array?.count ?? 0) <= 32 },
        .custom { context in
          let elements = context.value?.array ?? []
          if elements.isEmpty { return }
          let names = RequestNames(context.object, path)
          for (place, element) in elements.enumerated() {
            context.look(at: element, .index(place)) { names.check($0.value?.string ?? "", &$0) }
          }
        }, .unique),
    ]
  }
}
