import ByteBuffers
import Capacity

/// How fast a client takes what waits for it: of a connection, or of a stream of one.
struct ReaderPace {
  /// Bytes that have left, and since when, and from where on, these are looked at: while something waits without a
  /// pause.
  private var taken = 0
  private var window: (since: Duration, taken: Int)?

  /// So many bytes have left.
  mutating func left(_ bytes: Int) { taken &+= bytes }
  /// Something waits.
  mutating func waits(at now: Duration) { if window == nil { window = (now, taken) } }
  /// Nothing does.
  mutating func rests() { window = nil }

  /// Does the client take too little? `moved`: when a byte last left. While the server holds as much as it may, who
  /// makes it hold something (`holdsMemory`) has a second to take something.
  mutating func isStuck(
    at now: Duration, moved: Duration, holdsMemory: @autoclosure () -> Bool, _ configuration: HTTPServer.Configuration
  ) -> Bool {
    if now - moved > .seconds(1), configuration.budget.isUsedUp, holdsMemory() {
      configuration.budget.readerEnded()
      return true
    }
    let limits = configuration.limits
    if now - moved > limits.writeTimeout { return true }
    guard let window, now - window.since > limits.writeTimeout else { return false }
    self.window = (now, taken)
    return taken - window.taken < limits.minWrittenBytes
  }
}
