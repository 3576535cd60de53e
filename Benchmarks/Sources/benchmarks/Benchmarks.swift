import Glibc
import LoadClient

/// Measures Binnacle beside nginx and a bare etcd, and prints a table. Ratios are what counts: all is measured in one
/// run on one machine.
@main
struct Benchmarks {
  static let known = [
    "get", "list", "owners", "put", "inprocess", "fanout", "footprint", "tls-get", "tls-fanout", "tls-idle", "attack",
    "leases", "pods", "pod-lists",
  ]
  /// Names for several.
  static let groups = ["tls": ["tls-get", "tls-fanout", "tls-idle"]]

  static func main() async {
    let asked = Array(CommandLine.arguments.dropFirst())
    if asked.first == "bare-sender", asked.count == 4, let port = Int(asked[1]), let watchers = Int(asked[2]),
      let bytes = Int(asked[3])
    {
      do { try BareSender.run(port: port, watchers: watchers, bytes: bytes) } catch { exit(1) }
    }
    if asked.first == "attack", asked.count == 3, let port = Int(asked[1]) {
      UnderAttack.attack(port: port, named: asked[2])
    }
    let attacks = asked.filter { name in Attack.allCases.contains { "\($0)" == name } }
    let wanted = Set((asked.isEmpty ? known : asked).flatMap { groups[$0] ?? [$0] }).subtracting(attacks)
    if let unknown = wanted.subtracting(known).sorted().first {
      print("unknown benchmark \(unknown); there are: \(known.joined(separator: " "))")
      exit(64)
    }
    do {
      try Servers.prepare()
      defer { Servers.cleanUp() }
      print("| what | Binnacle | beside it | ratio | aim |\n|---|---|---|---|---|")
      if !wanted.isDisjoint(with: ["get", "list", "owners", "footprint"]) { try reads(wanted) }
      if wanted.contains("footprint") { try StartCost.run() }
      if wanted.contains("leases") { try Leases.run() }
      if wanted.contains("pods") { try Pods.besideNodes() }
      if wanted.contains("pod-lists") { try Pods.lists() }
      if wanted.contains("fanout") { try fanOut() }
      try overTLS(wanted)
      if wanted.contains("attack") { try UnderAttack.run(only: Set(attacks)) }
      if wanted.contains("put") { try writesOnOneCoreEach() }
      if wanted.contains("put") || wanted.contains("inprocess") {
        try Servers.useAllCores()
        try await writes(wanted)
      }
    } catch {
      print("failed: \(error)")
      exit(1)
    }
  }

  static func row(_ what: String, _ ours: String, _ theirs: String, _ ratio: Double?, _ aim: String) {
    print("| \(what) | \(ours) | \(theirs) | \(ratio.map { text($0, 2) } ?? "") | \(aim) |")
  }

