import Access
import Admission
import Audit
import ByteBuffers
import Capacity
import HTTPServer
import Machinery
import Registry
import Synchronization

/// A request taken out of its connection: what the handlers need, as values, and the way back.
struct RequestContext: Sendable {
  /// What it asks for.
  let asked: ResourceRequest
  /// What stands in the request line, where the answer repeats it; else empty.
  var target = ""
  let query: Query
  let accept: String?
  let userAgent: String?
  let contentType: String?
  /// Where the client thinks we are.
  let host: String?
  let ifNoneMatch: String?
  /// Does the client want to go on as a WebSocket? Watches do.
  let webSocket: WebSocketHandshake?
  let body: ByteSlice
  /// Where the body is longer than there may be: as much as this. `body` is empty then.
  let exceededBodyLimit: Int?
  let pretty: Bool
  let reply: Reply
  /// Who the request is by.
  var user = UserInfo.unsecured
  /// Asks whether they may create what the request names; nil where everybody may.
  var authorizeCreate: (@Sendable () async throws(Status) -> Void)?
  /// Tells what is to be told of the body of a delete: its options, if there are any.
  func auditOptions() {
    if body.count > 0 { reply.audit?.sent(body) }
  }

  /// Throws 413 where the body is longer than there may be. To be called where upstream reads it (`limitedReadBody`),
  /// as other faults come first.
  func checkBody() throws(Status) {
    if let exceededBodyLimit { throw .requestEntityTooLarge("Request entity too large: limit is \(exceededBodyLimit)") }
  }

  var isBodyLong: Bool { RequestBody.isLong(body, contentType: contentType) }

  var method: HTTPMethod { asked.method }

  /// Has a say in writes once their object is known; nil where nobody has.
  var admission: Admission? {
    guard case .resource(let endpoint, _) = asked.target else { return nil }
    return reply.admissionChain.admission(of: user, on: endpoint.info)
  }

  /// Converts an error into the answer that tells it.
  func error(_ status: Status) -> Answer { .error(status, accept: accept, pretty: pretty) }

  /// What the client wants, or the 406 of the handlers (the router's 406 has other words and comes first).
  func negotiated() throws(Status) -> Negotiated {
    let isCustom = if case .resource(let endpoint, _) = asked.target { endpoint.info.isCustom } else { false }
    guard var result = Negotiation.negotiate(accept: accept, isCustom ? .ofCustomObjects : .ofObjects) else {
      throw Status.notAcceptable(
        "only the following media types are accepted: \(MediaType.all.joined(separator: ", "))")
    }
    if pretty { result.pretty = true }
    return result
  }
}

/// The way back to a client: the first answer counts, so that a deadline and the work it limits need not know of one
/// another.
final class Reply: Sendable {
  let exchange: Exchange
  let auditID: String
  let acceptsGzip: Bool
  /// What every answer says: to a browser, and of credentials that were passed over.
  private let added: [ResponseHeader]
  private let record: RequestRecord
  private let server: APIServer
  private let isTaken = Atomic<Bool>(false)
  /// The request's place among those at work, until it is answered.
  private let place = Mutex<InflightLimiter.Place?>(nil)
  private let auditRecord = Mutex<AuditRecord?>(nil)
  /// What the client hears besides the answer.
  private let warning = Mutex<String?>(nil)
  /// Objects that are compressed on the reactor before the rest is done elsewhere: what changed since the last list,
  /// mostly.
  private static let compressedAtOnceMax = 16

  init(
    _ exchange: Exchange, auditID: String, acceptsGzip: Bool, added: [ResponseHeader], record: RequestRecord,
    server: APIServer
  ) {
    self.exchange = exchange
    self.auditID = auditID
    self.acceptsGzip = acceptsGzip
    self.added = added
    self.record = record
    self.server = server
  }

