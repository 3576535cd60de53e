import ByteBuffers
import Capacity
import Glibc
import Synchronization

/// HTTP/1.1 on one connection: reads requests one after another, hands each to the handler, and sends what comes of it.
final class HTTP1Session: Session {
  /// `replaced`: the client has turned out to speak HTTP/2.
  enum Phase { case head, body, busy, streaming, replaced }

  // Unsafe, as the count of an unowned reference costs each use: the connection owns its session, and lives in its
  // reactor's table.
  private unowned(unsafe) let connection: Connection
  private unowned(unsafe) let reactor: Reactor

  @exclusivity(unchecked) private var buffer = ReadBuffer()
  private let request = Request()
  @exclusivity(unchecked) private var scanner = HeadScanner()
  @exclusivity(unchecked) private var facts = HeadFacts()
  private var headLength = 0
  /// The head of the request that is coming has been read, and is well formed.
  private var isHeadKnown = false
  private var body: [UInt8] = []
  private var chunks = ChunkDecoder()
  /// Of the budget: what the request makes us hold until it is answered, and answers until they are taken.
  private var requestShare: MemoryBudget.Share?
  private var answerShares: [MemoryBudget.Share] = []
  private var bodySince: Duration = .zero
  /// The rest of a body that nobody wants is on its way: so many bytes of it were thrown away. The connection ends with
  /// the answer.
  private var thrownAway: Int?

  private var phase = Phase.head
  private var serial: UInt32 = 0
  private var isInHandler = false
  private var stream: ResponseStream?
  /// The connection speaks another protocol, and what comes is its stream's.
  private var isHandedOver = false
  /// All of an answer whose end is the connection's has been given to it.
  private var endsWithConnection = false
  private var running: Task<Void, Never>?
  /// When the current phase began, or bytes of a body last came.
  private var since: Duration

  /// Input that may wait while a request is served.
  private static let maxPipelined = 64 << 10
  /// Input that one turn takes: enough for a body of usual size, little enough that a hundred fast senders hold up
  /// nobody for long.
  private static let inputATurn = 64 << 10
  /// Output beyond which no further pipelined request is begun.
  private static let maxPendingOutput = 1 << 20

  init(_ connection: Connection, client: ClientCredential? = nil) {
    self.connection = connection
    reactor = connection.reactor
    request.credential = client
    request.isSecure = connection.isSecure
    since = reactor.turn
    request.peerAddress = connection.peerAddress
  }

  private var limits: HTTPServer.Limits { reactor.configuration.limits }

  // MARK: input

  var wantsInput: Bool {
    if let thrownAway { return thrownAway < limits.maxLingerBytes }
    switch phase {
    case .body: return true
    // Who does not take what was asked for is not heard either.
    case .head: return connection.output.bytes <= Self.maxPendingOutput && !connection.isFinishing
    case .busy, .streaming, .replaced: return buffer.count < Self.maxPipelined
    }
  }

  func readable() {
    // A bounded amount a turn, so that one fast sender does not starve the others.
    var taken = 0
    reading: while wantsInput && taken < Self.inputATurn {
      switch connection.receive(into: buffer.room(from: &reactor.spareBuffers)) {
      case .bytes(let count, let mayHaveMore):
        taken += count
        if let thrownAway {
          self.thrownAway = thrownAway + count
          if mayHaveMore { continue }
          break reading
        }
        if buffer.count == 0 && phase == .head { since = reactor.turn }
        buffer.filled(count)
        if phase == .body { since = reactor.turn }
        if !mayHaveMore { break reading }
        if phase == .body { process() }
        if connection.isClosed { return }
      case .nothing, .end: break reading
      case .broken: return reactor.drop(connection)
      }
    }
    process()
    if connection.hasEnded && !connection.isClosed { inputEnded() }
  }

