import JSON
import Machinery
import Registry

/// Rules for claims of volumes. (Kubernetes: `ValidatePersistentVolumeClaim` and its siblings of
/// pkg/apis/core/validation)
enum PersistentVolumeClaimRules {
  static let all: [Rule] = [
    .on(.main, .onUpdate(.metadataUpdate), .metadata(.subdomain), .at("spec", spec), .onUpdate(update)),
    .on(.status, status),
  ]

  /// Rules for the spec of a claim, or of a template for one in a set's own list.
  static let spec = spec(selector: .ratcheting(.labelSelector))
  /// Rules for the spec of a claim that a pod brings along: nothing of old stays there. (`ValidatePersistentVolumeClaimSpec`
  /// by `ValidationOptionsForPersistentVolumeClaimTemplate` without an old one)
  static let specOfPods = spec(selector: .labelSelector)

  private static func spec(selector: Rule) -> [Rule] {
    [
      .at("accessModes", .required("at least 1 access mode is required")),
      .at("selector", selector),
      .at("accessModes", .custom(AccessModes.check)),
      .custom(request),
      .at("storageClassName", className),
      .at("volumeMode", .oneOf("Block", "Filesystem")),
      .at("dataSource", dataSource),
      .at("dataSourceRef", dataSource, sourceNamespace),
      .custom(sourcesAgree),
      .at("volumeAttributesClassName", className),
    ]
  }

  private static let request: Rule.Function = { context in
    let path = context.path("resources", .key("storage"))
    guard let amount = context.value?["resources"]?["requests"]?["storage"], !amount.isNull else {
      return context.report(.required(path, ""))
    }
    if let error = ResourceLists.positive(amount, path) { context.report(error) }
  }

  /// An empty one is a class as well: none.
  private static let className = Rule.custom { context in
    guard let name = context.value?.string, !name.isEmpty else { return }
    for problem in NameValidation.dns1123Subdomain(name) { context.invalid(name, problem) }
  }

  // MARK: data sources

  private static let dataSource = Rule.all([.at("name", .required), .at("kind", .required), .custom(sourceGroup)])

  /// A group that is no name stays where one was before.
  private static let sourceGroup: Rule.Function = { context in
    guard let source = context.value, source.object != nil else { return }
    let kind = source["kind"]?.string ?? ""
    let group = source["apiGroup"]?.string ?? ""
    if group.isEmpty {
      if kind != "PersistentVolumeClaim" {
        context.invalid(kind, "must be 'PersistentVolumeClaim' when referencing the default apiGroup")
      }
      return
    }
    let before = context.oldObject?["spec"]
    if ["dataSource", "dataSourceRef"].contains(where: { before?[$0]?["apiGroup"]?.string != nil }) { return }
    for problem in NameValidation.dns1123Subdomain(group) {
      context.report(.invalid(context.path("apiGroup"), group, problem))
    }
  }

  private static let sourceNamespace = Rule.at(
    "namespace",
    .custom { context in
      guard let name = context.value?.string, !name.isEmpty else { return }
      for problem in NameValidation.dns1123Label(name) { context.invalid(name, problem) }
    })

  /// Upstream shows a path here, which comes out as an empty object.
  private static let sourcesAgree: Rule.Function = { context in
    guard let source = context.value?["dataSource"], source.object != nil,
      let reference = context.value?["dataSourceRef"], reference.object != nil
    else { return }
    if reference["namespace"]?.string?.isEmpty == false {
      let detail = "may not be specified when dataSourceRef.namespace is specified"
      return context.report(.invalid(context.path(), bare: "{}", detail))
    }
    let agree =
      source["apiGroup"]?.string == reference["apiGroup"]?.string
      && ["kind", "name"].allSatisfy { source[$0]?.string ?? "" == reference[$0]?.string ?? "" }
    if !agree { context.report(.invalid(context.path(), bare: "{}", "must match dataSourceRef")) }
  }

  // MARK: status

  private static let status: [Rule] = [
    .metadataUpdate,
    .at("spec", .at("accessModes", .said(at: "Spec.accessModes", .required))),
    .at("status", .at("capacity", .custom(capacity)), .custom(allocation)),
  ]

  private static let capacity: Rule.Function = { context in
    for amount in context.value?.object?.members ?? [] {
      if let error = ResourceLists.basic(amount.value, context.path(.key(amount.name))) { context.report(error) }
    }
  }

  private static let resizes = [
    "ControllerResizeInProgress", "ControllerResizeInfeasible", "NodeResizeInProgress", "NodeResizeInfeasible",
    "NodeResizePending",
  ].sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }

  private static let allocation: Rule.Function = { context in
    let statuses = context.path("allocatedResourceStatuses")
    for entry in context.value?["allocatedResourceStatuses"]?.object?.members ?? [] {
      for error in keyErrors(entry.name, statuses) { context.report(error) }
      if resizes.contains(entry.value.string ?? "") { continue }
      // The name is shown, not what is wrong.
      context.report(.notSupported(statuses, named: .string(entry.name), resizes))
    }
    let amounts = context.path("allocatedResources")
    for entry in context.value?["allocatedResources"]?.object?.members ?? [] {
      let errors = keyErrors(entry.name, amounts)
      for error in errors { context.report(error) }
      guard errors.isEmpty else { continue }
      let path = "\(amounts)[\(entry.name)]"
      if let error = ResourceLists.basic(entry.value, path) { context.report(error) }
    }
  }

  /// (`validatePersistentVolumeClaimResourceKey`)
  private static func keyErrors(_ name: String, _ path: String) -> [FieldError] {
    let problems = NameValidation.qualifiedName(name)
    if problems.isEmpty, ResourceAmounts.isNative(name), name != "storage" {
      return [.notSupported(path, name, ["storage"])]
    }
    return problems.map { .invalid(path, name, $0) }
  }
}
