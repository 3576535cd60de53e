import Foundation

/// What clients may do to a server to keep others from it.
public enum Attack: String, CaseIterable, Sendable {
  case slowHeads = "5,000 connections that send a head byte by byte"
  case slowBodies = "bodies that are announced and hardly come"
  case bodyBombs = "bodies without end"
  case headBombs = "heads without end"
  case slowReaders = "a list of 30 MB that nobody takes, in three forms"
  case lazyWatches = "watches that nobody reads, of large objects that change all the time"
  case deepJSON = "JSON as deep and as large as it may be"
  case yamlAliases = "YAML whose aliases stand for more and more"
  case selectors = "selectors and tokens that are forged"
}

/// One of those who do it, round after round.
public struct Attacker {
  private let attack: Attack
  private let port: Int
  private var number: Int
  /// Connections that stay open until the end.
  private var held: [Client] = []

  /// `number`: among others of its kind.
  public init(_ attack: Attack, port: Int, number: Int) {
    self.attack = attack
    self.port = port
    self.number = number
  }

  private static func head(_ method: String, _ path: String, _ type: String, _ length: Int) -> [UInt8] {
    Array(
      "\(method) \(path) HTTP/1.1\r\nHost: localhost\r\nContent-Type: \(type)\r\nContent-Length: \(length)\r\n\r\n".utf8
    )
  }

  /// Asks something and returns the status; 0 where the connection ends before there is one.
  private static func ask(_ port: Int, _ bytes: [UInt8]) -> Int {
    guard let client = try? Client(port: port, patience: 20) else { return 0 }
    try? client.send(bytes)
    return (try? client.receiveHead().status) ?? 0
  }

  private static func nested(_ open: String, _ close: String, _ depth: Int) -> String {
    String(repeating: open, count: depth) + String(repeating: close, count: depth)
  }

