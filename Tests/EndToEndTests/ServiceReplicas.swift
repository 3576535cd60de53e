import Foundation
import JSON
import Synchronization
import TestSupport
import Testing

/// What services have to themselves, where several daemons over one etcd give it out.
@Suite struct `Services of replicas` {
  /// Requests that are done with.
  private final class Progress: Sendable {
    private let count = Atomic<Int>(0)
    private let next = Atomic<Int>(0)
    var done: Int { count.load(ordering: .relaxed) }
    func begin() -> Int { next.add(1, ordering: .relaxed).oldValue }
    func end() { count.add(1, ordering: .relaxed) }
  }

  private struct Bench: Sendable {
    let etcd: EtcdServer
    let replicas: [Daemon]

    static func start() async throws -> Bench {
      let etcd = try await EtcdServer.start(.v3_4)
      let replicas = try [Daemon.over(etcd: etcd), Daemon.over(etcd: etcd)]
      for daemon in replicas { try await daemon.launch(arguments: arguments) }
      return Bench(etcd: etcd, replicas: replicas)
    }

    static let arguments = ["--service-cluster-ip-range", "10.96.0.0/16,fd00:96::/108"]

    func stop() {
      for daemon in replicas { daemon.stop() }
      Task { [etcd] in try? await etcd.kill() }
    }

    func call(_ method: String, _ path: String, _ body: String = "", replica: Int) async -> (status: Int, body: String)?
    {
      await HTTPProbe.answer(method, port: replicas[replica].port, path: path, body: body, timeoutSeconds: 20)
    }

    /// Asks about each of the names, until it is answered with one of `codes`: a replica that dies leaves it open.
    func insist(
      _ names: [String], workers: Int, _ method: String, _ codes: Set<Int>, _ progress: Progress,
      _ request: @escaping @Sendable (String) -> (path: String, body: String)
    ) async {
      await withTaskGroup(of: Void.self) { group in
        for worker in 0..<workers {
          group.addTask {
            while true {
              let place = progress.begin()
              guard place < names.count else { return }
              let (path, body) = request(names[place])
              let deadline = ContinuousClock.now + .seconds(60)
              var turn = worker
              while ContinuousClock.now < deadline {
                // One that has just begun says so.
                if let answer = await call(method, path, body, replica: turn % 2), answer.status != 429 {
                  if codes.contains(answer.status) { break }
                  Issue.record("\(method) \(path): \(answer)")
                  return
                }
                turn += 1
              }
              progress.end()
            }
          }
        }
      }
    }

    func items(_ path: String, replica: Int) async throws -> [JSONValue] {
      let answer = try #require(await call("GET", path, replica: replica))
      return (try JSONValue(parsing: answer.body))["items"]?.array ?? []
    }

    /// How many node ports are taken, as it is stored.
    func portsTaken() async throws -> Int {
      let stored = try await EtcdGateway(port: etcd.clientPort).get("/registry/ranges/servicenodeports")
      let object = try JSONValue(parsing: String(decoding: stored, as: UTF8.self))
      let bits = Data(base64Encoded: object["data"]?.string ?? "") ?? Data()
      return bits.reduce(0) { $0 + $1.nonzeroBitCount }
    }
  }

  private static let path = "/api/v1/namespaces/default/services"
  private static let addresses = "/apis/networking.k8s.io/v1/ipaddresses"

  /// Every third has a port of nodes, every second addresses of both families.
  private static func service(_ name: String) -> String {
    let number = Int(name.dropFirst(2)) ?? 0
    let type = number % 3 == 0 ? "NodePort" : "ClusterIP"
    let policy = number % 2 == 0 ? "RequireDualStack" : "SingleStack"
    return #"""
      {"metadata":{"name":"\#(name)"},"spec":{"type":"\#(type)","ipFamilyPolicy":"\#(policy)","ports":[{"port":80}]}}
      """#
  }

  private static func held(_ services: [JSONValue]) -> (addresses: [String], ports: [Int64]) {
    let specs = services.compactMap { $0["spec"] }
    return (
      specs.flatMap { $0["clusterIPs"]?.array ?? [] }.compactMap(\.string),
      specs.flatMap { $0["ports"]?.array ?? [] }.compactMap { $0["nodePort"]?.int }
    )
  }

  @Test func `two replicas give nothing out twice and lose nothing, though one is killed at work`() async throws {
    let bench = try await Bench.start()
    defer { bench.stop() }
    let names = (0..<(Tools.isFullRun ? 2_000 : 400)).map { "s-\($0)" }
    let workers = 16

    // While they are made, one dies and comes back.
    let made = Progress()
    let killer = Task {
      try await eventually("some are made", within: .seconds(120)) { made.done > names.count / 3 }
      try await bench.replicas[1].kill()
      try await bench.replicas[1].launch(arguments: Bench.arguments)
    }
    await bench.insist(names, workers: workers, "POST", [201, 409], made) { name in
      (Self.path, Self.service(name))
    }
    try await killer.value

    // Both know the same, and what is held is held once.
    for replica in 0..<2 {
      let services = try await bench.items(Self.path, replica: replica)
      #expect(services.count == names.count + 1)
      let (addresses, ports) = Self.held(services)
      #expect(addresses.count == 1 + names.count + names.count / 2)
      #expect(Set(addresses).count == addresses.count, "an address was given out twice")
      #expect(ports.count == (names.count + 2) / 3)
      #expect(Set(ports).count == ports.count, "a port was given out twice")
      let taken = Set(try await bench.items(Self.addresses, replica: replica).map { $0["metadata"]?["name"]?.string })
      #expect(taken.isSuperset(of: addresses))
      // What was at work when the replica died has left at most this.
      #expect(taken.count - addresses.count <= 2 * workers)
    }
    #expect(try await bench.portsTaken() - (names.count + 2) / 3 <= workers)

    // Once all are gone, only the service of the API holds something, and what was at work when the replica died.
    await bench.insist(names, workers: workers, "DELETE", [200, 404], Progress()) { name in
      ("\(Self.path)/\(name)", "")
    }
    #expect(try await bench.items(Self.path, replica: 0).count == 1)
    let left = try await bench.items(Self.addresses, replica: 1).count - 1
    let ports = try await bench.portsTaken()
    #expect(left <= 2 * workers && ports <= workers)
    // That is known as lost after a minute, as until then it may be on its way.
    guard Tools.isFullRun else { return }
    try await eventually("all is given back", within: .seconds(150), every: .milliseconds(500)) {
      let left = try await bench.items(Self.addresses, replica: 1).count
      let ports = try await bench.portsTaken()
      return left == 1 && ports == 0
    }
  }
}
