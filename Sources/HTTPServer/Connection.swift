import ByteBuffers
import CNetwork
import Capacity
import Glibc
import Synchronization

/// One accepted socket: moves bytes for the session that speaks over it, tells epoll what to wait for, and ends. On its
/// reactor's thread only.
final class Connection {
  let descriptor: Int32
  // Unsafe, as the count of an unowned reference costs each use: the reactor's table owns the connection.
  unowned(unsafe) let reactor: Reactor
  /// The client's address, without port.
  let peerAddress: String
  var mark: UInt64 = 0
  var isDirty = false
  /// TLS has input for us, and the reactor knows.
  private var isUnread = false
  private(set) var isClosed = false
  /// The peer sends no more.
  private(set) var hasEnded = false
  /// The connection ends once its output is sent.
  private(set) var isFinishing = false

  /// nil on a plain socket.
  private let tls: TLSSession?
  var isSecure: Bool { tls != nil }
  /// While the handshake is on: its place among those of others, and what OpenSSL holds for it, of the budget. That is
  /// not asked for, as the places are limited: who has used the rest up shuts nobody out.
  private var handshake: (place: HandshakeTable.Place, share: MemoryBudget.Share)?
  /// The protocol that is spoken; nil until the TLS handshake is done.
  private var session: (any Session)?
  /// What the session sends and the socket has not taken.
  @exclusivity(unchecked) private(set) var output = Output()
  /// True when the socket took less than there was.
  private var isBlocked = false
  private var interest = EPOLLIN.rawValue | EPOLLRDHUP.rawValue
  /// When bytes last left.
  private var lastWrite: Duration
  private var pace = ReaderPace()
  private let began: Duration
  private var lingering: Lingering?

  /// What is read and thrown away after the last answer.
  private struct Lingering {
    let since: Duration
    /// When bytes last came.
    var moved: Duration
    var bytes = 0
    /// Requests were spoken: a body may be on its way whose sender reads after it has written. Nobody else is waited
    /// for as long.
    let spokeHTTP: Bool

    func isLate(at now: Duration, _ reactor: Reactor) -> Bool {
      let limits = reactor.configuration.limits
      let whole = spokeHTTP ? limits.wholeLingerTimeout : limits.lingerTimeout
      let patience = reactor.isDraining ? Reactor.drainGrace : whole
      return now - moved > limits.lingerTimeout || now - since > patience
    }
  }

  init(_ descriptor: Int32, reactor: Reactor, peerAddress: String, tls: TLSSession?) {
    self.descriptor = descriptor
    self.reactor = reactor
    self.peerAddress = peerAddress
    self.tls = tls
    began = reactor.turn
    lastWrite = began
    if tls == nil { session = HTTP1Session(self) }
  }

  private var limits: HTTPServer.Limits { reactor.configuration.limits }

  // MARK: input

  /// What one read brought.
  enum Received {
    /// So many bytes. `mayHaveMore`: the socket filled the room that it was given.
    case bytes(Int, mayHaveMore: Bool)
    case nothing
    /// The peer has ended its half.
    case end
    case broken
  }

  func receive(into room: UnsafeMutableRawBufferPointer) -> Received {
    guard let tls else { return receivePlain(into: room) }
    let received = tls.receive(into: room)
    if case .end = received { hasEnded = true }
    return received
  }

  private func receivePlain(into room: UnsafeMutableRawBufferPointer) -> Received {
    let count = SocketCalls.receive(descriptor, room)
    if count > 0 { return .bytes(count, mayHaveMore: count == room.count) }
    if count < 0 { return errno == EAGAIN ? .nothing : .broken }
    hasEnded = true
    return .end
  }

  func readable(_ events: UInt32) {
    isUnread = false
    if lingering != nil { return discard() }
    if events & EPOLLERR.rawValue != 0 { return reactor.drop(self) }
    if let tls, session == nil { shake(tls) }
    session?.readable()
    updateInterest()
  }

