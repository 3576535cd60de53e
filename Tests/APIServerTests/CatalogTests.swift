import Dispatch
import JSON
import Machinery
import Metrics
import Registry
import Storage
import Synchronization
import TestSupport
import Testing

@testable import APIServer

@Suite struct `The catalog` {
  private static let widgets = ResourceDefinition.test("widgets", group: "things.example.org")
  private static let gadgets = ResourceDefinition.test("gadgets", group: "things.example.org", isNamespaced: true)
  private static let parcels = ResourceDefinition.test("parcels", group: "post.example.org")
  private static let gadget = "/apis/things.example.org/v1/namespaces/x/gadgets/g"
  private static let parcel = "/apis/post.example.org/v1/parcels/p"
  private static let gone = "the server could not find the requested resource"

  /// Serves a kind for as long as it is wanted.
  private static func serve(
    _ kind: ResourceDefinition, _ server: TestServer, retired: @escaping @Sendable () -> Void = {}
  ) async throws -> ServedResource {
    let (store, destroy) = try await server.store(kind)
    return ServedResource(store) {
      await destroy()
      retired()
    }
  }

  @Test func `what comes is served at once, and what goes ends its watches and is destroyed`() async throws {
    try await TestServer.with { server in
      let retired = Counter()
      let nodes = try WatchReader(server, "/api/v1/nodes?watch=true")
      defer { nodes.close() }
      #expect(try server.call("GET", Self.parcel).text == "404 page not found\n")
      let parcels = try await Self.serve(Self.parcels, server) { retired.add() }
      try await server.api.catalog.update { $0 + [parcels] }
      #expect(try server.call("POST", "/apis/post.example.org/v1/parcels", #"{"metadata":{"name":"p"}}"#).code == 201)
      #expect(try server.call("GET", Self.parcel).code == 200)
      #expect(try server.call("GET", "/openapi/v3/apis/post.example.org/v1").code == 200)
      let watch = try WatchReader(server, "/apis/post.example.org/v1/parcels?watch=true")
      #expect(try watch.nextEvent()?["type"]?.string == "ADDED")
      #expect(try server.call("GET", "/metrics").text.contains(#"resource="parcels""#))

      try await server.api.catalog.update { $0.filter { $0.store.info.plural != "parcels" } }
      #expect(try server.call("GET", Self.parcel).text == "404 page not found\n")
      #expect(try server.call("GET", "/openapi/v3/apis/post.example.org/v1").code == 404)
      #expect(try watch.next() == nil)
      await server.api.catalog.settle()
      #expect(retired.value == 1)
      #expect(try !server.call("GET", "/metrics").text.contains(#"resource="parcels""#))
      // Watches of what stays go on.
      try server.createNode("after")
      #expect(try nodes.nextEvent()?["object"]?["metadata"]?["name"]?.string == "after")
    }
  }

  @Test func `two of one name are refused, and nothing changes`() async throws {
    try await TestServer.with(kinds: [Self.widgets]) { server in
      let again = try await Self.serve(Self.widgets, server)
      let before = server.api.catalog.served
      await #expect(throws: DuplicateResource.self) { try await server.api.catalog.update { $0 + [again] } }
      #expect(server.api.catalog.served === before)
      await again.retired?()
    }
  }

  @Test func `a resource that is replaced counts on, and one with other parts begins anew`() async throws {
    try await TestServer.with { server in
      func gets() throws -> Bool {
        let labels = #"verb="GET",dry_run="",group="post.example.org",version="v1",resource="parcels",subresource="""#
        return try server.call("GET", "/metrics").text.contains("apiserver_request_total{\(labels)")
      }
      let first = try await Self.serve(Self.parcels, server)
      try await server.api.catalog.update { $0 + [first] }
      #expect(try server.call("GET", Self.parcel).code == 404)
      #expect(try gets())
      let second = try await Self.serve(Self.parcels, server)
      try await server.api.catalog.update { $0.filter { $0.store !== first.store } + [second] }
      #expect(try gets())
      let kind = ResourceDefinition.test("parcels", group: "post.example.org", subresources: [("status", ["get"])])
      let third = try await Self.serve(kind, server)
      try await server.api.catalog.update { $0.filter { $0.store !== second.store } + [third] }
      #expect(try !gets())
      #expect(try server.call("GET", Self.parcel + "/status").code == 404)
      #expect(try gets() == false)
      try await server.api.catalog.update { $0.filter { $0.store !== third.store } }
      await server.api.catalog.settle()
    }
  }

