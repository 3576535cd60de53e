import Glibc
import HTTPServer

/// Tells systemd's watchdog that the daemon is well: that every reactor still does what is posted to it. One that hangs
/// ends in a restart. (sd_watchdog_enabled(3).)
struct Watchdog {
  private let reactors: [Reactor]
  private let interval: Duration

  /// nil where nobody watches.
  init?(_ reactors: [Reactor]) {
    func number(_ name: String) -> Int64? { getenv(name).flatMap { Int64(String(cString: $0)) } }
    guard let microseconds = number("WATCHDOG_USEC"), microseconds > 0 else { return nil }
    if let pid = number("WATCHDOG_PID"), pid != Int64(getpid()) { return nil }
    self.reactors = reactors
    interval = .microseconds(microseconds) / 2
  }

  func run() async {
    while !Task.isCancelled {
      for reactor in reactors {
        await withCheckedContinuation { done in reactor.post { done.resume() } }
      }
      ServiceManager.notify("WATCHDOG=1")
      try? await Task.sleep(for: interval)
    }
  }
}
