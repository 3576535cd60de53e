import JSON
import Machinery
import Registry

/// Rules for references to a pod's own fields and resources. (Kubernetes: `validateObjectFieldSelector` and
/// `validateContainerResourceFieldSelector`)
enum FieldReferenceRules {
  static let ofEnvironment: Rule.Function = { field(&$0, known: inEnvironment) }
  static let ofVolume: Rule.Function = { field(&$0, known: inVolumes) }

  private static let inEnvironment = [
    "metadata.name", "metadata.namespace", "metadata.uid", "spec.nodeName", "spec.serviceAccountName",
    "status.hostIP", "status.hostIPs", "status.podIP", "status.podIPs",
  ]
  private static let inVolumes = [
    "metadata.annotations", "metadata.labels", "metadata.name", "metadata.namespace", "metadata.uid",
  ]
  /// What can be named at all.
  private static let labels =
    inEnvironment + [
      "metadata.annotations", "metadata.labels", "spec.restartPolicy", "spec.schedulerName", "status.phase",
    ]

  private static func field(_ context: inout RuleContext, known: [String]) {
    guard let reference = context.value else { return }
    let version = reference.string(at: "apiVersion")
    let given = reference.string(at: "fieldPath")
    if version.isEmpty { return context.needs("apiVersion") }
    if given.isEmpty { return context.needs("fieldPath") }
    func complain(_ why: String, _ context: inout RuleContext) {
      context.refuses(given, "error converting fieldPath: \(why)", at: "fieldPath")
    }
    if version != "v1" { return complain("unsupported pod version: \(version)", &context) }
    if let (path, key) = subscripted(given) {
      switch path {
      case "metadata.annotations":
        context.refuses(key.lowercased(), each: NameValidation.qualifiedName(key.lowercased()))
      case "metadata.labels": context.refuses(key, each: NameValidation.qualifiedName(key))
      default: complain("field label does not support subscript: \(given)", &context)
      }
      return
    }
    // Old clients say `host`.
    let path = given == "spec.host" ? "spec.nodeName" : given
    if !labels.contains(path) { return complain("field label not supported: \(given)", &context) }
    if !known.contains(path) { context.report(.notSupported(context.path("fieldPath"), path, known)) }
  }

  /// `metadata.labels['key']` (`SplitMaybeSubscriptedPath`)
  private static func subscripted(_ path: String) -> (path: String, key: String)? {
    guard path.hasSuffix("']") else { return nil }
    let text = Array(path.utf8.dropLast(2))
    guard
      let place = text.indices.dropLast().first(where: {
        text[$0] == UInt8(ascii: "[") && text[$0 + 1] == UInt8(ascii: "'")
      }), place > 0
    else { return nil }
    return (String(decoding: text[..<place], as: UTF8.self), String(decoding: text[(place + 2)...], as: UTF8.self))
  }

  // MARK: resources

  private static let resources = [
    "limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", "requests.ephemeral-storage",
    "requests.memory",
  ]
  private static let sizes = ["1", "1k", "1M", "1G", "1T", "1P", "1E", "1Ki", "1Mi", "1Gi", "1Ti", "1Pi", "1Ei"]

  static func resource(_ context: inout RuleContext, inVolume: Bool) {
    guard let reference = context.value else { return }
    let name = reference.string(at: "resource")
    let isHugePages = name.hasPrefix("requests.hugepages-") || name.hasPrefix("limits.hugepages-")
    if inVolume && reference.string(at: "containerName").isEmpty {
      context.needs("containerName")
    } else if name.isEmpty {
      context.needs("resource")
    } else if !resources.contains(name) && !isHugePages {
      context.report(.notSupported(context.path("resource"), name, resources))
    }
    divisor(reference.string(at: "divisor"), of: name, isHugePages: isHugePages, &context)
  }

  private static func divisor(_ divisor: String, of name: String, isHugePages: Bool, _ context: inout RuleContext) {
    if divisor.isEmpty || divisor == "0" { return }
    let list = sizes.joined(separator: ", ")
    let known: [String]
    let detail: String
    switch name {
    case "limits.cpu", "requests.cpu":
      (known, detail) = (["1m", "1"], "only divisor's values 1m and 1 are supported with the cpu resource")
    case "limits.memory", "requests.memory":
      (known, detail) = (sizes, "only divisor's values \(list) are supported with the memory resource")
    case "limits.ephemeral-storage", "requests.ephemeral-storage":
      (known, detail) = (sizes, "only divisor's values \(list) are supported with the local ephemeral storage resource")
    default:
      if !isHugePages { return }
      (known, detail) = (sizes, "only divisor's values \(list) are supported with the hugepages resource")
    }
    if !known.contains(divisor) { context.refuses(name, detail, at: "divisor") }
  }
}
