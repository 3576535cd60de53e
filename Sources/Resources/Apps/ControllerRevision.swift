import JSON
import Machinery
import Registry

extension ResourceDefinition {
  /// What a controller had to bring about at some time, kept to go back to. (Kubernetes:
  /// pkg/registry/apps/controllerrevision)
  static let controllerRevisions = ResourceDefinition(
    "controllerrevisions.apps", kind: "ControllerRevision", scope: .namespaced, folder: "controllerrevisions",
    versions: [.v1],
    rules: [
      .onUpdate(.metadataUpdate),
      .metadata(.subdomain),
      .at("revision", .atLeast(0)),
      .onCreate(.custom(ControllerRevisionRules.isObject)),
      .onUpdate(.custom(ControllerRevisionRules.stays)),
    ],
    columns: [
      .name,
      TableColumn("Controller", description: "Whose state it is.") { object, _ in
        .string(ControllerRevisionRules.controller(of: object))
      },
      TableColumn("Revision", description: "Its place among the states.") { object, _ in
        .int(object["revision"]?.int ?? 0)
      },
      .age,
    ])
}

enum ControllerRevisionRules {
  static let isObject: Rule.Function = { context in
    guard let data = context.value?["data"], !data.isNull else {
      return context.needs("data", detail: "data is mandatory")
    }
    if data.object == nil { context.needs("data", detail: "data must be a valid JSON object") }
  }

  /// It is compared as it is written: the order of members counts, and so does white space, which is not stored.
  static let stays: Rule.Function = { context in
    let text = (context.value?["data"] ?? .null).encoded().text
    if text == (context.old?["data"] ?? .null).encoded().text && !context.hasLooseRaw("data") { return }
    context.report(.invalid(context.path("data"), bare: text, "field is immutable"))
  }

  /// `statefulset.apps/web`
  static func controller(of object: JSONNode) -> String {
    guard let owners = object["metadata"]?["ownerReferences"],
      let owner = owners.elements.first(where: { $0["controller"]?.bool == true })
    else { return "<none>" }
    let group = GroupVersion(parsing: owner["apiVersion"]?.string ?? "").group
    let kind = (owner["kind"]?.string ?? "").lowercased()
    let name = owner["name"]?.string ?? ""
    if kind.isEmpty { return name }
    return group.isEmpty ? "\(kind)/\(name)" : "\(kind).\(group)/\(name)"
  }
}
