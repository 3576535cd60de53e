import ByteBuffers
import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

/// Three daemons over one cluster of three etcds, as one API to their clients.
@Suite struct `Replicas` {
  private static let objects = ["a", "b", "c", "d"]

  /// What one worker saw.
  private struct Seen: Sendable {
    var histories: [String: [ObjectHistory.Operation]] = [:]
    var acknowledged = 0
    var unknown = 0
  }

  private struct Bench: Sendable {
    let cluster: [EtcdServer]
    let replicas: [Daemon]

    static func start() async throws -> Bench {
      let cluster = try await EtcdServer.startCluster(.v3_4, members: 3)
      let servers = cluster.map(\.url).joined(separator: ",")
      var replicas: [Daemon] = []
      for _ in 0..<3 {
        let daemon = try Daemon.over(servers: servers)
        try await daemon.launch()
        replicas.append(daemon)
      }
      return Bench(cluster: cluster, replicas: replicas)
    }

    func stop() {
      for daemon in replicas { daemon.stop() }
      for etcd in cluster { Task { try? await etcd.kill() } }
    }

    func call(_ method: String, _ path: String, _ body: String = "", replica: Int) async -> (status: Int, body: String)?
    {
      await HTTPProbe.answer(method, port: replicas[replica].port, path: path, body: body, timeoutSeconds: 12)
    }
  }

  private static func now() -> Int64 {
    let now = ContinuousClock.now - start
    return now.components.seconds * 1_000_000_000 + now.components.attoseconds / 1_000_000_000
  }
  private static let start = ContinuousClock.now

  private static func body(_ name: String, _ value: String, revision: String? = nil) -> String {
    #"{"metadata":{"name":"\#(name)","labels":{"v":"\#(value)"}\#(revision.map { #","resourceVersion":"\#($0)""# } ?? "")}}"#
  }

  private static func version(_ node: JSONValue) -> (name: String, value: String, revision: String) {
    let metadata = node["metadata"] ?? .null
    return (
      metadata["name"]?.string ?? "", metadata["labels"]?["v"]?.string ?? "", metadata["resourceVersion"]?.string ?? ""
    )
  }

  /// One client that asks any replica, again and again.
  private static func work(
    _ bench: Bench, worker: Int, operations: Int, until deadline: ContinuousClock.Instant
  ) async -> Seen {
    var seen = Seen()
    var known: [String: (value: String, revision: String)] = [:]
    func note(_ name: String, _ kind: ObjectHistory.Kind, _ began: Int64, _ ended: Int64?) {
      seen.histories[name, default: []].append(ObjectHistory.Operation(kind, began: began, ended: ended))
      if ended == nil { seen.unknown += 1 } else { seen.acknowledged += 1 }
    }
    for n in 0..<operations where ContinuousClock.now < deadline {
      let name = objects.randomElement() ?? "a"
      let replica = Int.random(in: 0..<bench.replicas.count)
      let value = "w\(worker)-\(n)"
      let path = "/api/v1/nodes/\(name)"
      let began = now()
      switch Int.random(in: 0..<10) {
      case 0..<4:
        guard let answer = await bench.call("GET", path, replica: replica), answer.status == 200,
          let node = try? JSONValue(parsing: answer.body)
        else { continue }
        let (_, value, revision) = version(node)
        note(name, .read(value), began, now())
        known[name] = (value, revision)
      case 4:
        // A list after a write shows it: one read of each object.
        guard let answer = await bench.call("GET", "/api/v1/nodes", replica: replica), answer.status == 200,
          let list = try? JSONValue(parsing: answer.body)
        else { continue }
        let ended = now()
        for node in list["items"]?.array ?? [] {
          let (name, value, _) = version(node)
          if objects.contains(name) { note(name, .read(value), began, ended) }
        }
      case 5..<8:
        let answer = await bench.call("PUT", path, body(name, value), replica: replica)
        note(name, .write(value), began, answer?.status == 200 ? now() : nil)
      default:
        guard let old = known[name] else { continue }
        let answer = await bench.call("PUT", path, body(name, value, revision: old.revision), replica: replica)
        switch answer?.status {
        case 200: note(name, .swap(expected: old.value, new: value, succeeded: true), began, now())
        case 409: note(name, .swap(expected: old.value, new: value, succeeded: false), began, now())
        default: note(name, .swap(expected: old.value, new: value, succeeded: nil), began, nil)
        }
      }
    }
    return seen
  }

