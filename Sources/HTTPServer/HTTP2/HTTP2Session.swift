import ByteBuffers
import CNGHTTP2
import Capacity
import Glibc
import Synchronization

/// HTTP/2 on one connection: a stream a request, many at once. nghttp2 knows the frames; this class knows requests and
/// answers.
///
/// Bytes of answers go from their owners into DATA frames without a copy: a stream's output is slices, and nghttp2 only
/// says how many bytes of it are next.
final class HTTP2Session: Session {
  // Unsafe, as the count of an unowned reference costs each use: the connection owns its session, and lives in its
  // reactor's table.
  unowned(unsafe) let connection: Connection
  unowned(unsafe) let reactor: Reactor
  let engine: NGHTTP2
  @exclusivity(unchecked) private var streams: [Int32: HTTP2Stream] = [:]
  /// The stream that was opened last, while it is open: nearly always the one that is meant.
  @exclusivity(unchecked) private var newest: HTTP2Stream?
  private let request = Request()

  /// Complete requests, served when nghttp2 has taken what was read: it may not be called from its callbacks for all
  /// that a handler may want.
  @exclusivity(unchecked) var ready: [HTTP2Stream] = []
  /// Streams whose output fell below the low mark while frames were made.
  @exclusivity(unchecked) private var writable: [HTTP2Stream] = []
  /// Streams with incomplete bodies, the oldest first, and what all hold.
  var receiving: [Int32] = []
  var heldBytes = 0
  /// Bytes of bodies that nobody wanted, in all.
  var thrownAway = 0
  /// Tasks that serve requests, also of streams that are gone.
  var runningTasks = 0
  @exclusivity(unchecked) var allowance: FrameAllowance
  /// The newest request, and the newest streams that were reset from here.
  var lastRequest: Int32 = 0
  var resetHere: [Int32] = []
  /// When a head began that is not complete.
  var headSince: Duration?
  /// When the last stream closed.
  var idleSince: Duration
  private var hasServed = false
  /// When the client was told that the end is near, until it has been told which stream is the last.
  private var announcedAt: Duration?
  private var isLeaving = false
  /// nghttp2 must not be given more input.
  private var isBroken = false
  /// nghttp2 can't send.
  private var hasFailed = false
  @exclusivity(unchecked) private var headers = HeaderList()

  /// Bytes of frames that are made before the socket is tried.
  private static let outputMax = 256 << 10
  /// Frames that may wait for a client that does not read; beyond it nothing more is read from it either.
  private static let queuedFramesMax = 2_000
  /// Between the announcement of an end and the end.
  private static let announcedFor = Duration.milliseconds(500)

  /// nil when memory is out.
  init?(_ connection: Connection, client: ClientCredential?) {
    guard let engine = NGHTTP2(connection.reactor.configuration.limits) else { return nil }
    self.engine = engine
    self.connection = connection
    reactor = connection.reactor
    idleSince = Clock.now
    allowance = FrameAllowance(at: idleSince)
    request.peerAddress = connection.peerAddress
    request.credential = client
    request.isSecure = connection.isSecure
    self.engine.setOwner(self)
    connection.needsFlush()
  }

  var limits: HTTPServer.Limits { reactor.configuration.limits }

  // MARK: streams

  /// A stream that is open.
  func stream(_ id: Int32) -> HTTP2Stream? {
    if let newest, newest.id == id { return newest }
    return streams[id]
  }

  func open(_ id: Int32) {
    let stream = HTTP2Stream(id, at: reactor.turn)
    swap(&stream.head, &reactor.spareHead)
    streams[id] = stream
    newest = stream
  }

  /// Takes a stream off the list of those that are open.
  func remove(_ id: Int32) -> HTTP2Stream? {
    guard let stream = streams.removeValue(forKey: id) else { return nil }
    if newest === stream { newest = nil }
    if streams.isEmpty { idleSince = reactor.turn }
    return stream
  }

  // MARK: input

