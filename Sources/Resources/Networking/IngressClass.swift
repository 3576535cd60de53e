import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// Which controller serves ingresses. (Kubernetes: pkg/registry/networking/ingressclass)
  static let ingressClasses = ResourceDefinition(
    "ingressclasses.networking.k8s.io", kind: "IngressClass", scope: .cluster, folder: "ingressclasses",
    versions: [.v1],
    rules: IngressClassRules.all, generation: .ofSpec,
    defaults: IngressClassRules.applyDefaults,
    columns: [
      TableColumn("Name", format: "name", description: "The class's name, and whether it is the default.") {
        object, _ in
        let mark = object["metadata"]?["annotations"]?["ingressclass.kubernetes.io/is-default-class"]
        let name = object["metadata"]?["name"]?.string ?? ""
        return .string(mark?.isString("true") == true ? name + " (default)" : name)
      },
      .text("Controller", at: "spec.controller", description: "Which controller serves ingresses of the class."),
      TableColumn("Parameters", description: "An object with more settings for the controller.") { object, _ in
        .string(IngressClassRules.parameters(object["spec"]?["parameters"]))
      },
      .age,
    ])
}

/// Rules for ingress classes. (Kubernetes: pkg/apis/networking/validation, `ValidateIngressClass` and
/// `ValidateIngressClassUpdate`)
enum IngressClassRules {
  static let all: [Rule] = [
    .onUpdate(.metadataUpdate, .at("spec", .at("controller", .immutable))),
    .metadata(.subdomain),
    .at(
      "spec",
      .at("controller", .maxBytes(250), .custom(controller)),
      .at(
        "parameters",
        .at("apiGroup", .format(.dns1123Subdomain)),
        .at("kind", .required, .format(.pathSegment)),
        .at("name", .required, .format(.pathSegment)),
        .custom(scope))),
  ]

  private static let controller: Rule.Function = { context in
    for error in TextFormat.domainPrefixedPathProblems(context.path(), context.value?.string ?? "") {
      context.report(error)
    }
  }

  private static let scope: Rule.Function = { context in
    let parameters = ObjectView(context.value)
    guard parameters.value?.object != nil else { return }
    guard parameters.given("scope") != nil else { return context.report(.required(context.path("scope"), "")) }
    switch parameters.text("scope") {
    case "Namespace":
      guard let namespace = parameters.given("namespace")?.string else {
        return context.report(.required(context.path("namespace"), "`parameters.scope` is set to 'Namespace'"))
      }
      for problem in NameValidation.dns1123Label(namespace) {
        context.report(.invalid(context.path("namespace"), namespace, problem))
      }
    case "Cluster":
      if parameters.given("namespace") != nil {
        context.report(.forbidden(context.path("namespace"), "`parameters.scope` is set to 'Cluster'"))
      }
    case let other: context.report(.notSupported(context.path("scope"), other, ["Cluster", "Namespace"]))
    }
  }

  private static let order = MemberOrder("io.k8s.api.networking.v1.IngressClassParametersReference")

  static func applyDefaults(_ ingressClass: inout JSONValue) {
    guard var parameters = ingressClass["spec"]?["parameters"], parameters.object != nil,
      ObjectView(parameters).given("scope") == nil
    else { return }
    parameters["scope"] = "Cluster"
    order.restore(&parameters)
    ingressClass["spec"]?["parameters"] = parameters
  }

  /// `Kind.group/name`
  static func parameters(_ parameters: JSONNode?) -> String {
    guard let parameters, parameters.kind == .object else { return "<none>" }
    var text = parameters["kind"]?.string ?? ""
    if let group = parameters["apiGroup"]?.string { text += "." + group }
    return text + "/" + (parameters["name"]?.string ?? "")
  }
}
