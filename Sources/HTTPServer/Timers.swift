import CNetwork
import Glibc
import Synchronization

enum Clock {
  static var now: Duration {
    var time = timespec()
    clock_gettime(CLOCK_MONOTONIC, &time)
    return .seconds(time.tv_sec) + .nanoseconds(time.tv_nsec)
  }
}

/// Something that a reactor will do later, unless it is cancelled first.
public final class TimerHandle: Sendable {
  let deadline: Duration
  private let body: Mutex<(@Sendable () -> Void)?>

  init(deadline: Duration, body: @escaping @Sendable () -> Void) {
    self.deadline = deadline
    self.body = Mutex(body)
  }

  /// Any thread. What the timer would have run is released at once.
  public func cancel() { body.withLock { $0 = nil } }

  func fire() {
    let body = body.withLock { body in
      defer { body = nil }
      return body
    }
    body?()
  }

  var isCancelled: Bool { body.withLock { $0 == nil } }
}

/// Timers by deadline: a binary heap. Cancelled ones stay until they come to the top, but hold nothing.
struct TimerHeap {
  private var heap: [TimerHandle] = []

  var next: Duration? { heap.first?.deadline }

  mutating func insert(_ timer: TimerHandle) {
    heap.append(timer)
    var child = heap.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard heap[child].deadline < heap[parent].deadline else { break }
      heap.swapAt(child, parent)
      child = parent
    }
  }

  mutating func popDue(_ now: Duration) -> TimerHandle? {
    guard let first = heap.first, first.deadline <= now else { return nil }
    let last = heap.removeLast()
    if !heap.isEmpty {
      heap[0] = last
      var parent = 0
      while true {
        var smallest = parent
        for child in [parent * 2 + 1, parent * 2 + 2]
        where child < heap.count && heap[child].deadline < heap[smallest].deadline { smallest = child }
        if smallest == parent { break }
        heap.swapAt(parent, smallest)
        parent = smallest
      }
    }
    return first
  }
}

/// Dates as RFC 9110 section 5.6.7 wants them.
public enum HTTPDate {
  /// `seconds`: since 1970.
  public static func text(_ seconds: Int) -> String {
    var seconds = seconds
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
    return
      "\(days[Int(parts.tm_wday) % 7]), \(two(parts.tm_mday)) \(months[Int(parts.tm_mon) % 12]) \(parts.tm_year + 1900) \(two(parts.tm_hour)):\(two(parts.tm_min)):\(two(parts.tm_sec)) GMT"
  }
}