  private func inputEnded() {
    switch phase {
    // As a whole answer would be sent, one that is sent piece by piece is.
    case .streaming where stream?.isAnswer == true: facts.keepsAlive = false
    case .head, .body, .streaming:
      if connection.output.isEmpty || phase == .streaming { reactor.drop(connection) } else { connection.finish() }
    // Whoever closes has mostly gone, and work for nobody must not go on: a write that is tried again later would undo
    // what came after. (Go's server cancels the request's context here too.) The answer is still sent, as some clients
    // end only their half.
    case .busy:
      facts.keepsAlive = false
      running?.cancel()
    case .replaced: break
    }
  }

  /// Serves whatever is complete.
  private func process() {
    defer { buffer.rest(in: &reactor.spareBuffers, shrinks: phase != .body) }
    while !connection.isClosed {
      do throws(Refusal) {
        switch phase {
        case .head: guard try readHead() else { return }
        case .body: guard try readBody() else { return }
        case .streaming where isHandedOver:
          guard buffer.count > 0, let stream else { return }
          let bytes = buffer.bytes
          stream.onInput?(bytes)
          // Its end has let go of the buffer.
          if !connection.isClosed && phase == .streaming { buffer.consume(bytes.count) }
        case .busy, .streaming, .replaced: return
        }
      } catch {
        return refuse(error)
      }
    }
  }

  /// Does the client speak HTTP/2 without having been asked (RFC 9113 section 3.3)? True also while only a part of its
  /// preface is here.
  private func isHTTP2() -> Bool {
    guard buffer.count >= 3, buffer.bytes[0] == UInt8(ascii: "P"), buffer.bytes[1] == UInt8(ascii: "R"),
      buffer.bytes[2] == UInt8(ascii: "I")
    else { return false }
    let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
    let count = min(buffer.count, preface.utf8CodeUnitCount)
    guard buffer.bytes.prefix(count).elementsEqual(UnsafeRawBufferPointer(start: preface.utf8Start, count: count))
    else { return false }
    if count == preface.utf8CodeUnitCount {
      phase = .replaced
      connection.beginHTTP2(request.credential, with: buffer.bytes)
    }
    return true
  }

