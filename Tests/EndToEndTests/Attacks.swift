import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

/// What clients may do to a daemon to keep others from it. In each case others are answered meanwhile, with what they
/// asked for, and memory stays in the budget. (The frames of HTTP/2 are attacked in HTTPServerTests, as is
/// renegotiation.)
@Suite(.serialized) struct `A daemon under attack` {
  private static let budget = 64 << 20
  /// Beside the budget: what the allocator keeps of buffers that were given back (they come in seven sizes), buffers
  /// that are copied while they grow, what a debug build takes for its values. Without the budget these attacks take
  /// 900 MB and more.
  private static let slack = 192 << 20

  private final class Tally: Sendable {
    let isOver = Atomic<Bool>(false)
    let worst = Atomic<Int>(0)
    let answered = Atomic<Int>(0)
  }

  @Test(arguments: Attack.allCases) func `others are answered, and memory stays in the budget`(
    attack: Attack
  ) async throws {
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--memory-budget-mb", String(Self.budget >> 20), "--max-requests-inflight", "40",
        "--max-mutating-requests-inflight", "20",
      ])
    defer { daemon.stop() }
    let port = daemon.port
    // Large nodes where a list has to be large.
    let (count, padding) = attack == .slowReaders ? (1_000, String(repeating: "x", count: 30_000)) : (20, "x")
    await awaitingThreads(4) { thread in
      guard let client = try? Client(port: port) else { return }
      for number in stride(from: thread, to: count, by: 4) {
        let node =
          #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n\#(number)","annotations":{"a":"\#(number < 4 ? "x" : padding)"}}}"#
        #expect((try? client.call("POST", "/api/v1/nodes", body: Array(node.utf8)).status) == 201)
      }
    }
    let before = daemon.residentBytes
    let tally = Tally()
    let end = monotonicSeconds() + (Tools.isFullRun ? 30 : 4)
    await awaitingThreads(6) { thread in
      if thread >= 4 {
        // The others: one reads, one writes, each on a connection of its own now and then.
        while !tally.isOver.load(ordering: .relaxed) {
          do {
            let client = try Client(port: port, patience: 20)
            for _ in 0..<20 where !tally.isOver.load(ordering: .relaxed) {
              if thread == 4 {
                let answer = try client.call("GET", "/api/v1/nodes/n1", keepsBody: true)
                #expect(
                  answer.status == 200,
                  "\(attack): \(answer.status) \(String(decoding: answer.body.prefix(300), as: UTF8.self))")
              } else {
                let patch = Array(#"{"status":{"phase":"p\#(Int.random(in: 0..<1_000))"}}"#.utf8)
                let status = try client.call(
                  "PATCH", "/api/v1/nodes/n2/status", type: "application/merge-patch+json", body: patch
                ).status
                // Whoever is told to come again comes again.
                if status == 429 { usleep(100_000) } else { #expect(status == 200, "\(attack): \(status)") }
                if status == 200 { tally.answered.add(1, ordering: .relaxed) }
              }
              usleep(2_000)
            }
          } catch { Issue.record("\(attack): others are not answered: \(error)") }
          tally.worst.max(daemon.residentBytes - before, ordering: .relaxed)
        }
        return
      }
      var attacker = Attacker(attack, port: port, number: thread)
      while monotonicSeconds() < end {
        if let surprise = attacker.round() { Issue.record("\(attack): \(surprise)") }
      }
      if thread == 0 { tally.isOver.store(true, ordering: .relaxed) }
    }
    #expect(tally.answered.load(ordering: .relaxed) > 5)
    #expect(
      tally.worst.load(ordering: .relaxed) < Self.budget + Self.slack,
      "\(attack): \(tally.worst.load(ordering: .relaxed) >> 20) MB")
    #expect(try Client(port: port).call("GET", "/readyz").status == 200)
    // All is given back.
    try await eventually("the budget to be free", within: .seconds(30)) {
      HTTPProbe.request(port: port, path: "/metrics")?.body.contains("binnacle_memory_budget_used_bytes 0\n") == true
    }
  }

  /// Two readers of one stream must not disagree about where a request ends: what could be read in two ways is refused,
  /// and the connection ends.
  @Test(arguments: [
    "Content-Length: 6\r\nTransfer-Encoding: chunked", "Transfer-Encoding: chunked\r\nContent-Length: 6",
    "Content-Length: 6\r\nContent-Length: 7", "Content-Length: 6, 7", "Content-Length: +6",
    "Content-Length: 0x6", "Content-Length: 6 6", "Content-Length:", "Transfer-Encoding: xchunked",
    "Transfer-Encoding: chunked, identity", "Transfer-Encoding: identity, chunked",
    "Transfer-Encoding: \u{0b}chunked", "Transfer-Encoding : chunked",
    "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity", "X: a\nTransfer-Encoding: chunked",
    "X: a\rTransfer-Encoding: chunked",
    " Transfer-Encoding: chunked", "X: a\r\n folded", "Content-Length: 99999999999999999999", "Content-Length: -1",
    "X\u{00}: a",
  ])
  func `a request that could be read in two ways is refused`(header: String) async throws {
    let daemon = try await Self.shared.value
    try await blocking {
      let client = try Client(port: daemon.port, patience: 10)
      try client.send(
        Array(
          "POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\n\(header)\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
            .utf8))
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
      for chunks in [
        "5\n12345\r\n0\r\n\r\n", "5;a\nb\r\n12345\r\n0\r\n\r\n", "0x5\r\n12345\r\n0\r\n\r\n", "-5\r\n",
        "5 \r\n12345\r\n0\r\n\r\n", "10000000000000000\r\n", "5\r\n12345X\r\n0\r\n\r\n", "5\r\n123456\r\n0\r\n\r\n",
      ] {
        let client = try Client(port: daemon.port, patience: 10)
        try client.send(
          Array(
            "POST /api/v1/nodes HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n\(chunks)GET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
              .utf8))
        let status = try client.receiveHead().status
        #expect(status == 400 || status == 413, "\(chunks): \(status)")
      }
    }
    daemon.stop()
  }
}
