import Capacity
import FoundationEssentials
import Synchronization

/// A token in a file that whoever issues it may change: read again after a while, and kept as it was where it can't be
/// read. (client-go `NewCachedFileTokenSource`.)
final class FileToken: Sendable {
  private let path: String
  private let lifetime: Duration
  private let state: Mutex<(text: String, readAt: ContinuousClock.Instant)>

  /// A minute but for client-go's leeway.
  static let usualLifetime: Duration = .seconds(50)

  /// nil when the file can't be read.
  init?(_ path: String, lifetime: Duration = usualLifetime) {
    guard let text = Self.read(path) else { return nil }
    self.path = path
    self.lifetime = lifetime
    state = Mutex((text, .now))
  }

  /// The token for a request that is made now.
  func current() async -> String {
    let known = state.withLock { state -> String? in
      if .now - state.readAt < lifetime { return state.text }
      // Whoever comes meanwhile takes the old one.
      state.readAt = .now
      return nil
    }
    if let known { return known }
    let path = path
    let read = await offThePool { Self.read(path) }
    return state.withLock { state in
      if let read { state.text = read }
      return state.text
    }
  }

  /// nil for a file that can't be read or holds nothing.
  private static func read(_ path: String) -> String? {
    guard let text = try? String(contentsOfFile: path, encoding: .utf8) else { return nil }
    let token = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
    return token.isEmpty ? nil : String(token)
  }
}
