import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import APIServer
@testable import Resources

/// The way to what pods, services and nodes serve, as far as it can be told without going it.
@Suite struct `Proxies` {
  private static let names = ["namespaces", "pods", "services", "endpoints", "ipaddresses", "servicecidrs"]

  private static func serve(_ body: @Sendable (TestServer) async throws -> Void) async throws {
    let settings = BuiltInResources.Settings()
    let kinds = BuiltInResources.all(settings).filter { names.contains($0.groupResource.resource) }
    try await TestServer.with(kinds: kinds, services: settings.services, body)
  }

  private static func pod(_ name: String) -> String {
    #"{"metadata":{"name":"\#(name)"},"spec":{"containers":[{"name":"a","image":"a","ports":[{"containerPort":80}]}]}}"#
  }

  private static func create(_ server: TestServer, _ path: String, _ body: String) throws {
    let reply = try server.call("POST", path, body)
    #expect(reply.code == 201, "\(path): \(reply.text)")
  }

  private static func expect(
    _ server: TestServer, _ path: String, _ code: Int, _ message: String, method: String = "GET"
  ) throws {
    let reply = try server.call(method, path)
    let told = try reply.json()["message"]
    #expect(reply.code == code && told == .string(message), "\(path): \(reply.text)")
  }

  private static func running(_ server: TestServer, _ name: String, at address: String) throws {
    try create(server, "/api/v1/namespaces/default/pods", pod(name))
    let status = #"{"status":{"podIP":"\#(address)","podIPs":[{"ip":"\#(address)"}]}}"#
    let reply = try server.call(
      "PATCH", "/api/v1/namespaces/default/pods/\(name)/status", status,
      headers: ["Content-Type": "application/merge-patch+json"])
    #expect(reply.code == 200, "\(reply.text)")
  }

  private static let notReached = "error trying to reach service: connections to pods and nodes are not made yet"

