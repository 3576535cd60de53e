import ByteBuffers
import CNetwork
import Glibc
import Synchronization

/// A thread with its own epoll, on which connections live and die, and an executor for the tasks that serve them.
///
/// Sendable: `mailbox`, `counters` and `isStopping` are made for sharing; everything else belongs to the reactor's
/// thread, which `precondition`s check on the doors that others could mistake.
public final class Reactor: TaskExecutor, @unchecked Sendable {
  enum Job {
    case closure(@Sendable () -> Void)
    case task(UnownedJob)
  }

  /// Its place among the server's reactors, from 0 on.
  public let index: Int
  let mailbox: Mailbox
  let counters = Counters()
  private let epoll: Int32
  private var thread = pthread_t()
  private let isStopping = Atomic<Bool>(false)
  private let threadID = Atomic<UInt>(0)

  // The reactor's thread only. What each request touches is not checked for exclusive access at run time (3 percent of
  // a GET): it is used by short, plain calls that run nobody else's code meanwhile.
  @exclusivity(unchecked) private var timers = TimerHeap()
  @exclusivity(unchecked) private var batch = ContiguousArray<Job>()
  @exclusivity(unchecked) private var events = [epoll_event](repeating: epoll_event(), count: 256)
  @exclusivity(unchecked) var connections: ConnectionTable
  @exclusivity(unchecked) private var dirty: [Connection] = []
  /// The other one of the two lists that take turns, so that none is made anew.
  @exclusivity(unchecked) private var flushing: [Connection] = []
  private(set) var dateHeader: [UInt8] = []
  private var dateSecond: Int = -1
  /// Since 1970, when this turn began.
  var second: Int { dateSecond }
  private var nextSweep: Duration = .zero
  /// When this turn of the loop began: near enough for time-outs of connections, without asking the clock for each
  /// write.
  private(set) var turn = Clock.now
  @exclusivity(unchecked) var chunks = ChunkMaker()
  @exclusivity(unchecked) var spareBuffers = ReadBuffer.Spares()
  /// Room for bytes that pass through: what it holds is good until the next call of anything.
  let scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 64 << 10, alignment: 16)
  /// Memory for the head of the next HTTP/2 request; holds nothing.
  @exclusivity(unchecked) var spareHead = HTTP2Head()
  /// HTTP/2 frames on their way to a connection's output; empty between calls.
  @exclusivity(unchecked) var frames: [UInt8] = []
  /// What OpenSSL has written for a socket; empty between calls.
  var gathered: [UInt8] = []
  /// Room for TLS records on their way, as `scratch` is for others.
  let records = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSSession.roomForRecords, alignment: 4_096)
  private(set) lazy var recordCipher = RecordCipher()
  /// Connections with input that epoll does not know of.
  private var unread: [Connection] = []
  /// Whatever those who serve requests keep for this reactor's thread alone. On that thread only.
  public var companion: AnyObject?
  private var listeners: [Listener] = []
  private(set) var isDraining = false
  let configuration: HTTPServer.Configuration
  let handler: any RequestHandler
  let total: Atomic<Int>?
  private let shared: SharedCount
  var handshakes: HandshakeTable { shared.handshakes }

  struct Listener {
    let descriptor: Int32
    let tls: TLSCredentials?
    var isPaused = false
  }

  /// Marks in epoll's user bits for what is no connection.
  private static let mailboxMark = UInt64.max
  private static let listenerMark: UInt64 = 0xFFFF_FFFF_0000_0000

  init(
    index: Int, configuration: HTTPServer.Configuration, handler: any RequestHandler, shared: SharedCount
  ) throws(SystemError) {
    self.index = index
    epoll = epoll_create1(Int32(EPOLL_CLOEXEC))
    guard epoll >= 0 else { throw SystemError(errno, in: "epoll_create1") }
    mailbox = try Mailbox()
    self.configuration = configuration
    self.handler = handler
    self.shared = shared
    total = nil
    connections = ConnectionTable()
    var event = epoll_event(events: EPOLLIN.rawValue, data: epoll_data_t(u64: Self.mailboxMark))
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, mailbox.descriptor, &event) == 0 else {
      throw SystemError(errno, in: "epoll_ctl")
    }
  }

  deinit {
    close(epoll)
    scratch.deallocate()
    records.deallocate()
  }

  /// Is this code on the reactor's thread?
  public var isCurrent: Bool { threadID.load(ordering: .relaxed) == UInt(pthread_self()) }

  // MARK: for other threads

  /// Runs `job` on the reactor soon, in the order of posting.
  public func post(_ job: @escaping @Sendable () -> Void) { mailbox.post(.closure(job)) }

  /// The same for whoever waits for it. False: the reactor has ended, and `job` never runs.
  public func offer(_ job: @escaping @Sendable () -> Void) -> Bool { mailbox.post(.closure(job)) }

  public func enqueue(_ job: consuming ExecutorJob) { mailbox.post(.task(UnownedJob(job))) }

  /// Runs `body` on the reactor after a while. Any thread.
  @discardableResult
  public func schedule(after delay: Duration, _ body: @escaping @Sendable () -> Void) -> TimerHandle {
    let handle = TimerHandle(deadline: Clock.now + delay, body: body)
    if isCurrent { timers.insert(handle) } else { post { [self] in timers.insert(handle) } }
    return handle
  }

  func start() throws(SystemError) {
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    defer { pthread_attr_destroy(&attributes) }
    // Parsers of request bodies recurse; only pages that are touched count.
    pthread_attr_setstacksize(&attributes, 64 << 20)
    let code = pthread_create(
      &thread, &attributes,
      { raw in
        guard let raw else { return nil }
        Unmanaged<Reactor>.fromOpaque(raw).takeRetainedValue().run()
        return nil
      }, Unmanaged.passRetained(self).toOpaque())
    guard code == 0 else { throw SystemError(code, in: "pthread_create") }
  }

  func stop() {
    isStopping.store(true, ordering: .releasing)
    post {}
  }

  /// Blocks until the thread has ended.
  func join() { pthread_join(thread, nil) }

  // MARK: the loop

  private func run() {
    threadID.store(UInt(pthread_self()), ordering: .relaxed)
    nextSweep = Clock.now + .seconds(1)
    while !isStopping.load(ordering: .acquiring) {
      let ready = epoll_wait(epoll, &events, Int32(events.count), waitMilliseconds())
      turn = Clock.now
      updateDate()
      readUnread()
      if ready > 0 {
        for event in events[..<Int(ready)] { dispatch(event) }
      } else if ready < 0 && errno != EINTR {
        break  // the epoll descriptor is ours alone; an error here is a broken process
      }
      runTimers()
      flushDirty()
      sweepIfDue()
    }
    for connection in connections.all { drop(connection) }
    runJobs()
    mailbox.close()
    runJobs()
  }

  private func dispatch(_ event: epoll_event) {
    let mark = event.data.u64
    if mark == Self.mailboxMark { return runJobs() }
    if mark & Self.listenerMark == Self.listenerMark { return accept(Int(mark & 0xFFFF_FFFF)) }
    guard let connection = connections.find(mark) else { return }  // closed earlier in this turn
    if event.events & (EPOLLIN.rawValue | EPOLLRDHUP.rawValue | EPOLLHUP.rawValue | EPOLLERR.rawValue) != 0 {
      connection.readable(event.events)
    }
    if event.events & EPOLLOUT.rawValue != 0 && !connection.isClosed { connection.flush() }
  }

  private func runJobs() {
    mailbox.drain(into: &batch)
    for job in batch {
      switch job {
      case .closure(let body): body()
      case .task(let task): task.runSynchronously(on: asUnownedTaskExecutor())
      }
    }
    batch.removeAll(keepingCapacity: true)
  }

  private func runTimers() {
    while let due = timers.popDue(turn) { due.fire() }
  }

  private func waitMilliseconds() -> Int32 {
    if !unread.isEmpty { return 0 }
    let next = min(timers.next ?? nextSweep, nextSweep)
    let left = next - Clock.now
    if left <= .zero { return 0 }
    let (seconds, attoseconds) = left.components
    return Int32(clamping: seconds * 1_000 + attoseconds / 1_000_000_000_000_000 + 1)
  }

  /// Connections with something to send at the end of this turn.
  func markDirty(_ connection: Connection) {
    if connection.isDirty { return }
    connection.isDirty = true
    dirty.append(connection)
  }

  private func flushDirty() {
    // Flushing may make others dirty (a callback that writes), so until none is left.
    while !dirty.isEmpty {
      swap(&dirty, &flushing)
      for connection in flushing {
        connection.isDirty = false
        if !connection.isClosed { connection.flush() }
      }
      flushing.removeAll(keepingCapacity: true)
    }
    chunks.forget()
  }

  /// Lets the connection read in the next turn even if its socket is silent.
  func readAgain(_ connection: Connection) { unread.append(connection) }

  private func readUnread() {
    if unread.isEmpty { return }
    let now = unread
    unread.removeAll(keepingCapacity: true)
    for connection in now where !connection.isClosed { connection.readable(0) }
  }

  private func updateDate() {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME_COARSE, &time)
    guard time.tv_sec != dateSecond else { return }
    dateSecond = time.tv_sec
    dateHeader = Array("Date: \(HTTPDate.text(time.tv_sec))\r\n".utf8)
  }

  /// The answer to what is not served. `request`: what is known of it, if its target is.
  func refusal(_ refusal: Refusal, _ request: Request, isHeadKnown: Bool) -> Response {
    counters.refused.add(1, ordering: .relaxed)
    configuration.requestRefused?(request.peerAddress, refusal.status, refusal.reason)
    let isTold = !request.pathRange.isEmpty && request.targetBytes <= Self.toldTargetMax
    let refused = RefusedRequest(
      status: refusal.status, reason: refusal.reason, request: isTold ? request : nil,
      isHeadKnown: isTold && isHeadKnown, peerAddress: request.peerAddress)
    return handler.refusal(refused)
      ?? Response(
        status: refusal.status, headers: [ResponseHeader("Content-Type", "text/plain; charset=utf-8")],
        body: [ByteSlice(SharedBytes("\(refusal.status): \(refusal.reason)\n"))])
  }

  /// Longer targets of requests that are not served are told to nobody: whoever keeps them would keep what anybody
  /// makes up.
  private static let toldTargetMax = 8 << 10

  private func sweepIfDue() {
    guard turn >= nextSweep else { return }
    nextSweep = turn + .seconds(1)
    for connection in connections.all { connection.checkTimeouts(turn) }
  }

  // MARK: connections

  /// Adds a listening socket that all reactors share; the kernel wakes one of them for each connection.
  func listen(on descriptor: Int32, tls: TLSCredentials?) {
    listeners.append(Listener(descriptor: descriptor, tls: tls))
    arm(listeners.count - 1)
  }

  private func arm(_ index: Int) {
    var event = epoll_event(
      events: EPOLLIN.rawValue | EPOLLEXCLUSIVE.rawValue, data: epoll_data_t(u64: Self.listenerMark | UInt64(index)))
    epoll_ctl(epoll, EPOLL_CTL_ADD, listeners[index].descriptor, &event)
    listeners[index].isPaused = false
  }

  /// Stops accepting for a moment: at the limit of connections or descriptors, the kernel's queue is the place to wait.
  private func pause(_ index: Int) {
    guard !listeners[index].isPaused else { return }
    listeners[index].isPaused = true
    epoll_ctl(epoll, EPOLL_CTL_DEL, listeners[index].descriptor, nil)
    schedule(after: .milliseconds(50)) { [weak self] in
      guard let self, !isDraining, listeners[index].isPaused else { return }
      arm(index)
    }
  }

  private func accept(_ index: Int) {
    guard index < listeners.count, !isDraining else { return }
    // A few at a time, so that connections already here get their turn.
    for _ in 0..<64 {
      guard shared.open.load(ordering: .relaxed) < configuration.maxConnections else { return pause(index) }
      var address = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      let descriptor = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          cnetwork_accept4(
            listeners[index].descriptor, $0, &length, Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue))
        }
      }
      guard descriptor >= 0 else {
        switch errno {
        case EINTR, ECONNABORTED: continue
        case EMFILE, ENFILE, ENOBUFS, ENOMEM: return pause(index)
        default: return
        }
      }
      adopt(descriptor, peer: SocketAddress.text(&address), credentials: listeners[index].tls)
    }
  }

  /// A connection that no listener of ours has accepted.
  func serve(connected descriptor: Int32, peer: String) {
    guard !isDraining, shared.open.load(ordering: .relaxed) < configuration.maxConnections else {
      close(descriptor)
      return
    }
    adopt(descriptor, peer: peer, credentials: nil)
  }

  private func adopt(_ descriptor: Int32, peer: String, credentials: TLSCredentials?) {
    guard shared.enter(peer) else {
      counters.refusedConnections.add(1, ordering: .relaxed)
      close(descriptor)
      return
    }
    let tls = credentials.map { TLSSession($0, descriptor: descriptor, reactor: self) }
    var one: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &one, socklen_t(MemoryLayout<Int32>.size))
    let connection = Connection(descriptor, reactor: self, peerAddress: peer, tls: tls)
    connection.mark = connections.insert(connection)
    var event = epoll_event(events: EPOLLIN.rawValue | EPOLLRDHUP.rawValue, data: epoll_data_t(u64: connection.mark))
    guard epoll_ctl(epoll, EPOLL_CTL_ADD, descriptor, &event) == 0 else {
      connections.remove(connection.mark)
      shared.leave(peer)
      close(descriptor)
      return
    }
    shared.open.add(1, ordering: .relaxed)
    counters.accepted.add(1, ordering: .relaxed)
    counters.open.add(1, ordering: .relaxed)
  }

  /// Ends a handshake for which there is no room any more. Any thread.
  func endHandshake(_ mark: UInt64) {
    guard isCurrent else { return post { [self] in endHandshake(mark) } }
    connections.find(mark)?.endHandshake()
  }

  func setInterest(_ connection: Connection, _ interest: UInt32) {
    var event = epoll_event(events: interest, data: epoll_data_t(u64: connection.mark))
    epoll_ctl(epoll, EPOLL_CTL_MOD, connection.descriptor, &event)
  }

  /// Ends a connection. Its place in the table gets another generation, so that late events and answers find nothing.
  func drop(_ connection: Connection) {
    guard !connection.isClosed else { return }
    connections.remove(connection.mark)
    connection.closed()
    shared.open.subtract(1, ordering: .relaxed)
    shared.leave(connection.peerAddress)
    counters.open.subtract(1, ordering: .relaxed)
  }

  /// How long a connection that was accepted just before the end may take to ask for something.
  static let drainGrace = Duration.seconds(1)

  /// Stops accepting, closes what is idle, and lets the rest finish.
  func drain() {
    isDraining = true
    for index in listeners.indices where !listeners[index].isPaused {
      epoll_ctl(epoll, EPOLL_CTL_DEL, listeners[index].descriptor, nil)
    }
    listeners = []
    for connection in connections.all { connection.drain() }
  }
}