  var wantsInput: Bool {
    !isBroken && connection.output.bytes < 4 * Self.outputMax && engine.queuedFrames < Self.queuedFramesMax
  }

  func readable() {
    for _ in 0..<4 where wantsInput {
      switch connection.receive(into: reactor.scratch) {
      case .bytes(let count, let mayHaveMore):
        take(UnsafeRawBufferPointer(rebasing: reactor.scratch[..<count]))
        if !mayHaveMore || connection.isClosed { return }
      case .nothing: return
      // Whoever has streams open keeps its half open: there is nobody left to answer.
      case .end, .broken: return reactor.drop(connection)
      }
    }
  }

  /// Serves what bytes bring.
  func take(_ bytes: UnsafeRawBufferPointer) {
    if !engine.receive(bytes) {
      isBroken = true
      engine.terminate(.enhanceYourCalm)  // unless it ends for another reason already
    }
    connection.needsFlush()
    serve()
  }

  private func serve() {
    while !ready.isEmpty && !connection.isClosed {
      let now = ready
      ready.removeAll(keepingCapacity: true)
      // A request that was cancelled in the same breath is not begun.
      for stream in now where self.stream(stream.id) === stream && !connection.isClosed { dispatch(stream) }
    }
  }

  private func dispatch(_ stream: HTTP2Stream) {
    if let refusal = stream.head.refusal { return refuse(stream, refusal) }
    stream.phase = .busy
    hasServed = true
    reactor.counters.requests.add(1, ordering: .relaxed)
    leaveByChance()
    request.body = stream.body.isEmpty ? HTTP1Session.noBody : ByteSlice(SharedBytes(stream.body))
    stream.body = []
    var head = HTTP2Head()
    swap(&head, &stream.head)
    stream.isHead = head.isHEAD
    request.exceededBodyLimit = stream.isBodyTooLarge ? limits.maxBodyBytes : nil
    head.withRequest(request) {
      reactor.handler.handle(
        request, Exchange(reactor: reactor, mark: connection.mark, serial: UInt32(bitPattern: stream.id)))
    }
    request.body = HTTP1Session.noBody
    reactor.spareHead.take(head)
  }

  /// Tells a stream off before or instead of being served.
  func refuse(_ stream: HTTP2Stream, _ refusal: Refusal) {
    let isComplete = stream.phase == .receiving && !receiving.contains(stream.id)
    stopReceiving(stream)
    consume(stream)
    stream.isHead = stream.head.isHEAD
    stream.body = []
    var head = HTTP2Head()
    swap(&head, &stream.head)
    if !isComplete { stream.throwsAway = true }
    stream.phase = .busy
    var response: Response?
    let isHeadKnown = !head.hasTooMany && !stream.foundNoRoom && refusal.status != 431
    head.withRequest(request) { response = reactor.refusal(refusal, request, isHeadKnown: isHeadKnown) }
    // What the request shows lies in the head, which goes.
    request.forgetTarget()
    respond(response ?? reactor.refusal(refusal, request, isHeadKnown: false), to: UInt32(bitPattern: stream.id))
  }

  // MARK: answers

  private func stream(_ serial: UInt32) -> HTTP2Stream? { stream(Int32(bitPattern: serial)) }

  private func stream(_ response: ResponseStream) -> HTTP2Stream? {
    guard let stream = stream(response.serial), stream.response === response else { return nil }
    return stream
  }

  func respond(_ response: Response, to serial: UInt32) {
    guard let stream = stream(serial), stream.phase == .busy, !stream.isReset else { return }
    stream.running = nil
    stream.requestShare = nil
    if response.ownBytes >= ReadBuffer.usual {
      stream.answerShare = reactor.configuration.budget.holding(response.ownBytes)
    }
    let length = response.body.reduce(0) { $0 + $1.count }
    let mayHaveBody = response.head.status != 204 && response.head.status != 304
    begin(response.head)
    if mayHaveBody { headers.append("content-length", String(length)) }
    let hasBody = mayHaveBody && length > 0 && !stream.isHead
    if hasBody { stream.output.append(response.body) }
    stream.isEnding = true
    start(stream, hasBody: hasBody)
  }

