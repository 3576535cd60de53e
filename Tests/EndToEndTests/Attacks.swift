import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

/// What clients may do to a daemon to keep others from it. In each case others are answered meanwhile, with what they asked for, and memory stays in the budget.
/// (The frames of HTTP/2 are attacked in HTTPServerTests, as is renegotiation.)
@Suite(.serialized) struct `A daemon under attack` {
  private static let budget = 64 << 20
  /// Beside the budget: stacks, allocator, reading buffers, what a debug build takes for its values.
  private static let slack = 96 << 20

  enum Attack: String, CaseIterable, Sendable {
    case slowHeads = "5,000 connections that send a head byte by byte"
    case slowBodies = "bodies that are announced and hardly come"
    case bodyBombs = "bodies without end"
    case headBombs = "heads without end"
    case slowReaders = "a list of 30 MB that nobody takes, in three forms"
    case deepJSON = "JSON as deep and as large as it may be"
    case yamlAliases = "YAML whose aliases stand for more and more"
    case selectors = "selectors and tokens that are forged"
  }

  private final class Tally: Sendable {
    let isOver = Atomic<Bool>(false)
    let worst = Atomic<Int>(0)
    let answered = Atomic<Int>(0)
  }

  private static func head(_ method: String, _ path: String, _ type: String, _ length: Int) -> [UInt8] {
    Array("\(method) \(path) HTTP/1.1\r\nHost: x\r\nContent-Type: \(type)\r\nContent-Length: \(length)\r\n\r\n".utf8)
  }

  /// Asks something and returns the status; 0 where the connection ends before there is one.
  private static func ask(_ port: Int, _ bytes: [UInt8]) -> Int {
    guard let client = try? Client(port: port, patience: 20) else { return 0 }
    try? client.send(bytes)
    return (try? client.receiveHead().status) ?? 0
  }

  private static func nested(_ open: String, _ close: String, _ depth: Int) -> String { String(repeating: open, count: depth) + String(repeating: close, count: depth) }

