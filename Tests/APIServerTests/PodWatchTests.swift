import Cacher
import Glibc
import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import APIServer
@testable import Resources

/// Kubelets watch the pods of their node, each of them: what one is told costs the others nothing.
@Suite struct `Watches of nodes' pods` {
  /// A watch over a socket that nobody else reads.
  private struct Watch {
    let socket: Int32

    init(_ server: TestServer, node: String, after revision: String) throws {
      socket = try server.connect()
      let path = "/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3D\(node)&resourceVersion=\(revision)"
      let request = Array("GET \(path) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8)
      guard write(socket, request, request.count) == request.count else {
        throw SystemFailure(call: "write", code: errno)
      }
    }

    /// What has come by now.
    func take() -> String {
      var buffer = [UInt8](repeating: 0, count: 16_384)
      var text = ""
      while true {
        let count = recv(socket, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count > 0 else { return text }
        text += String(decoding: buffer[..<count], as: UTF8.self)
      }
    }
  }

  private static func pod(_ number: Int, node: String) -> String {
    #"""
    {"metadata":{"name":"pod-\#(number)"},"spec":{"nodeName":"\#(node)","containers":[{"name":"a","image":"a"}]}}
    """#
  }

  @Test func `an event of one node reaches one watch of five hundred, and visits no other`() async throws {
    let (nodes, pods) = (500, Tools.isFullRun ? 10_000 : 1_000)
    let kinds = BuiltInResources.all(.init()).filter { ["namespaces", "pods"].contains($0.groupResource.resource) }
    try await TestServer.with(kinds: kinds) { server in
      let path = "/api/v1/namespaces/default/pods"
      var revision = ""
      for number in 0..<pods {
        let reply = try server.call("POST", path, Self.pod(number, node: "node-\(number % nodes)"))
        guard reply.code == 201 else { throw DeadlinePassed("POST: \(reply.text)") }
        if number == pods - 1 { revision = try reply.json()["metadata"]?["resourceVersion"]?.string ?? "" }
      }
      let store = try #require(server.api.catalog.served.store(GroupResource(group: "", resource: "pods")))
      let cacher = try #require(store.objects as? Cacher)
      let watches = try (0..<nodes).map { try Watch(server, node: "node-\($0)", after: revision) }
      defer { for watch in watches { close(watch.socket) } }
      try await eventually("all watch") { cacher.statistics.watchers == nodes }
      var heads = watches.map { $0.take() }
      let before = cacher.statistics

      let status = #"{"status":{"phase":"Running"}}"#
      let reply = try server.call(
        "PATCH", "\(path)/pod-7/status", status, headers: ["Content-Type": "application/merge-patch+json"])
      #expect(reply.code == 200, "\(reply.text)")
      var event = ""
      try await eventually("its node is told") {
        event += watches[7].take()
        return event.contains(#""type":"MODIFIED""#) && event.contains(#""phase":"Running""#)
      }
      let after = cacher.statistics
      #expect(after.eventsDispatched - before.eventsDispatched == 1)
      #expect(after.visits - before.visits == 1)
      #expect(after.deliveries - before.deliveries == 1)
      for (number, watch) in watches.enumerated() where number != 7 {
        heads[number] += watch.take()
        #expect(!heads[number].contains(#""type""#), "node-\(number) was told of what is not its")
      }
    }
  }
}
