import Storage
import Synchronization

/// One open watch.
public final class CacheWatcher: Sendable {
  /// `callback` runs on the home, inside a `post`, when events wait or the watch has ended; at once (through a post) if that is already so.
  /// It is not repeated until `take` has returned fewer events than it was asked for.
  public func setReady(_ callback: @escaping @Sendable () -> Void) {}
  /// Up to `max` events in order; fewer than `max` means that nothing waits and that `setReady`'s callback will come. `end` is set once no
  /// event is left. Never blocks; one caller at a time.
  public func take(max: Int) -> (events: [WatchEvent], end: WatchEnd?) { ([], nil) }
  /// Ends the watch; idempotent. Nothing is called back afterwards, except a callback already posted.
  public func stop() {}
  init() {}
}
