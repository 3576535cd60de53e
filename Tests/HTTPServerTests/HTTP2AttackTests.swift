import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

@testable import HTTPServer

/// What costs a client little and a server much. In each case others are answered meanwhile, the attacker's connection
/// ends, and memory stays where it was.
@Suite(.serialized) struct `HTTP2 under attack` {
  enum Attack: String, CaseIterable {
    case rapidReset = "streams that are reset as soon as they are opened", cancelledWork =
      "requests that are cancelled while they run", pings = "PINGs", settings = "SETTINGS",
      unreadAnswers = "PINGs whose answers are not read", emptyData = "empty DATA", windowUpdates =
      "windows opened by one byte", priorities = "PRIORITY",
      continuations = "CONTINUATIONs without end", emptyContinuations = "empty CONTINUATIONs", headerBomb =
      "a few bytes of HPACK that stand for many", refused = "streams beyond the limit",
      zeroWindow = "answers that are asked for and never taken"

    /// Bytes for round `round`, behind an open connection on which stream 1 stands for a POST without its body.
    func bytes(_ round: UInt32) -> [UInt8] {
      let first = 3 + round * 200
      let streams = stride(from: first, to: first + 200, by: 2)
      switch self {
      case .rapidReset: return streams.flatMap { Frame.headers($0, HPACK.request()).bytes() + Frame.reset($0).bytes() }
      case .cancelledWork:
        return streams.flatMap {
          Frame.headers($0, HPACK.request("GET", "/stubborn")).bytes() + Frame.reset($0).bytes()
        }
      case .pings, .unreadAnswers: return (0..<500).flatMap { _ in Frame.ping().bytes() }
      case .settings: return (0..<500).flatMap { _ in Frame.settings([(3, 100)]).bytes() }
      case .emptyData: return (0..<500).flatMap { _ in Frame.data(1, [], []).bytes() }
      case .windowUpdates: return (0..<500).flatMap { _ in Frame.windowUpdate(0, 1).bytes() }
      case .priorities: return (0..<500).flatMap { Frame.priority(UInt32($0) * 2 + 3, on: 0).bytes() }
      case .continuations:
        let piece = HPACK.block([("x", String(repeating: "a", count: 16_000))])
        return (round == 0 ? Frame.headers(3, HPACK.request(), .endStream).bytes() : [])
          + (0..<20).flatMap { _ in Frame.continuation(3, piece, []).bytes() }
      case .emptyContinuations:
        return (round == 0 ? Frame.headers(3, HPACK.request(), .endStream).bytes() : [])
          + (0..<500).flatMap { _ in Frame.continuation(3, [], []).bytes() }
      case .headerBomb:
        // One field of 4 KB goes to the table; each byte after it stands for all of it.
        let field = [0x40] + HPACK.string(Array("x".utf8)) + HPACK.string([UInt8](repeating: 0x61, count: 4_000))
        return Frame.headers(first, HPACK.request() + field + [UInt8](repeating: 0xBE, count: 12_000), .endStream)
          .bytes() + Frame.continuation(first, [UInt8](repeating: 0xBE, count: 16_384)).bytes()
      case .refused: return streams.flatMap { Frame.headers($0, HPACK.request("GET", "/never")).bytes() }
      case .zeroWindow:
        return (0..<100).flatMap { Frame.headers(UInt32(first + $0 * 2), HPACK.request("GET", "/flood")).bytes() }
      }
    }
  }

  @Test(arguments: Attack.allCases)
  func `others are answered, and memory stays bounded`(attack: Attack) async throws {
    var configuration = HTTPServer.Configuration(endpoints: [.address(host: "127.0.0.1", port: 0)])
    configuration.reactors = 1
    configuration.limits.writeTimeout = .seconds(1)
    let handler = TestHandler()
    let server = try HTTPServer(configuration: configuration, handler: handler)
    try server.start()
    let port = server.ports[0]
    let before = ProcessState.residentBytes()
    let tally = Tally()
    async let others: Void = blocking {
      // Others live on the one reactor that is attacked.
      let other = try FrameClient(port: port, patience: 10)
      var stream: UInt32 = 1
      while !tally.isOver.load(ordering: .relaxed) || stream < 21 {
        #expect(try other.call("GET", "/elsewhere", on: stream).text == "elsewhere")
        stream += 2
        usleep(2_000)
      }
    }
    try await blocking {
      defer { tally.isOver.store(true, ordering: .relaxed) }
      let client = try FrameClient(port: port, patience: 10, settings: [(4, attack == .zeroWindow ? 0 : 65_535)])
      try client.send(.headers(1, HPACK.request("POST", "/echo"), .endHeaders))
      var isEnded = false
      var code: UInt32?
      for round in 0..<UInt32(400) where !isEnded {
        do { try client.socket.send(attack.bytes(round)) } catch { isEnded = true }
        if attack == .unreadAnswers { continue }
        // Take what has come, so that only the attack itself can stop us.
        while !isEnded, Self.hasInput(client) {
          guard let frame = try client.receive() else {
            isEnded = true
            break
          }
          if frame.kind == .goAway { code = frame.number(at: 4) }
        }
        if attack == .refused && round > 20 || attack == .zeroWindow { break }
      }
      if attack == .zeroWindow {
        var resets = 0
        while resets < 99 {
          try client.until("a reset") { $0.kind == .reset }
          resets += 1
        }
        #expect(handler.closed.load(ordering: .relaxed) >= 99)
      } else {
        // Reading to the end shows the reason, if there is one.
        while !isEnded, let frame = try? client.receive() { if frame.kind == .goAway { code = frame.number(at: 4) } }
        if attack != .refused { #expect(isEnded || code != nil, "the connection goes on") }
        if let code { #expect([1, 11].contains(code) || code == 7, "\(code)") }
      }
    }
    try await others
    let grown = ProcessState.residentBytes() - before
    #expect(grown < 96 << 20, "\(grown >> 20) MiB more")
    await server.drain(deadline: .milliseconds(100))
  }

  private final class Tally: Sendable {
    let isOver = Atomic<Bool>(false)
  }

  private static func hasInput(_ client: FrameClient) -> Bool {
    if client.hasBuffered { return true }
    var poll = pollfd(fd: client.socket.descriptor, events: Int16(POLLIN), revents: 0)
    return Glibc.poll(&poll, 1, 0) > 0
  }
}