  @Test func `a pod is reached by name, port and scheme, where its address is one of a host`() async throws {
    try await Self.serve { server in
      let pods = "/api/v1/namespaces/default/pods"
      try Self.running(server, "a", at: "10.1.2.3")
      try Self.running(server, "local", at: "127.0.0.1")
      for name in ["a", "a:80", "https:a:443", ":a:", "a:"] {
        try Self.expect(server, "\(pods)/\(name)/proxy/", 503, Self.notReached)
        try Self.expect(server, "\(pods)/\(name)/proxy/x/y", 503, Self.notReached, method: "PATCH")
      }
      for name in ["ftp:a:80", "a:b:c:d", ":80"] {
        try Self.expect(server, "\(pods)/\(name)/proxy/", 400, "invalid pod request \"\(name)\"")
      }
      try Self.expect(server, "\(pods)/local/proxy/", 400, "address not allowed")
      try Self.expect(server, "\(pods)/b/proxy/", 404, #"pods "b" not found"#)
      try Self.expect(server, "\(pods)/a/proxy/?dryRun=All", 400, "dryRun is not supported")
      try Self.expect(server, "\(pods)/a/exec?dryRun=All", 400, "dryRun is not supported")
      #expect(try server.call("OPTIONS", "\(pods)/a/proxy").code == 503)
      #expect(try server.call("PUT", "\(pods)/a/exec").code == 405)
      #expect(try server.call("GET", "\(pods)/a/exec/more").code == 404)
    }
  }

  @Test func `who looks at the root of another server is sent to a path with a slash at its end`() async throws {
    try await Self.serve { server in
      try Self.running(server, "a", at: "fd00::1")
      let path = "/api/v1/namespaces/default/pods/a:80/proxy"
      for (method, query, place) in [("GET", "", "/"), ("HEAD", "?a=b%20c&d", "/?a=b%20c&d"), ("GET", "?", "/")] {
        let reply = try server.call(method, path + query)
        #expect(reply.code == 301 && reply.body.isEmpty)
        #expect(reply.header("Location") == path + place)
      }
      try Self.expect(server, path, 503, Self.notReached, method: "POST")
      try Self.expect(server, path + "/proxy", 503, Self.notReached)
    }
  }

  @Test func `a service leads to endpoints that are pods of its namespace`() async throws {
    try await Self.serve { server in
      let services = "/api/v1/namespaces/default/services"
      let headless = #""spec":{"clusterIP":"None","ports":[{"name":"web","port":80},{"name":"more","port":81}]}"#
      try Self.create(server, services, #"{"metadata":{"name":"a"},\#(headless)}"#)
      try Self.expect(server, "\(services)/a/proxy/", 404, #"services "a" not found"#)
      try Self.expect(server, "\(services)/a:82/proxy/", 503, #"no service port 82 found for service "a""#)
      try Self.expect(server, "\(services)/b:82/proxy/", 404, #"services "b" not found"#)
      try Self.expect(server, "\(services)/a:b:c:d/proxy", 400, #"invalid service request "a:b:c:d""#)
      try Self.running(server, "p", at: "10.1.2.3")
      let endpoints = "/api/v1/namespaces/default/endpoints"
      try Self.create(server, endpoints, #"{"metadata":{"name":"a"}}"#)
      try Self.expect(server, "\(services)/a:web/proxy/", 503, #"no endpoints available for service "a""#)
      func reaching(_ address: String, _ target: String) throws {
        let subsets =
          #"[{"addresses":[{"ip":"\#(address)"\#(target)}],"ports":[{"name":"web","port":8080},{"name":"x","port":9}]}]"#
        let reply = try server.call(
          "PUT", "\(endpoints)/a", #"{"metadata":{"name":"a"},"subsets":\#(subsets)}"#)
        #expect(reply.code == 200, "\(reply.text)")
      }
      let pod = #","targetRef":{"kind":"Pod","namespace":"default","name":"p"}"#
      for (address, target) in [
        ("10.1.2.3", ""), ("10.9.9.9", pod), ("10.1.2.3", pod.replacing("default", with: "other")),
        ("10.1.2.3", pod.replacing(#""p""#, with: #""q""#)),
      ] {
        try reaching(address, target)
        try Self.expect(server, "\(services)/a:web/proxy/", 503, #"no endpoints available for service "a:web""#)
      }
      try reaching("10.1.2.3", pod)
      try Self.expect(server, "\(services)/a:web/proxy/", 503, Self.notReached)
      try Self.expect(server, "\(services)/https:a:80/proxy/x", 503, Self.notReached)
      // A service has this port, and nobody serves it; ports that have names are no others.
      try Self.expect(server, "\(services)/a:81/proxy/", 503, #"no endpoints available for service "a:81""#)
      try Self.expect(server, "\(services)/a/proxy/", 503, #"no endpoints available for service "a""#)
    }
  }

  @Test func `a node is reached by the first of its addresses that is preferred`() async throws {
    try await Self.serve { server in
      func node(_ name: String, _ addresses: String) throws {
        try Self.create(
          server, "/api/v1/nodes", #"{"metadata":{"name":"\#(name)"},"status":{"addresses":[\#(addresses)]}}"#)
      }
      try node("none", "")
      try node("odd", #"{"type":"Other","address":"1.2.3.4"},{"type":"B","address":"c"}"#)
      try node("local", #"{"type":"ExternalIP","address":"1.2.3.4"},{"type":"InternalIP","address":"169.254.1.1"}"#)
      try node("good", #"{"type":"InternalIP","address":"10.0.0.1"}"#)
      let known = "no preferred addresses found; known addresses: "
      try Self.expect(server, "/api/v1/nodes/none/proxy/", 500, known + "[]")
      try Self.expect(server, "/api/v1/nodes/odd:10250/proxy/metrics", 500, known + "[{Other 1.2.3.4} {B c}]")
      try Self.expect(server, "/api/v1/nodes/local/proxy/", 400, "address not allowed")
      try Self.expect(server, "/api/v1/nodes/good/proxy/a/b/c", 503, Self.notReached)
      try Self.expect(server, "/api/v1/nodes/missing/proxy/", 404, #"nodes "missing" not found"#)
      try Self.expect(server, "/api/v1/nodes/x:good:1/proxy/", 400, #"invalid node request "x:good:1""#)
    }
  }
}
