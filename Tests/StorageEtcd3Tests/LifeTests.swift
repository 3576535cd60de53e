import ByteBuffers
import CurlHTTP
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `The end of an etcd storage` {
  @Test func `destroying leaves no connection, with calls and watches under way`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    for round in 0..<6 {
      let (storage, destroy) = try await Etcd3Storage.make(config)
      let watches = [
        try await storage.watch(prefix: "/registry/a", after: nil),
        try await storage.watch(prefix: "/registry/b", after: nil),
      ]
      await withTaskGroup(of: Void.self) { group in
        for index in 0..<100 {
          group.addTask {
            _ = try? await storage.create(key: "/registry/\(round)/\(index)", value: SharedBytes("x"), ttl: nil)
          }
        }
        group.addTask { await destroy() }
        group.addTask { await destroy() }
      }
      for watch in watches {
        await #expect(throws: StorageError.shutDown) {
          while true { _ = try await watch.nextBatch() }
        }
      }
      await #expect(throws: StorageError.shutDown) { try await storage.currentRevision() }
      await #expect(throws: StorageError.shutDown) { try await storage.watch(prefix: "/", after: nil) }
      await destroy()
    }
    #expect(ProcessState.connectionCount(to: server.clientPort) == 0)
    #expect(server.isRunning)
  }

  @Test func `readiness and liveness each wait as long as they may`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    config.readycheckTimeout = .milliseconds(50)
    config.healthcheckTimeout = .seconds(600)
    let (storage, destroy) = try await Etcd3Storage.make(config)
    try await storage.readinessCheck()
    server.pause()
    async let alive: Void = storage.livenessCheck()
    var reason: (any Error)?
    do { try await storage.readinessCheck() } catch { reason = error }
    guard case StorageError.unreachable? = reason else {
      Issue.record("ready, or refused: \(String(describing: reason))")
      return
    }
    server.resume()
    try await alive
    await destroy()
  }

  @Test func `a client that is shut down has ended its thread`() async throws {
    for round in 0..<20 {
      var options = HTTPClient.Configuration()
      options.threadName = "curl-\(round % 10)-leak"
      let client = try HTTPClient(options)
      let port = try Ports.free()
      await #expect(throws: HTTPFailure.self) {
        try await client.request(
          HTTPRequest(.get, "http://127.0.0.1:\(port)/", timeout: .seconds(1), isReplayable: true))
      }
      await client.shutDown()
      await client.shutDown()
      #expect(ProcessState.threadCount(named: options.threadName) == 0)
      await #expect(throws: HTTPFailure.self) {
        try await client.request(
          HTTPRequest(.get, "http://127.0.0.1:\(port)/", timeout: .seconds(1), isReplayable: true))
      }
    }
  }
}
