import Access
import HTTPServer
import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import APIServer

/// One parser says what a path is about, for whoever asks who may and for whoever serves it.
@Suite struct `Request paths` {
  private static let kinds = [
    ResourceDefinition.test(
      "leases", group: "coordination.k8s.io", isNamespaced: true, subresources: [("status", ["get", "update"])],
      heartbeat: .main),
    ResourceDefinition.test("leases", group: "other.example.org", isNamespaced: true),
    ResourceDefinition.test("namespaces", group: "", subresources: [("status", ["get", "patch", "update"])]),
    ResourceDefinition.test("watchers", group: "other.example.org", version: "v1beta1", verbs: ["get", "list"]),
    ResourceDefinition.test("makers", group: "other.example.org", isNamespaced: true, verbs: ["create"]),
  ]

  private static func asked(
    _ served: ServedAPI, _ path: String, _ method: HTTPMethod = .get, named name: String = "GET"
  ) -> ResourceRequest {
    var path = path
    return path.withUTF8 {
      ResourceRequest(served, method, named: name, path: UnsafeRawBufferPointer($0)) { _ in nil }
    }
  }

  private static func plain(_ served: ServedAPI, _ path: String) -> PlainRead? {
    var path = path
    return path.withUTF8 { PlainRead(served, UnsafeRawBufferPointer($0)) }
  }

  /// A target in few words.
  private static func words(_ request: ResourceRequest) -> String {
    guard case .resource(let endpoint, let form) = request.target else { return "\(request.target)" }
    return "\(endpoint.info.servedName) \(form) [\(request.namespace)] [\(request.name)]"
  }

  @Test func `a path has one meaning`() async throws {
    try await TestServer.with(kinds: Self.kinds) { server in
      let served = server.api.catalog.served
      for (path, meaning) in [
        ("/", "root"), ("/api", "coreVersions"), ("/api/", "coreVersions"), ("/apis", "groups"),
        ("/api/v1", "resources(\"/api/v1\")"), ("/apis/coordination.k8s.io", "group(\"coordination.k8s.io\")"),
        ("/apis/coordination.k8s.io/v1", "resources(\"/apis/coordination.k8s.io/v1\")"),
        ("/apis/coordination.k8s.io/v2", "notFound"), ("/apis/coordination.k8s.io/v2/leases", "notFound"),
        ("/apis/nothing.example", "notFound"), ("/api/v9", "unknownResource"), ("/api/v9/nodes", "unknownResource"),
        ("/api/v1/frobs", "unknownResource"), ("/nothing", "notFound"), ("//api/v1/nodes", "notFound"),
        ("/api/v1/nodes", "/v1/nodes collection [] []"), ("/api/v1//nodes/", "/v1/nodes collection [] []"),
        ("/api/v1/nodes/a", "/v1/nodes item [] [a]"), ("/api/v1/nodes/%61", "/v1/nodes item [] [a]"),
        ("/api/v1/nodes/a/status", "/v1/nodes subresource(1) [] [a]"),
        ("/api/v1/nodes/a%2Fstatus", "/v1/nodes subresource(1) [] [a]"),
        ("/api/v1/nodes/a/proxy", "/v1/nodes subresource(0) [] [a]"),
        ("/api/v1/nodes/a:1/proxy//b/c/", "/v1/nodes subresource(0) [] [a:1]"),
        ("/api/v1/nodes/a/status/b", "unknownResource"), ("/api/v1/nodes/a/nonsense", "unknownResource"),
        ("/api/v1/namespaces/default/nodes", "unknownResource"),
        ("/api/v1/watch/nodes", "/v1/nodes watchCollection [] []"),
        ("/api/v1/watch/nodes/a", "/v1/nodes watchItem [] [a]"), ("/api/v1/watch", "incompleteWatch"),
        ("/api/v1/proxy/nodes/a", "unknownResource"),
        ("/apis/coordination.k8s.io/v1/leases", "coordination.k8s.io/v1/leases everywhere [] []"),
        ("/apis/coordination.k8s.io/v1/leases/l", "unknownResource"),
        (
          "/apis/coordination.k8s.io/v1/namespaces/x/leases", "coordination.k8s.io/v1/leases collection [x] []"
        ),
        ("/apis/coordination.k8s.io/v1/namespaces/x/leases/l", "coordination.k8s.io/v1/leases item [x] [l]"),
        (
          "/apis/coordination.k8s.io/v1/watch/namespaces/x/leases/l",
          "coordination.k8s.io/v1/leases watchItem [x] [l]"
        ),
        ("/api/v1/namespaces", "/v1/namespaces collection [] []"),
        ("/api/v1/namespaces/x", "/v1/namespaces item [] [x]"),
        ("/api/v1/namespaces/x/status", "/v1/namespaces subresource(0) [] [x]"),
        ("/api/v1/namespaces/x/finalize", "unknownResource"), ("/api/v1/namespaces/x/frobs", "unknownResource"),
        ("/apis/other.example.org/v1beta1/watchers", "other.example.org/v1beta1/watchers collection [] []"),
        ("/apis/other.example.org/v1beta1/watch/watchers", "unknownResource"),
        ("/apis/other.example.org/v1/makers", "unknownResource"),
        ("/apis/other.example.org/v1/namespaces/x/makers", "other.example.org/v1/makers collection [x] []"),
        ("/apis/other.example.org/v1/namespaces/x/makers/m", "unknownResource"),
        ("/livez/ping", "health(\"livez\", check: Optional(\"ping\"))"), ("/readyz", "health(\"readyz\", check: nil)"),
        ("/version", "version"), ("/version/x", "unknownResource"), ("/openapi/v2", "swagger"),
        ("/openapi/v2/", "notFound"), ("/openapi/v3", "openAPIIndex"), ("/openapi/v3/", "openAPI(\"\")"),
        ("/openapi/v3/api/v1", "openAPI(\"api/v1\")"), ("/openapi", "notFound"), ("/a%zz", "notFound"),
      ] {
        #expect(Self.words(Self.asked(served, path)) == meaning, "\(path)")
      }
    }
  }

