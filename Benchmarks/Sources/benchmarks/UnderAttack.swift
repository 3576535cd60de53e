import Glibc
import LoadClient

/// How long others wait while somebody attacks, beside how long they wait when nobody does.
enum UnderAttack {
  private static let port = 18_088
  private static let requests = 1_500

  /// Microseconds that the middle one and the slowest of a hundred wait for one node, asked for every two milliseconds.
  private static func waits() throws -> (median: Double, slow: Double) {
    var found: [Double] = []
    let client = try Client(port: port)
    for _ in 0..<requests {
      let began = monotonicSeconds()
      guard try client.call("GET", "/api/v1/nodes/one").status == 200 else {
        throw Failure("the node was not answered")
      }
      found.append((monotonicSeconds() - began) * 1e6)
      usleep(2_000)
    }
    found.sort()
    return (found[requests / 2], found[requests * 99 / 100])
  }

  /// `only`: names of attacks; empty for all.
  static func run(only: Set<String> = []) throws {
    for attack in Attack.allCases where only.isEmpty || only.contains("\(attack)") {
      let (binnacle, _) = try Servers.binnacle(port: port, [], database: "attack-\(attack)")
      defer { binnacle.stop() }
      let setUp = try Client(port: port)
      try setUp.call("POST", "/api/v1/nodes", body: Nodes.json("one"))
      for number in 0..<(attack == .slowReaders ? 5_000 : 0) {
        try setUp.call("POST", "/api/v1/nodes", body: Nodes.json(Nodes.name(number)))
      }
      for number in 10..<(attack == .lazyWatches ? 20 : 10) {
        try setUp.call("POST", "/api/v1/nodes", body: Nodes.json("n\(number)"))
      }
      let quiet = try waits()
      // A process of its own: what it costs itself must not be what the others wait for.
      let attacker = try Child(
        "attacker", cores: String(Servers.loadCore), [CommandLine.arguments[0], "attack", String(port), "\(attack)"])
      defer { attacker.stop() }
      usleep(1_500_000)
      let loud = try waits()
      Benchmarks.row(
        "GET one node while others attack with \(attack.rawValue): median (99th of 100) wait",
        "\(Benchmarks.text(loud.median, 0)) (\(Benchmarks.text(loud.slow, 0))) µs",
        "quiet \(Benchmarks.text(quiet.median, 0)) (\(Benchmarks.text(quiet.slow, 0))) µs", loud.median / quiet.median,
        "at most 2")
    }
  }

  /// The attacker's process: goes on until it is stopped.
  static func attack(port: Int, named name: String) -> Never {
    guard let attack = Attack.allCases.first(where: { "\($0)" == name }) else { exit(64) }
    onThreads(4) { thread in
      var attacker = Attacker(attack, port: port, number: thread)
      while true {
        _ = attacker.round()
        // So that it leaves the core that it shares with the one who waits.
        usleep(5_000)
      }
    }
    exit(0)
  }
}
