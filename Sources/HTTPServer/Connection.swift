import ByteBuffers
import CNetwork
import Glibc
import Synchronization

/// One HTTP/1.1 connection: reads requests one after another, hands each to the handler, and sends what comes of it. On its reactor's thread only.
final class Connection {
  enum Phase { case head, body, busy, streaming, lingering }

  let descriptor: Int32
  unowned let reactor: Reactor
  var mark: UInt64 = 0
  var isDirty = false
  private(set) var isClosed = false

  /// True when the socket took less than there was.
  private var isBlocked = false
  private var buffer = ReadBuffer()
  private let request = Request()
  private var scanner = HeadScanner()
  private var facts = HeadFacts()
  private var headLength = 0
  private var body: [UInt8] = []
  private var chunks = ChunkDecoder()

  private(set) var phase = Phase.head
  /// Tells requests of the connection apart, so that an answer can't be given to a later one.
  private(set) var serial: UInt32 = 0
  private var isInHandler = false
  private var hasEnded = false  // the peer sends no more
  private var stream: ResponseStream?
  private var running: Task<Void, Never>?

  private var output = Output()
  private var closesAfterFlush = false
  private var interest = EPOLLIN.rawValue | EPOLLRDHUP.rawValue

  /// When the current phase began, and when bytes last moved.
  private var since = Clock.now
  private var lastWrite = Clock.now
  private var lingered = 0

  /// Input that may wait while a request is served.
  private static let maxPipelined = 64 << 10
  /// Output beyond which no further pipelined request is begun.
  private static let maxPendingOutput = 1 << 20

  init(_ descriptor: Int32, reactor: Reactor, peer: String) {
    self.descriptor = descriptor
    self.reactor = reactor
    request.peerAddress = peer
  }

  private var limits: HTTPServer.Limits { reactor.configuration.limits }

  // MARK: input

  func readable(_ events: UInt32) {
    if phase == .lingering { return discard() }
    if events & EPOLLERR.rawValue != 0 { return reactor.drop(self) }
    // A bounded amount a turn, so that one fast sender does not starve the others.
    for _ in 0..<16 where buffer.count < Self.maxPipelined || phase == .head || phase == .body {
      let room = buffer.room()
      let count = recv(descriptor, room.baseAddress, room.count, 0)
      if count > 0 {
        if buffer.count == 0 && phase == .head { since = Clock.now }
        buffer.filled(count)
        if phase == .body { since = Clock.now }
        if count < room.count { break }
        if phase == .body { process() }
        if isClosed { return }
        continue
      }
      if count == 0 {
        hasEnded = true
        break
      }
      if errno == EINTR { continue }
      if errno == EAGAIN { break }
      return reactor.drop(self)
    }
    process()
    if isClosed { return }
    if hasEnded { inputEnded() }
    updateInterest()
  }

  private func inputEnded() {
    switch phase {
    case .head, .body, .streaming: if output.isEmpty || phase == .streaming { reactor.drop(self) } else { closesAfterFlush = true }
    // Whoever closes has mostly gone, and work for nobody must not go on: a write that is tried again later would undo what came after. (Go's server
    // cancels the request's context here too.) The answer is still sent, as some clients end only their half.
    case .busy:
      facts.keepsAlive = false
      running?.cancel()
    case .lingering: reactor.drop(self)
    }
  }

  /// Serves whatever is complete.
  private func process() {
    while !isClosed {
      do throws(Refusal) {
        switch phase {
        case .head: guard try readHead() else { return }
        case .body: guard try readBody() else { return }
        case .busy, .streaming, .lingering: return
        }
      } catch {
        return refuse(error)
      }
    }
  }

  /// True when there may be more to do.
  private func readHead() throws(Refusal) -> Bool {
    guard output.bytes <= Self.maxPendingOutput, !closesAfterFlush else { return false }
    // Empty lines before a request are tolerated (RFC 9112 section 2.2).
    while buffer.count >= 2, buffer.bytes[0] == 0x0D, buffer.bytes[1] == 0x0A { buffer.consume(2) }
    guard let end = try scanner.end(of: buffer.bytes) else {
      if buffer.count > limits.maxHeadBytes { throw Refusal(status: 431, reason: "the request line and headers exceed \(limits.maxHeadBytes) bytes") }
      return false
    }
    guard end <= limits.maxHeadBytes else { throw Refusal(status: 431, reason: "the request line and headers exceed \(limits.maxHeadBytes) bytes") }
    headLength = end
    facts = try HeadParser.parse(UnsafeRawBufferPointer(rebasing: buffer.bytes[..<end]), into: request)
    switch facts.framing {
    case .none:
      request.body = Self.noBody
      dispatch()
    case .length(let length):
      guard length <= limits.maxBodyBytes else { throw Refusal(status: 413, reason: "limit is \(limits.maxBodyBytes)") }
      if buffer.count >= end + length {
        request.body = ByteSlice(SharedBytes(UnsafeRawBufferPointer(rebasing: buffer.bytes[end..<(end + length)])))
        headLength = end + length
        dispatch()
      } else {
        beginBody()
      }
    case .chunked:
      chunks = ChunkDecoder()
      beginBody()
    }
    return true
  }