  /// One round of an attack by one of several threads. `held`: connections that stay open until the end.
  private static func round(_ attack: Attack, _ number: Int, _ port: Int, _ held: inout [Client]) {
    switch attack {
    case .slowHeads:
      if held.count < 1_250 { for _ in 0..<250 { if let client = try? Client(port: port, patience: 20) { held.append(client) } } }
      let piece = Array((number == 0 ? "GET /api/v1/nodes HTTP/1.1\r\nX: " : "a").utf8)
      held = held.filter { (try? $0.send(piece)) != nil }
    case .slowBodies:
      if held.count < 100, let client = try? Client(port: port, patience: 20) {
        try? client.send(head("POST", "/api/v1/nodes", "application/json", 3 << 20) + [UInt8](repeating: 0x20, count: 200_000))
        held.append(client)
      }
      held = held.filter { (try? $0.send([0x20])) != nil }
      usleep(10_000)
    case .bodyBombs:
      guard let client = try? Client(port: port, patience: 20) else { return }
      try? client.send(Array("POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n".utf8))
      let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65_536) + Array("\r\n".utf8)
      for _ in 0..<200 { guard (try? client.send(chunk)) != nil else { break } }
      if let status = try? client.receiveHead().status { #expect(status == 413 || status == 429, "\(status)") }
    case .headBombs:
      if held.count < 100, let client = try? Client(port: port, patience: 20) {
        try? client.send(Array("GET /api/v1/nodes HTTP/1.1\r\nX: ".utf8))
        held.append(client)
      }
      held = held.filter { (try? $0.send([UInt8](repeating: 0x61, count: 100_000))) != nil }
    case .slowReaders:
      guard held.count < 30, let client = try? Client(port: port, patience: 20) else {
        usleep(100_000)
        return
      }
      let accept = ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml"][number % 3]
      try? client.send(Array("GET /api/v1/nodes HTTP/1.1\r\nHost: x\r\nAccept: \(accept)\r\n\r\n".utf8))
      held.append(client)
      usleep(50_000)
    case .deepJSON:
      let bodies: [String] = [
        nested("[", "]", 1_500_000), nested(#"{"a":"#, "1", 400_000), #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"x","labels":"# + nested("{\"a\":", "}", 9_000) + "}}",
        "[" + String(repeating: "1,", count: 1_500_000) + "1]", String(repeating: "1", count: 3_000_000), #"{"kind":"Node","apiVersion":"v1","a":"# + "\"" + String(repeating: "\\u0000", count: 400_000) + "\"}",
        #"{"kind":"Node","apiVersion":"v1","metadata":{"# + (0..<100_000).map { #""a\#($0)":1"# }.joined(separator: ",") + "}}",
      ]
      let body = Array(bodies[number % bodies.count].utf8.prefix(3 << 20))
      let status = ask(port, head("POST", "/api/v1/nodes", "application/json", body.count) + body)
      #expect([400, 413, 422, 429].contains(status), "\(number % bodies.count): \(status)")
    case .yamlAliases:
      let levels = (1..<12).map { level -> String in
        let below = (0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ",")
        return "a\(level): &a\(level) [\(below)]"
      }
      let bodies: [String] = [
        "a0: &a0 x\n" + levels.joined(separator: "\n"), "a: &a [*a]", "a: &a\n  b: *a\n", nested("[", "]", 200_000), nested("- ", "", 100_000),
        "kind: Node\napiVersion: v1\nmetadata:\n  name: x\n  labels: &l\n" + (0..<20_000).map { "    k\($0): v\n" }.joined() + "  annotations: *l\n",
        "? " + nested("{", "}", 50_000), "a: !!binary \"\(String(repeating: "A", count: 1_000_000))\"",
      ]
      let body = Array(bodies[number % bodies.count].utf8)
      let status = ask(port, head("POST", "/api/v1/nodes", "application/yaml", body.count) + body)
      // One of them is a node.
      #expect([201, 400, 409, 413, 422, 429].contains(status), "\(number % bodies.count): \(status)")
    case .selectors:
      let values = (0..<20).map { "v\($0)" }.joined(separator: ",")
      let many = (0..<3_000).map { "k\($0)+notin+(\(values))" }.joined(separator: ",")
      func token(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
      let tokens: [String] = ["bm9uZXNlbnNl", token(#"{"v":"meta.k8s.io/v1","rv":-1,"start":"../../x"}"#), token(#"{"v":"meta.k8s.io/v1","rv":9223372036854775807,"start":"x"}"#), String(repeating: "A", count: 100_000)]
      let queries: [String] = [
        "labelSelector=\(many)", "labelSelector=" + String(repeating: "(", count: 100_000), "labelSelector=" + String(repeating: "a,", count: 100_000), "fieldSelector=" + String(repeating: "metadata.name!=a,", count: 20_000),
        "fieldSelector=" + String(repeating: "%5C", count: 50_000), "limit=99999999999999999999", "limit=1&resourceVersion=99999999999", "timeoutSeconds=-99999999999999999999&watch=1",
      ] + tokens.map { "limit=1&continue=" + $0.replacingOccurrences(of: "+", with: "%2B") }
      let status = ask(port, Array("GET /api/v1/nodes?\(queries[number % queries.count]) HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      #expect([200, 400, 410, 429, 431, 504].contains(status), "\(queries[number % queries.count].prefix(60)): \(status)")
    }
  }

  @Test(arguments: Attack.allCases) func `others are answered, and memory stays in the budget`(attack: Attack) async throws {
    let daemon = try await Daemon.start(on: .sqlite, arguments: ["--memory-budget-mb", String(Self.budget >> 20), "--max-requests-inflight", "40", "--max-mutating-requests-inflight", "20"])
    defer { daemon.stop() }
    let port = daemon.port
    // Large nodes where a list has to be large.
    let (count, padding) = attack == .slowReaders ? (1_000, String(repeating: "x", count: 30_000)) : (20, "x")
    await awaitingThreads(4) { thread in
      guard let client = try? Client(port: port) else { return }
      for number in stride(from: thread, to: count, by: 4) {
        let node = #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n\#(number)","annotations":{"a":"\#(number < 4 ? "x" : padding)"}}}"#
        #expect((try? client.call("POST", "/api/v1/nodes", body: Array(node.utf8)).status) == 201)
      }
    }
    let before = daemon.residentBytes
    let tally = Tally()
    let end = monotonicSeconds() + (Tools.isFullRun ? 30 : 6)
    await awaitingThreads(6) { thread in
      if thread >= 4 {
        // The others: one reads, one writes, each on a connection of its own now and then.
        while !tally.isOver.load(ordering: .relaxed) {
          do {
            let client = try Client(port: port, patience: 20)
            for _ in 0..<20 where !tally.isOver.load(ordering: .relaxed) {
              if thread == 4 {
                #expect(try client.call("GET", "/api/v1/nodes/n1").status == 200)
              } else {
                let patch = Array(#"{"status":{"phase":"p\#(Int.random(in: 0..<1_000))"}}"#.utf8)
                let status = try client.call("PATCH", "/api/v1/nodes/n2/status", type: "application/merge-patch+json", body: patch).status
                // Whoever is told to come again comes again.
                if status == 429 { usleep(100_000) } else { #expect(status == 200, "\(status)") }
                if status == 200 { tally.answered.add(1, ordering: .relaxed) }
              }
              usleep(2_000)
            }
          } catch { Issue.record("others are not answered: \(error)") }
          tally.worst.max(daemon.residentBytes - before, ordering: .relaxed)
        }
        return
      }
      var held: [Client] = []
      var number = 0
      while monotonicSeconds() < end {
        Self.round(attack, attack == .slowReaders ? number + thread : number, port, &held)
        number += 1
      }
      if thread == 0 { tally.isOver.store(true, ordering: .relaxed) }
    }
    #expect(tally.answered.load(ordering: .relaxed) > 5)
    #expect(tally.worst.load(ordering: .relaxed) < Self.budget + Self.slack, "\(tally.worst.load(ordering: .relaxed) >> 20) MB")
    #expect(try Client(port: port).call("GET", "/readyz").status == 200)
    // All is given back.
    try await eventually("the budget to be free", within: .seconds(30)) {
      HTTPProbe.request(port: port, path: "/metrics")?.body.contains("binnacle_memory_budget_used_bytes 0\n") == true
    }
  }

  /// Two readers of one stream must not disagree about where a request ends: what could be read in two ways is refused, and the connection ends.
  @Test(arguments: [
    "Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6", "Content-Length: 6\r\nContent-Length: 7", "Content-Length: 6, 7", "Content-Length: +6",
    "Content-Length: 0x6", "Content-Length: 6 6", "Content-Length:", "Transfer-Encoding: xchunked", "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: \u{0b}chunked", "Transfer-Encoding : chunked", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "X: a\nTransfer-Encoding: chunked", "X: a\rTransfer-Encoding: chunked",
    " Transfer-Encoding: chunked", "X: a\r\n folded", "Content-Length: 99999999999999999999", "Content-Length: -1", "X\u{00}: a",
  ])
  func `a request that could be read in two ways is refused`(header: String) async throws {
    let daemon = try await Self.shared.value
    try await blocking {
      let client = try Client(port: daemon.port, patience: 10)
      try client.send(Array("POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
      var all: [UInt8] = []
      var buffer = [UInt8](repeating: 0, count: 65_536)
      while true {
        let count = recv(client.descriptor, &buffer, buffer.count, 0)
        if count <= 0 { break }
        all += buffer[..<count]
      }
      let text = String(decoding: all, as: UTF8.self)
      #expect(text.components(separatedBy: "HTTP/1.1 ").count == 2 && !text.contains("404"), "\(text)")
      #expect(["400", "413", "501"].contains(text.dropFirst(9).prefix(3)), "\(text)")
    }
  }
  private static let shared = Task { try await Daemon.start(on: .sqlite) }

  @Test func `chunks that could be read in two ways end the connection`() async throws {
    let daemon = try await Self.shared.value
    try await blocking {
      for chunks in ["5\n12345\r\n0\r\n\r\n", "5;a\nb\r\n12345\r\n0\r\n\r\n", "0x5\r\n12345\r\n0\r\n\r\n", "-5\r\n", "5 \r\n12345\r\n0\r\n\r\n", "10000000000000000\r\n", "5\r\n12345X\r\n0\r\n\r\n", "5\r\n123456\r\n0\r\n\r\n"] {
        let client = try Client(port: daemon.port, patience: 10)
        try client.send(Array("POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n".utf8))
        let status = try client.receiveHead().status
        #expect(status == 400 || status == 413, "\(chunks): \(status)")
      }
    }
    daemon.stop()
  }
}