  // MARK: random paths

  private static let vocabulary = [
    "api", "apis", "v1", "v1beta1", "v9", "coordination.k8s.io", "other.example.org", "watch", "proxy", "namespaces",
    "nodes", "leases", "watchers", "makers", "status", "finalize", "a", "a-name-of-more-than-fifteen-bytes", "",
    "K", "ü", "healthz", ".",
  ]
  private static let beginnings = [
    "/api/v1", "/api/v1", "/apis/coordination.k8s.io/v1", "/apis/other.example.org/v1",
    "/apis/other.example.org/v1beta1", "/api/v1/namespaces/x", "/apis/coordination.k8s.io/v1/namespaces/x",
    "/apis/coordination.k8s.io/v1/namespaces/x/leases", "/api/v1/watch", "", "/",
  ]

  private static func path(_ dice: inout Dice) -> String {
    var path = dice.pick(beginnings)
    for _ in 0..<dice.number(below: 6) { path += "/" + dice.pick(vocabulary) }
    return path.isEmpty ? "/" : path
  }

  /// Upstream's rules for a path, said once more and plainly. Several slashes count as one here.
  private static func upstream(_ method: String, _ path: String) -> [String] {
    var parts = path.split(separator: "/").map(String.init)
    let none = ["no resource", method.lowercased(), path]
    guard parts.count >= 3, ["api", "apis"].contains(parts[0]) else { return none }
    let prefix = parts.removeFirst()
    var group = ""
    if prefix == "apis" {
      if parts.count < 3 { return none }
      group = parts.removeFirst()
    }
    let version = parts.removeFirst()
    var verb = ["POST": "create", "GET": "get", "HEAD": "get", "PUT": "update", "PATCH": "patch", "DELETE": "delete"][
      method, default: ""]
    if ["watch", "proxy"].contains(parts[0]) {
      if parts.count < 2 { return ["incomplete"] }
      verb = parts.removeFirst()
    }
    var namespace = ""
    if parts[0] == "namespaces", parts.count > 1 {
      namespace = parts[1]
      if parts.count > 2, !["status", "finalize"].contains(parts[2]) { parts.removeFirst(2) }
    }
    let name = parts.count > 1 ? parts[1] : ""
    let subresource = parts.count > 2 && verb != "proxy" ? parts[2] : ""
    if name.isEmpty, verb == "get" { verb = "list" }
    if name.isEmpty, verb == "delete" { verb = "deletecollection" }
    return [group, version, namespace, parts[0], name, subresource, verb]
  }