  // MARK: under load

  /// Clients at work, each on a thread of its own, until they are told to stop.
  private final class Load: Sendable {
    let server: TestServer
    private let stopping = Atomic<Bool>(false)
    let answers = Mutex<[String: Int]>([:])
    /// Discovery as it was seen, by its tag.
    let documents = Mutex<[String: String]>([:])
    init(_ server: TestServer) { self.server = server }

    func stop() { stopping.store(true, ordering: .relaxed) }
    var isOver: Bool { stopping.load(ordering: .relaxed) }
    func count(_ what: String) { answers.withLock { $0[what, default: 0] += 1 } }

    /// Asks again and again over one connection.
    func ask(
      _ what: String, _ method: String, _ path: String, body: String? = nil, accept: String = "application/json",
      check: (TestServer.Reply) throws -> Bool
    ) throws {
      let connection = try RawConnection(port: server.port)
      defer { connection.close() }
      while !isOver {
        try connection.send(method, path, body, headers: ["Accept": accept])
        let reply = try connection.reply()
        #expect(try check(reply), "\(what) \(method) \(path): \(reply.code) \(reply.text.prefix(300))")
        count("\(what) \(reply.code)")
      }
    }

    /// Is that one whole state? Gadgets and parcels come and go together.
    func isWhole(_ reply: TestServer.Reply) throws -> Bool {
      let groups = try reply.json()["items"]?.array ?? []
      func plurals(_ group: String) -> [String]? {
        groups.first { $0["metadata"]?["name"]?.string == group }?["versions"]?.array?.first?["resources"]?.array?
          .compactMap { $0["resource"]?.string }
      }
      let things = plurals("things.example.org")
      let isFull = things == ["gadgets", "widgets"] && plurals("post.example.org") == ["parcels"]
      let isEmpty = things == ["widgets"] && plurals("post.example.org") == nil
      // The tag tells the two apart.
      let tag = reply.header("Etag") ?? ""
      let isSame = documents.withLock { known in
        let text = known[tag] ?? reply.text
        known[tag] = text
        return text == reply.text && known.count <= 2
      }
      return reply.code == 200 && (isFull || isEmpty) && isSame && !tag.isEmpty
    }

    /// Watches again and again; each watch ends by itself.
    func watch(_ path: String) throws {
      while !isOver {
        let connection = try RawConnection(port: server.port)
        defer { connection.close() }
        try connection.send("GET", path)
        let head = try connection.head()
        #expect(head.code == 200 || head.code == 404)
        count("watch \(head.code)")
        guard head.code == 200 else { continue }
        while let part = try connection.chunk() {
          let text = String(decoding: part, as: UTF8.self)
          #expect(!text.contains(#""type":"ERROR""#), "\(text)")
        }
        count("watch ended")
      }
    }
  }

  private static func isThere(_ reply: TestServer.Reply) -> Bool { reply.code == 200 }
  private static func isThereOrUnknown(_ reply: TestServer.Reply) throws -> Bool {
    try reply.code == 200 || reply.code == 404 && reply.json()["message"]?.string == gone
  }
  private static func isThereOrNowhere(_ reply: TestServer.Reply) -> Bool {
    reply.code == 200 || reply.code == 404 && reply.text == "404 page not found\n"
  }