  static func reads(_ wanted: Set<String>) throws {
    let count = 5_000
    let (empty, emptyReady) = try Servers.binnacle(port: 18_080, [], database: "reads")
    let writer = try Client(port: 18_080)
    for i in 0..<count {
      let answer = try writer.call("POST", "/api/v1/nodes", body: Nodes.json(Nodes.name(i)))
      guard answer.status == 201 else { throw Failure("POST answered \(answer.status)") }
    }
    empty.stop()
    if wanted.contains("owners") {
      _ = try output(of: ["cp", "-r", "\(Servers.folder)/reads", "\(Servers.folder)/cleared"])
    }
    let (binnacle, fullReady) = try Servers.binnacle(port: 18_080, [], database: "reads")
    defer { binnacle.stop() }
    let one = try Client(port: 18_080).call("GET", "/api/v1/nodes/\(Nodes.name(17))", keepsBody: true).body
    let all = try Client(port: 18_080).call("GET", "/api/v1/nodes", keepsBody: true).body
    let objects = Double(all.count)
    if wanted.contains("footprint") {
      row("ready, empty database", "\(text(emptyReady * 1000, 0)) ms", "", nil, "< 100 ms")
      row("ready, \(count) nodes", "\(text(fullReady * 1000, 0)) ms", "", nil, "< 100 ms")
      let megabytes = try Servers.strippedMegabytes()
      row("stripped binary", "\(text(megabytes, 1)) MB", "", nil, "< 40 MB")
      // ICU's data alone is 34 MB: something imports Foundation where FoundationEssentials does.
      guard megabytes < 40 else { throw Failure("the stripped binary has \(text(megabytes, 1)) MB: 40 are too many") }
    }
    let nginx = try Servers.nginx(port: 18_090, files: ["one.json": one, "all.json": all])
    defer { nginx.stop() }
    if wanted.contains("get") {
      let rates = try Measurements.inTurns(
        rounds: 7, connections: 32,
        [(binnacle, 18_080, "/api/v1/nodes/\(Nodes.name(17))"), (nginx, 18_090, "/one.json")])
      row(
        "GET one node (\(one.count) bytes), requests a CPU second", text(rates[0], 0), "nginx \(text(rates[1], 0))",
        rates[0] / rates[1], "1.2")
    }
    if wanted.contains("list") {
      let rates = try Measurements.inTurns(
        rounds: 7, connections: 4, [(binnacle, 18_080, "/api/v1/nodes"), (nginx, 18_090, "/all.json")])
      row(
        "LIST \(count) nodes (\(all.count / 1_000_000) MB), MB a CPU second", text(rates[0] * objects / 1e6, 0),
        "nginx \(text(rates[1] * objects / 1e6, 0))", rates[0] / rates[1], "0.8")
    }
    if wanted.contains("owners") { try owners(binnacle, nginx, with: (one, all), count: count) }
    if wanted.contains("footprint") {
      let resident = Double(binnacle.residentBytes)
      row(
        "resident memory, \(count) nodes (\(text(objects / 1e6, 1)) MB)", "\(text(resident / 1e6, 0)) MB",
        "3 × objects + 30 MB = \(text((3 * objects) / 1e6 + 30, 0)) MB",
        resident / (3 * objects + 30e6), "1.0")
    }
  }

