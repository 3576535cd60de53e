import Admission
import ByteBuffers
import Cacher
import Capacity
import Controllers
import CustomServing
import Dispatch
import Foundation
import HTTPServer
import JSON
import Logging
import Machinery
import Registry
import Storage
import StorageSQLite
import TestSupport
import Testing

@testable import APIServer
@testable import Resources

/// The whole house in one process: SQLite in a folder of its own, a Cacher, a store of nodes, the API and an HTTP
/// server on a free port.
final class TestServer: Sendable {
  let api: APIServer
  let http: HTTPServer
  let port: Int
  private let folder: String
  private let config: StorageBackend.Config
  private let raw: any Storage
  private let destroy: [DestroyFunc]
  /// Follows what clients define.
  private let following: Task<Void, Never>?

  /// Runs `body` on a thread of its own, because its client blocks and the threads that Swift shares are few.
  static func with(
    cors: [String] = [], budget: MemoryBudget? = nil, plainDoor: PlainDoor = PlainDoor(),
    kinds: [ResourceDefinition] = [], services: ServiceAllocation? = nil,
    _ body: @Sendable (TestServer) async throws -> Void
  ) async throws {
    let server = try await TestServer(
      cors: cors, budget: budget, plainDoor: plainDoor, kinds: kinds, services: services)
    let thread = BlockingThread()
    do {
      try await withTaskExecutorPreference(thread) { try await body(server) }
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  /// `kinds`: what is served besides nodes. `services`: who gives out what services hold, where they are among them.
  private init(
    cors: [String], budget: MemoryBudget?, plainDoor: PlainDoor, kinds: [ResourceDefinition],
    services: ServiceAllocation?
  ) async throws {
    folder = NSTemporaryDirectory() + "apiserver-test-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    var config = StorageBackend.Config()
    config.type = StorageBackend.typeSQLite
    config.sqlitePath = folder + "/test.db"
    let (raw, destroyRaw) = try await SQLiteStorage.make(config)
    self.config = config
    self.raw = raw
    var stores: [Store] = []
    var destroy: [DestroyFunc] = []
    for definition in [.nodes] + kinds {
      let (stored, destroyCache) = try await Self.stored(definition, config, raw)
      stores += stored.stores
      destroy.append(destroyCache)
    }
    if !kinds.isEmpty {
      let components = [Component("etcd-0") { .well("ok") }, Component("scheduler") { .unwell("nobody is there") }]
      stores += BuiltInResources.computed(components).flatMap { $0.stores(besides: raw, encodings: EncodingCache()) }
    }
    var configuration = APIServer.Configuration(stores: stores)
    configuration.healthChecks = [
      HealthCheck(name: "log", live: {}) {},
      HealthCheck(name: "etcd", live: { try await raw.livenessCheck() }) { try await raw.readinessCheck() },
    ]
    if let namespaces = stores.first(where: { $0.info.groupResource == NamespaceLifecycle.namespaces }) {
      let found = stores
      configuration.admission = BuiltInPlugins.chain(
        BuiltInPlugins.names, .init(store: { name in found.first { $0.info.groupResource == name } }))
      let client = SystemClient.server(SystemClient.Surroundings(admission: configuration.admission, audit: nil))
      let hook = SystemNamespaces(namespaces, client)
      for name in SystemNamespaces.names { _ = try await hook.sync(ObjectName(name)) }
    }
    if let services {
      let served = stores
      services.connect(
        { name in served.first { $0.info.groupResource == name } }, raw, prefix: config.prefix, form: .json)
      try await services.makeDefaults(securePort: 6443)
    }
    configuration.reactors = 2
    configuration.plainDoor = plainDoor
    if !cors.isEmpty { configuration.cors = try CORS(allowedOrigins: cors) }
    if let budget { configuration.budget = budget }
    api = APIServer(configuration)
    var serverConfiguration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
    serverConfiguration.reactors = 2
    http = try HTTPServer(configuration: serverConfiguration, handler: api)
    try http.start()
    port = http.ports[0]
    let definitions = GroupResource(group: "apiextensions.k8s.io", resource: "customresourcedefinitions")
    if let store = stores.first(where: { $0.info.groupResource == definitions }) {
      let client = SystemClient.server(SystemClient.Surroundings(admission: configuration.admission, audit: nil))
      let serving = CustomServing(store, client, services: nil) { [config] definition in
        let (stored, destroy) = try await Self.stored(definition, config, raw)
        return CustomStorage(stored, destroy: destroy)
      }
      serving.connect(api.catalog)
      following = Task { await serving.run(Logger(label: "test")) }
      destroy.append { await serving.destroy() }
    } else {
      following = nil
    }
    self.destroy = destroy + [destroyRaw]
  }

  private static func stored(
    _ definition: ResourceDefinition, _ config: StorageBackend.Config, _ raw: any Storage
  ) async throws -> (ResourceStorage, DestroyFunc) {
    let codec = ResourceCodec(definition)
    let parameters = StorageDecorator.Parameters(definition, config: config, codec: codec)
    let (objects, destroyCache) = await StorageDecorator.storageWithCacher(parameters, over: raw)
    try await (objects as? Cacher)?.waitUntilReady()
    return (
      ResourceStorage(definition, objects: objects, codec: codec, prefix: parameters.keyPrefix), destroyCache
    )
  }

  /// A store that is not served yet, over the same storage. Whoever asks destroys it.
  func store(_ kind: ResourceDefinition) async throws -> (Store, DestroyFunc) {
    let (stored, destroy) = try await Self.stored(kind, config, raw)
    return (Store(stored), destroy)
  }

  /// What answers for nodes.
  var nodes: ResourceEndpoint? { api.catalog.served.stored(GroupVersion(version: "v1"), "nodes") }

  private func stop() async {
    api.beginShutdown()
    following?.cancel()
    await following?.value
    await http.drain(deadline: .seconds(5))
    for function in destroy { await function() }
    try? FileManager.default.removeItem(atPath: folder)
  }

  /// A connection without TCP: the server has one end of a pair of sockets; the other is the caller's, to be closed.
  func connect() throws -> Int32 {
    var ends: [Int32] = [-1, -1]
    guard socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0, &ends) == 0 else {
      throw SystemFailure(call: "socketpair", code: errno)
    }
    do {
      try http.serve(connected: ends[1], peer: "127.0.0.1")
    } catch {
      for end in ends { close(end) }
      throw error
    }
    return ends[0]
  }

  struct Reply {
    let code: Int
    let headers: [(name: String, value: String)]
    let body: [UInt8]
    var text: String { String(decoding: body, as: UTF8.self) }
    func json() throws -> JSONValue { try JSONValue(parsing: text) }
    func header(_ name: String) -> String? { headers.first { $0.name.lowercased() == name.lowercased() }?.value }
  }

  /// One request on a connection of its own; the body read to its end.
  func call(_ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]) throws -> Reply {
    try call(method, path, bytes: body.map { Array($0.utf8) }, headers: headers)
  }

