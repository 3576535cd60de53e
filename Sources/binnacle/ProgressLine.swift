#if canImport(Glibc)
import Glibc
#endif

/// How far long work has come: a bar that is drawn over itself on a terminal, a line each tenth elsewhere. On standard
/// error, so that results can be piped.
struct ProgressLine {
  private let title: String
  private let total: Int
  private let isTerminal = isatty(STDERR_FILENO) == 1
  private var done = 0
  private var shown = -1
  private static let width = 30

  /// `total` is what is expected; more or less may come.
  init(_ title: String, of total: Int) {
    self.title = title
    self.total = max(total, 1)
    draw()
  }

  mutating func advance() {
    done += 1
    draw()
  }

  private mutating func draw() {
    let step = min(100, done * 100 / total)
    guard isTerminal ? step != shown : step / 10 != shown / 10 && done > 0 else { return }
    shown = step
    if isTerminal {
      let filled = step * Self.width / 100
      StandardError.write(
        "\r\(title) [\(String(repeating: "=", count: filled))\(String(repeating: " ", count: Self.width - filled))] \(step)% \(done)"
      )
    } else {
      StandardError.write("\(title): \(step)% (\(done))\n")
    }
  }

  /// Prints a line of results between two drawings.
  mutating func interrupt(_ line: String) {
    if isTerminal { StandardError.write("\r\u{1B}[K") }
    print(line)
    shown = -1
  }

  /// Leaves the bar as it is.
  mutating func finish() {
    if isTerminal { StandardError.write("\n") } else if done == 0 { StandardError.write("\(title): nothing there\n") }
  }
}
