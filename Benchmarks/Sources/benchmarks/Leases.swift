import LoadClient

/// A resource in namespaces beside a cluster-scoped one, object for object of the same size: what the way to it costs.
enum Leases {
  static func run() throws {
    let count = 1_000
    let (binnacle, _) = try Servers.binnacle(port: 18_080, [], database: "leases")
    defer { binnacle.stop() }
    let client = try Client(port: 18_080)
    func post(_ path: String, _ body: [UInt8]) throws -> Int {
      let answer = try client.call("POST", path, body: body, keepsBody: true)
      guard answer.status == 201 else { throw Failure("POST of \(path) answered \(answer.status)") }
      return answer.body.count
    }
    let size = try post(nodes, Nodes.json(Nodes.name(0)))
    let bare = try post(leases, json("bare", padding: 0))
    for i in 1..<count { _ = try post(nodes, Nodes.json(Nodes.name(i))) }
    // The first was made to be measured.
    for i in 1..<count { _ = try post(leases, json(Nodes.name(i), padding: size - bare - 6)) }
    for (what, path, connections) in [("GET one", "/\(Nodes.name(17))", 32), ("LIST \(count)", "", 4)] {
      let rates = try Measurements.inTurns(
        rounds: 7, connections: connections,
        [(binnacle, 18_080, leases + path), (binnacle, 18_080, nodes + path)])
      Benchmarks.row(
        "\(what) of leases, requests a CPU second", Benchmarks.text(rates[0], 0),
        "of nodes \(Benchmarks.text(rates[1], 0))", rates[0] / rates[1], "0.9")
    }
  }

  private static let nodes = "/api/v1/nodes"
  private static let leases = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"

  private static func json(_ name: String, padding: Int) -> [UInt8] {
    let text = String(repeating: "x", count: max(0, padding))
    return Array(
      (#"{"metadata":{"name":"\#(name)","annotations":{"padding":"\#(text)"}},"#
        + #""spec":{"holderIdentity":"\#(name)","leaseDurationSeconds":40,"renewTime":"2026-01-02T03:04:05.000000Z"}}"#)
        .utf8)
  }
}