  /// The same with a body that is no text.
  func call(_ method: String, _ path: String, bytes body: [UInt8]?, headers: [String: String] = [:]) throws -> Reply {
    let connection = try RawConnection(port: port)
    defer { connection.close() }
    try connection.send(method, path, bytes: body, headers: headers)
    return try connection.reply()
  }

  @discardableResult
  func createNode(_ name: String, labels: [String: String] = [:]) throws -> Reply {
    let pairs = labels.map { "\"\($0.key)\":\"\($0.value)\"" }.joined(separator: ",")
    let reply = try call("POST", "/api/v1/nodes", #"{"metadata":{"name":"\#(name)","labels":{\#(pairs)}}}"#)
    #expect(reply.code == 201, "\(reply.text)")
    return reply
  }
}

/// A thread that tasks may block.
final class BlockingThread: TaskExecutor {
  private let jobs = DispatchQueue(label: "blocking test client")
  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    jobs.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

/// A blocking client that hides nothing: tests see bytes as they come.
final class RawConnection {
  private let descriptor: Int32
  private var buffer: [UInt8] = []
  struct Closed: Error {}

  init(port: Int) throws {
    descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = in_port_t(port).bigEndian
    address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    let result = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard result == 0 else { throw Closed() }
    // A test that waits for what never comes fails instead of hanging.
    var limit = timeval(tv_sec: 20, tv_usec: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
  }

  func close() { Glibc.close(descriptor) }
  /// Nothing more is sent; what comes is still read.
  func endHalf() { shutdown(descriptor, Int32(SHUT_WR)) }

  func send(_ method: String, _ path: String, _ body: String? = nil, headers: [String: String] = [:]) throws {
    try send(method, path, bytes: body.map { Array($0.utf8) }, headers: headers)
  }

  func send(_ method: String, _ path: String, bytes body: [UInt8]?, headers: [String: String] = [:]) throws {
    var text = "\(method) \(path) HTTP/1.1\r\n"
    if headers["Host"] == nil { text += "Host: localhost\r\n" }
    for (name, value) in headers { text += "\(name): \(value)\r\n" }
    if let body {
      if !headers.keys.contains("Content-Type") { text += "Content-Type: application/json\r\n" }
      text += "Content-Length: \(body.count)\r\n"
    }
    let bytes = Array((text + "\r\n").utf8) + (body ?? [])
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
      }
      guard count > 0 else { throw Closed() }
      sent += count
    }
  }

