import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// From where addresses of services are taken. (Kubernetes: pkg/registry/networking/servicecidr)
  static let serviceCIDRs = ResourceDefinition(
    "servicecidrs.networking.k8s.io", kind: "ServiceCIDR", scope: .cluster, folder: "servicecidrs", versions: [.v1],
    main: .main(keeps: ["status"]),
    subresources: [
      SubresourceDefinition(
        .status, keeps: ["spec"], disowned: [["metadata"]], prepare: MetadataOrder.restoreForStatus)
    ],
    rules: ServiceCIDRRules.all,
    prepareForCreate: { $0["status"] = [:] },
    columns: [
      .name,
      TableColumn("CIDRs", description: "The networks, one a family at most.") { object, _ in
        .string((object["spec"]?["cidrs"]?.elements.map { $0.string ?? "" } ?? []).joined(separator: ","))
      },
      .age,
    ])
}

/// Rules for networks of services. (Kubernetes: pkg/apis/networking/validation, `ValidateServiceCIDR` and its siblings)
enum ServiceCIDRRules {
  static let all: [Rule] = [
    .onCreate(.metadata(.subdomain), .custom(networks)),
    .onUpdate(.metadataUpdate),
    .on(.main, .onUpdate(.custom(changes))),
  ]

  private static let networks: Rule.Function = { context in
    let spec = ObjectView(context.value?["spec"])
    let path = context.path("spec", "cidrs")
    let texts = spec.texts("cidrs")
    if texts.isEmpty { return context.report(.required(path, "at least one CIDR required")) }
    if texts.count > 2 {
      let shown = GoStruct.text([("CIDRs", spec.given("cidrs") ?? .null)])
      return context.report(.invalid(path, bare: shown, "may only hold up to 2 values"))
    }
    for (place, text) in texts.enumerated() { context.report(IPValidation.network("\(path)[\(place)]", text)) }
    let families = texts.map { IPNetwork($0)?.isIPv6 }
    if families.count == 2, let first = families[0], let second = families[1], first == second {
      let shown = spec.given("cidrs")?.encoded().text ?? "null"
      let detail =
        "may specify no more than one IP for each IP family, i.e 192.168.0.0/24 and 2001:db8::/64"
      context.report(.invalid(path, bare: shown, detail))
    }
  }

  /// A second family may be added; nothing else changes.
  private static let changes: Rule.Function = { context in
    let path = context.path("spec", "cidrs")
    let now = ObjectView(context.value?["spec"]).texts("cidrs")
    let before = ObjectView(context.old?["spec"]).texts("cidrs")
    switch (before.count, now.count) {
    case let (old, new) where old == new:
      for place in now.indices where now[place] != before[place] {
        context.report(.invalid("\(path)[\(place)]", now[place], "field is immutable"))
      }
    case (1, 2):
      if now[0] != before[0] { context.report(.invalid("\(path)[0]", now[0], "field is immutable")) }
      networks(&context)
    default:
      let shown = (context.value?["spec"]?["cidrs"] ?? context.emptied("spec", "cidrs") ?? .null).encoded().text
      context.report(.invalid(path, bare: shown, "field is immutable"))
    }
  }
}
