import Glibc
import LoadClient

/// What a daemon costs that nobody has asked for anything: its start, its memory, its threads, and its time while idle.
///
/// Where `BINNACLE_BEFORE` names another build of the daemon, both start in turns, and what they need is compared.
enum StartCost {
  private static let port = 18_086
  private static let idleSeconds = 20.0

  static func run() throws {
    let first = try start(nil, 0)
    let memory = Double(first.privateBytes)
    let threads = first.threads
    let before = first.scheduledSeconds
    usleep(UInt32(idleSeconds * 1e6))
    let idle = (first.scheduledSeconds - before) / idleSeconds
    first.stop()
    Benchmarks.row(
      "private memory (RssAnon), empty database", "\(Benchmarks.text(memory / 1e6, 1)) MB", "", nil, "< 20 MB")
    Benchmarks.row("threads, one reactor", "\(threads)", "", nil, "no more than before")
    Benchmarks.row("an idle daemon, of a core", "\(Benchmarks.text(idle * 100, 2)) %", "", nil, "< 0.2 %")
    guard memory < 20e6 else {
      throw Failure("\(Benchmarks.text(memory / 1e6, 1)) MB of private memory: 20 are too many")
    }
    guard let other = getenv("BINNACLE_BEFORE").map({ String(cString: $0) }) else { return }
    try compare(with: other, threads: threads)
  }

  /// Starts both in turns and compares the medians.
  private static func compare(with other: String, threads: Int) throws {
    var ready: ([Double], [Double]) = ([], [])
    var cpu: ([Double], [Double]) = ([], [])
    var threadsBefore = 0
    for round in 1...9 {
      for isOther in [false, true] {
        let start = monotonicSeconds()
        let child = try self.start(isOther ? other : nil, round * 2 + (isOther ? 1 : 0))
        let seconds = monotonicSeconds() - start
        let used = child.scheduledSeconds
        if isOther {
          ready.1.append(seconds)
          cpu.1.append(used)
          threadsBefore = child.threads
        } else {
          ready.0.append(seconds)
          cpu.0.append(used)
        }
        child.stop()
      }
    }
    for (what, times) in [("ready", ready), ("CPU until ready", cpu)] {
      let (ours, theirs) = (median(times.0), median(times.1))
      Benchmarks.row(
        "\(what), empty database", "\(Benchmarks.text(ours * 1000, 0)) ms",
        "before \(Benchmarks.text(theirs * 1000, 0)) ms", ours / theirs, "at most 1.5")
    }
    // The pool of tasks has a thread more at times, in both.
    Benchmarks.row("threads", "\(threads)", "before \(threadsBefore)", nil, "as before")
  }

  private static func median(_ numbers: [Double]) -> Double { numbers.sorted()[numbers.count / 2] }

  /// A daemon with an empty database of its own.
  private static func start(_ program: String?, _ number: Int) throws -> Child {
    try Servers.binnacle(port: port, [], database: "start-\(number)", program: program).0
  }
}
