import APIServer
import Logging
import Synchronization

#if canImport(Glibc)
  import Glibc
#endif

/// The last resort for text to people.
enum StandardError {
  static func write(_ text: String) {
    let bytes = Array(text.utf8)
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress?.advanced(by: sent), bytes.count - sent) }
      if count <= 0 { return }  // nobody reads our stderr: nothing better to do than to go on
      sent += count
    }
  }

  private static let lastWritable = Mutex(ContinuousClock.now)

  /// `log`: whoever reads our log has read it lately. (`healthz.LogHealthz`, which allows two minutes too.)
  static let healthCheck = HealthCheck(name: "log") {
    var descriptor = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
    // A closed reader is no blocked one: then lines go nowhere, and nobody waits.
    let isBlocked = poll(&descriptor, 1, 0) == 0
    let last = lastWritable.withLock { last in
      if !isBlocked { last = .now }
      return last
    }
    if isBlocked, .now - last > .seconds(120) { throw LoggingBlocked() }
  }
  private struct LoggingBlocked: Error, CustomStringConvertible { let description = "logging blocked" }
}

/// Log lines on stderr in the two forms of Kubernetes components: klog's structured text, and JSON with ts, v, msg and the fields.
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
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    switch format {
    case .text: StandardError.write(Self.text(event, fields: fields, at: now))
    case .json: StandardError.write(Self.json(event, fields: fields, at: now))
    }
  }

  private static func text(_ event: LogEvent, fields: [(key: String, value: Logger.MetadataValue)], at time: timespec) -> String {
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
    let clock = "\(padded(Int(parts.tm_hour), 2)):\(padded(Int(parts.tm_min), 2)):\(padded(Int(parts.tm_sec), 2)).\(padded(time.tv_nsec / 1_000, 6))"
    let file = event.file.split(separator: "/").last ?? ""
    var line = "\(letter)\(padded(Int(parts.tm_mon) + 1, 2))\(padded(Int(parts.tm_mday), 2)) \(clock) \(getpid()) \(file):\(event.line)] \(quoted("\(event.message)"))"
    for (key, value) in fields { line += " \(key)=\(quoted("\(value)"))" }
    return line + "\n"
  }

  private static func json(_ event: LogEvent, fields: [(key: String, value: Logger.MetadataValue)], at time: timespec) -> String {
    let verbosity = switch event.level { case .trace: 4 case .debug: 2 default: 0 }
    var line = "{\"ts\":\(time.tv_sec)\(padded(time.tv_nsec / 1_000_000, 3)).\(padded(time.tv_nsec / 1_000 % 1_000, 3))"
    line += ",\"v\":\(verbosity),\"severity\":\(quoted(event.level.rawValue)),\"msg\":\(quoted("\(event.message)"))"
    for (key, value) in fields { line += ",\(quoted(key)):\(quoted("\(value)"))" }
    return line + "}\n"
  }

  private static func padded(_ number: Int, _ width: Int) -> String {
    let digits = String(number)
    return String(repeating: "0", count: max(0, width - digits.count)) + digits
  }

  /// A JSON string, which is also what klog's `%q` gives for text without control characters; a field can't forge a line.
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