  /// True when there may be more to do.
  private func readHead() throws(Refusal) -> Bool {
    guard connection.output.bytes <= Self.maxPendingOutput, !connection.isFinishing else { return false }
    if serial == 0, isHTTP2() { return false }
    // Empty lines before a request are tolerated (RFC 9112 section 2.2).
    while buffer.count >= 2, buffer.bytes[0] == 0x0D, buffer.bytes[1] == 0x0A { buffer.consume(2) }
    request.forgetTarget()
    guard let end = try scanner.end(of: buffer.bytes) else {
      if buffer.count > limits.maxHeadBytes { throw headTooLarge }
      if buffer.count >= ReadBuffer.usual { try hold(buffer.capacity) }
      return false
    }
    guard end <= limits.maxHeadBytes else { throw headTooLarge }
    headLength = end
    facts = try HeadParser.parse(
      UnsafeRawBufferPointer(rebasing: buffer.bytes[..<end]), into: request, maxFields: limits.maxHeadFields)
    isHeadKnown = true
    if request.fields.count > Self.usualFields { try hold(buffer.capacity + request.fieldsBytes) }
    switch facts.framing {
    case .none:
      request.body = Self.noBody
      dispatch()
    case .length(let length):
      if length > limits.maxBodyBytes {
        dispatchWithoutBody()
      } else if buffer.count >= end + length {
        if length >= ReadBuffer.usual { try hold(length * Self.workFactor) }
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

  static let noBody = ByteSlice(.empty)
  /// More headers are counted in the budget.
  private static let usualFields = 200

  private var headTooLarge: Refusal {
    Refusal(status: 431, reason: "the request line and headers exceed \(limits.maxHeadBytes) bytes")
  }

  /// A body of so many bytes is held as bytes, and as the values that are made of it.
  static let workFactor = 4

  private func hold(_ bytes: Int) throws(Refusal) {
    let share = requestShare ?? reactor.configuration.budget.share()
    guard share.grow(to: bytes) else { throw .noRoom }
    requestShare = share
  }

  private func beginBody() {
    phase = .body
    bodySince = reactor.turn
    since = reactor.turn
    body.removeAll(keepingCapacity: true)
    if facts.expectsContinue && buffer.count == headLength { connection.send(Self.proceed) }
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
      do throws(Refusal) {
        taken = try chunks.take(waiting, into: &body, limit: limits.maxBodyBytes)
      } catch {
        guard error == .bodyTooLarge else { throw error }
        dispatchWithoutBody()
        return true
      }
      isComplete = chunks.isDone
    case .none: return false
    }
    // As it comes, not as it is announced: a promise must not take the place of others.
    if body.count >= ReadBuffer.usual { try hold(body.count * Self.workFactor) }
    // The head stays where it is until the handler has seen it.
    buffer.cut(offset: headLength, count: taken)
    guard isComplete else { return false }
    request.body = ByteSlice(SharedBytes(body))
    body = []
    dispatch()
    return true
  }

  /// Serves a request whose body is longer than there may be, without it: whoever may not make it hears that first, as
  /// from kube-apiserver, which reads the body last.
  private func dispatchWithoutBody() {
    facts.keepsAlive = false
    body = []
    requestShare = nil
    request.body = Self.noBody
    request.exceededBodyLimit = limits.maxBodyBytes
    thrownAway = 0
    dispatch()
    request.exceededBodyLimit = nil
    if !connection.isClosed { buffer.consume(buffer.count) }
  }

  private func dispatch() {
    phase = .busy
    isHeadKnown = false
    serial &+= 1
    scanner.reset()
    reactor.counters.requests.add(1, ordering: .relaxed)
    request.base = buffer.bytes.baseAddress ?? request.base
    let length = headLength
    isInHandler = true
    reactor.handler.handle(request, Exchange(reactor: reactor, mark: connection.mark, serial: serial))
    isInHandler = false
    request.body = Self.noBody
    request.forgetHead()
    if !connection.isClosed { buffer.consume(length) }
  }

  // MARK: answers

  func respond(_ response: Response, to serial: UInt32) {
    guard phase == .busy, serial == self.serial else { return }
    running = nil
    requestShare = nil
    if response.ownBytes >= ReadBuffer.usual {
      answerShares.append(reactor.configuration.budget.holding(response.ownBytes))
    }
    let length = response.body.reduce(0) { $0 + $1.count }
    let hasBody = response.head.status != 204 && response.head.status != 304
    var head = HeadWriter(response.head, reactor: reactor)
    if hasBody { head.contentLength(length) }
    endHead(&head)
    connection.send(head.finish())
    if hasBody && request.method != .head { connection.send(response.body) }
    finishResponse()
  }

  private func endHead(_ head: inout HeadWriter) {
    if reactor.isDraining || connection.hasEnded { facts.keepsAlive = false }
    if !facts.keepsAlive {
      head.raw("Connection: close\r\n")
    } else if request.minorVersion == 0 {
      head.raw("Connection: keep-alive\r\n")
    }
  }

  private func finishResponse() {
    stream = nil
    // Nothing that comes now is a request.
    if isHandedOver { buffer = ReadBuffer() }
    phase = .head
    since = reactor.turn
    if !facts.keepsAlive { connection.finish() }
    // Inside the handler the loop that called it goes on by itself.
    if !isInHandler { process() }
    connection.updateInterest()
  }

  func run(_ task: Task<Void, Never>, for serial: UInt32) {
    if phase == .busy && serial == self.serial { running = task }
  }

  func startStream(_ response: ResponseHead, _ stream: ResponseStream) -> Bool {
    guard phase == .busy, stream.serial == serial else { return false }
    running = nil
    requestShare = nil
    var head = HeadWriter(response, reactor: reactor)
    isHandedOver = response.status == 101
    // HTTP/1.0 knows no chunks: the body ends with the connection.
    if isChunked { head.raw("Transfer-Encoding: chunked\r\n") } else { facts.keepsAlive = false }
    if !isHandedOver { endHead(&head) }
    connection.send(head.finish())
    self.stream = stream
    phase = .streaming
    if request.method == .head { endStream(stream) }
    return true
  }

  /// Streams have chunks, but to HTTP/1.0 and after another protocol was agreed on.
  private var isChunked: Bool { request.minorVersion == 1 && !isHandedOver }

  func write(_ slices: [ByteSlice], length: Int, from stream: ResponseStream) {
    guard phase == .streaming, self.stream === stream else { return }
    guard connection.output.bytes <= limits.maxStreamBacklog else { return reactor.drop(connection) }
    guard isChunked else { return connection.send(slices) }
    switch reactor.chunks.chunk(slices, length: length) {
    case .whole(let chunk): connection.send(chunk)
    case .parts(let head):
      connection.send(head)
      connection.send(slices)
      connection.send(ChunkMaker.end)
    }
  }

  func endStream(_ stream: ResponseStream) {
    guard phase == .streaming, self.stream === stream else { return }
    if isChunked && request.method != .head { connection.send(Self.lastChunk) }
    if let share = stream.share { answerShares.append(share) }
    stream.share = nil
    endsWithConnection = stream.isAnswer && !isChunked
    finishResponse()
  }

  private static let lastChunk = ByteSlice(SharedBytes("0\r\n\r\n"))

  func abort(_ stream: ResponseStream) {
    if self.stream === stream { reactor.drop(connection) }
  }

  func pendingBytes(of stream: ResponseStream) -> Int { connection.output.bytes }

  var holdsAnswers: Bool { !answerShares.isEmpty || stream?.share != nil }

  /// Without chunks nothing but the connection's end says where an answer ends.
  var endLooksComplete: Bool {
    endsWithConnection ? connection.hasUnsentOutput : phase == .streaming && !isChunked && stream?.isAnswer == true
  }

  func flushed(from before: Int) {
    if connection.output.isEmpty && !answerShares.isEmpty { answerShares = [] }
    if connection.output.bytes < limits.lowWaterMark && before >= limits.lowWaterMark { stream?.onWritable?() }
    if phase == .head && before > Self.maxPendingOutput && !connection.isClosed { process() }
  }

  // MARK: the end

  /// Refuses what can't be read as a request; where it ends is unknown, so the connection ends too.
  private func refuse(_ refusal: Refusal) {
    request.base = buffer.bytes.baseAddress ?? request.base
    // Of a head that was not read, method and target are mostly there all the same.
    if phase == .head && request.pathRange.isEmpty { HeadParser.readTarget(buffer.bytes, into: request) }
    let response = reactor.refusal(refusal, request, isHeadKnown: isHeadKnown)
    request.fields = []
    request.forgetTarget()
    var head = HeadWriter(response.head, reactor: reactor)
    head.contentLength(response.body.reduce(0) { $0 + $1.count })
    head.raw("Connection: close\r\n")
    phase = .busy  // nothing more is read as a request
    // What it sent is of no use any more, but the connection lingers.
    requestShare = nil
    buffer = ReadBuffer()
    body = []
    serial &+= 1
    connection.send(head.finish())
    connection.send(response.body)
    connection.finish()
  }

  func closed() {
    running?.cancel()
    running = nil
    requestShare = nil
    answerShares = []
    let ended = stream
    stream = nil
    ended?.connectionClosed()
  }

  func drain() {
    switch phase {
    case .head where buffer.count == 0 && connection.output.isEmpty:
      // A request may have come that nobody has looked at yet.
      readable()
      guard case .head = phase, !connection.isClosed, buffer.count == 0, connection.output.isEmpty else { return }
      // Who has only just come has a moment to ask; who has asked before may ask elsewhere.
      if serial > 0 { reactor.drop(connection) }
    case .head, .body, .busy: facts.keepsAlive = false
    case .streaming where stream?.isAnswer == true: facts.keepsAlive = false
    case .streaming: stream?.onDrain?()
    case .replaced: break
    }
  }

  func isLate(at now: Duration) -> Bool {
    switch phase {
    case .head where reactor.isDraining: connection.output.isEmpty && now - since > Reactor.drainGrace
    case .head:
      connection.output.isEmpty
        && now - since > (buffer.count > 0 || serial == 0 ? limits.headTimeout : limits.idleTimeout)
    case .body: now - since > limits.bodyTimeout || now - bodySince > limits.wholeBodyTimeout
    case .busy, .streaming, .replaced: false
    }
  }
}
