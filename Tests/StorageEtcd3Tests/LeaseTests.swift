import ByteBuffers
import Foundation
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `Leases of keys with a time to live` {
  private func call(_ server: EtcdServer, _ path: String, _ body: String) async throws -> [String: Any] {
    let answer = try #require(
      await HTTPProbe.answer("POST", port: server.clientPort, path: path, body: body, timeoutSeconds: 5))
    return try JSONSerialization.jsonObject(with: Data(answer.body.utf8)) as? [String: Any] ?? [:]
  }
  private func leases(_ server: EtcdServer) async throws -> Set<String> {
    let list = try await call(server, "/v3/lease/leases", "{}")["leases"] as? [[String: Any]] ?? []
    return Set(list.compactMap { $0["ID"] as? String })
  }
  private func granted(_ server: EtcdServer, _ id: Int64) async throws -> (ttl: Int, keys: Int) {
    let answer = try await call(server, "/v3/lease/timetolive", "{\"ID\":\"\(id)\",\"keys\":true}")
    return (Int(answer["grantedTTL"] as? String ?? "") ?? 0, (answer["keys"] as? [Any])?.count ?? 0)
  }

  @Test(arguments: EtcdServer.Version.allCases)
  func `a thousand keys share a lease, and a key too many begins another`(_ version: EtcdServer.Version) async throws {
    let server = try await EtcdServer.start(version)
    try await withEtcd3([server.url]) { storage in
      let keys = 1_100
      let made = try await withThrowingTaskGroup(of: Int64.self) { group in
        // All at once at the start: they must not each ask for a lease.
        for n in 0..<keys {
          group.addTask {
            try await storage.create(
              key: "/registry/events/default/e\(n)", value: SharedBytes("x"), ttl: .seconds(3_600)
            ).lease
          }
        }
        var all: [Int64: Int] = [:]
        for try await lease in group { all[lease, default: 0] += 1 }
        return all
      }
      #expect(made.values.sorted() == [100, 1_000] && made[0] == nil)
      #expect(try await leases(server).count == 2)
      for (lease, count) in made {
        let facts = try await granted(server, lease)
        // The time and a window of 60 s, which is less than 5 percent of an hour.
        #expect(facts.ttl == 3_660 && facts.keys == count)
      }
    }
  }

  @Test func `a lease serves only times to live that fit its window`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    try await withEtcd3([server.url]) { storage in
      func lease(_ ttl: Duration) async throws -> Int64 {
        try await storage.create(
          key: "/registry/events/default/\(UInt64.random(in: 0 ... .max))", value: SharedBytes("x"), ttl: ttl
        ).lease
      }
      let hour = try await lease(.seconds(3_600))
      #expect(try await lease(.seconds(3_600)) == hour)
      #expect(try await lease(.seconds(3_620)) == hour)
      let minutes = try await lease(.seconds(600))
      #expect(minutes != hour && minutes != 0)
      #expect(try await granted(server, minutes).ttl == 630)
      let short = try await lease(.seconds(2))
      #expect(try await granted(server, short).ttl == 2)
    }
  }

  @Test func `how keys share leases is the configuration's to say`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    config.leaseManagerConfig.reuseDurationSeconds = 10
    config.leaseManagerConfig.maxObjectCount = 2
    let (storage, destroy) = try await Etcd3Storage.make(config)
    var leases: [Int64] = []
    for n in 0..<3 {
      let key = "/registry/events/default/\(n)"
      leases.append(try await storage.create(key: key, value: SharedBytes("x"), ttl: .seconds(3_600)).lease)
    }
    #expect(leases[0] == leases[1] && leases[1] != leases[2])
    #expect(try await granted(server, leases[0]).ttl == 3_610)
    await destroy()
  }

  @Test func `a key goes when its time is over, and one without a time stays`() async throws {
    let server = try await EtcdServer.start(.v3_5)
    try await withEtcd3([server.url]) { storage in
      _ = try await storage.create(key: "/registry/events/default/kept", value: SharedBytes("x"), ttl: nil)
      let begun = ContinuousClock.now
      let made = try await storage.create(
        key: "/registry/events/default/gone", value: SharedBytes("x"), ttl: .seconds(2))
      let watch = try await storage.watch(prefix: "/registry/events/", after: made.revision)
      defer { watch.cancel() }
      var events: [StorageEvent] = []
      while events.isEmpty { for case .events(let batch) in try await watch.nextBatch() { events += batch } }
      #expect(events.map(\.kind) == [.delete] && events.first?.key == "/registry/events/default/gone")
      #expect(ContinuousClock.now - begun >= .seconds(2))
      #expect(try await storage.count(prefix: "/registry/events/") == 1)
    }
  }

  @Test func `a lease that somebody revoked is replaced, and the write succeeds`() async throws {
    let server = try await EtcdServer.start(.v3_5)
    try await withEtcd3([server.url]) { storage in
      let first = try await storage.create(
        key: "/registry/events/default/a", value: SharedBytes("x"), ttl: .seconds(600))
      _ = try await call(server, "/v3/lease/revoke", "{\"ID\":\"\(first.lease)\"}")
      let second = try await storage.create(
        key: "/registry/events/default/b", value: SharedBytes("x"), ttl: .seconds(600))
      #expect(second.lease != first.lease && second.lease != 0)
      #expect(try await storage.count(prefix: "/registry/events/") == 1)
    }
  }
}
