import APIServer
import Logging
import Synchronization

#if canImport(Glibc)
import Glibc
#endif

/// Text to people: standard error, which nobody waits for.
enum StandardError {
  private static let lines = LineWriter(descriptor: STDERR_FILENO) {
    StructuredLog.notice(ofDropped: $0, format: format.withLock { $0 })
  }
  /// How the one line looks that the writer itself makes.
  static let format = Mutex(LogFormat.text)

  static func write(_ text: String) { lines.write(text) }

  /// Before the end of the process: what is written still comes out, unless nobody reads it.
  static func flush() { lines.flush(within: .seconds(1)) }

  /// Lines that found no room, or no reader.
  static var lost: Int { lines.lost }

  /// `log`: whoever reads our log has read it lately. (`healthz.LogHealthz`, which allows two minutes too.) No reason
  /// to start anew: nobody waits for it.
  static let healthCheck = HealthCheck(name: "log", live: {}) {
    if let time = lines.blockedFor, time > .seconds(120) { throw LoggingBlocked() }
  }
  private struct LoggingBlocked: Error, CustomStringConvertible { let description = "logging blocked" }
}

/// Log lines on stderr in the two forms of Kubernetes components: klog's structured text, and JSON with ts, v, msg and
/// the fields.
struct StructuredLog: LogHandler {
  var metadata: Logger.Metadata = [:]
  var logLevel: Logger.Level = .info
  let format: LogFormat
  let label: String

  subscript(metadataKey key: String) -> Logger.Metadata.Value? {
    get { metadata[key] }
    set { metadata[key] = newValue }
  }

  func log(event: LogEvent) {
    let fields = metadata.merging(event.metadata ?? [:]) { $1 }.sorted { $0.key < $1.key }
    StandardError.write(Self.line(Event(event.level, "\(event.message)", event.file, Int(event.line)), fields, format))
  }

  /// What a line is made of, beside its fields.
  private struct Event {
    let (level, message, file, line): (Logger.Level, String, String, Int)
    init(_ level: Logger.Level, _ message: String, _ file: String, _ line: Int) {
      (self.level, self.message, self.file, self.line) = (level, message, file, line)
    }
  }

  /// The line in the place of lines that found no room.
  static func notice(ofDropped count: Int, format: LogFormat) -> String {
    line(Event(.warning, "log lines dropped: nobody read them in time", #file, #line), [("count", "\(count)")], format)
  }

  private static func line(
    _ event: Event, _ fields: [(key: String, value: Logger.MetadataValue)], _ format: LogFormat
  ) -> String {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return format == .text ? text(event, fields: fields, at: now) : json(event, fields: fields, at: now)
  }

  private static func text(
    _ event: Event, fields: [(key: String, value: Logger.MetadataValue)], at time: timespec
  ) -> String {
    var seconds = time.tv_sec
    var parts = tm()
    gmtime_r(&seconds, &parts)
    let letter =
      switch event.level {
      case .trace, .debug, .info, .notice: "I"
      case .warning: "W"
      case .error: "E"
      case .critical: "F"
      }
    let clock =
      "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2)).\(padded(time.tv_nsec / 1_000, 6))"
    let file = event.file.split(separator: "/").last ?? ""
    var line =
      "\(letter)\(padded(Int(parts.tm_mon) + 1, 2))\(padded(Int(parts.tm_mday), 2)) \(clock) \(getpid()) \(file):\(event.line)] \(quoted(event.message))"
    for (key, value) in fields { line += " \(key)=\(quoted("\(value)"))" }
    return line + "\n"
  }

  private static func json(
    _ event: Event, fields: [(key: String, value: Logger.MetadataValue)], at time: timespec
  ) -> String {
    let verbosity =
      switch event.level {
      case .trace: 4
      case .debug: 2
      default: 0
      }
    var line = "{\"ts\":\(time.tv_sec)\(padded(time.tv_nsec / 1_000_000, 3)).\(padded(time.tv_nsec / 1_000 % 1_000, 3))"
    line += ",\"v\":\(verbosity),\"severity\":\(quoted(event.level.rawValue)),\"msg\":\(quoted(event.message))"
    for (key, value) in fields { line += ",\(quoted(key)):\(quoted("\(value)"))" }
    return line + "}\n"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// A JSON string, which is also what klog's `%q` gives for text without control characters; a field can't forge a
  /// line.
  private static func quoted(_ text: String) -> String {
    var out = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": out += "\\\""
      case "\\": out += "\\\\"
      case "\n": out += "\\n"
      case _ where scalar.value < 0x20:
        out += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: out.unicodeScalars.append(scalar)
      }
    }
    return out + "\""
  }
}
