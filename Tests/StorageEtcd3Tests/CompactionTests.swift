import ByteBuffers
import FoundationEssentials
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `Compaction of etcd` {
  private func isCompacted(_ storage: Etcd3Storage, _ revision: Int64) async -> Bool {
    do {
      _ = try await storage.getList(
        prefix: "/registry/", options: StorageListOptions(exactRevision: Revision(revision)))
      return false
    } catch StorageError.compacted { return true } catch {
      Issue.record("\(error)")
      return false
    }
  }

  @Test func `two compactors and a kube-apiserver agree: one turn an interval compacts, to where the interval began`()
    async throws
  {
    let server = try await EtcdServer.start(.v3_5)
    try await withEtcd3([server.url]) { storage in
      let a = Compactor(client: storage.client, interval: .seconds(300))
      let b = Compactor(client: storage.client, interval: .seconds(300))
      func write(_ count: Int) async throws -> Int64 {
        var last = Revision.zero
        for _ in 0..<count {
          last = try await storage.guaranteedUpdate(key: "/registry/k", ignoreNotFound: true, origin: nil) { _ in
            .write(SharedBytes("\(UInt64.random(in: 0 ... .max))"), ttl: nil)
          }.object.revision
        }
        return last.rawValue
      }
      var inA = Compactor.Position()
      var inB = Compactor.Position()
      let first = try await write(5)
      // The first turn of each compacts nothing: nobody knows what was there an interval ago.
      inA = try await a.turn(inA)
      inB = try await b.turn(inB)
      #expect(inA.version == 1 && inB.version == 1)
      #expect(await !isCompacted(storage, first - 1))
      let second = try await write(5)
      // The faster one compacts to where its last turn was; the other one finds that out and only takes note.
      let before = inB.revision
      inB = try await b.turn(inB)
      #expect(inB.version == 2)
      #expect(await isCompacted(storage, before - 1))
      #expect(await !isCompacted(storage, second))
      inA = try await a.turn(inA)
      #expect(inA.version == 2 && inA.revision >= second)
      #expect(await !isCompacted(storage, second))
      // A kube-apiserver takes the next turn: the key's version, its number as text and then the compaction are all
      // there is to it.
      let third = try await write(5)
      let kube = try await storage.guaranteedUpdate(key: Compactor.key, ignoreNotFound: false, origin: nil) { shown in
        #expect(shown?.value.text == String(before))
        return .write(SharedBytes(String(second)), ttl: nil)
      }
      #expect(kube.wasWritten)
      inA = try await a.turn(inA)
      inB = try await b.turn(inB)
      #expect(inA.version == 3 && inB.version == 3)
      #expect(await !isCompacted(storage, third))
      // Whoever knows the version goes on from where it took note.
      let noted = inA.revision
      inA = try await a.turn(inA)
      #expect(inA.version == 4)
      #expect(await isCompacted(storage, third - 1))
      #expect(await !isCompacted(storage, noted))
    }
  }

  @Test func `three running compactors compact about as often as one`() async throws {
    let server = try await EtcdServer.start(.v3_5)
    try await withEtcd3([server.url]) { storage in
      let interval = Duration.milliseconds(300)
      let rounds = 10
      let writer = Task {
        while !Task.isCancelled {
          _ = try await storage.guaranteedUpdate(key: "/registry/k", ignoreNotFound: true, origin: nil) { _ in
            .write(SharedBytes("\(UInt64.random(in: 0 ... .max))"), ttl: nil)
          }
          try await Task.sleep(for: .milliseconds(5))
        }
      }
      let compactors = (0..<3).map { _ in Task { await Compactor(client: storage.client, interval: interval).run() } }
      let begun = ContinuousClock.now
      func version() async throws -> Int64 {
        try await storage.client.range(Requests.Range(keys: KeyRange(key: Compactor.key))).values.first?.version ?? 0
      }
      try await eventually("ten turns", within: .seconds(60), every: .milliseconds(50)) {
        try await version() >= Int64(rounds)
      }
      let passed = ContinuousClock.now - begun
      for task in compactors { task.cancel() }
      writer.cancel()
      for task in compactors { await task.value }
      // Each round takes an interval at least: had each compacted on its own, ten turns would have been over in four
      // intervals.
      #expect(passed >= interval * (rounds - 1) * 0.9)
      #expect(await isCompacted(storage, 3))
    }
  }

  @Test
  func
    `an etcd that is full refuses writes with its own words and a hint, is not ready, and serves again when it has room`()
    async throws
  {
    let server = try await EtcdServer.start(.v3_5, arguments: ["--quota-backend-bytes", String(4 << 20)])
    try await withEtcd3([server.url]) { storage in
      func post(_ path: String, _ body: String) async -> String {
        await HTTPProbe.answer("POST", port: server.clientPort, path: path, body: body, timeoutSeconds: 10)?.body ?? ""
      }
      func makeRoom() async {
        _ = await post("/v3/maintenance/defragment", "{}")
        let alarms = await post("/v3/maintenance/alarm", "{\"action\":\"GET\"}")
        let member = alarms.split(separator: "\"memberID\":\"").dropFirst().first.map { $0.prefix { $0 != "\"" } } ?? ""
        _ = await post(
          "/v3/maintenance/alarm", "{\"action\":\"DEACTIVATE\",\"memberID\":\"\(member)\",\"alarm\":\"NOSPACE\"}")
      }
      _ = try await storage.create(key: "/registry/minions/kept", value: SharedBytes("kept"), ttl: nil)
      try await storage.readinessCheck()
      var refusal: StorageError?
      for n in 0..<64 where refusal == nil {
        do {
          _ = try await storage.create(key: "/registry/minions/n\(n)", value: .filled(256 << 10, "n"), ttl: nil)
        } catch let error as StorageError { refusal = error }
      }
      guard case .outOfSpace(let text)? = refusal else {
        Issue.record("\(String(describing: refusal))")
        return
      }
      #expect(text.contains("database space exceeded"))
      do {
        try await storage.readinessCheck()
        Issue.record("ready with an alarm")
      } catch { #expect("\(error)".contains("NOSPACE")) }
      #expect(try await storage.get(key: "/registry/minions/kept", isConsistent: true).value.text == "kept")
      // Over its quota, this etcd refuses a transaction even when all it does is to delete; what an operator sends
      // (`etcdctl del --prefix`) it takes.
      let (start, end) = ("/registry/minions/n", "/registry/minions/o")
      _ = await post(
        "/v3/kv/deleterange",
        "{\"key\":\"\(Data(start.utf8).base64EncodedString())\",\"range_end\":\"\(Data(end.utf8).base64EncodedString())\"}"
      )
      try await storage.compact(through: try await storage.currentRevision())
      // Compaction frees its pages some time after it answered; a defragmentation before that gives no room, and etcd
      // raises its alarm again.
      try await eventually("room again", within: .seconds(30), every: .milliseconds(200)) {
        await makeRoom()
        return (try? await storage.create(key: "/registry/minions/after", value: SharedBytes("x"), ttl: nil)) != nil
      }
      try await storage.readinessCheck()
    }
  }
}
