import ByteBuffers
import Cacher
import HTTPServer

/// The reactor is the home of the watchers whose connections live on it.
extension Reactor: WatchHome {}

/// Carries the events of one watch from its `CacheWatcher` to its connection.
///
/// Confined to the connection's reactor; kept alive by the callbacks of its stream until it is closed. While the stream holds more unsent bytes than the budget, nothing is taken: events
/// then pile up in the watcher, and the Cacher ends it when it is too far behind. So a slow client costs what the two budgets allow.
final class WatchPump: @unchecked Sendable {  // Sendable: all state is touched on `reactor` only, which `pump` and `close` check.
  private let watcher: CacheWatcher
  private let reactor: Reactor
  private let reply: Reply
  private let server: APIServer
  /// The resource's place among the endpoints.
  private let resource: Int
  private var encoder: WatchEncoder
  private var stream: ResponseStream?
  private var timer: TimerHandle?
  private var isOver = false
  /// Empty but while pumping; kept so that a delivery allocates nothing.
  private var events: [WatchEvent] = []
  private var slices: [ByteSlice] = []
  private var sizes: [Int] = []

  /// Unsent bytes beyond which a watch pauses. Above the low mark of the connection, so that passing that mark wakes it.
  private static let pendingBytesMax = 512 << 10
  /// Events taken at a time: enough to coalesce a burst into one write, few enough to let other watches of the reactor have their turn.
  private static let eventsAtATime = 128
  /// The room that is kept for the next events is for so many.
  private static let eventsKept = 4

  init(_ watcher: CacheWatcher, of resource: Int, encoder: WatchEncoder, reply: Reply, server: APIServer) {
    self.watcher = watcher
    self.resource = resource
    self.encoder = encoder
    self.reply = reply
    self.server = server
    reactor = reply.exchange.reactor
  }

  /// Sends the head and begins to pump. Reactor thread. `timeout`: after this time the body ends cleanly.
  func start(timeout: Duration) {
    guard let started = reply.startStream(contentType: encoder.contentType, onWritable: { self.pump() }, onEnd: { self.close() }) else {
      return watcher.stop()
    }
    stream = started
    server.metrics.watchOpened(resource, on: reactor)
    timer = reactor.schedule(after: timeout) { [weak self] in self?.close() }
    watcher.setReady { [weak self] in self?.pump() }
  }

  private func pump() {
    assert(reactor.isCurrent, "a watch is pumped on its reactor")
    guard !isOver, let stream else { return }
    while stream.pendingBytes < Self.pendingBytesMax {
      let end = watcher.take(max: Self.eventsAtATime, into: &events)
      let count = events.count
      if count > 0 {
        for event in events {
          let first = slices.count
          encoder.encode(event, into: &slices)
          var size = 0
          for place in first..<slices.count { size += slices[place].count }
          sizes.append(size)
        }
        stream.send(slices)
        let isFew = count <= Self.eventsKept
        events.removeAll(keepingCapacity: isFew)
        slices.removeAll(keepingCapacity: isFew)
        server.metrics.watchSent(sizes, resource, on: reactor)
        sizes.removeAll(keepingCapacity: isFew)
      }
      if end != nil { return close() }
      if count < Self.eventsAtATime { return }
    }
  }

  private func close() {
    assert(reactor.isCurrent, "a watch is closed on its reactor")
    guard !isOver else { return }
    isOver = true
    timer?.cancel()
    watcher.stop()
    stream?.finish()
    stream = nil
    server.metrics.watchClosed(resource, on: reactor)
    reply.streamEnded()
  }
}