  private static let noBody = ByteSlice(.empty)

  private func beginBody() {
    phase = .body
    since = Clock.now
    body.removeAll(keepingCapacity: true)
    if facts.expectsContinue && buffer.count == headLength { send([Self.proceed]) }
  }

  private static let proceed = ByteSlice(SharedBytes("HTTP/1.1 100 Continue\r\n\r\n"))

  private func readBody() throws(Refusal) -> Bool {
    let waiting = UnsafeRawBufferPointer(rebasing: buffer.bytes[headLength...])
    let isComplete: Bool
    let taken: Int
    switch facts.framing {
    case .length(let length):
      taken = min(waiting.count, length - body.count)
      body.append(contentsOf: waiting.prefix(taken))
      isComplete = body.count == length
    case .chunked:
      taken = try chunks.take(waiting, into: &body, limit: limits.maxBodyBytes)
      isComplete = chunks.isDone
    case .none: return false
    }
    // The head stays where it is until the handler has seen it.
    buffer.cut(offset: headLength, count: taken)
    guard isComplete else { return false }
    request.body = ByteSlice(SharedBytes(body))
    body = []
    dispatch()
    return true
  }

  private func dispatch() {
    phase = .busy
    serial &+= 1
    scanner.reset()
    reactor.counters.requests.add(1, ordering: .relaxed)
    request.base = UnsafeRawPointer(buffer.base + buffer.start)
    let length = headLength
    isInHandler = true
    reactor.handler.handle(request, Exchange(reactor: reactor, mark: mark, serial: serial))
    isInHandler = false
    request.body = Self.noBody
    if !isClosed { buffer.consume(length) }
  }

  // MARK: answers

  func respond(_ response: Response, to serial: UInt32) {
    guard phase == .busy, serial == self.serial, !isClosed else { return }
    running = nil
    let length = response.body.reduce(0) { $0 + $1.count }
    let hasBody = response.head.status != 204 && response.head.status != 304
    var head = HeadWriter(response.head, reactor: reactor)
    if hasBody { head.contentLength(length) }
    endHead(&head)
    send([head.finish()])
    if hasBody && request.method != .head { send(response.body) }
    finishResponse()
  }

  private func endHead(_ head: inout HeadWriter) {
    if reactor.isDraining || hasEnded { facts.keepsAlive = false }
    if !facts.keepsAlive { head.raw("Connection: close\r\n") } else if request.minorVersion == 0 { head.raw("Connection: keep-alive\r\n") }
  }

  private func finishResponse() {
    stream = nil
    phase = .head
    since = Clock.now
    if !facts.keepsAlive { closesAfterFlush = true }
    // Inside the handler the loop that called it goes on by itself.
    if !isInHandler { process() }
    updateInterest()
  }

  func run(_ task: Task<Void, Never>, for serial: UInt32) {
    if phase == .busy && serial == self.serial { running = task }
  }

  func startStream(_ response: ResponseHead, _ stream: ResponseStream, for serial: UInt32) -> Bool {
    guard phase == .busy, serial == self.serial, !isClosed else { return false }
    running = nil
    var head = HeadWriter(response, reactor: reactor)
    // HTTP/1.0 knows no chunks: the body ends with the connection.
    stream.isChunked = request.minorVersion == 1
    if stream.isChunked { head.raw("Transfer-Encoding: chunked\r\n") } else { facts.keepsAlive = false }
    endHead(&head)
    send([head.finish()])
    self.stream = stream
    phase = .streaming
    if request.method == .head { endStream(stream) }
    return true
  }

  /// `length`: of the slices together, which become one chunk where there are chunks.
  func write(_ slices: [ByteSlice], length: Int, from stream: ResponseStream) {
    guard phase == .streaming, self.stream === stream, !isClosed else { return }
    guard output.bytes <= limits.maxStreamBacklog else { return reactor.drop(self) }
    guard stream.isChunked else { return send(slices) }
    beginOutput()
    output.append(reactor.chunkHead(length))
    output.append(slices)
    output.append(Self.chunkEnd)
  }

