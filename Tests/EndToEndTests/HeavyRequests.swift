import Foundation
import LoadClient
import Synchronization
import TestSupport
import Testing

/// Requests that ask for as much work as one can ask for, four of a kind at a time. Each gets its answer, and `/livez`
/// is answered meanwhile as if nothing were: not much later than by a daemon that has nothing to do on the same machine.
@Suite(.serialized) struct `A daemon at hard work` {
  /// In a debug build all takes 20 to 50 times as long, so requests are smaller there, and longer waits are good: the
  /// bounds tell work that is done apart from work that keeps a reactor, which would take many seconds.
  private static var isDebug: Bool {
    var isDebug = false
    assert(
      {
        isDebug = true; return true
      }())
    return isDebug
  }
  private static let scale = isDebug ? (Tools.isFullRun ? 0.25 : 0.05) : 1
  private static let livezMax = isDebug ? 2.0 : 0.25
  private static let answerMax = isDebug ? 60.0 : 8.0

  private final class Tally: Sendable {
    let attackers = Atomic<Int>(4)
    let worst = Mutex(0.0)
    /// Of the daemon that has nothing to do.
    let idleWorst = Mutex(0.0)
    let slowest = Mutex(0.0)
    let asked = Atomic<Int>(0)
  }

  private static let shared = Task { () -> Daemon in
    let daemon = try await Daemon.start(on: .sqlite)
    try await blocking {
      let client = try Client(port: daemon.port)
      for number in 0..<300 {
        let name = number < 4 ? "big-\(number)" : "n\(number)"
        let body =
          #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"\#(name)","labels":{"zone":"z\#(number % 3)","kubernetes.io/hostname":"\#(name)"}}}"#
        guard try client.call("POST", "/api/v1/nodes", body: Array(body.utf8)).status == 201 else {
          throw Failure("node \(name) is not made")
        }
      }
    }
    return daemon
  }

  private static let idle = Task { try await Daemon.start(on: .sqlite) }

  @Test(.timeLimit(.minutes(5)), arguments: HeavyRequest.allCases) func `others are answered at once`(
    request: HeavyRequest
  ) async throws {
    let daemon = try await Self.shared.value
    let port = daemon.port
    let idlePort = try await Self.idle.value.port
    let tally = Tally()
    await awaitingThreads(6) { thread in
      do {
        if thread < 4 {
          defer { tally.attackers.subtract(1, ordering: .relaxed) }
          let bytes = request.bytes(scale: Self.scale, number: thread)
          for _ in 0..<(Tools.isFullRun ? 5 : 1) {
            let start = monotonicSeconds()
            let client = try Client(port: port, patience: 120)
            try client.send(bytes)
            let status = try client.receiveHead().status
            tally.slowest.withLock { $0 = max($0, monotonicSeconds() - start) }
            #expect(request.rightStatuses.contains(status) || status == 429, "\(request): \(status)")
          }
          return
        }
        // New connections, so that each reactor is asked.
        while tally.attackers.load(ordering: .relaxed) > 0 {
          let isIdle = thread == 5
          for client in try (0..<6).map({ _ in try Client(port: isIdle ? idlePort : port, patience: 60) }) {
            let start = monotonicSeconds()
            #expect(try client.call("GET", "/livez").status == 200)
            let time = monotonicSeconds() - start
            if isIdle {
              tally.idleWorst.withLock { $0 = max($0, time) }
            } else {
              tally.worst.withLock { $0 = max($0, time) }
              tally.asked.add(1, ordering: .relaxed)
            }
          }
          usleep(2_000)
        }
      } catch { Issue.record("\(request): \(error)") }
    }
    let (worst, slowest) = (tally.worst.withLock { $0 }, tally.slowest.withLock { $0 })
    if ProcessInfo.processInfo.environment["BINNACLE_TEST_TIMES"] != nil {
      print("\(request.rawValue): livez \(worst), answers \(slowest)")
    }
    // What the machine does besides keeps both waiting.
    let most = Self.livezMax + 2 * tally.idleWorst.withLock { $0 }
    #expect(worst < most && tally.asked.load(ordering: .relaxed) > 0, "\(request): /livez took \(worst) of \(most) s")
    #expect(slowest < Self.answerMax, "\(request): an answer took \(slowest) s")
  }
}
