import Dispatch
import Glibc
import Synchronization

/// Lines for a descriptor, such as standard error, which may be a pipe that nobody reads.
///
/// Nobody who writes waits: lines go into a bounded buffer, in their order, and a queue of this type's own (a thread,
/// while there is something to write) sees to the system call. Lines that find no room are dropped and counted, and
/// where they would have stood a line says how many they were.
final class LineWriter: Sendable {
  private let descriptor: Int32
  private let limit: Int
  private let notice: @Sendable (_ dropped: Int) -> String
  private let queue = DispatchQueue(label: "lines")
  private let state = Mutex(State())

  private struct State {
    var waiting: [UInt8] = []
    /// Since the last line that says so.
    var dropped = 0
    /// In all, those of a reader that went away among them.
    var lost = 0
    var isDraining = false
    /// Since when the system call at work has taken nothing.
    var blockedSince: ContinuousClock.Instant?
  }

  /// `limit`: bytes that may wait; as many may be with the system call. `notice` makes the line, its end included, that
  /// tells of dropped ones.
  init(descriptor: Int32, limit: Int = 1 << 20, notice: @escaping @Sendable (_ dropped: Int) -> String) {
    self.descriptor = descriptor
    self.limit = limit
    self.notice = notice
  }

  /// Lines that nobody will read.
  var lost: Int { state.withLock { $0.lost } }

  /// For how long the reader has taken nothing although there is something; nil where it takes what comes.
  var blockedFor: Duration? { state.withLock { $0.blockedSince.map { .now - $0 } } }

  /// Takes a whole line, its end included. Never waits. Any thread.
  func write(_ line: String) {
    let isFirst = state.withLock { state in
      // The notice finds room too.
      guard state.waiting.isEmpty || state.waiting.count + line.utf8.count + (state.dropped > 0 ? 256 : 0) <= limit
      else {
        state.dropped += 1
        state.lost += 1
        return false
      }
      if state.dropped > 0 { state.waiting += notice(state.dropped).utf8 }
      state.waiting += line.utf8
      state.dropped = 0
      defer { state.isDraining = true }
      return !state.isDraining
    }
    if isFirst { queue.async { self.drain() } }
  }

  /// Returns when everything is written, or the time is up; then false. Blocks.
  @discardableResult
  func flush(within time: Duration) -> Bool {
    let written = DispatchSemaphore(value: 0)
    queue.async { written.signal() }
    let nanoseconds = time.components.seconds * 1_000_000_000 + time.components.attoseconds / 1_000_000_000
    return written.wait(timeout: .now() + .nanoseconds(Int(clamping: nanoseconds))) == .success
  }

  /// On `queue`.
  private func drain() {
    while true {
      let bytes = state.withLock { state -> [UInt8] in
        var taken: [UInt8] = []
        swap(&taken, &state.waiting)
        if taken.isEmpty && state.dropped > 0 {
          taken = Array(notice(state.dropped).utf8)
          state.dropped = 0
        }
        if taken.isEmpty { state.isDraining = false }
        state.blockedSince = taken.isEmpty ? nil : .now
        return taken
      }
      if bytes.isEmpty { return }
      write(bytes)
    }
  }

  private func write(_ bytes: [UInt8]) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent)
      }
      if count > 0 {
        sent += count
        state.withLock { $0.blockedSince = .now }
      } else if errno == EAGAIN {
        // Somebody who shares the descriptor has made it so.
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
      } else if errno != EINTR {
        // Its reader has gone, or its disk is full: nothing better to do than to go on.
        let lines = bytes[sent...].count { $0 == UInt8(ascii: "\n") }
        return state.withLock { $0.lost += lines }
      }
    }
  }
}