  /// Goes on with the TLS handshake, at whose end the session begins.
  private func shake(_ tls: TLSSession) {
    if handshake == nil {
      let (place, pushedOut) = reactor.handshakes.enter(peerAddress, reactor, mark: mark)
      handshake = (place, reactor.configuration.budget.holding(HandshakeTable.bytesEach))
      if let pushedOut { pushedOut.reactor.endHandshake(pushedOut.mark) }
    }
    let result = tls.shake()
    isBlocked = unsent > 0
    if case .waiting = result {} else { handshakeIsOver() }
    switch result {
    case .waiting: break
    case .done(let isHTTP2, credential: let client):
      if isHTTP2 { beginHTTP2(client) } else { session = HTTP1Session(self, client: client) }
    case .failed(let reason, let plainAnswer):
      reactor.counters.failedHandshakes.add(1, ordering: .relaxed)
      reactor.configuration.handshakeFailed?(peerAddress, reason)
      if plainAnswer {
        _ = Self.plainRefusal.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
      }
      linger()
    }
  }

  private func handshakeIsOver() {
    if let handshake { reactor.handshakes.leave(handshake.place) }
    handshake = nil
  }

  /// Others need its place.
  func endHandshake() {
    guard handshake != nil else { return }
    reactor.counters.failedHandshakes.add(1, ordering: .relaxed)
    reactor.configuration.handshakeFailed?(peerAddress, "pushed out by newer handshakes, as too many are not done")
    reactor.drop(self)
  }

  /// HTTP/2 is spoken from now on, and `bytes` of it have come already.
  func beginHTTP2(
    _ client: ClientCredential?, with bytes: UnsafeRawBufferPointer = UnsafeRawBufferPointer(start: nil, count: 0)
  ) {
    guard let made = HTTP2Session(self, client: client) else { return reactor.drop(self) }
    session = made
    if reactor.isDraining { made.drain() }
    if !bytes.isEmpty { made.take(bytes) }
  }

  /// Go's words for those who forget the s of https.
  private static let plainRefusal = ByteSlice(
    SharedBytes("HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n"))

  /// Tells epoll what is waited for, if that has changed.
  func updateInterest() {
    guard !isClosed, lingering == nil else { return }
    var wanted: UInt32 = 0
    if !hasEnded && session?.wantsInput ?? true { wanted |= EPOLLIN.rawValue | EPOLLRDHUP.rawValue }
    // Bytes that TLS has read ahead are no news to epoll.
    if wanted != 0, !isUnread, let tls, tls.mayHaveMore {
      isUnread = true
      reactor.readAgain(self)
    }
    // Output that has not been tried yet is flushed at the end of the turn; asking epoll for it would cost two system
    // calls an answer.
    if isBlocked { wanted |= EPOLLOUT.rawValue }
    setInterest(wanted)
  }

  private func setInterest(_ wanted: UInt32) {
    if wanted == interest { return }
    interest = wanted
    reactor.setInterest(self, wanted)
  }

  // MARK: output

  /// Sends at the end of this turn.
  func send(_ slices: [ByteSlice]) {
    beginOutput()
    output.append(slices)
  }

  func send(_ slice: ByteSlice) {
    beginOutput()
    output.append(slice)
  }

  private func beginOutput() {
    if !isBlocked { lastWrite = reactor.turn }
    reactor.markDirty(self)
  }

  /// Bytes that the kernel has not taken.
  private var unsent: Int { output.bytes + (tls?.waitingBytes ?? 0) }

  /// Is there output that the client has not got?
  var hasUnsentOutput: Bool { unsent > 0 }

  /// The session will have output at the end of this turn.
  func needsFlush() { reactor.markDirty(self) }

  /// Adds output while it is being flushed.
  func append(_ slice: ByteSlice) { output.append(slice) }

  /// Adds the first `count` bytes of other output, without a copy.
  func append(_ count: Int, from other: inout Output) { other.move(count, to: &output) }

