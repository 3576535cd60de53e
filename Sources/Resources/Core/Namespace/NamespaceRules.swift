import JSON
import Machinery
import Registry

/// Rules for namespaces. (Kubernetes: pkg/apis/core/validation, `ValidateNamespace` and its siblings)
enum NamespaceRules {
  /// Through which `spec.finalizers` change.
  static let finalize = Subresource("finalize")

  static let all: [Rule] = [
    .on(.main, .metadata(.label), .at("spec", .at("finalizers", .custom(finalizers)))),
    .onUpdate(.metadataUpdate),
    .on(.status, .custom(phase)),
    .on(finalize, .at("spec", .at("finalizers", .each(.format(.qualifiedName), .format(.kubeFinalizer))))),
  ]

  /// As for `finalize`, but upstream does not say which one it is here.
  private static let finalizers: Rule.Function = { context in
    for finalizer in context.value?.array ?? [] {
      let name = finalizer.string ?? ""
      for problem in TextFormat.qualifiedName.problems(name) + TextFormat.kubeFinalizer.problems(name) {
        context.invalid(name, problem)
      }
    }
  }

  /// The phase says whether the namespace is on its way out. Upstream names the member as Go has it.
  private static let phase: Rule.Function = { context in
    let isGoing = context.value?["metadata"]?["deletionTimestamp"].map { !$0.isNull } ?? false
    let phase = context.value?["status"]?["phase"] ?? ""
    let needed = isGoing ? "Terminating" : "Active"
    if phase.string == needed { return }
    let detail = "may only be '\(needed)' if `deletionTimestamp` is \(isGoing ? "not empty" : "empty")"
    context.report(.invalid(context.path("status", "Phase"), bare: phase.encoded().text, detail))
  }
}
