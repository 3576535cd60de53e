import ByteBuffers
public import Cacher
import HTTPServer
import Machinery
import Registry

/// The reactor is the home of the watchers whose connections live on it.
extension Reactor: WatchHome {}

/// Carries the events of one watch from its `CacheWatcher` to its connection.
///
/// Confined to the connection's reactor; kept alive by the callbacks of its stream until it is closed. While the stream
/// holds more unsent bytes than the budget, nothing is taken: events then pile up in the watcher, and the Cacher ends
/// it when it is too far behind. So a slow client costs what the two budgets allow.
// Sendable: all state is touched on `reactor` only, which `pump` and `close` check.
final class WatchPump: @unchecked Sendable {
  private let watcher: CacheWatcher
  private let reactor: Reactor
  private let reply: Reply
  private let server: APIServer
  private var encoder: WatchEncoder
  private var endpoint: ResourceEndpoint { encoder.endpoint }
  private var stream: ResponseStream?
  private var timer: TimerHandle?
  private var isOver = false
  /// Somebody is asked for what these events look like in this version.
  private var isConverting = false
  /// What the client of a WebSocket says; nil for other watches.
  private var input: WebSocketInput?
  private let room: ReactorSeat
  /// Among the watches of the reactor; the seat's to change.
  var place = 0

  /// Unsent bytes beyond which a watch pauses. Above the low mark of the connection, so that passing that mark wakes
  /// it.
  private static let pendingBytesMax = 512 << 10
  /// Unsent bytes beyond which pings of a WebSocket go unanswered.
  private static let pongsPendingMax = 64 << 10
  /// Events taken at a time: enough to coalesce a burst into one write, few enough to let other watches of the reactor
  /// have their turn.
  private static let eventsAtATime = 128
  /// The same of events whose objects are converted first.
  private static let convertedAtATime = 16

  init(_ watcher: CacheWatcher, encoder: WatchEncoder, reply: Reply, server: APIServer) {
    self.watcher = watcher
    self.encoder = encoder
    self.reply = reply
    self.server = server
    reactor = reply.exchange.reactor
    room = server.catalog.seat(of: reactor)
  }

  /// Sends the head and begins to pump. Reactor thread. `timeout`: after this time the body ends cleanly. `upgrade`:
  /// the head with which the connection becomes a WebSocket.
  func start(timeout: Duration, upgrade: ResponseHead? = nil) {
    var onInput: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    if upgrade != nil {
      input = WebSocketInput()
      onInput = { bytes in self.hear(bytes) }
    }
    let started = reply.startStream(
      contentType: encoder.contentType, upgrade: upgrade, onWritable: { self.pump() }, onEnd: { self.close() },
      onInput: onInput)
    guard let started else { return watcher.stop() }
    stream = started
    endpoint.metrics.watchOpened(on: reactor)
    place = room.add(self)
    // Neither weakly, which would cost each delivery a look at one more place; `close` lets go of both.
    timer = reactor.schedule(after: timeout) { self.close() }
    watcher.setReady { self.pump() }
    // Those that were open when the resource went were ended then.
    if isRetired { close() }
  }

  /// Is what it watches served no more?
  var isRetired: Bool { endpoint.lifetime.isRetired }

  /// Ends it cleanly, as if its time was up. Reactor thread.
  func end() { close() }

  private func pump() {
    assert(reactor.isCurrent, "a watch is pumped on its reactor")
    guard !isOver, let stream else { return }
    if endpoint.store.isConvertedElsewhere { return pumpConverted() }
    while stream.pendingBytes < Self.pendingBytesMax {
      let most = endpoint.store.isConverted ? Self.convertedAtATime : Self.eventsAtATime
      let end = watcher.take(max: most, into: &room.events)
      let count = room.events.count
      if count > 0 {
        for event in room.events {
          let first = room.slices.count
          encoder.encode(event, into: &room.slices)
          var size = 0
          for place in first..<room.slices.count { size += room.slices[place].count }
          room.sizes.append(size)
        }
        stream.send(room.slices)
        room.events.removeAll(keepingCapacity: true)
        room.slices.removeAll(keepingCapacity: true)
        endpoint.metrics.watchSent(room.sizes, on: reactor)
        room.sizes.removeAll(keepingCapacity: true)
      }
      if end != nil { return close() }
      if count < most { return }
      // Work for each event: others have their turn.
      if endpoint.store.isConverted { return reactor.post { self.pump() } }
    }
  }

  /// The same where a webhook is asked for the objects: one call at a time, and the events behind wait for it.
  private func pumpConverted() {
    guard !isConverting, let stream, stream.pendingBytes < Self.pendingBytesMax else { return }
    var events: [WatchEvent] = []
    let end = watcher.take(max: Self.convertedAtATime, into: &events)
    if events.isEmpty {
      if end != nil { close() }
      return
    }
    isConverting = true
    let (store, reactor) = (endpoint.store, reactor)
    Task {
      let result = await Self.converted(events, store)
      reactor.post { self.send(result.events, isLast: result.hasFailed || end != nil) }
    }
  }

  private static func converted(
    _ events: [WatchEvent], _ store: Store
  ) async -> (events: [WatchEvent], hasFailed: Bool) {
    do throws(Status) {
      let objects = try await store.converted(events.compactMap(\.object))
      var next = objects.makeIterator()
      let shown = events.map { event in
        guard event.object != nil, let object = next.next() else { return event }
        return WatchEvent(event.kind, object, revision: event.revision)
      }
      return (shown, false)
    } catch { return ([WatchEvent(error: error)], true) }
  }

  private func send(_ events: [WatchEvent], isLast: Bool) {
    isConverting = false
    guard !isOver, let stream else { return }
    var slices: [ByteSlice] = []
    var sizes: [Int] = []
    for event in events {
      let first = slices.count
      encoder.encode(event, into: &slices)
      sizes.append(slices[first...].reduce(0) { $0 + $1.count })
    }
    stream.send(slices)
    endpoint.metrics.watchSent(sizes, on: reactor)
    if isLast { return close() }
    pump()
  }

  /// The client of a WebSocket may ask whether we are there, and end it; all else is not for us.
  private func hear(_ bytes: UnsafeRawBufferPointer) {
    for event in input?.take(bytes) ?? [] {
      switch event {
      // Who asks and does not read gets no more answers (RFC 6455 section 5.5.3 lets us leave some out).
      case .ping(let payload):
        if let stream, stream.pendingBytes < Self.pongsPendingMax { stream.send(WebSocketFrame.pong(payload)) }
      case .close: close()
      case .fault(let code): close(code)
      }
    }
  }

  private func close(_ code: WebSocketFrame.CloseCode = .normal) {
    assert(reactor.isCurrent, "a watch is closed on its reactor")
    guard !isOver else { return }
    isOver = true
    timer?.cancel()
    watcher.stop()
    if input != nil { stream?.send(WebSocketFrame.close(code)) }
    stream?.finish()
    stream = nil
    endpoint.metrics.watchClosed(on: reactor)
    room.remove(self)
    reply.streamEnded(code: input == nil ? 200 : 101)
  }
}