  /// Sends what the socket takes.
  func flush() {
    guard lingering == nil else { return }
    if !isBlocked { lastWrite = reactor.turn }
    session?.fill()
    let before = output.bytes
    let unsentBefore = unsent
    guard tls?.write(&output) ?? output.write(to: descriptor) else { return reactor.drop(self) }
    isBlocked = unsent > 0
    if unsent < unsentBefore { lastWrite = reactor.turn }
    if isBlocked { pace.waits(at: reactor.turn) } else { pace.rests() }
    pace.left(max(0, unsentBefore - unsent))
    session?.flushed(from: before)
    if isClosed { return }
    if isFinishing && !isBlocked { return linger() }
    updateInterest()
  }

  // MARK: the end

  /// Ends the connection once all output is sent.
  func finish() {
    isFinishing = true
    reactor.markDirty(self)
  }

  /// Ends our half and reads the rest for a while: closing with unread input would reset the connection before the
  /// client has read the answer.
  private func linger() {
    if hasEnded { return reactor.drop(self) }
    lingering = Lingering(since: reactor.turn, moved: reactor.turn, spokeHTTP: session != nil)
    tls?.close()
    shutdown(descriptor, Int32(SHUT_WR))
    setInterest(EPOLLIN.rawValue | EPOLLRDHUP.rawValue)
    discard()
  }

  private func discard() {
    // Little at a time: nobody waits for it.
    for _ in 0..<2 {
      let room = reactor.scratch
      let count = recv(descriptor, room.baseAddress, room.count, 0)
      if count > 0 {
        lingering?.bytes += count
        lingering?.moved = reactor.turn
        let most = lingering?.spokeHTTP == true ? limits.maxLingerBytes : limits.maxShortLingerBytes
        if lingering?.bytes ?? 0 > most { return reactor.drop(self) }
        continue
      }
      if count < 0 && (errno == EAGAIN || errno == EINTR) { return }
      return reactor.drop(self)
    }
  }

  /// The reactor has taken it out of the table.
  func closed() {
    isClosed = true
    if session?.endLooksComplete == true {
      // A reset is no end that a client could believe in.
      var now = Glibc.linger(l_onoff: 1, l_linger: 0)
      setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<Glibc.linger>.size))
    }
    close(descriptor)
    output = Output()
    handshakeIsOver()
    session?.closed()
    session = nil
  }

  /// The server ends: what is idle goes now, the rest when it is done.
  func drain() {
    // Who lingers has an answer to read, and goes soon.
    if lingering == nil { session?.drain() }
  }

  func checkTimeouts(_ now: Duration) {
    let isLate: Bool
    if let lingering {
      isLate = lingering.isLate(at: now, reactor)
    } else {
      let isTooLong =
        session?.isLate(at: now) ?? (now - began > (reactor.isDraining ? Reactor.drainGrace : limits.handshakeTimeout))
      isLate =
        isTooLong
        || (isBlocked && pace.isStuck(at: now, moved: lastWrite, holdsMemory: holdsMemory, reactor.configuration))
    }
    guard isLate else { return }
    reactor.counters.timedOut.add(1, ordering: .relaxed)
    reactor.drop(self)
  }

  /// Is something on its way that only this connection holds?
  private var holdsMemory: Bool { session?.holdsAnswers == true || tls.map { $0.waitingBytes > 0 } ?? false }

  // MARK: answers

  func respond(_ response: Response, to serial: UInt32) { session?.respond(response, to: serial) }

  func run(_ task: Task<Void, Never>, for serial: UInt32) { session?.run(task, for: serial) }

  func taskEnded() { session?.taskEnded() }

  func startStream(_ head: ResponseHead, _ stream: ResponseStream) -> Bool {
    session?.startStream(head, stream) ?? false
  }

  func write(_ slices: [ByteSlice], length: Int, from stream: ResponseStream) {
    session?.write(slices, length: length, from: stream)
  }

  func endStream(_ stream: ResponseStream) { session?.endStream(stream) }

  func abort(_ stream: ResponseStream) { session?.abort(stream) }

  func pendingBytes(of stream: ResponseStream) -> Int { session?.pendingBytes(of: stream) ?? 0 }
}
