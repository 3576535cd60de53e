import JSON
import Machinery
import Registry

/// How many there shall be of something, as a part of it. (Kubernetes: `ScaleREST` of pkg/registry/apps)
enum Scale {
  static let part = Subresource("scale")

  /// The part of a kind that counts in `spec.replicas` and `status.replicas`. `versions`: all in which the field was
  /// owned ever, as apiVersions. `spec`: the type of the member. `selector`: of the pods that count, as text; nil where
  /// it can't be read.
  static func of(
    _ spec: String, versions: [String], selector: @escaping @Sendable (_ selector: JSONValue) -> String?
  ) -> SubresourceDefinition {
    let order = TypeOrder(spec)
    return .viewed(
      part,
      as: SubresourceView(
        GroupVersionKind(GroupVersion(group: "autoscaling", version: "v1"), kind: "Scale"),
        typeName: "io.k8s.api.autoscaling.v1.Scale", plural: "scales",
        rules: [.metadata(.subdomain), .at("spec", .at("replicas", .atLeast(0)))], columns: columns,
        field: ["spec", "replicas"],
        at: Dictionary(uniqueKeysWithValues: versions.map { ($0, ["spec", "replicas"]) }),
        show: { object throws(Status) in
          guard let selector = selector(object["spec"]?["selector"] ?? .null) else {
            throw .badRequest("the label selector of the object is invalid")
          }
          return content(
            replicas: object["spec"]?.int(at: "replicas") ?? 0, current: object["status"]?.int(at: "replicas") ?? 0,
            selector: selector)
        },
        take: { object, scale in
          let replicas = scale["spec"]?.int(at: "replicas") ?? 0
          object.edit("spec") { order.set("replicas", .int(replicas), in: &$0) }
        }))
  }

  /// What a scale says beside which object it is of. What is not wanted, or selected by nothing, is left out.
  static func content(replicas: Int64, current: Int64, selector: String) -> JSONValue {
    var status: JSONObject = ["replicas": .int(current)]
    if !selector.isEmpty { status["selector"] = .string(selector) }
    return ["spec": replicas == 0 ? [:] : ["replicas": .int(replicas)], "status": .object(status)]
  }

  private static let columns = [
    TableColumn("Name", description: TableColumn.name.description, cell: TableColumn.name.cell),
    TableColumn("Desired", type: "integer", description: "How many there shall be.") { object, _ in
      .int(object["spec"]?["replicas"]?.int ?? 0)
    },
    TableColumn("Available", type: "integer", description: "How many there are.") { object, _ in
      .int(object["status"]?["replicas"]?.int ?? 0)
    },
    .age,
  ]
}
