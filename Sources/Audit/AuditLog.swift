import ByteBuffers
import Dispatch
import FoundationEssentials
import Glibc
import Metrics
import Synchronization

/// Events in a file, a line each, which is put aside when it is large enough. (apiserver `plugin/log` over lumberjack.)
///
/// A queue of its own writes, so that a slow disk holds up nobody; what comes faster than it can be written, beyond the
/// buffer, is lost and counted.
public final class AuditLog: AuditBackend {
  public struct Configuration: Sendable {
    /// `-` for standard output, which is never put aside.
    public var path: String
    /// Megabytes after which the file is put aside.
    public var maxSize = 100
    /// Days after which what was put aside is deleted; 0 for never.
    public var maxAge = 366
    /// Files that are kept of what was put aside; 0 for all.
    public var maxBackups = 100
    /// Events that may wait.
    public var bufferSize = 10_000
    public var truncation: AuditTruncation?
    /// Hears of what goes wrong.
    public var report: @Sendable (String) -> Void = { _ in }
    public init(path: String) { self.path = path }
  }

  /// The file can't be opened.
  public struct Unusable: Error, CustomStringConvertible {
    public let description: String
  }

  public let name = "log"
  private let configuration: Configuration
  private let waiting: AuditQueue
  private let queue = DispatchQueue(label: "audit-log")
  private let failures = Counter()
  /// Events that found no room, since somebody was told.
  private let untold = Atomic<Int>(0)
  private let file: Mutex<LogFile>
  /// Events that are written at a time.
  private static let batch = 64

  public init(_ configuration: Configuration) throws(Unusable) {
    self.configuration = configuration
    waiting = AuditQueue(countMax: configuration.bufferSize)
    file = Mutex(try LogFile(configuration))
  }

  public var lost: Int { failures.value }
  public var truncation: AuditTruncation? { configuration.truncation }

  public func take(_ event: AuditLine) -> Bool {
    switch waiting.add(event) {
    case .refused:
      untold.add(1, ordering: .relaxed)
      return false
    case .another: return true
    case .first:
      queue.async { self.drain() }
      return true
    }
  }

  public func flush() async {
    await withCheckedContinuation { done in
      queue.async {
        self.drain()
        done.resume()
      }
    }
  }

  /// Of what found no room while the file, or the reader of a pipe, took nothing.
  private func tell() {
    let count = untold.exchange(0, ordering: .relaxed)
    if count > 0 {
      configuration.report(
        "\(configuration.path): \(count) events were lost, as they came faster than they could be written")
    }
  }

  /// On `queue`.
  private func drain() {
    while true {
      let lines = waiting.take(max: Self.batch)
      if lines.isEmpty { return tell() }
      file.withLock { file in
        do throws(Unusable) { try file.write(lines) } catch {
          failures.add(lines.count)
          configuration.report(error.description)
        }
      }
    }
  }
}

/// The file and those put aside beside it.
private struct LogFile: ~Copyable {
  private let configuration: AuditLog.Configuration
  private var descriptor: Int32
  private var size: Int
  private let isOurs: Bool
  private let isFile: Bool

  init(_ configuration: AuditLog.Configuration) throws(AuditLog.Unusable) {
    self.configuration = configuration
    isOurs = configuration.path != "-"
    (descriptor, size) = isOurs ? try Self.open(configuration.path) : (STDOUT_FILENO, 0)
    var about = stat()
    // A pipe or a device is never put aside.
    isFile = isOurs && fstat(descriptor, &about) == 0 && about.st_mode & S_IFMT == S_IFREG
  }

  deinit { if isOurs { close(descriptor) } }

  private static func open(_ path: String) throws(AuditLog.Unusable) -> (Int32, Int) {
    var about = stat()
    let isPipe = stat(path, &about) == 0 && about.st_mode & S_IFMT == S_IFIFO
    // Opened for writing only, a pipe would hold up the start until it has a reader, and lose its lines whenever that
    // is restarted.
    let descriptor = Glibc.open(path, (isPipe ? O_RDWR : O_WRONLY | O_CREAT | O_APPEND) | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw AuditLog.Unusable(description: "\(path): \(String(cString: strerror(errno)))") }
    return (descriptor, fstat(descriptor, &about) == 0 ? Int(about.st_size) : 0)
  }

  mutating func write(_ lines: [AuditLine]) throws(AuditLog.Unusable) {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(lines.reduce(lines.count) { $0 + $1.count })
    for line in lines {
      // What would make the file too large begins the next.
      if isFile, size + bytes.count > 0, size + bytes.count + line.count > configuration.maxSize << 20 {
        try write(bytes)
        bytes.removeAll(keepingCapacity: true)
        try putAside()
      }
      for slice in line.slices { slice.withUnsafeBytes { bytes.append(contentsOf: $0) } }
      bytes.append(UInt8(ascii: "\n"))
    }
    try write(bytes)
  }

  private mutating func write(_ bytes: [UInt8]) throws(AuditLog.Unusable) {
    var sent = 0
    while sent < bytes.count {
      let count = bytes.withUnsafeBytes {
        Glibc.write(descriptor, $0.baseAddress?.advanced(by: sent), bytes.count - sent)
      }
      if count < 0 && errno == EINTR { continue }
      if count < 0 && errno == EAGAIN {
        // A standard output that somebody made so.
        var ready = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
        poll(&ready, 1, -1)
        continue
      }
      guard count > 0 else {
        throw AuditLog.Unusable(description: "\(configuration.path): \(String(cString: strerror(errno)))")
      }
      sent += count
      size += count
    }
  }

  /// `audit.log` becomes `audit-2026-01-02T03-04-05.678.log`, as lumberjack names it.
  private mutating func putAside() throws(AuditLog.Unusable) {
    let (stem, ending) = parts
    guard rename(configuration.path, "\(stem)-\(Self.stamp(Date()))\(ending)") == 0 else {
      throw AuditLog.Unusable(
        description: "\(configuration.path) can't be put aside: \(String(cString: strerror(errno)))")
    }
    let (next, _) = try Self.open(configuration.path)
    close(descriptor)
    (descriptor, size) = (next, 0)
    prune()
  }

  /// `2026-01-02T03-04-05.678`
  private static func stamp(_ date: Date) -> String {
    date.formatted(.iso8601.year().month().day().time(includingFractionalSeconds: true)).replacing(":", with: "-")
  }

  private var parts: (stem: String, ending: String) {
    let path = configuration.path
    guard let dot = path.lastIndex(of: "."), dot > (path.lastIndex(of: "/") ?? path.startIndex) else {
      return (path, "")
    }
    return (String(path[..<dot]), String(path[dot...]))
  }

  /// Deletes what was put aside and is too much or too old.
  private func prune() {
    let (stem, ending) = parts
    let url = URL(filePath: stem)
    let folder = url.deletingLastPathComponent().path
    let lead = url.lastPathComponent + "-"
    // Names that begin alike are in the order of their times.
    let names = ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? []).filter {
      $0.hasPrefix(lead) && $0.hasSuffix(ending) && $0.utf8.count == lead.utf8.count + 23 + ending.utf8.count
    }.sorted(by: >)
    var doomed = configuration.maxBackups > 0 ? names.dropFirst(configuration.maxBackups).map { $0 } : []
    if configuration.maxAge > 0 {
      let oldest = Self.stamp(Date().addingTimeInterval(-Double(configuration.maxAge) * 86_400))
      doomed += names.filter { !doomed.contains($0) && $0 < lead + oldest }
    }
    for name in doomed { unlink("\(folder)/\(name)") }
  }
}
