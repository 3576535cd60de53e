import Access
import HTTPServer
import Machinery
import Registry

/// Parts of objects that are streams from elsewhere.
extension APIServer {
  /// A stream, or why there is none. (`ConnectResource`)
  func connect(
    _ connection: SubresourceConnection, _ endpoint: ResourceEndpoint, _ namespace: String, _ name: String,
    _ context: RequestContext
  ) {
    let served = catalog.served
    perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
      let query = context.query
      if connection.form != .read, query["dryRun"] != nil { throw .badRequest("dryRun is not supported") }
      try await connection.open(
        SubresourceConnection.Request(
          name: name, namespace: namespace, store: endpoint.store, query: { query[$0] }, stores: served.store))
      guard connection.form == .proxy else { return Answer(code: 204, contentType: "", body: []) }
      if let answer = Self.redirect(context) { return answer }
      throw .notReached
    }
  }

  /// Sends who looks at the root of another server where links of its pages lead to its pages. (Kubernetes:
  /// apimachinery/pkg/util/proxy, `proxyRedirectsforRootPath`)
  private static func redirect(_ context: RequestContext) -> Answer? {
    guard context.method == .get || context.method == .head, context.webSocket == nil else { return nil }
    var path = context.asked.info.path
    guard !path.hasSuffix("/"), !path.withUTF8({ ResourcePath(UnsafeRawBufferPointer($0)).hasMore }) else { return nil }
    let query = context.target.utf8.firstIndex(of: UInt8(ascii: "?")).map { context.target[$0...] } ?? ""
    let place = ResponseHeader("Location", path + "/" + (query == "?" ? "" : query))
    return Answer(code: 301, contentType: "", body: [], headers: [place])
  }
}

extension Status {
  /// Connections to pods and nodes are not made yet: each is told of as upstream tells of one that fails.
  fileprivate static let notReached = Status.serviceUnavailable(
    "error trying to reach service: connections to pods and nodes are not made yet")
}