  private func fill() throws {
    var room = [UInt8](repeating: 0, count: 65_536)
    let count = recv(descriptor, &room, room.count, 0)
    guard count > 0 else { throw Closed() }
    buffer += room.prefix(count)
  }

  private func line() throws -> String {
    while true {
      if let end = buffer.firstIndex(of: 0x0A) {
        let line = buffer[..<end]
        buffer = Array(buffer[(end + 1)...])
        return String(decoding: line.last == 0x0D ? line.dropLast() : line, as: UTF8.self)
      }
      try fill()
    }
  }

  func take(_ count: Int) throws -> [UInt8] {
    while buffer.count < count { try fill() }
    defer { buffer = Array(buffer[count...]) }
    return Array(buffer[..<count])
  }

  func send(bytes: [UInt8]) throws {
    guard
      bytes.withUnsafeBytes({ Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }) == bytes.count
    else {
      throw Closed()
    }
  }

  /// Status and headers.
  func head() throws -> (code: Int, headers: [(name: String, value: String)]) {
    let first = try line()
    var headers: [(name: String, value: String)] = []
    while true {
      let next = try line()
      if next.isEmpty { break }
      let name = next.prefix { $0 != ":" }
      headers.append((String(name), String(next.dropFirst(name.count + 1).drop { $0 == " " })))
    }
    return (Int(first.split(separator: " ")[1]) ?? 0, headers)
  }

  /// The next chunk of a streamed body; nil at its clean end.
  func chunk() throws -> [UInt8]? {
    let size = Int(try line(), radix: 16) ?? 0
    let bytes = try take(size)
    _ = try line()
    return size == 0 ? nil : bytes
  }

  /// A whole answer.
  func reply() throws -> TestServer.Reply {
    let (code, headers) = try head()
    if headers.contains(where: { $0.name.lowercased() == "transfer-encoding" }) {
      var body: [UInt8] = []
      while let part = try chunk() { body += part }
      return TestServer.Reply(code: code, headers: headers, body: body)
    }
    let length = headers.first { $0.name.lowercased() == "content-length" }.flatMap { Int($0.value) } ?? 0
    return TestServer.Reply(code: code, headers: headers, body: try take(length))
  }
}

/// Reads the lines of a watch.
final class WatchReader {
  private let connection: RawConnection
  private var pending: [UInt8] = []
  let headers: [(name: String, value: String)]

  init(_ server: TestServer, _ path: String, headers: [String: String] = [:]) throws {
    connection = try RawConnection(port: server.port)
    try connection.send("GET", path, headers: headers)
    let head = try connection.head()
    #expect(head.code == 200)
    self.headers = head.headers
  }

  /// The next line, without its newline; nil at the clean end of the body.
  func next() throws -> String? {
    while true {
      if let end = pending.firstIndex(of: 0x0A) {
        defer { pending = Array(pending[(end + 1)...]) }
        return String(decoding: pending[..<end], as: UTF8.self)
      }
      guard let more = try connection.chunk() else {
        connection.close()
        return nil
      }
      pending += more
    }
  }

  func nextEvent() throws -> JSONValue? { try next().map { try JSONValue(parsing: $0) } }
  func close() { connection.close() }
}
