import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Who serves a version of a group. (Kubernetes: kube-aggregator/pkg/registry/apiservice)
  static let apiServices = ResourceDefinition(
    "apiservices.apiregistration.k8s.io", kind: "APIService", categories: ["api-extensions"], scope: .cluster,
    folder: "apiregistration.k8s.io/apiservices",
    versions: [ServedVersion("v1", typeName: "io.k8s.kube-aggregator.pkg.apis.apiregistration.v1.APIService")],
    puts: [.needVersion], main: .main(keeps: ["status"]),
    subresources: [
      SubresourceDefinition(
        .status, keeps: ["spec"], disowned: [["metadata"]], warns: true, prepare: StatusWrites.keepMetadata)
    ],
    rules: APIServiceRules.all, defaults: APIServiceForm.applyDefaults, prepareForCreate: APIServiceForm.begin,
    columns: [.name, APIServiceTable.service, APIServiceTable.available, .age])
}

/// How an APIService begins.
enum APIServiceForm {
  static func applyDefaults(_ service: inout JSONValue) {
    service["spec"]?["service"]?.fill([("port", 443)], order: ["namespace", "name", "port"])
  }

  /// What this server serves itself is there from the beginning.
  static func begin(_ service: inout JSONValue) {
    let isLocal = service["spec"]?["service"]?.isNull ?? true
    let available: JSONValue = [
      "type": "Available", "status": "True", "lastTransitionTime": .string(Timestamp.text(Timestamp.now)),
      "reason": "Local", "message": "Local APIServices are always available",
    ]
    service["status"] = isLocal ? ["conditions": [available]] : [:]
  }
}

/// Rules for APIServices. (Kubernetes: kube-aggregator/pkg/apis/apiregistration/validation)
enum APIServiceRules {
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate(checksFinalizers: false)),
    .on(
      .main,
      .custom(isNamedAsServed),
      .at(
        "spec",
        .custom(groupAndVersion),
        .at("groupPriorityMinimum", .custom(priority(upTo: 20_000))),
        .at("versionPriority", .custom(priority(upTo: 1_000))),
        .custom(connection))),
    .on(.status, .at("status", .at("conditions", .each(.at("status", .oneOf("True", "False", "Unknown")))))),
  ]

  /// The name is made of version and group.
  private static let isNamedAsServed: Rule.Function = { context in
    let spec = context.object["spec"]
    let name = "\(spec?["version"]?.string ?? "").\(spec?["group"]?.string ?? "")"
    let rule: MetaValidation.NameRule = { given, _ in
      let problems = NameValidation.pathSegmentName(given)
      if !problems.isEmpty || given == name { return problems }
      return [#"must be `spec.version+"."+spec.group`: \#(GoText.quoted(name))"#]
    }
    let metadata = context.object["metadata"]?.object ?? JSONObject()
    for error in MetaValidation.validate(metadata, isNamespaced: false, nameRule: rule) { context.report(error) }
  }

  private static let groupAndVersion: Rule.Function = { context in
    let group = context.value?["group"]?.string ?? ""
    let version = context.value?["version"]?.string ?? ""
    if group.isEmpty {
      if version != "v1" {
        let detail = "only v1 may have an empty group and it better be legacy kube"
        context.report(.required(context.path("group"), detail))
      }
    } else {
      for problem in NameValidation.dns1123Subdomain(group) {
        context.report(.invalid(context.path("group"), group, problem))
      }
    }
    for problem in NameValidation.dns1035Label(version) {
      context.report(.invalid(context.path("version"), version, problem))
    }
  }

  private static func priority(upTo most: Int64) -> Rule.Function {
    { context in
      let priority = context.value?.int ?? 0
      if (1...most).contains(priority) { return }
      context.report(.invalid(context.path(), bare: String(priority), "must be positive and less than \(most)"))
    }
  }

  /// Who is another server has a service; what is local needs no trust.
  private static let connection: Rule.Function = { context in
    let isInsecure = context.value?["insecureSkipTLSVerify"]?.bool == true
    let bundle = context.value?["caBundle"]?.string ?? ""
    guard let service = context.value?["service"], !service.isNull else {
      if !bundle.isEmpty {
        let size = bundle.utf8.count / 4 * 3 - bundle.utf8.count { $0 == UInt8(ascii: "=") }
        context.report(
          .invalid(context.path("caBundle"), "\(size) bytes", "local APIServices may not have a caBundle"))
      }
      if isInsecure {
        let detail = "local APIServices may not have insecureSkipTLSVerify"
        context.report(.invalid(context.path("insecureSkipTLSVerify"), bare: "true", detail))
      }
      return
    }
    for name in ["namespace", "name"] where (service[name]?.string ?? "").isEmpty {
      context.report(.required(context.path("service", .member(name)), ""))
    }
    let port = service["port"]?.int ?? 0
    if !(1...65_535).contains(port) {
      let detail = "port is not valid: must be between 1 and 65535, inclusive"
      context.report(.invalid(context.path("service", "port"), bare: String(port), detail))
    }
    if isInsecure, !bundle.isEmpty {
      let detail = "may not be true if caBundle is present"
      context.report(.invalid(context.path("insecureSkipTLSVerify"), bare: "true", detail))
    }
  }
}

/// Columns of `kubectl get apiservices`.
enum APIServiceTable {
  static let service = TableColumn("Service", description: "The service that answers, or Local for this server.") {
    object, _ in
    guard let service = object["spec"]?["service"], service.kind == .object else { return "Local" }
    return .string("\(service["namespace"]?.string ?? "")/\(service["name"]?.string ?? "")")
  }

  static let available = TableColumn("Available", description: "Whether it answers.") { object, _ in
    guard
      let conditions = object["status"]?["conditions"],
      let condition = conditions.elements.first(where: { $0["type"]?.isString("Available") == true })
    else { return "Unknown" }
    let status = condition["status"]?.string ?? ""
    let reason = condition["reason"]?.string ?? ""
    return .string(status == "True" || reason.isEmpty ? status : "\(status) (\(reason))")
  }
}
