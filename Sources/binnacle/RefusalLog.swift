import Logging
import Synchronization

/// Log lines about requests that no handler saw: malformed, too large, more than there was room for. Anybody can cause
/// them, so there are at most so many a second; how many were left out is told by the next.
final class RefusalLog: Sendable {
  private struct State {
    var second: ContinuousClock.Instant
    var lines = 0
    var leftOut = 0
  }

  private let logger: Logger
  private let state = Mutex(State(second: .now))

  static let linesPerSecond = 10

  init(_ logger: Logger) { self.logger = logger }

  /// Any thread.
  func add(peer: String, status: Int, reason: String) {
    guard let leftOut = enter(at: .now) else { return }
    var fields: Logger.Metadata = ["srcIP": "\(peer)", "resp": "\(status)", "why": "\(reason)"]
    if leftOut > 0 { fields["leftOut"] = "\(leftOut)" }
    logger.info("request refused", metadata: fields)
  }

  /// nil where there were enough lines in this second, else how many were left out before.
  func enter(at now: ContinuousClock.Instant) -> Int? {
    state.withLock { state in
      if now - state.second >= .seconds(1) { (state.second, state.lines) = (now, 0) }
      guard state.lines < Self.linesPerSecond else {
        state.leftOut += 1
        return nil
      }
      state.lines += 1
      defer { state.leftOut = 0 }
      return state.leftOut
    }
  }
}
