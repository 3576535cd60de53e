import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// A way to run containers. (Kubernetes: pkg/registry/node/runtimeclass)
  static let runtimeClasses = ResourceDefinition(
    "runtimeclasses.node.k8s.io", kind: "RuntimeClass", scope: .cluster, folder: "runtimeclasses", versions: [.v1],
    puts: [.mayCreate, .needVersion],
    rules: RuntimeClassRules.all,
    warnings: { runtimeClass, _ in RuntimeClassWarnings.all(runtimeClass) },
    columns: [
      .name,
      .text("Handler", at: "handler", description: "How the container runtime of a node knows the class."),
      .age,
    ])
}

/// Rules for runtime classes. (Kubernetes: pkg/apis/node/validation, `ValidateRuntimeClass` and
/// `ValidateRuntimeClassUpdate`)
enum RuntimeClassRules {
  /// An update is asked what a creation is, and then what may change. Complaints about the overhead name `limits`, as
  /// upstream's do: there it is looked at as a container's.
  static let all: [Rule] = [
    .metadata(.subdomain, checksFinalizers: false),
    .at("handler", .required, .format(.dns1123Label)),
    .at(
      "overhead",
      .at("podFixed", .said(at: "overhead.limits", .custom(ContainerLimits.check))),
      .custom(hugePagesNeedCompute)),
    .at(
      "scheduling",
      .at("nodeSelector", .labels),
      .at("tolerations", Tolerations.each, .custom(Tolerations.areUnique))),
    .onUpdate(.metadataUpdate(checksFinalizers: false), .at("handler", .immutable)),
  ]

  private static let hugePagesNeedCompute: Rule.Function = { context in
    if ContainerLimits.lackCompute(context.value?["podFixed"]) {
      context.report(.forbidden(context.path(), "HugePages require cpu or memory"))
    }
  }
}

/// What a client should know of its runtime class. (`GetWarningsForRuntimeClass`)
private enum RuntimeClassWarnings {
  static func all(_ runtimeClass: JSONValue) -> [String] {
    guard case .object(let selector)? = runtimeClass["scheduling"]?["nodeSelector"] else { return [] }
    return selector.members.compactMap { label in
      DeprecatedNodeLabels.message(of: label.name).map { "scheduling.nodeSelector: \($0)" }
    }
  }
}
