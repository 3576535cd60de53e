import JSON
import Machinery
import Registry

/// What a pod's node would stream. Streams of nodes are not carried yet: what is told here is why there is none, or
/// that. (Kubernetes: pkg/registry/core/pod/rest and `LogLocation`, `streamLocation` and others)
enum PodStreams {
  static let all: [SubresourceDefinition] = [
    .connected("attach", kind: "PodAttachOptions", .stream) { (request) async throws(Status) in
      try await stream(request, needsContainer: true)
    },
    .connected("exec", kind: "PodExecOptions", .stream) { (request) async throws(Status) in
      try await stream(request, needsContainer: true)
    },
    .connected("log", kind: "Pod", .read, open: log),
    .connected("portforward", kind: "PodPortForwardOptions", .stream) { (request) async throws(Status) in
      try await stream(request, needsContainer: false)
    },
    .connected("proxy", kind: "PodProxyOptions", .proxy, open: proxy),
  ]

  private static let log: SubresourceConnection.Open = { (request) async throws(Status) in
    try PodLogOptions.check(request)
    let pod = try await request.store.read(request.name, namespace: request.namespace)
    try checkContainer(pod, request)
    let node = pod["spec"]?.string(at: "nodeName") ?? ""
    if node.isEmpty { return }
    try await carry(node, request)
  }

  private static func stream(_ request: SubresourceConnection.Request, needsContainer: Bool) async throws(Status) {
    let pod = try await request.store.read(request.name, namespace: request.namespace)
    if needsContainer { try checkContainer(pod, request) }
    let node = pod["spec"]?.string(at: "nodeName") ?? ""
    if node.isEmpty { throw .badRequest("pod \(request.name) does not have a host assigned") }
    try await carry(node, request)
  }

  private static let proxy: SubresourceConnection.Open = { (request) async throws(Status) in
    let asked = try ProxiedName(request, of: "pod")
    let pod = try await request.store.read(asked.name, namespace: request.namespace)
    guard let address = IPAddress(pod["status"]?.string(at: "podIP") ?? ""), address.isGlobalUnicast else {
      throw .badRequest("address not allowed")
    }
  }

  // MARK: containers and nodes

  /// (`validateContainer`)
  private static func checkContainer(_ pod: JSONValue, _ request: SubresourceConnection.Request) throws(Status) {
    let asked = request.query("container") ?? ""
    var names: [String] = []
    let spec = pod["spec"] ?? .null
    PodFacts.containers(of: spec) { container, _, _ in names.append(container.string(at: "name")) }
    if asked.isEmpty {
      let count = spec.array(at: "containers").count
      if count == 1 { return }
      let start = "a container name must be specified for pod \(request.name)"
      throw .badRequest(count == 0 ? start : "\(start), choose one of: [\(names.joined(separator: " "))]")
    }
    if !names.contains(asked) { throw .badRequest("container \(asked) is not valid for pod \(request.name)") }
  }

  private static let notCarried = Status(code: 501, reason: "", message: "streams of nodes are not carried yet")

  /// Upstream names the node as if it were a pod.
  private static func carry(_ node: String, _ request: SubresourceConnection.Request) async throws(Status) {
    if let nodes = request.stores(GroupResource(group: "", resource: "nodes")) {
      do throws(Status) { _ = try NodeProxy.address(of: try await nodes.read(node, namespace: "")) } catch {
        throw error.code == 404 ? .notFound(PodMembers.resource, node) : error
      }
    }
    throw notCarried
  }
}

/// How a log shall be shown. (Kubernetes: pkg/apis/core/validation, `ValidatePodLogOptions`)
private enum PodLogOptions {
  static func check(_ request: SubresourceConnection.Request) throws(Status) {
    var errors: [FieldError] = []
    let tail = try number("tailLines", request)
    if let tail, tail < 0 {
      errors.append(.invalid("tailLines", bare: String(tail), "must be greater than or equal to 0"))
    }
    if let bytes = try number("limitBytes", request), bytes < 1 {
      errors.append(.invalid("limitBytes", bare: String(bytes), "must be greater than 0"))
    }
    if let seconds = try number("sinceSeconds", request) {
      if request.query("sinceTime") != nil {
        errors.append(.forbidden("", "at most one of `sinceTime` or `sinceSeconds` may be specified"))
      } else if seconds < 1 {
        errors.append(.invalid("sinceSeconds", bare: String(seconds), "must be greater than 0"))
      }
    }
    if let stream = request.query("stream") {
      let known = ["All", "Stderr", "Stdout"]
      if !known.contains(stream) { errors.append(.notSupported("stream", stream, known)) }
      if stream != "All" && tail != nil {
        errors.append(.forbidden("", "`tailLines` and specific `stream` are mutually exclusive for now"))
      }
    }
    if !errors.isEmpty { throw .invalid("PodLogOptions", name: request.name, errors) }
  }

  private static func number(_ name: String, _ request: SubresourceConnection.Request) throws(Status) -> Int64? {
    guard let text = request.query(name), !text.isEmpty else { return nil }
    guard let number = Int64(text) else {
      throw .badRequest("strconv.ParseInt: parsing \(GoText.quoted(text)): invalid syntax")
    }
    return number
  }
}