  private func begin(_ head: ResponseHead) {
    headers.begin(status: head.status)
    for header in head.headers { headers.append(header.name, header.value) }
    // Between the name and the end of the line.
    reactor.dateHeader.withUnsafeBytes {
      headers.append("date", UnsafeRawBufferPointer(rebasing: $0.dropFirst(6).dropLast(2)))
    }
  }

  private func start(_ stream: HTTP2Stream, hasBody: Bool) {
    stream.phase = .answering
    stream.moved = reactor.turn
    if !hasBody { stream.answeredAt = reactor.turn }
    engine.respond(stream.id, headers, hasBody: hasBody)
    connection.needsFlush()
  }

  func run(_ task: Task<Void, Never>, for serial: UInt32) {
    runningTasks += 1
    if let stream = stream(serial), stream.phase == .busy { stream.running = task }
  }

  func taskEnded() { runningTasks -= 1 }

  func startStream(_ head: ResponseHead, _ response: ResponseStream) -> Bool {
    guard let stream = stream(response.serial), stream.phase == .busy, !stream.isReset else { return false }
    stream.running = nil
    stream.requestShare = nil
    stream.response = response
    begin(head)
    if stream.isHead { stream.isEnding = true }
    start(stream, hasBody: !stream.isHead)
    return true
  }

  func write(_ slices: [ByteSlice], length: Int, from response: ResponseStream) {
    guard let stream = stream(response), !stream.isEnding, !stream.isReset else { return }
    guard stream.output.bytes <= limits.maxStreamBacklog else { return reset(stream, .enhanceYourCalm) }
    if stream.output.isEmpty { stream.moved = reactor.turn }
    stream.output.append(slices)
    resume(stream)
  }

  private func resume(_ stream: HTTP2Stream) {
    if stream.isDeferred {
      stream.isDeferred = false
      engine.resume(stream.id)
    }
    connection.needsFlush()
  }

  func endStream(_ response: ResponseStream) {
    guard let stream = stream(response), !stream.isEnding else { return }
    stream.answerShare = response.share
    response.share = nil
    stream.response = nil
    stream.isEnding = true
    resume(stream)
  }

  func abort(_ response: ResponseStream) {
    if let stream = stream(response) { reset(stream, .internalError) }
  }

  /// Ends a stream at once; what waits for it is let go of.
  func reset(_ stream: HTTP2Stream, _ code: HTTP2ErrorCode) {
    if stream.isReset { return }
    stream.isReset = true
    stream.output = Output()
    stream.requestShare = nil
    stream.answerShare = nil
    stream.response?.share = nil
    engine.reset(stream.id, code)
    connection.needsFlush()
  }

  func pendingBytes(of response: ResponseStream) -> Int { stream(response)?.output.bytes ?? 0 }

  // MARK: output

  /// Makes frames, as many as one send is worth.
  func fill() {
    making: while connection.output.bytes + reactor.frames.count < Self.outputMax {
      switch engine.nextFrame() {
      case .frame(let bytes): reactor.frames.append(contentsOf: bytes)
      case .none: break making
      case .failed:
        hasFailed = true
        break making
      }
    }
    sealFrames()
  }

  /// Hands over the frames that nghttp2 has written so far.
  private func sealFrames() {
    if reactor.frames.isEmpty { return }
    connection.append(ByteSlice(SharedBytes(reactor.frames)))
    reactor.frames.removeAll(keepingCapacity: true)
  }

  /// For nghttp2: how much of a stream's output fits the next frame; nil when it must wait for more.
  func nextPart(of id: Int32, max: Int) -> (count: Int, isLast: Bool)? {
    guard let stream = self.stream(id) else { return nil }
    let count = min(max, stream.output.bytes)
    if count == 0 && !stream.isEnding {
      stream.isDeferred = true
      return nil
    }
    return (count, stream.isEnding && count == stream.output.bytes)
  }