/// Counts of one reactor, summed by whoever asks.
final class Counters: Sendable {
  let accepted = Atomic<Int>(0)
  let open = Atomic<Int>(0)
  let requests = Atomic<Int>(0)
  let refused = Atomic<Int>(0)
  let timedOut = Atomic<Int>(0)
  let refusedConnections = Atomic<Int>(0)
  let failedHandshakes = Atomic<Int>(0)
}

/// What all reactors of a server count together.
final class SharedCount: Sendable {
  let open = Atomic<Int>(0)
  let handshakes: HandshakeTable
  /// Open connections by address, where these are limited. Asked once a connection, so a lock will do.
  private let byAddress = Mutex<[String: Int]>([:])
  private let perAddress: Int

  /// `budget`: in bytes; 0 for no limit.
  init(perAddress: Int, budget: Int) {
    self.perAddress = perAddress
    handshakes = HandshakeTable(budget: budget)
  }

  /// False when the address has as many as it may.
  func enter(_ address: String) -> Bool {
    guard perAddress > 0 else { return true }
    return byAddress.withLock { counts in
      let count = counts[address, default: 0]
      guard count < perAddress else { return false }
      counts[address] = count + 1
      return true
    }
  }

  func leave(_ address: String) {
    guard perAddress > 0 else { return }
    byAddress.withLock { counts in
      let count = counts[address, default: 1] - 1
      counts[address] = count > 0 ? count : nil
    }
  }
}
