import Glibc
import LoadClient

/// The same work over TLS, in HTTP/1.1 and in HTTP/2, beside plain HTTP of the same daemon.
enum FrontDoor {
  static let (plainPort, securePort) = (18_086, 18_087)
  static let bearer = "Authorization: Bearer benchmark"
  private static var url: String { "https://127.0.0.1:\(securePort)" }

  /// A daemon with both doors, and an administrator by token.
  static func daemon(database: String) throws -> Child {
    let tokens = "\(Servers.folder)/tokens.csv"
    try writeFile(tokens, "benchmark,benchmark,1,\"system:masters\"\n")
    return try Servers.binnacle(
      port: plainPort,
      ["--secure-port", String(securePort), "--cert-dir", "\(Servers.folder)/certs", "--token-auth-file", tokens],
      database: database
    ).0
  }

  // MARK: GET

  /// Requests a CPU second of GET: plain, over TLS in HTTP/1.1, over TLS in HTTP/2 (medians of turns).
  static func get(_ child: Child, path: String, rounds: Int) throws -> [Double] {
    let commands = [
      ["wrk", "-t1", "-c32", "-d3s", "http://127.0.0.1:\(plainPort)\(path)"],
      ["wrk", "-t1", "-c32", "-d3s", "-H", bearer, url + path],
      ["h2load", "-t1", "-c32", "-m1", "-D3", "-H", bearer.lowercased(), url + path],
    ]
    var found = [[Double]](repeating: [], count: commands.count)
    for _ in 0..<rounds {
      for (place, command) in commands.enumerated() {
        let before = child.cpuSeconds
        let text = try output(of: ["taskset", "-c", String(Servers.loadCore)] + command)
        found[place].append(try requests(in: text) / (child.cpuSeconds - before))
      }
    }
    return found.map { $0.sorted()[rounds / 2] }
  }

  /// What wrk or h2load has counted as answered well.
  private static func requests(in text: String) throws -> Double {
    for line in text.split(separator: "\n") {
      let words = line.split(separator: " ")
      if line.contains("requests in"), !text.contains("Non-2xx"), let count = words.first.flatMap({ Double($0) }) {
        return count
      }
      // status codes: 64016 2xx, 0 3xx, 0 4xx, 0 5xx
      if line.hasPrefix("status codes:"), line.contains(" 0 4xx") && line.contains(" 0 5xx"),
        let count = words.dropFirst(2).first.flatMap({ Double($0) })
      {
        return count
      }
    }
    throw Failure("no count in: \(text)")
  }

  // MARK: watches

  /// Connections and watches on each, held by h2load until it is stopped.
  private static func watchers(connections: Int, each: Int, isHTTP2: Bool) throws -> Child {
    let path = "/api/v1/nodes?watch=true&fieldSelector=metadata.name%3Dfan&timeoutSeconds=600"
    let protocols = isHTTP2 ? ["-m", String(each)] : ["--h1"]
    return try Child(
      "h2load", cores: String(Servers.loadCore),
      ["h2load", "-t1", "-c", String(connections), "-n", String(connections * each), "-H", bearer.lowercased()]
        + protocols + [url + path])
  }

  private static func openWatches() throws -> Int {
    let text = String(
      decoding: try Client(port: plainPort).call("GET", "/metrics", keepsBody: true).body, as: UTF8.self)
    return text.split(separator: "\n").filter { $0.hasPrefix("apiserver_longrunning_requests{") }.reduce(0) {
      $0 + (Int($1.split(separator: " ").last ?? "") ?? 0)
    }
  }

  private static func waitForWatches(_ count: Int) throws {
    for _ in 0..<600 {
      if try openWatches() >= count { return }
      usleep(100_000)
    }
    throw Failure("only \(try openWatches()) of \(count) watches were opened")
  }

  /// Resident bytes a watch, of so many idle ones.
  static func idle(_ child: Child, connections: Int, each: Int, isHTTP2: Bool) throws -> Double {
    let before = child.residentBytes
    let clients = try watchers(connections: connections, each: each, isHTTP2: isHTTP2)
    try waitForWatches(connections * each)
    usleep(1_000_000)
    let grown = child.residentBytes - before
    clients.stop()
    for _ in 0..<300 {
      if try openWatches() == 0 { break }
      usleep(100_000)
    }
    return Double(grown) / Double(connections * each)
  }

  /// CPU microseconds a delivery to so many watches over HTTP/2. The clients can't say when they have read an event, so
  /// changes come with a pause that is long enough.
  static func fanOut(_ child: Child, connections: Int, each: Int, changes: Int) throws -> Double {
    let writer = try Client(port: plainPort)
    try writer.call("POST", "/api/v1/nodes", body: Nodes.json("fan"))
    let clients = try watchers(connections: connections, each: each, isHTTP2: true)
    defer { clients.stop() }
    let count = connections * each
    try waitForWatches(count)
    usleep(1_000_000)
    let sent = try eventsSent()
    let before = child.cpuSeconds
    for change in 1...changes {
      try writer.call("PUT", "/api/v1/nodes/fan", body: Nodes.json("fan", counter: change))
      usleep(60_000)
    }
    let cpu = child.cpuSeconds - before
    let delivered = try eventsSent() - sent
    guard delivered == count * changes else { throw Failure("\(delivered) of \(count * changes) events were sent") }
    return cpu * 1e6 / Double(delivered)
  }

  private static func eventsSent() throws -> Int {
    let text = String(
      decoding: try Client(port: plainPort).call("GET", "/metrics", keepsBody: true).body, as: UTF8.self)
    return text.split(separator: "\n").filter { $0.hasPrefix("apiserver_watch_events_total{") }.reduce(0) {
      $0 + (Int($1.split(separator: " ").last ?? "") ?? 0)
    }
  }
}
