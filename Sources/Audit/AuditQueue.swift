import Synchronization

/// Events that wait to be kept: so many, and so many bytes, and what comes then is refused.
final class AuditQueue: Sendable {
  private struct State {
    var lines: [AuditLine] = []
    var bytes = 0
  }
  private let state = Mutex(State())
  private let countMax: Int
  /// Bodies are shared with the cache where they come from it, but a list may be what nobody else holds any more.
  private static let bytesMax = 64 << 20

  init(countMax: Int) { self.countMax = max(1, countMax) }

  enum Entry { case refused, first, another }

  /// `.first`: the queue was empty, so nobody looks at it yet.
  func add(_ line: AuditLine) -> Entry {
    state.withLock { state in
      // One that is too large alone passes through an empty queue: a limit is no reason to see nothing of a large list.
      guard state.lines.count < countMax, state.lines.isEmpty || state.bytes + line.count <= Self.bytesMax else {
        return .refused
      }
      state.lines.append(line)
      state.bytes += line.count
      return state.lines.count == 1 ? .first : .another
    }
  }

  var count: Int { state.withLock { $0.lines.count } }

  /// Takes events from the front, at most so many.
  func take(max: Int) -> [AuditLine] {
    state.withLock { state in
      let taken = Array(state.lines.prefix(max))
      state.lines.removeFirst(taken.count)
      state.bytes -= taken.reduce(0) { $0 + $1.count }
      return taken
    }
  }
}