  private static func facts(_ info: RequestInfo, _ path: String) -> [String] {
    guard info.isResource else { return ["no resource", info.verb, info.path] }
    if info.resource.isEmpty { return ["incomplete"] }
    return [info.group, info.version, info.namespace, info.resource, info.name, info.subresource, info.verb]
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `who may is asked by upstream's rules`(seed: UInt64) {
    var dice = Dice(seed)
    var resources = 0
    for _ in 0..<Repository.rounds(3_000) {
      let path = Self.path(&dice)
      let method = dice.pick(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FROB"])
      let info = RequestInfo(method: method, path: path) { _ in nil }
      #expect(Self.facts(info, path) == Self.upstream(method, path), "\(method) \(path)")
      if info.isResource { resources += 1 }
    }
    #expect(resources > 500)
  }

  /// Some bytes as percent-escapes.
  private static func escaped(_ path: String, _ dice: inout Dice) -> String {
    var text = ""
    for byte in path.utf8 {
      let mustBe = byte >= 0x80 || byte == UInt8(ascii: "%")
      if mustBe || dice.one(in: 8) {
        let digits = String(byte, radix: 16, uppercase: dice.one(in: 2))
        text += "%" + (digits.utf8.count == 1 ? "0" : "") + digits
      } else {
        text += String(decoding: [byte], as: UTF8.self)
      }
    }
    return text
  }

  @Test(arguments: [1, 2, 3, 4] as [UInt64])
  func `the fast way and the general one mean the same, escaped or not`(seed: UInt64) async throws {
    try await TestServer.with(kinds: Self.kinds) { server in
      let served = server.api.catalog.served
      var dice = Dice(seed)
      var (fast, served404) = (0, 0)
      for _ in 0..<Repository.rounds(3_000) {
        let path = Self.path(&dice)
        let asked = Self.asked(served, path)
        let other = Self.asked(served, Self.escaped(path, &dice))
        #expect(Self.words(asked) == Self.words(other) && asked.info == other.info, "\(path)")
        // Whatever a path's endpoint is, it is the one that is asked about.
        if case .resource(let endpoint, let form) = asked.target {
          let info = asked.info
          #expect(
            info.isResource && info.resource == endpoint.info.plural && info.group == endpoint.info.groupVersion.group
              && info.version == endpoint.info.groupVersion.version, "\(path)")
          if case .subresource(let place) = form {
            #expect(info.subresource == endpoint.subresources[place].name, "\(path)")
          } else {
            #expect(info.subresource.isEmpty, "\(path)")
          }
          #expect(info.name.isEmpty == !form.isItem, "\(path)")
        } else {
          served404 += 1
        }
        guard let read = Self.plain(served, path) else {
          // Nothing that is plain is missed.
          if case .resource(let endpoint, let form) = asked.target, case .stored = endpoint.service {
            #expect(![.item, .collection, .everywhere].contains(form) || !endpoint.allows(.get, form), "\(path)")
          }
          continue
        }
        fast += 1
        guard case .resource(let endpoint, let form) = asked.target else {
          Issue.record("\(path)")
          continue
        }
        #expect(endpoint === read.endpoint && form.isItem != read.isList && endpoint.allows(.get, form), "\(path)")
        #expect(read.namespace == asked.namespace && read.name == asked.name, "\(path)")
        let (a, b) = (read.attributes(of: .unsecured), asked.info.attributes(of: .unsecured))
        #expect(
          [a.verb, a.group, a.version, a.resource, a.subresource, a.name]
            == [b.verb, b.group, b.version, b.resource, b.subresource, b.name], "\(path)")
        // A namespace is asked about within itself.
        #expect(a.namespace == b.namespace, "\(path)")
      }
      #expect(fast > 150 && served404 > 300)
    }
  }

  // MARK: what goes by it

  @Test func `heartbeats are what a definition calls so`() async throws {
    try await TestServer.with(kinds: Self.kinds) { server in
      let served = server.api.catalog.served
      func load(_ method: HTTPMethod, _ name: String, _ path: String) -> InflightLimiter.Load {
        Self.asked(served, path, method, named: name).load
      }
      let lease = "/apis/coordination.k8s.io/v1/namespaces/x/leases/l"
      #expect(load(.put, "PUT", lease) == .mutating(isHeartbeat: true))
      #expect(load(.put, "PUT", lease + "/status") == .mutating(isHeartbeat: false))
      #expect(
        load(.post, "POST", "/apis/coordination.k8s.io/v1/namespaces/x/leases") == .mutating(isHeartbeat: false))
      let other = "/apis/other.example.org/v1/namespaces/x/leases/l"
      #expect(load(.put, "PUT", other) == .mutating(isHeartbeat: false))
      #expect(load(.patch, "PATCH", "/api/v1/nodes/a/status") == .mutating(isHeartbeat: true))
      #expect(load(.patch, "PATCH", "/api/v1/nodes/a") == .mutating(isHeartbeat: false))
      #expect(load(.patch, "PATCH", "/api/v1/namespaces/a/status") == .mutating(isHeartbeat: false))
      #expect(load(.get, "GET", lease) == .readOnly(isList: false))
      #expect(load(.get, "GET", "/api/v1/nodes") == .readOnly(isList: true))
      #expect(load(.get, "GET", "/api/v1/watch/nodes") == .exempt && load(.get, "GET", "/livez") == .exempt)
    }
  }
}