  /// The same reads with managedFields and without (from a copy of the database, cleared): nginx shows what the bytes
  /// alone make of it.
  static func owners(_ binnacle: Child, _ nginx: Child, with: (one: [UInt8], all: [UInt8]), count: Int) throws {
    let (cleared, _) = try Servers.binnacle(port: 18_085, [], database: "cleared")
    defer { cleared.stop() }
    let client = try Client(port: 18_085)
    for i in 0..<count {
      let clear = Array(#"{"metadata":{"managedFields":[{}]}}"#.utf8)
      let answer = try client.call(
        "PATCH", "/api/v1/nodes/\(Nodes.name(i))", type: "application/merge-patch+json", body: clear)
      guard answer.status == 200 else { throw Failure("PATCH answered \(answer.status)") }
    }
    let paths = (one: "/api/v1/nodes/\(Nodes.name(17))", all: "/api/v1/nodes")
    let without = (
      one: try client.call("GET", paths.one, keepsBody: true).body,
      all: try client.call("GET", paths.all, keepsBody: true).body
    )
    try Servers.nginxFiles(["bare-one.json": without.one, "bare-all.json": without.all])
    for (what, file, path, connections, bytes) in [
      ("GET", "one", paths.one, 32, (with.one.count, without.one.count)),
      ("LIST", "all", paths.all, 4, (with.all.count, without.all.count)),
    ] {
      let rates = try Measurements.inTurns(
        rounds: 5, connections: connections,
        [
          (binnacle, 18_080, path), (cleared, 18_085, path), (nginx, 18_090, "/\(file).json"),
          (nginx, 18_090, "/bare-\(file).json"),
        ])
      let (ours, theirs) = (rates[1] / rates[0], rates[3] / rates[2])
      row(
        "\(what) with managedFields over without (\(bytes.0) and \(bytes.1) bytes), CPU a request", text(ours, 2),
        "nginx \(text(theirs, 2))", ours / theirs, "1.0")
    }
  }

  /// What Binnacle makes of a node that is written.
  static func storedNode() throws -> [UInt8] {
    let (binnacle, _) = try Servers.binnacle(port: 18_091, [], database: "stored-\(monotonicSeconds())")
    defer { binnacle.stop() }
    let client = try Client(port: 18_091)
    try client.call("POST", "/api/v1/nodes", body: Nodes.json("put-0"))
    try client.call("PUT", "/api/v1/nodes/put-0", body: Nodes.json("put-0", counter: 1))
    return Nodes.Template.stored(try client.call("GET", "/api/v1/nodes/put-0", keepsBody: true).body)
  }

  /// etcd has a core for itself in both cases; Binnacle shares the other with the clients.
  static func writesOnOneCoreEach() throws {
    let stored = try storedNode()
    let bare = try Servers.etcd(port: 18_120)
    let gateway = try Measurements.bareEtcd(bare, port: 18_120, writers: 64, seconds: 6, stored: stored)
    bare.stop()
    let etcd = try Servers.etcd(port: 18_130)
    Servers.useLoadCore()
    let (over, _) = try Servers.binnacle(port: 18_089, ["--etcd-servers", "http://127.0.0.1:18130"])
    let ours = try Measurements.writes(.put, over, port: 18_089, writers: 64, seconds: 6)
    over.stop()
    etcd.stop()
    Servers.useServerCore()
    row(
      "PUT through etcd, 64 writers, a second; etcd on one core, Binnacle and the clients on another",
      text(ours.perSecond, 0), "bare gateway \(text(gateway.perSecond, 0))", ours.perSecond / gateway.perSecond, "0.8")
  }

  static func writes(_ wanted: Set<String>) async throws {
    let stored = try storedNode()
    let bare = try Servers.etcd(port: 18_100)
    let gateway = try Measurements.bareEtcd(bare, port: 18_100, writers: 64, seconds: 6, stored: stored)
    bare.stop()
    if wanted.contains("put") {
      let etcd = try Servers.etcd(port: 18_110)
      let (over, _) = try Servers.binnacle(port: 18_081, ["--etcd-servers", "http://127.0.0.1:18110"])
      let ours = try Measurements.writes(.put, over, port: 18_081, writers: 64, seconds: 6)
      over.stop()
      etcd.stop()
      row(
        "PUT through etcd, 64 writers, a second; etcd, Binnacle and the clients share two cores",
        "\(text(ours.perSecond, 0)) (\(text(1e6 / ours.perCPUSecond, 0)) µs of CPU each)",
        "bare gateway \(text(gateway.perSecond, 0)) (\(text(1e6 / gateway.perCPUSecond, 0)) µs)",
        ours.perSecond / gateway.perSecond, "0.8")
      let (embedded, _) = try Servers.binnacle(port: 18_082, [], database: "writes")
      let sqlite = try Measurements.writes(.put, embedded, port: 18_082, writers: 64, seconds: 6)
      let apply = try Measurements.writes(.apply, embedded, port: 18_082, writers: 64, seconds: 6)
      let heartbeat = try Measurements.writes(.heartbeat, embedded, port: 18_082, writers: 64, seconds: 6)
      embedded.stop()
      row(
        "PUT through SQLite over HTTP, durable, 64 writers, a second",
        "\(text(sqlite.perSecond, 0)) (\(text(1e6 / sqlite.perCPUSecond, 0)) µs of CPU each)",
        "bare etcd \(text(gateway.perSecond, 0))",
        sqlite.perSecond / gateway.perSecond, "2")
      row(
        "a node's heartbeat over a PUT of it (SQLite), CPU each", "\(text(1e6 / heartbeat.perCPUSecond, 0)) µs",
        "PUT \(text(1e6 / sqlite.perCPUSecond, 0)) µs", sqlite.perCPUSecond / heartbeat.perCPUSecond, "at most 1.1")
      row(
        "server-side apply of a whole node over a PUT of it (SQLite), CPU each",
        "\(text(1e6 / apply.perCPUSecond, 0)) µs", "PUT \(text(1e6 / sqlite.perCPUSecond, 0)) µs",
        sqlite.perCPUSecond / apply.perCPUSecond, "at most 4")
    }
    if wanted.contains("inprocess") {
      let rate = try await InProcess.sqlite(writers: 64, seconds: 6)
      row(
        "compare-and-swap in SQLite in process, durable, 64 writers, a second", text(rate, 0),
        "bare etcd \(text(gateway.perSecond, 0))", rate / gateway.perSecond, "3")
    }
  }

  static func overTLS(_ wanted: Set<String>) throws {
    if wanted.contains("tls-get") {
      let binnacle = try FrontDoor.daemon(database: "tls-get")
      defer { binnacle.stop() }
      try Client(port: FrontDoor.plainPort).call("POST", "/api/v1/nodes", body: Nodes.json("one"))
      let rates = try FrontDoor.get(binnacle, path: "/api/v1/nodes/one", rounds: 3)
      row(
        "GET one node over TLS, HTTP/1.1, requests a CPU second", text(rates[1], 0), "plain \(text(rates[0], 0))",
        rates[1] / rates[0], "0.65")
      row(
        "GET one node over TLS, HTTP/2, requests a CPU second", text(rates[2], 0), "plain \(text(rates[0], 0))",
        rates[2] / rates[0], "0.65")
    }
    if wanted.contains("tls-fanout") {
      let binnacle = try FrontDoor.daemon(database: "tls-fanout")
      defer { binnacle.stop() }
      let alone = try FanOut.binnacle(
        binnacle, port: FrontDoor.plainPort, securePort: FrontDoor.securePort, token: FrontDoor.bearer, watchers: 1_000,
        changes: 300
      ).microseconds
      row(
        "watch fan-out to 1,000 watchers over TLS, HTTP/1.1, CPU a delivery", "\(text(alone, 1)) µs", "", nil, "< 10 µs"
      )
      let together = try FrontDoor.fanOut(binnacle, connections: 100, each: 10, changes: 100)
      row(
        "watch fan-out to 1,000 watchers over TLS, HTTP/2, 10 a connection, CPU a delivery", "\(text(together, 1)) µs",
        "", nil, "< 10 µs")
    }
    guard wanted.contains("tls-idle") else { return }
    for (connections, each, isHTTP2, aim) in [(100, 100, true, 6), (10_000, 1, false, 16)] {
      // Each on a daemon of its own, which has no memory left over from before.
      let fresh = try FrontDoor.daemon(database: "idle-\(each)")
      defer { fresh.stop() }
      let bytes = try FrontDoor.idle(fresh, connections: connections, each: each, isHTTP2: isHTTP2)
      row(
        "resident memory an idle watch, 10,000 over TLS, \(isHTTP2 ? "HTTP/2, 100 a connection" : "HTTP/1.1")",
        "\(text(bytes / 1024, 1)) KB", "", nil, "< \(aim) KB")
    }
  }

  static func fanOut() throws {
    let (binnacle, _) = try Servers.binnacle(port: 18_083, [], database: "fan")
    defer { binnacle.stop() }
    let result = try FanOut.binnacle(binnacle, port: 18_083, watchers: 1_000, changes: 300)
    let sender = try Servers.bareSender(port: 18_084, watchers: 1_000, bytes: result.bytes)
    let bare = try FanOut.bare(sender, port: 18_084, watchers: 1_000, changes: 300)
    sender.stop()
    row(
      "watch fan-out to 1,000 watchers (\(result.bytes) bytes), CPU a delivery", "\(text(result.microseconds, 1)) µs",
      "a bare loop of send \(text(bare, 1)) µs", result.microseconds / bare, "< 8 µs")
    row("resident memory an idle watch (HTTP/1.1)", "\(text(result.residentPerWatch / 1024, 1)) KB", "", nil, "< 6 KB")
  }

  /// A number with a fixed count of digits behind the point.
  static func text(_ number: Double, _ digits: Int) -> String {
    guard number.isFinite, abs(number) < 1e15 else { return "\(number)" }
    var scale = 1.0
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int64((number * scale).rounded())
    if digits == 0 { return String(scaled) }
    let part = String(abs(scaled) % Int64(scale))
    return
      "\(scaled < 0 ? "-" : "")\(abs(scaled) / Int64(scale)).\(String(repeating: "0", count: digits - part.count))\(part)"
  }
}
