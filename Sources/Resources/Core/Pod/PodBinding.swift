import JSON
import Machinery
import Registry

/// A pod is given to a node. (Kubernetes: pkg/registry/core/pod/storage, `BindingREST`)
enum PodBinding {
  static let subresource = Subresource("binding")

  static let action = SubresourceAction(
    "Binding", in: GroupVersion(group: "", version: "v1"), typeName: "io.k8s.api.core.v1.Binding", plural: "pods",
    perform: perform)

  private static let perform: SubresourceAction.Perform = { (request) async throws(Status) in
    let binding = request.body
    guard binding["metadata"]?.string(at: "name") == request.name else {
      throw .badRequest("name in URL does not match name in Binding object")
    }
    try check(binding)
    try await request.store.admit(request, to: subresource)
    let node = binding["target"]?.string(at: "name") ?? ""
    _ = try await request.store.alter(
      request.name, namespace: request.namespace, subresource: subresource, isDryRun: request.options.isDryRun
    ) { pod throws(Status) in
      try assign(&pod, node, binding["metadata"] ?? .null)
    }
    return Status(code: 201, reason: "", message: "", isSuccess: true)
  }

  /// Upstream answers what is wrong here as an error of the server's.
  private static func check(_ binding: JSONValue) throws(Status) {
    var errors: [FieldError] = []
    let target = binding["target"] ?? .null
    let kind = target.string(at: "kind")
    if !kind.isEmpty && kind != "Node" { errors.append(.notSupported("target.kind", kind, ["Node", "<empty>"])) }
    if target.string(at: "name").isEmpty { errors.append(.required("target.name", "")) }
    if !errors.isEmpty { throw .plain(500, FieldError.aggregate(errors.map(\.message))) }
  }

  /// (`setPodNodeAndMetadata`)
  private static func assign(_ pod: inout JSONValue, _ node: String, _ given: JSONValue) throws(Status) {
    let name = pod["metadata"]?.string(at: "name") ?? ""
    func refusal(_ why: String) -> Status {
      .conflict(GroupResource(group: "", resource: "pods/binding"), name, why)
    }
    for (member, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
      let (asked, known) = (given.string(at: member), pod["metadata"]?.string(at: member) ?? "")
      if asked.isEmpty || asked == known { continue }
      throw .conflict(
        PodMembers.resource, name,
        "Precondition failed: \(what) in precondition: \(asked), \(what) in object meta: \(known)")
    }
    if pod["metadata"]?.isSet("deletionTimestamp") == true {
      throw refusal("pod \(name) is being deleted, cannot be assigned to a host")
    }
    let spec = pod["spec"] ?? .null
    if !spec.string(at: "nodeName").isEmpty {
      throw refusal("pod \(name) is already assigned to node \(GoText.quoted(spec.string(at: "nodeName")))")
    }
    if !spec.array(at: "schedulingGates").isEmpty { throw refusal("pod \(name) has non-empty .spec.schedulingGates") }
    pod.edit("spec") { PodMembers.spec.set("nodeName", .string(node), in: &$0) }
    for member in ["annotations", "labels"] { PodMembers.merge(given[member]?.object, into: member, of: &pod) }
    pod.edit("status") { status in
      status["nominatedNodeName"] = nil
      PodMembers.note(["type": "PodScheduled", "status": "True"], in: &status)
    }
  }
}
