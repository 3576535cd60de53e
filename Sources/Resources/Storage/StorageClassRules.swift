import JSON
import Machinery
import Registry

/// Rules for storage classes. (Kubernetes: pkg/apis/storage/validation, `ValidateStorageClass` and its sibling)
enum StorageClassRules {
  /// An update is asked what a creation is, and then what may change.
  static let all: [Rule] = [
    .metadata(.subdomain),
    .at("provisioner", DriverParameters.driver),
    .custom { DriverParameters.check($0.value?["parameters"], isNeeded: false, &$0) },
    .at("reclaimPolicy", .custom(reclaimPolicy)),
    .at("volumeBindingMode", .required, .oneOf("Immediate", "WaitForFirstConsumer")),
    .at("allowedTopologies", .custom(topologies)),
    .onUpdate(
      .metadataUpdate,
      .custom(parametersStay),
      .at("provisioner", .immutable),
      .at("reclaimPolicy", .immutable),
      .at("volumeBindingMode", .immutable)),
  ]

  /// An empty one passes.
  private static let reclaimPolicy: Rule.Function = { context in
    guard let policy = context.value?.string, !policy.isEmpty, policy != "Delete", policy != "Retain" else { return }
    context.report(.notSupported(context.path(), named: .string(policy), ["Delete", "Retain"]))
  }

  private static let parametersStay: Rule.Function = { context in
    let new = context.value?["parameters"]?.object
    let old = context.old?["parameters"]?.object ?? JSONObject()
    if JSONValue.object(new ?? JSONObject()).isSameValue(as: .object(old)) { return }
    var shown = context.emptied("parameters") ?? .null
    if var sorted = new {
      sorted.sortByName()
      shown = .object(sorted)
    }
    context.report(.invalid(context.path("parameters"), bare: shown.encoded().text, "field is immutable"))
  }

  /// No two terms may say the same. Upstream counts a term that says nothing as the same as all others that there
  /// might be: as many complaints as there are terms.
  private static let topologies: Rule.Function = { context in
    let terms = context.value?.array ?? []
    var seen: [[ByteString: Set<ByteString>]] = []
    for (place, term) in terms.enumerated() {
      let labels = TopologySelectorRules.term(term, at: [.index(place)], &context)
      let alike = (labels.isEmpty ? terms.count : 0) + seen.count { $0 == labels }
      for _ in 0..<alike {
        context.report(.duplicate(context.path(.index(place), "matchLabelExpressions"), bare: #""""#))
      }
      seen.append(labels)
    }
  }
}

/// Who makes or changes volumes, and what they are told. (`validateProvisioner`, `validateParameters`)
enum DriverParameters {
  private static let countMax = 512
  private static let bytesMax = 256 << 10

  static let driver: [Rule] = [
    .required,
    .custom { context in
      let name = (context.value?.string ?? "").lowercased()
      for problem in NameValidation.qualifiedName(name) { context.invalid(name, problem) }
    },
  ]

  static func check(_ parameters: JSONValue?, isNeeded: Bool, _ context: inout RuleContext) {
    let members = parameters?.object?.members ?? []
    let path = context.path("parameters")
    if members.count > countMax { return context.report(.tooLong(path, limit: countMax)) }
    if members.contains(where: { $0.name.isEmpty }) { context.report(.invalid(path, "", "field can not be empty.")) }
    let bytes = members.reduce(0) { $0 + $1.name.utf8.count + ($1.value.string ?? "").utf8.count }
    if bytes > bytesMax { context.report(.tooLong(path, limit: bytesMax)) }
    if isNeeded && members.isEmpty {
      context.report(.required(path, "must contain at least one key/value pair"))
    }
  }
}