  /// For nghttp2: the frame that `nextPart` has described is next.
  func sendData(_ frameHeader: UnsafeRawBufferPointer, count: Int, of id: Int32) {
    reactor.frames.append(contentsOf: frameHeader)
    guard let stream = self.stream(id) else { return }
    sealFrames()
    let before = stream.output.bytes
    connection.append(count, from: &stream.output)
    stream.moved = reactor.turn
    stream.pace.left(count)
    allowance.dataSent()
    if before >= limits.lowWaterMark && stream.output.bytes < limits.lowWaterMark { writable.append(stream) }
    if stream.isEnding && stream.output.isEmpty { stream.answeredAt = reactor.turn }
  }

  func flushed(from before: Int) {
    while let stream = writable.popLast() { stream.response?.onWritable?() }
    if connection.isClosed || connection.isFinishing { return }
    if engine.isOver || hasFailed || isBroken && !engine.wantsWrite { return connection.finish() }
    // Only after progress: what nghttp2 wants to write may have to wait for the client.
    if before > 0 && connection.output.isEmpty && engine.wantsWrite { connection.needsFlush() }
  }

  // MARK: the end

  func drain() {
    for stream in Array(streams.values) { stream.response?.onDrain?() }
    leave()
  }

  private func leaveByChance() {
    let chance = reactor.configuration.goawayChance
    if chance > 0 && Double.random(in: 0..<1) < chance { leave() }
  }

  /// Lets the client go elsewhere: no more streams, and the end when those that are open are done.
  private func leave() {
    guard !isLeaving else { return }
    isLeaving = true
    if streams.isEmpty {
      engine.terminate(.noError)
    } else {
      engine.announceEnd()
      announcedAt = reactor.turn
    }
    connection.needsFlush()
  }

  func isLate(at now: Duration) -> Bool {
    if let headSince, now - headSince > limits.headTimeout { return true }
    if streams.isEmpty && connection.output.isEmpty
      && now - idleSince > (hasServed ? limits.idleTimeout : limits.headTimeout)
    {
      return true
    }
    if let announcedAt, now - announcedAt > Self.announcedFor {
      self.announcedAt = nil
      engine.endAfterLastStream()
      connection.needsFlush()
    }
    for stream in streams.values where !stream.isReset {
      if stream.throwsAway, let answeredAt = stream.answeredAt {
        // Nobody reads the rest of a request that is answered already (RFC 9113 section 8.1).
        let patience = reactor.isDraining ? Reactor.drainGrace : limits.wholeLingerTimeout
        if now - stream.moved > limits.lingerTimeout || now - answeredAt > patience { reset(stream, .noError) }
        continue
      }
      guard isStuck(stream, now) else { continue }
      reactor.counters.timedOut.add(1, ordering: .relaxed)
      reset(stream, .cancel)
    }
    return false
  }

  /// Does its client send too slowly, or take too little of its answer?
  private func isStuck(_ stream: HTTP2Stream, _ now: Duration) -> Bool {
    if stream.phase == .receiving {
      return now - stream.moved > limits.bodyTimeout || now - stream.opened > limits.wholeBodyTimeout
    }
    guard !stream.output.isEmpty else {
      stream.pace.rests()
      return false
    }
    stream.pace.waits(at: now)
    return stream.pace.isStuck(at: now, moved: stream.moved, holdsMemory: stream.holdsAnswer, reactor.configuration)
  }

  /// Are there answers that hold memory of their own?
  var holdsAnswers: Bool { streams.values.contains(where: \.holdsAnswer) }

  func closed() {
    let open = streams
    (streams, newest) = ([:], nil)
    for stream in open.values { end(stream) }
  }

  /// A stream is gone, done or not.
  func end(_ stream: HTTP2Stream) {
    stream.running?.cancel()
    stream.running = nil
    stream.output = Output()
    stream.requestShare = nil
    stream.answerShare = nil
    let response = stream.response
    stream.response = nil
    response?.connectionClosed()
  }
}
