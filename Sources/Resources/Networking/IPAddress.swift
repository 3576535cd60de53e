import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// An address of a service that is taken. (Kubernetes: pkg/registry/networking/ipaddress)
  static let ipAddresses = ResourceDefinition(
    "ipaddresses.networking.k8s.io", kind: "IPAddress", shortNames: ["ip"], scope: .cluster, folder: "ipaddresses",
    versions: [.v1], completesNames: false,
    rules: IPAddressRules.all,
    columns: [
      .name,
      TableColumn("ParentRef", description: "What holds the address.") { address, _ in
        .string(IPAddressRules.shownParent(address["spec"]?["parentRef"]))
      },
      .ageWithoutName,
    ])
}

/// Rules for addresses. (Kubernetes: pkg/apis/networking/validation, `ValidateIPAddress` and `ValidateIPAddressUpdate`)
enum IPAddressRules {
  static let all: [Rule] = [
    .metadata(NameForm { name, _ in IPValidation.address("", name).map(\.detail) }),
    .at(
      "spec",
      .at(
        "parentRef", .required,
        .at("group", .optional, .format(.dns1123Subdomain)),
        .at("resource", .required, .format(.pathSegment)),
        .at("name", .required, .format(.pathSegment)),
        .at("namespace", .optional, .format(.pathSegment)))),
    .onUpdate(.metadataUpdate, .at("spec", .at("parentRef", .custom(immutable)))),
  ]

  /// As `.immutable`, with the whole struct shown.
  private static let immutable: Rule.Function = { context in
    if RuleContext.areSame(context.value, context.old) { return }
    let parent = ObjectView(context.value)
    let shown = parent.value.map { _ in
      GoStruct.text(["Group", "Resource", "Namespace", "Name"].map { ($0, .string(parent.text($0.lowercased()))) })
    }
    context.report(.invalid(context.path(), bare: shown ?? "null", "field is immutable"))
  }

  /// `services/NAMESPACE/NAME`
  static func shownParent(_ parent: JSONNode?) -> String {
    guard let parent, parent.kind == .object else { return "<none>" }
    func text(_ name: StaticString) -> String { parent[name]?.string ?? "" }
    var shown = text("resource")
    if !text("group").isEmpty { shown += "." + text("group") }
    shown = shown.lowercased()
    if !text("namespace").isEmpty { shown += "/" + text("namespace") }
    return shown + "/" + text("name")
  }
}