  @Test(.timeLimit(.minutes(4)))
  func `a thousand swaps under load give nobody a wrong answer`() async throws {
    try await TestServer.with(kinds: [Self.widgets]) { server in
      let catalog = server.api.catalog
      let retired = Counter()
      func both() async throws -> [ServedResource] {
        let hook: @Sendable () -> Void = { retired.add() }
        return [
          try await Self.serve(Self.gadgets, server, retired: hook),
          try await Self.serve(Self.parcels, server, retired: hook),
        ]
      }
      func leave() async throws {
        try await catalog.update { $0.filter { !["gadgets", "parcels"].contains($0.store.info.plural) } }
      }
      try server.createNode("a")
      let widgets = "/apis/things.example.org/v1/widgets"
      #expect(try server.call("POST", widgets, #"{"metadata":{"name":"w"}}"#).code == 201)
      let first = try await both()
      try await catalog.update { $0 + first }
      let body = #"{"metadata":{"name":"g"}}"#
      #expect(
        try server.call("POST", "/apis/things.example.org/v1/namespaces/x/gadgets", body).code == 201)
      #expect(try server.call("POST", "/apis/post.example.org/v1/parcels", #"{"metadata":{"name":"p"}}"#).code == 201)
      try await leave()

      let load = Load(server)
      let steady = try WatchReader(server, "/api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dlast")
      let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
      let clients: [@Sendable () throws -> Void] = [
        { try load.ask("get", "GET", "/api/v1/nodes/a", check: Self.isThere) },
        { try load.ask("list", "GET", widgets, check: Self.isThere) },
        { try load.ask("put", "PUT", widgets + "/w", body: #"{"metadata":{"name":"w"}}"#, check: Self.isThere) },
        { try load.ask("get gadget", "GET", Self.gadget, check: Self.isThereOrUnknown) },
        { try load.ask("list gadgets", "GET", "/apis/things.example.org/v1/gadgets", check: Self.isThereOrUnknown) },
        { try load.ask("put gadget", "PUT", Self.gadget, body: body, check: Self.isThereOrUnknown) },
        { try load.ask("get parcel", "GET", Self.parcel, check: Self.isThereOrNowhere) },
        { try load.watch("/apis/things.example.org/v1/namespaces/x/gadgets?watch=true") },
        {
          try load.ask("discovery", "GET", "/apis", accept: aggregated, check: load.isWhole)
        },
      ]
      try await withThrowingTaskGroup(of: Void.self) { group in
        defer { load.stop() }
        for client in clients { group.addTask(executorPreference: BlockingThread()) { try client() } }
        // On connections of both reactors: what is said to be served is, and what is said to be gone is.
        let probes = try (0..<4).map { _ in try RawConnection(port: server.port) }
        defer { for probe in probes { probe.close() } }
        func expect(_ code: Int) throws {
          for probe in probes {
            try probe.send("GET", Self.gadget)
            let reply = try probe.reply()
            #expect(reply.code == code, "\(reply.text)")
          }
        }
        for _ in 0..<500 {
          let made = try await both()
          try await catalog.update { $0 + made }
          try expect(200)
          try await leave()
          try expect(404)
        }
        load.stop()
        try await group.waitForAll()
      }
      try server.createNode("last")
      #expect(try steady.nextEvent()?["object"]?["metadata"]?["name"]?.string == "last")
      steady.close()
      await catalog.settle()
      #expect(retired.value == 1_002)
      let answers = load.answers.withLock { $0 }
      for what in [
        "get 200", "list 200", "put 200", "get gadget 200", "get gadget 404", "list gadgets 200", "list gadgets 404",
        "put gadget 200", "put gadget 404", "get parcel 200", "get parcel 404", "watch 200", "watch 404", "watch ended",
        "discovery 200",
      ] { #expect(answers[what] ?? 0 > 0, "\(what): \(answers)") }
      #expect(load.documents.withLock { $0.count } == 2)
    }
  }
}