/// What a resource does not do is not done.
@Suite struct `Verbs` {
  private static let kinds = [
    ResourceDefinition.test("readers", group: "verbs.example.org", verbs: ["get", "list"]),
    ResourceDefinition.test("makers", group: "verbs.example.org", isNamespaced: true, verbs: ["create"]),
    ResourceDefinition.test("followers", group: "verbs.example.org", verbs: ["get", "watch"]),
    ResourceDefinition.test(
      "parts", group: "verbs.example.org", isNamespaced: true, verbs: ["get", "list", "create"],
      subresources: [("status", ["get"])]),
  ]

  @Test func `the router obeys them`() async throws {
    let root = "/apis/verbs.example.org/v1"
    let wrong = "the server does not allow this method on the requested resource"
    let unknown = "the server could not find the requested resource"
    let cases: [(String, String, Int, String)] = [
      ("GET", "/readers", 200, ""), ("GET", "/readers/a", 404, #"readers.verbs.example.org "a" not found"#),
      ("POST", "/readers", 405, wrong), ("DELETE", "/readers", 405, wrong), ("PUT", "/readers/a", 405, wrong),
      ("PATCH", "/readers/a", 405, wrong), ("DELETE", "/readers/a", 405, wrong),
      ("GET", "/watch/readers", 404, unknown),
      ("GET", "/readers?watch=1", 405, #"watch is not supported on resources of kind "readers.verbs.example.org""#),
      ("GET", "/readers/a/status", 404, unknown),
      ("POST", "/namespaces/x/makers", 201, ""), ("GET", "/namespaces/x/makers", 405, wrong),
      ("GET", "/makers", 404, unknown), ("POST", "/makers", 404, unknown),
      ("GET", "/namespaces/x/makers/a", 404, unknown), ("DELETE", "/namespaces/x/makers/a", 404, unknown),
      ("GET", "/followers", 404, unknown), ("GET", "/watch/followers?timeoutSeconds=1", 200, ""),
      ("GET", "/followers/a", 404, #"followers.verbs.example.org "a" not found"#),
      ("POST", "/namespaces/x/parts", 201, ""), ("POST", "/parts", 405, wrong), ("GET", "/parts", 200, ""),
      ("GET", "/namespaces/x/parts/a/status", 200, ""), ("PUT", "/namespaces/x/parts/a/status", 405, wrong),
      ("POST", "/namespaces/x/parts/a/status", 405, wrong), ("PATCH", "/namespaces/x/parts/a", 405, wrong),
    ]
    try await TestServer.with(kinds: Self.kinds) { server in
      for (method, path, code, message) in cases {
        let body = method == "GET" || method == "DELETE" ? nil : #"{"metadata":{"name":"a"}}"#
        let answer = try server.call(method, root + path, body)
        #expect(answer.code == code, "\(method) \(path): \(answer.text)")
        if !message.isEmpty { #expect(try answer.json()["message"]?.string == message, "\(method) \(path)") }
      }
    }
  }

  @Test func `categories stand in both forms of discovery`() async throws {
    let kind = ResourceDefinition.test("readers", group: "verbs.example.org", categories: ["all", "test"])
    try await TestServer.with(kinds: [kind]) { server in
      let list = try server.call("GET", "/apis/verbs.example.org/v1").json()
      #expect(list["resources"]?.array?.first?["categories"] == ["all", "test"])
      let accept = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
      let all = try server.call("GET", "/apis", headers: ["Accept": accept]).json()
      let group = all["items"]?.array?.first { $0["metadata"]?["name"]?.string == "verbs.example.org" }
      let resource = group?["versions"]?.array?.first?["resources"]?.array?.first
      #expect(resource?["categories"] == ["all", "test"])
    }
  }
}
