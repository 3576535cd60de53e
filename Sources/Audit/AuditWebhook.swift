public import Webhooks
import ByteBuffers
import JSON
import Metrics
import Synchronization

/// Events sent to a webhook as lists, many at a time. (apiserver `plugin/webhook` over `plugin/buffered`.)
public final class AuditWebhook: AuditBackend {
  public struct Configuration: Sendable {
    /// Events that may wait.
    public var bufferSize = 10_000
    /// Events that are sent at a time.
    public var maxBatchSize = 400
    /// How long an event may wait for others.
    public var maxBatchWait: Duration = .seconds(30)
    /// How long to wait before a failed list is sent again; longer each time.
    public var initialBackoff: Duration = .seconds(10)
    public var truncation: AuditTruncation?
    /// Hears of what goes wrong.
    public var report: @Sendable (String) -> Void = { _ in }
    public init() {}
  }

  public let name = "webhook"
  private let connection: WebhookConnection
  private let configuration: Configuration
  private let waiting: AuditQueue
  private let failures = Counter()
  /// Says that there is something to look at.
  private let bell: AsyncStream<Void>.Continuation
  private struct Progress {
    var isFlushing = false
    var isSending = false
  }
  private let progress = Mutex(Progress())

  /// A list is no larger, but for a single event that is.
  private var bytesMax: Int { (configuration.truncation ?? AuditTruncation()).maxBatchSize }

  public init(_ connection: WebhookConnection, _ configuration: Configuration) {
    self.connection = connection
    self.configuration = configuration
    waiting = AuditQueue(countMax: configuration.bufferSize)
    let (stream, bell) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
    self.bell = bell
    Task { [weak self] in
      for await _ in stream {
        guard let self else { return }
        await self.sendWhatWaits()
      }
    }
  }

  deinit { bell.finish() }

  public var lost: Int { failures.value }
  public var truncation: AuditTruncation? { configuration.truncation }

  public func take(_ event: AuditLine) -> Bool {
    let entry = waiting.add(event)
    if entry == .first || waiting.count >= configuration.maxBatchSize { bell.yield() }
    return entry != .refused
  }

  public func flush() async {
    progress.withLock { $0.isFlushing = true }
    bell.yield()
    while waiting.count > 0 || progress.withLock({ $0.isSending }) {
      guard (try? await Task.sleep(for: .milliseconds(20))) != nil else { return }
    }
    progress.withLock { $0.isFlushing = false }
  }

  private func sendWhatWaits() async {
    progress.withLock { $0.isSending = true }
    defer { progress.withLock { $0.isSending = false } }
    while waiting.count > 0 {
      let deadline = ContinuousClock.now + configuration.maxBatchWait
      while waiting.count < configuration.maxBatchSize, .now < deadline, !progress.withLock({ $0.isFlushing }) {
        guard (try? await Task.sleep(for: min(.milliseconds(50), configuration.maxBatchWait))) != nil else { return }
      }
      await send(waiting.take(max: configuration.maxBatchSize)[...])
    }
  }

  private func send(_ lines: ArraySlice<AuditLine>) async {
    var rest = lines
    while !rest.isEmpty {
      var writer = JSONWriter(capacity: 4_096)
      writer.raw(#"{"kind":"EventList","apiVersion":"audit.k8s.io/v1","metadata":{},"items":["#)
      var (count, bytes) = (0, 0)
      for line in rest {
        if count > 0 && bytes + line.count > bytesMax { break }
        if count > 0 { writer.raw(",") }
        for slice in line.slices { writer.raw(slice) }
        count += 1
        bytes += line.count
      }
      writer.raw("]}")
      rest = rest.dropFirst(count)
      do throws(WebhookConnection.Failure) {
        try await connection.deliver(writer.finish(), firstPause: configuration.initialBackoff)
      } catch {
        failures.add(count)
        configuration.report(error.description)
      }
    }
  }
}