  private static let chunkEnd = ByteSlice(SharedBytes("\r\n"))

  func endStream(_ stream: ResponseStream) {
    guard phase == .streaming, self.stream === stream, !isClosed else { return }
    if stream.isChunked && request.method != .head { send([Self.lastChunk]) }
    finishResponse()
  }

  private static let lastChunk = ByteSlice(SharedBytes("0\r\n\r\n"))

  var pendingBytes: Int { output.bytes }

  private func send(_ slices: [ByteSlice]) {
    beginOutput()
    output.append(slices)
  }

  private func beginOutput() {
    if output.isEmpty { lastWrite = reactor.turn }
    reactor.markDirty(self)
  }

  /// Sends what the socket takes.
  func flush() {
    let before = output.bytes
    guard output.write(to: descriptor) else { return reactor.drop(self) }
    isBlocked = !output.isEmpty
    if output.bytes < before { lastWrite = reactor.turn }
    if output.isEmpty && closesAfterFlush { return linger() }
    if output.bytes < limits.lowWaterMark && before >= limits.lowWaterMark { stream?.onWritable?() }
    if isClosed { return }
    if phase == .head && before > Self.maxPendingOutput { process() }
    updateInterest()
  }

  private func updateInterest() {
    guard !isClosed else { return }
    var wanted: UInt32 = 0
    let isFull = buffer.count >= Self.maxPipelined && (phase == .busy || phase == .streaming)
    if !hasEnded && !isFull { wanted |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
    // Output that has not been tried yet is flushed at the end of the turn; asking epoll for it would cost two system calls an answer.
    if isBlocked { wanted |= EPOLLOUT.rawValue }
    if wanted == interest { return }
    interest = wanted
    reactor.setInterest(self, wanted)
  }

  // MARK: the end

  /// Refuses what can't be read as a request; where it ends is unknown, so the connection ends too.
  private func refuse(_ refusal: Refusal) {
    reactor.counters.refused.add(1, ordering: .relaxed)
    var response = reactor.handler.refusal(status: refusal.status, reason: refusal.reason)
      ?? Response(status: refusal.status, headers: [ResponseHeader("Content-Type", "text/plain; charset=utf-8")], body: [ByteSlice(SharedBytes("\(refusal.status): \(refusal.reason)\n"))])
    var head = HeadWriter(response.head, reactor: reactor)
    head.contentLength(response.body.reduce(0) { $0 + $1.count })
    head.raw("Connection: close\r\n")
    response.body.insert(head.finish(), at: 0)
    phase = .busy  // nothing more is read as a request
    serial &+= 1
    closesAfterFlush = true
    send(response.body)
  }

  /// Ends our half and reads the rest for a while: closing with unread input would reset the connection before the client has read the answer.
  private func linger() {
    guard phase != .lingering else { return }
    if hasEnded { return reactor.drop(self) }
    phase = .lingering
    since = Clock.now
    shutdown(descriptor, Int32(SHUT_WR))
    interest = EPOLLIN.rawValue | EPOLLRDHUP.rawValue
    reactor.setInterest(self, interest)
    discard()
  }

  private func discard() {
    buffer.consume(buffer.count)
    for _ in 0..<16 {
      let room = buffer.room()
      let count = recv(descriptor, room.baseAddress, room.count, 0)
      if count > 0 {
        lingered += count
        if lingered > limits.maxLingerBytes { return reactor.drop(self) }
        continue
      }
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      return reactor.drop(self)
    }
  }

  /// The reactor has taken it out of the table.
  func closed() {
    isClosed = true
    close(descriptor)
    running?.cancel()
    running = nil
    output = Output()
    let ended = stream
    stream = nil
    ended?.connectionClosed()
  }

  func drain() {
    switch phase {
    case .head where buffer.count == 0 && output.isEmpty: reactor.drop(self)
    case .head, .body, .busy: facts.keepsAlive = false
    case .streaming: stream?.onDrain?()
    case .lingering: break
    }
  }

  func checkTimeouts(_ now: Duration) {
    let isLate: Bool
    switch phase {
    case .head: isLate = output.isEmpty && now - since > (buffer.count > 0 || serial == 0 ? limits.headTimeout : limits.idleTimeout)
    case .body: isLate = now - since > limits.bodyTimeout
    case .lingering: isLate = now - since > limits.lingerTimeout
    case .busy, .streaming: isLate = false
    }
    if isLate || (!output.isEmpty && now - lastWrite > limits.writeTimeout) {
      reactor.counters.timedOut.add(1, ordering: .relaxed)
      reactor.drop(self)
    }
  }
}
