import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

/// A small generator whose stream is told by its seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64
  init(seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

/// Whatever bytes arrive, the daemon goes on.
@Suite(.serialized) struct `Malformed requests` {
  static let count = Tools.isFullRun ? 100_000 : 5_000

  static let seeds: [String] = [
    "GET /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "GET /api/v1/nodes?limit=2&labelSelector=a%20in%20(b,c)&resourceVersion=0 HTTP/1.1\r\nHost: localhost\r\nAccept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n\r\n",
    "GET /api/v1/nodes?watch=true&timeoutSeconds=0 HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 73\r\n\r\n{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"a\",\"labels\":{\"b\":1}}}",
    "POST /api/v1/nodes HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\nContent-Type: application/json\r\n\r\n20\r\n{\"kind\":\"Node\",\"apiVersion\":\"v1\"\r\n1f\r\n,\"metadata\":{\"generateName\":1}}\r\n0\r\n\r\n",
    "PATCH /api/v1/nodes/a HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json-patch+json\r\nContent-Length: 45\r\n\r\n[{\"op\":\"add\",\"path\":\"/metadata/x\",\"value\":1}]",
    "PUT /api/v1/nodes/a/status HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/yaml\r\nContent-Length: 40\r\n\r\nkind: Node\nmetadata: &a\n  name: [*a, {}]",
    "DELETE /api/v1/nodes/a?gracePeriodSeconds=-1 HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
    "GET /openapi/v3?hash=%00 HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\nGET /readyz?verbose HTTP/1.0\r\n\r\n",
  ]

  @Test func `mutated requests never crash, hang or leak`() async throws {
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    await fire(daemon.port, seed: 1)
    try await settle(daemon)
    let (memory, descriptors) = (daemon.residentBytes, daemon.descriptorCount)
    await fire(daemon.port, seed: 2)
    try await settle(daemon)
    #expect(daemon.descriptorCount == descriptors)
    #expect(daemon.residentBytes - memory < 5 << 20, "\(memory) bytes, then \(daemon.residentBytes)")
    #expect(try Client(port: daemon.port).call("GET", "/readyz").status == 200)
    #expect(try await daemon.end() == 0)
  }

  /// Until the connections of the last round are gone.
  private func settle(_ daemon: Daemon) async throws {
    let idle = { HTTPProbe.request(port: daemon.port, path: "/readyz")?.status == 200 }
    try await eventually("the daemon to answer", within: .seconds(20)) { idle() }
    var last = -1
    try await eventually("connections to end", within: .seconds(20)) {
      defer { last = daemon.descriptorCount }
      return daemon.descriptorCount == last
    }
    try await Task.sleep(for: .seconds(4))  // lingering closes last three seconds
  }

  private func fire(_ port: Int, seed: UInt64) async {
    await awaitingThreads(4) { thread in
      var random = SeededGenerator(seed: seed * 100 + UInt64(thread))
      for _ in 0..<(Self.count / 4) {
        guard let client = try? Client(port: port, patience: 3) else { continue }
        let bytes = Self.mutated(&random)
        try? client.send(bytes)
        shutdown(client.descriptor, Int32(SHUT_WR))
        // An answer or an end, both are well; a watch that was opened ends with our half.
        _ = try? client.receiveHead()
      }
    }
  }

  static func mutated(_ random: inout SeededGenerator) -> [UInt8] {
    var bytes = Array(seeds[Int.random(in: 0..<seeds.count, using: &random)].utf8)
    for _ in 0..<Int.random(in: 1...6, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: 0..<bytes.count, using: &random)
      switch Int.random(in: 0..<6, using: &random) {
      case 0: bytes[place] = UInt8.random(in: 0...255, using: &random)
      case 1: bytes.insert(UInt8.random(in: 0...255, using: &random), at: place)
      case 2: bytes.remove(at: place)
      case 3: bytes.removeSubrange(place..<min(bytes.count, place + Int.random(in: 1...20, using: &random)))
      case 4: bytes.insert(contentsOf: bytes[place..<min(bytes.count, place + 30)], at: place)
      default:
        bytes.insert(
          contentsOf: Array(
            ["\r\n", "\r", "\n", "\0", "{", "[[[[", "\"", "%", "&", "=", ";", "0x", "-1", "999999999999999999999"]
              .randomElement(using: &random)!.utf8), at: place)
      }
    }
    return bytes
  }
}
