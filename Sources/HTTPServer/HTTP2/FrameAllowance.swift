/// Bounds what a client may send that brings no request forward: PING, SETTINGS, PRIORITY, RST_STREAM, WINDOW_UPDATE
/// and empty DATA. Each is cheap, but costs us more than the client, and some are answered.
///
/// A bucket of frames that fills with time and with DATA that we send, as that is what window updates answer.
struct FrameAllowance {
  private var left = Self.burst
  private var filled: Duration

  private static let burst = 2_000
  private static let perSecond = 200
  /// Clients open windows several times a frame of ours: Go's does at every 4 KiB, for stream and connection.
  private static let perDataFrame = 16

  init(at now: Duration) { filled = now }

  /// False when there was one too many.
  mutating func take(at now: Duration) -> Bool {
    if left > 0 {
      left -= 1
      return true
    }
    let seconds = min((now - filled).components.seconds, 60)
    guard seconds >= 1 else { return false }
    filled = now
    left = min(Self.burst, Int(seconds) * Self.perSecond) - 1
    return true
  }

  mutating func dataSent() { left = min(left + Self.perDataFrame, 8 * Self.burst) }
}