  /// One round; an answer that is none of those that there should be.
  public mutating func round() -> String? {
    defer { number += 1 }
    switch attack {
    case .slowHeads:
      for _ in 0..<250 where held.count < 1_250 {
        guard let client = try? Client(port: port, patience: 20) else { continue }
        try? client.send(Array("GET /api/v1/nodes HTTP/1.1\r\nX: ".utf8))
        held.append(client)
      }
      held = held.filter { (try? $0.send([0x61])) != nil }
      usleep(200_000)
    case .slowBodies:
      if held.count < 100, let client = try? Client(port: port, patience: 20) {
        try? client.send(
          Self.head("POST", "/api/v1/nodes", "application/json", 3 << 20) + [UInt8](repeating: 0x20, count: 200_000))
        held.append(client)
      }
      held = held.filter { (try? $0.send([0x20])) != nil }
      usleep(10_000)
    case .bodyBombs:
      guard let client = try? Client(port: port, patience: 20) else { return nil }
      try? client.send(
        Array(
          "POST /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
            .utf8))
      let chunk = Array("10000\r\n".utf8) + [UInt8](repeating: 0x20, count: 65_536) + Array("\r\n".utf8)
      for _ in 0..<200 { guard (try? client.send(chunk)) != nil else { break } }
      if let status = try? client.receiveHead().status {
        return status == 413 || status == 429 ? nil : "a body without end: \(status)"
      }
    case .headBombs:
      if held.count < 100, let client = try? Client(port: port, patience: 20) {
        try? client.send(Array("GET /api/v1/nodes HTTP/1.1\r\nX: ".utf8))
        held.append(client)
      }
      held = held.filter { (try? $0.send([UInt8](repeating: 0x61, count: 100_000))) != nil }
    case .slowReaders:
      guard held.count < 30, let client = try? Client(port: port, patience: 20) else {
        usleep(100_000)
        return nil
      }
      let accept = ["application/json", "application/json;as=Table;v=v1;g=meta.k8s.io", "application/yaml"][number % 3]
      try? client.send(Array("GET /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nAccept: \(accept)\r\n\r\n".utf8))
      held.append(client)
      usleep(50_000)
    case .lazyWatches:
      if held.count < 50, let client = try? Client(port: port, patience: 20) {
        try? client.send(Array("GET /api/v1/nodes?watch=true HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
        held.append(client)
      }
      let body = Array(
        #"{"metadata":{"annotations":{"a":"\#(number)\#(String(repeating: "x", count: 200_000))"}}}"#.utf8)
      let status = Self.ask(
        port,
        Self.head("PATCH", "/api/v1/nodes/n\(10 + number % 10)", "application/merge-patch+json", body.count) + body)
      return [200, 429].contains(status) ? nil : "a change: \(status)"
    case .deepJSON:
      let bodies: [String] = [
        Self.nested("[", "]", 1_500_000), Self.nested(#"{"a":"#, "1", 400_000),
        #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"x","labels":"# + Self.nested("{\"a\":", "}", 9_000)
          + "}}",
        "[" + String(repeating: "1,", count: 1_500_000) + "1]", String(repeating: "1", count: 3_000_000),
        #"{"kind":"Node","apiVersion":"v1","a":"# + "\"" + String(repeating: "\\u0000", count: 400_000) + "\"}",
        #"{"kind":"Node","apiVersion":"v1","metadata":{"# + (0..<100_000).map { #""a\#($0)":1"# }.joined(separator: ",")
          + "}}",
      ]
      let body = Array(bodies[number % bodies.count].utf8.prefix(3 << 20))
      let status = Self.ask(port, Self.head("POST", "/api/v1/nodes", "application/json", body.count) + body)
      return [400, 413, 422, 429].contains(status) ? nil : "\(number % bodies.count): \(status)"
    case .yamlAliases:
      let levels = (1..<12).map { level -> String in
        let below = (0..<9).map { _ in "*a\(level - 1)" }.joined(separator: ",")
        return "a\(level): &a\(level) [\(below)]"
      }
      let bodies: [String] = [
        "a0: &a0 x\n" + levels.joined(separator: "\n"), "a: &a [*a]", "a: &a\n  b: *a\n",
        Self.nested("[", "]", 200_000), Self.nested("- ", "", 100_000),
        "kind: Node\napiVersion: v1\nmetadata:\n  name: x\n  labels: &l\n"
          + (0..<20_000).map { "    k\($0): v\n" }.joined() + "  annotations: *l\n",
        "? " + Self.nested("{", "}", 50_000), "a: !!binary \"\(String(repeating: "A", count: 1_000_000))\"",
      ]
      let body = Array(bodies[number % bodies.count].utf8)
      let status = Self.ask(port, Self.head("POST", "/api/v1/nodes", "application/yaml", body.count) + body)
      // One of them is a node.
      return [201, 400, 409, 413, 422, 429].contains(status) ? nil : "\(number % bodies.count): \(status)"
    case .selectors:
      let values = (0..<20).map { "v\($0)" }.joined(separator: ",")
      let many = (0..<3_000).map { "k\($0)+notin+(\(values))" }.joined(separator: ",")
      func token(_ text: String) -> String { Data(text.utf8).base64EncodedString() }
      let tokens: [String] = [
        "bm9uZXNlbnNl", token(#"{"v":"meta.k8s.io/v1","rv":-1,"start":"../../x"}"#),
        token(#"{"v":"meta.k8s.io/v1","rv":9223372036854775807,"start":"x"}"#), String(repeating: "A", count: 100_000),
      ]
      let queries: [String] =
        [
          "labelSelector=\(many)", "labelSelector=" + String(repeating: "(", count: 100_000),
          "labelSelector=" + String(repeating: "a,", count: 100_000),
          "fieldSelector=" + String(repeating: "metadata.name!=a,", count: 20_000),
          "fieldSelector=" + String(repeating: "%5C", count: 50_000), "limit=99999999999999999999",
          "limit=1&resourceVersion=99999999999", "timeoutSeconds=-99999999999999999999&watch=1",
        ] + tokens.map { "limit=1&continue=" + $0.replacingOccurrences(of: "+", with: "%2B") }
      let status = Self.ask(
        port, Array("GET /api/v1/nodes?\(queries[number % queries.count]) HTTP/1.1\r\nHost: localhost\r\n\r\n".utf8))
      return [200, 400, 410, 429, 431, 504].contains(status)
        ? nil : "\(queries[number % queries.count].prefix(60)): \(status)"
    }
    return nil
  }
}