  @Test
  func `single objects, and lists after writes, are linearizable across replicas while members and replicas fail`()
    async throws
  {
    let bench = try await Bench.start()
    defer { bench.stop() }
    for name in Self.objects {
      #expect(await bench.call("POST", "/api/v1/nodes", Self.body(name, "first"), replica: 0)?.status == 201)
    }
    let (workers, each) = (8, Tools.isFullRun ? 7_000 : 5_000)
    // Members that fail cost seconds of an election; a plain run is content with what it gets done in its time.
    let deadline = ContinuousClock.now + .seconds(Tools.isFullRun ? 3_600 : 25)
    let isOver = Atomic<Bool>(false)
    let faults = Task {
      var round = 0
      while !isOver.load(ordering: .relaxed) {
        let member = bench.cluster[round % 3]
        switch round % 4 {
        case 0:
          member.pause()
          try await Task.sleep(for: .milliseconds(1_500))
          member.resume()
        case 1:
          try await member.kill()
          try await Task.sleep(for: .milliseconds(500))
          try await member.restart()
        case 2:
          let replica = bench.replicas[round / 4 % 3]
          try await replica.kill()
          try await replica.launch()
        default: break
        }
        round += 1
        try await Task.sleep(for: .milliseconds(2_000))
      }
      return round
    }
    let all = await withTaskGroup(of: Seen.self) { group in
      for worker in 0..<workers {
        group.addTask { await Self.work(bench, worker: worker, operations: each, until: deadline) }
      }
      return await group.reduce(into: [Seen]()) { $0.append($1) }
    }
    isOver.store(true, ordering: .relaxed)
    let rounds = try await faults.value
    #expect(rounds >= 2, "nothing has failed")
    let answered = all.reduce(0) { $0 + $1.acknowledged }
    #expect(answered > (Tools.isFullRun ? workers * each / 2 : 200), "\(answered) answered")
    for name in Self.objects {
      let operations = all.flatMap { $0.histories[name] ?? [] }
      #expect(ObjectHistory(operations, initial: "first").isLinearizable, "\(name): \(operations.count) operations")
    }
  }

  @Test func `a watch goes on at another replica from the revision where it was, and misses nothing`() async throws {
    let bench = try await Bench.start()
    defer { bench.stop() }
    let changes = 60
    #expect(await bench.call("POST", "/api/v1/nodes", Self.body("a", "0"), replica: 0)?.status == 201)
    let first = try JSONValue(parsing: try #require(await bench.call("GET", "/api/v1/nodes", replica: 0)).body)
    let writer = Task {
      for n in 1...changes { _ = await bench.call("PUT", "/api/v1/nodes/a", Self.body("a", "\(n)"), replica: n % 3) }
    }
    // A second at each replica in turn.
    var revision = first["metadata"]?["resourceVersion"]?.string ?? ""
    var values: [String] = []
    var turn = 0
    while values.last != "\(changes)" && turn < 60 {
      let path = "/api/v1/nodes?watch=true&timeoutSeconds=1&resourceVersion=\(revision)"
      let answer = try #require(await bench.call("GET", path, replica: turn % 3))
      #expect(answer.status == 200)
      for line in answer.body.split(separator: "\n") {
        let event = try JSONValue(parsing: String(line))
        #expect(event["type"] == "MODIFIED", "\(line.prefix(300))")
        let (_, value, seen) = Self.version(event["object"] ?? .null)
        values.append(value)
        revision = seen
      }
      turn += 1
    }
    await writer.value
    #expect(values == (1...changes).map(String.init))
  }
}