  /// Sends an answer, unless one was sent. Any thread.
  func send(_ answer: Answer) {
    guard take() else { return }
    if let body = answer.streamed { return stream(answer, body) }
    tell(answer)
    guard acceptsGzip, !answer.isCompressed, answer.bodyCount > ContentEncoding.threshold else {
      return respond(answer)
    }
    if let kept = answer.objects {
      if let body = GzipFile.make(answer.body, kept, compressingAtMost: Self.compressedAtOnceMax) {
        return respond(answer.gzipped(body))
      }
    } else if answer.isLasting, let body = server.compressedDocuments.body(of: answer.body[0].owner) {
      return respond(answer.gzipped(body))
    }
    // Away from its reactor an answer goes out as it is: nothing here could wait for it.
    guard exchange.reactor.isCurrent else { return respond(answer) }
    if let kept = answer.objects { return compress(answer, kept) }
    exchange.perform { [self] in
      let body = await withTaskExecutorPreference(globalConcurrentExecutor) { GzipFile.make(answer.body, nil) }
      guard let body else { return respond(answer) }
      if answer.isLasting { server.compressedDocuments.keep(body, of: answer.body[0].owner) }
      respond(answer.gzipped(body))
    }
  }

  /// Sends a list of which many objects have no compressed form yet. Without room for that it goes out as it is.
  private func compress(_ answer: Answer, _ kept: ObjectSlices) {
    guard let share = room(for: AnswerPiece.room) else { return respond(answer) }
    share.hold(answer.heldBytes ?? 0)
    exchange.perform { [self] in
      let made = await withTaskExecutorPreference(globalConcurrentExecutor) {
        let source = SlicesSource(answer.body, kept)
        return try? Answer.made(source, contentType: answer.contentType, acceptsGzip: true, share: share)
      }
      guard var made else { return respond(answer) }
      made.headers += answer.headers
      if let body = made.streamed { stream(made, body, isTold: true) } else { respond(made) }
    }
  }

  /// Sends an answer that is made piece by piece. `isTold`: its audit event was made.
  private func stream(_ answer: Answer, _ body: StreamedBody, isTold: Bool = false) {
    guard exchange.reactor.isCurrent else { return exchange.reactor.post { self.stream(answer, body, isTold: isTold) } }
    place.withLock { $0 = nil }
    let pump = AnswerPump(body, on: exchange.reactor) { [self] end in
      switch end {
      case .complete(let bytes), .left(let bytes):
        if !isTold { tell(answer) }
        server.finished(record, code: answer.code, bytes: bytes, on: exchange.reactor)
      case .failed(let bytes, let status):
        if !isTold { audit?.answered(status.httpCode, status, object: nil, stage: .panic) }
        server.finished(record, code: status.httpCode, bytes: bytes, on: exchange.reactor)
      }
    }
    pump.start(exchange, ResponseHead(status: answer.code, headers: headers(answer)))
  }

  /// Who has a say in writes.
  var admissionChain: AdmissionChain { server.configuration.admission }

  /// What is kept of the request; nil for nothing.
  var audit: AuditRecord? { server.configuration.audit == nil ? nil : auditRecord.withLock { $0 } }

  /// From now on the request is audited.
  func begin(_ record: AuditRecord?) {
    guard let record else { return }
    auditRecord.withLock { $0 = record }
    if !record.isStranger { record.reached(.requestReceived) }
  }

  /// Makes the event of an answer. A request that nobody was recognized for has that one alone.
  private func tell(_ answer: Answer) {
    guard let audit else { return }
    let isJSON = answer.json != nil || !answer.body.isEmpty && answer.contentType.hasPrefix(Answer.json)
    let isKept = audit.keepsResponse && isJSON
    audit.answered(
      answer.code, answer.status, object: isKept ? answer.json ?? answer.body.withoutNewline : nil,
      stage: audit.isStranger ? .responseStarted : .responseComplete)
  }

  /// Room for an answer that is about to be made. Throws 429 where there is none.
  func share(for bytes: Int) throws(Status) -> MemoryBudget.Share {
    guard let share = room(for: bytes) else { throw .noRoom }
    return share
  }

  /// The same; nil where there is none. What alone would take more than half of the budget takes half: it is not
  /// refused for ever.
  private func room(for bytes: Int) -> MemoryBudget.Share? {
    let budget = server.configuration.budget
    if bytes < 64 << 10 { return budget.share() }
    return budget.reserve(budget.limit > 0 ? min(bytes, budget.limit / 2) : bytes)
  }

  /// The request is at work, and holds `place` until it is answered.
  func hold(_ place: InflightLimiter.Place) { self.place.withLock { $0 = place } }

  private func respond(_ answer: Answer) {
    place.withLock { $0 = nil }
    var response = Response(status: answer.code, headers: headers(answer), body: answer.body)
    response.ownBytes = answer.ownBytes
    exchange.respond(response)
    server.finished(record, code: answer.code, bytes: answer.bodyCount, on: exchange.reactor)
  }

  var isAnswered: Bool { isTaken.load(ordering: .relaxed) }

  /// Claims the right to answer; true once.
  func take() -> Bool { !isTaken.exchange(true, ordering: .acquiringAndReleasing) }

  /// Begins a streamed answer; nil when an answer was sent before or the client is gone. `upgrade`: the head by which
  /// the connection changes to another protocol, whose input `onInput` hears. `onEnd`: the client went, or the server
  /// drains. Reactor thread.
  func startStream(
    contentType: String, upgrade: ResponseHead? = nil, onWritable: @escaping @Sendable () -> Void,
    onEnd: @escaping @Sendable () -> Void, onInput: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
  ) -> ResponseStream? {
    guard take() else { return nil }
    let head =
      upgrade ?? ResponseHead(status: 200, headers: headers(Answer(code: 200, contentType: contentType, body: [])))
    audit?.answered(head.status, nil, object: nil, stage: .responseStarted)
    let stream = exchange.startStream(head, onWritable: onWritable, onClose: onEnd, onDrain: onEnd, onInput: onInput)
    if stream == nil { audit?.ended() }
    return stream
  }

  /// Says that a stream is over, for log and metrics.
  func streamEnded(code: Int) {
    audit?.ended()
    server.finished(record, code: code, bytes: 0, on: exchange.reactor)
  }

  /// Whatever the answer will be, it comes with a warning.
  func warn(_ text: String) { warning.withLock { $0 = text } }

  private func headers(_ answer: Answer) -> [ResponseHeader] {
    var headers: [ResponseHeader] = []
    headers.reserveCapacity(3 + answer.headers.count + added.count)
    headers.append(ResponseHeader("Audit-Id", auditID))
    if !answer.headers.contains(where: { $0.name.description == "Cache-Control" }) {
      headers.append(ResponseHeader("Cache-Control", "no-cache, private"))
    }
    // What has no body has no type.
    if !answer.contentType.isEmpty { headers.append(ResponseHeader("Content-Type", answer.contentType)) }
    if let warning = warning.withLock({ $0 }) {
      headers += Warnings.headers([warning]).map { ResponseHeader("Warning", $0) }
    }
    headers += answer.headers
    return headers + added
  }
}

/// Names of requests, for logs on both sides. They need to differ, not to be secret, so a mixed counter serves
/// (SplitMix64).
enum AuditID {
  private static let counter = Atomic<UInt64>(SystemRandomNumberGenerator.seed())

  static func next() -> String {
    let place = counter.wrappingAdd(0x9E37_79B9_7F4A_7C15, ordering: .relaxed).newValue
    let high = (mix(place) & ~0xF000) | 0x4000
    let low = (mix(place ^ 0xD1B5_4A32_D192_ED03) & 0x3FFF_FFFF_FFFF_FFFF) | 0x8000_0000_0000_0000
    return String(unsafeUninitializedCapacity: 36) { bytes in
      var at = 0
      for (word, nibbles) in [(high, 16), (low, 16)] as [(UInt64, Int)] {
        for nibble in (0..<nibbles).reversed() {
          if at == 8 || at == 13 || at == 18 || at == 23 {
            bytes[at] = UInt8(ascii: "-")
            at += 1
          }
          let digit = UInt8(truncatingIfNeeded: word >> UInt64(nibble * 4)) & 15
          bytes[at] = digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10
          at += 1
        }
      }
      return at
    }
  }

  private static func mix(_ x: UInt64) -> UInt64 {
    var z = x
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}

extension SystemRandomNumberGenerator {
  fileprivate static func seed() -> UInt64 {
    var generator = SystemRandomNumberGenerator()
    return generator.next()
  }
}

extension Status {
  /// What clients make the server hold is as much as it may be.
  static let noRoom = Status.tooManyRequests("Too many requests, please try again later.", retryAfterSeconds: 1)
}

extension [ByteSlice] {
  /// A document without the newline that ends it.
  var withoutNewline: [ByteSlice] {
    guard let last, last.count > 0, last.withUnsafeBytes({ $0.last == UInt8(ascii: "\n") }) else { return self }
    return dropLast() + (last.count > 1 ? [ByteSlice(last.owner, offset: last.offset, count: last.count - 1)] : [])
  }
}
