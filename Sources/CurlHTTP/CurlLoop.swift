import ByteBuffers
import CCurl
import Glibc
import Synchronization

/// The thread that runs libcurl: an epoll loop around one multi handle.
///
/// Home: everything but `mailbox` and `thread` belongs to that thread. Others come in through `post`.
final class CurlLoop: @unchecked Sendable {  // Sendable: see Home; `assertCurrent` checks it.
  typealias Job = @Sendable () -> Void

  let configuration: HTTPClient.Configuration

  private struct Mail {
    var jobs: ContiguousArray<Job> = []
    /// After this nothing is taken any more.
    var isClosed = false
    var afterEnd: [UnsafeContinuation<Void, Never>] = []
    var hasEnded = false
  }
  private let mailbox = Mutex(Mail())
  private let thread = Mutex<pthread_t?>(nil)
  private let identity = Atomic<UInt>(0)

  private let epoll: CInt
  private let wakeup: CInt
  private let multi: UnsafeMutableRawPointer
  /// Replaced as a whole, so that transfers under way keep theirs.
  private(set) var unaryHeaders: HeaderList
  let anonymousHeaders: HeaderList
  private(set) var authorization: String?

  /// What libcurl wants to hear of a descriptor, and what epoll was told: changes are applied once a turn, since
  /// libcurl changes its mind several times within one.
  private struct Interest {
    var wanted: UInt32 = 0
    var registered: UInt32 = 0
    var isDirty = false
  }
  private var interests: [Interest] = []
  private var dirty: [CInt] = []
  private var curlTimer: ContinuousClock.Instant?
  private var timers: [(at: ContinuousClock.Instant, job: () -> Void)] = []

  private var idle: [UnaryTransfer] = []
  private var active: [ObjectIdentifier: Transfer] = [:]
  private var inFlight = 0
  private var waiting: Deque<Call> = Deque()
  private var toResume: [StreamTransfer] = []
  private var toDeliver: [StreamTransfer] = []
  private var isStopping = false
  private var isMultiGone = false

  private static let globalInit: Bool = ccurl_global_init() == CURLE_OK

  init(_ configuration: HTTPClient.Configuration) throws(HTTPFailure) {
    self.configuration = configuration
    guard CurlLoop.globalInit, let multi = curl_multi_init() else {
      throw HTTPFailure(.invalidRequest, "libcurl could not be initialised", mayHaveBeenSent: false)
    }
    let epoll = epoll_create1(CInt(EPOLL_CLOEXEC))
    let wakeup = eventfd(0, CInt(EFD_NONBLOCK | EFD_CLOEXEC))
    var event = epoll_event()
    event.events = ccurl_in
    event.data.fd = wakeup
    guard epoll >= 0, wakeup >= 0, epoll_ctl(epoll, EPOLL_CTL_ADD, wakeup, &event) == 0 else {
      let code = errno
      if epoll >= 0 { close(epoll) }
      if wakeup >= 0 { close(wakeup) }
      curl_multi_cleanup(multi)
      throw HTTPFailure(.connection, "epoll: \(String(cString: strerror(code)))", mayHaveBeenSent: false)
    }
    self.multi = multi
    self.epoll = epoll
    self.wakeup = wakeup
    anonymousHeaders = HeaderList(CurlLoop.unaryLines(configuration))
    unaryHeaders = anonymousHeaders

    let context = Unmanaged.passUnretained(self).toOpaque()
    _ = ccurl_multi_set_long(multi, CURLMOPT_PIPELINING, Int(CURLPIPE_MULTIPLEX))
    _ = ccurl_multi_set_long(multi, CURLMOPT_MAXCONNECTS, configuration.maxInFlight + 16)
    _ = ccurl_multi_set_long(multi, CURLMOPT_MAX_CONCURRENT_STREAMS, 1000)
    _ = ccurl_multi_set_pointer(multi, CURLMOPT_SOCKETDATA, context)
    _ = ccurl_multi_set_socket_function(multi) { easy, socket, what, context, _ in
      guard let context else { return 0 }
      Unmanaged<CurlLoop>.fromOpaque(context).takeUnretainedValue().changed(socket, what, easy)
      return 0
    }
    _ = ccurl_multi_set_pointer(multi, CURLMOPT_TIMERDATA, context)
    _ = ccurl_multi_set_timer_function(multi) { _, milliseconds, context in
      guard let context else { return 0 }
      Unmanaged<CurlLoop>.fromOpaque(context).takeUnretainedValue().curlTimer =
        milliseconds < 0 ? nil : ContinuousClock.now + .milliseconds(milliseconds)
      return 0
    }

    var started = pthread_t()
    // The thread holds the loop until it ends.
    let held = Unmanaged.passRetained(self)
    let code = pthread_create(
      &started, nil,
      { context in
        guard let context else { return nil }
        let loop = Unmanaged<CurlLoop>.fromOpaque(context).takeRetainedValue()
        loop.run()
        return nil
      }, held.toOpaque())
    guard code == 0 else {
      held.release()
      throw HTTPFailure(.connection, "pthread_create: \(String(cString: strerror(code)))", mayHaveBeenSent: false)
    }
    thread.withLock { $0 = started }
  }

  deinit {
    // Still there only if the thread could not be started.
    if !isMultiGone { curl_multi_cleanup(multi) }
    close(epoll)
    close(wakeup)
  }

  /// An empty Expect: libcurl would wait for 100 Continue before larger bodies.
  private static func unaryLines(_ configuration: HTTPClient.Configuration) -> [String] {
    ["Content-Type: \(configuration.contentType)", "Expect:", "Accept:"]
  }

  func authorize(_ authorization: String?) {
    assertCurrent()
    self.authorization = authorization
    unaryHeaders = HeaderList(
      CurlLoop.unaryLines(configuration) + (authorization.map { ["Authorization: \($0)"] } ?? []))
  }

  // MARK: - Doors for other threads

  var isCurrent: Bool { identity.load(ordering: .acquiring) == UInt(pthread_self()) }

  func assertCurrent() { precondition(isCurrent, "called outside the HTTP client's thread") }

  /// False when the loop has ended; the job will not run then.
  @discardableResult
  func post(_ job: @escaping Job) -> Bool {
    let (isTaken, wasEmpty) = mailbox.withLock { mail in
      if mail.isClosed { return (false, false) }
      defer { mail.jobs.append(job) }
      return (true, mail.jobs.isEmpty)
    }
    if isTaken && wasEmpty {
      var one: UInt64 = 1
      _ = write(wakeup, &one, 8)
    }
    return isTaken
  }

  /// Ends the thread without waiting for it.
  func abandon() {
    post { [self] in isStopping = true }
    if let started = thread.withLock({ taken in
      defer { taken = nil }
      return taken
    }) {
      pthread_detach(started)
    }
  }

  func shutDown() async {
    post { [self] in isStopping = true }
    await withUnsafeContinuation { continuation in
      let hasEnded = mailbox.withLock { mail in
        if !mail.hasEnded { mail.afterEnd.append(continuation) }
        return mail.hasEnded
      }
      if hasEnded { continuation.resume() }
    }
    // The thread has nothing left to do but return, so this does not hold up the pool.
    if let started = thread.withLock({ taken in
      defer { taken = nil }
      return taken
    }) {
      pthread_join(started, nil)
    }
  }

  // MARK: - The loop

  private func run() {
    identity.store(UInt(pthread_self()), ordering: .releasing)
    _ = ccurl_name_thread(configuration.threadName)
    var events = [epoll_event](repeating: epoll_event(), count: 256)
    var jobs: ContiguousArray<Job> = []
    while !isStopping {
      applyInterests()
      let count = epoll_wait(epoll, &events, CInt(events.count), pause())
      var isMailDue = false
      for index in 0..<max(0, Int(count)) {
        let event = events[index]
        let descriptor = event.data.fd
        if descriptor == wakeup {
          isMailDue = true
          continue
        }
        var mask: CInt = 0
        if event.events & ccurl_in != 0 { mask |= CURL_CSELECT_IN }
        if event.events & ccurl_out != 0 { mask |= CURL_CSELECT_OUT }
        if event.events & ccurl_error != 0 { mask |= CURL_CSELECT_ERR }
        var left: CInt = 0
        curl_multi_socket_action(multi, descriptor, mask, &left)
      }
      if isMailDue {
        // Cleared before it is drained; the other order loses a post made in between.
        var value: UInt64 = 0
        _ = read(wakeup, &value, 8)
        drain(into: &jobs)
      }
      settle()
      // After the lines have been delivered: a timer that looks for silence must not overlook what has come.
      if runTimers() { settle() }
    }
    end()
  }

  private func drain(into jobs: inout ContiguousArray<Job>) {
    jobs.removeAll(keepingCapacity: true)
    mailbox.withLock { swap(&$0.jobs, &jobs) }
    for job in jobs { job() }
    jobs.removeAll(keepingCapacity: true)
  }

  /// Milliseconds until something is due.
  private func pause() -> CInt {
    var next = curlTimer
    if let first = timers.first?.at, next.map({ first < $0 }) ?? true { next = first }
    // Deadlines of waiting calls are looked at this often.
    let bound = waiting.isEmpty ? CInt(60_000) : 20
    guard let next else { return bound }
    return min(bound, CInt(clamping: (next - .now).milliseconds))
  }

  private func runTimers() -> Bool {
    guard let first = timers.first, first.at <= .now else { return false }
    let now = ContinuousClock.now
    while let first = timers.first, first.at <= now {
      timers.removeFirst()
      first.job()
    }
    return true
  }

  func schedule(after delay: Duration, _ job: @escaping () -> Void) {
    assertCurrent()
    let at = ContinuousClock.now + delay
    timers.insert((at, job), at: timers.firstIndex { $0.at > at } ?? timers.count)
  }

  /// Goes on until libcurl has nothing more to do now.
  private func settle() {
    // Bounded, so that one busy stream can't keep the mailbox waiting.
    for _ in 0..<16 {
      expireWaiting()
      startWaiting()
      if let due = curlTimer, due <= .now {
        curlTimer = nil
        var left: CInt = 0
        curl_multi_socket_action(multi, CURL_SOCKET_TIMEOUT, 0, &left)
      }
      var didWork = false
      while let transfer = toDeliver.popLast() {
        didWork = true
        transfer.deliver()
      }
      while let transfer = toResume.popLast() {
        didWork = true
        if active[ObjectIdentifier(transfer)] != nil { transfer.resume() }
      }
      if collectFinished() { didWork = true }
      if !didWork && (curlTimer.map { $0 > .now } ?? true) && (waiting.isEmpty || inFlight >= configuration.maxInFlight)
      {
        return
      }
    }
  }

  private func collectFinished() -> Bool {
    var didWork = false
    var left: CInt = 0
    while let message = curl_multi_info_read(multi, &left) {
      guard message.pointee.msg == CURLMSG_DONE, let easy = message.pointee.easy_handle,
        let transfer = Transfer.of(easy)
      else { continue }
      let code = ccurl_message_result(message)
      didWork = true
      remove(transfer)
      transfer.ended(code)
      recycle(transfer)
    }
    return didWork
  }

  private func remove(_ transfer: Transfer) {
    curl_multi_remove_handle(multi, transfer.easy)
    active[ObjectIdentifier(transfer)] = nil
  }

  private func recycle(_ transfer: Transfer) {
    guard let unary = transfer as? UnaryTransfer else { return }
    inFlight -= 1
    if idle.count < configuration.maxInFlight { idle.append(unary) }
  }

  private func end() {
    // Nothing comes in any more; what came last is answered like the rest.
    var jobs: ContiguousArray<Job> = []
    mailbox.withLock { mail in
      mail.isClosed = true
      swap(&mail.jobs, &jobs)
    }
    for job in jobs { job() }
    while let call = waiting.popFirst() { call.finish(.failure(.shutDown(sent: false))) }
    while let (_, transfer) = active.first {
      remove(transfer)
      let failure = HTTPFailure.shutDown(sent: transfer.attempts > 0)
      if let unary = transfer as? UnaryTransfer { unary.unload()?.finish(.failure(failure)) }
      if let stream = transfer as? StreamTransfer { stream.abandoned(failure) }
    }
    toResume = []
    toDeliver = []
    // Whoever waits for a time is let go; what these jobs schedule is dropped.
    let last = timers
    timers = []
    for timer in last { timer.job() }
    idle = []
    // Closes the kept connections, here and not in whatever thread drops the last reference.
    curl_multi_cleanup(multi)
    isMultiGone = true
    let continuations = mailbox.withLock { mail in
      mail.hasEnded = true
      defer { mail.afterEnd = [] }
      return mail.afterEnd
    }
    for continuation in continuations { continuation.resume() }
  }

  // MARK: - Calls and streams

  func start(_ call: Call, _ continuation: Call.Continuation) {
    call.continuation = continuation
    if call.isCancelled { return call.finish(.failure(HTTPFailure(.cancelled, "cancelled", mayHaveBeenSent: false))) }
    if isStopping { return call.finish(.failure(.shutDown(sent: false))) }
    guard waiting.count < configuration.maxWaiting else {
      return call.finish(
        .failure(HTTPFailure(.overloaded, "\(waiting.count) requests are waiting already", mayHaveBeenSent: false)))
    }
    waiting.append(call)
  }

  private func startWaiting() {
    while inFlight < configuration.maxInFlight, let call = waiting.popFirst() {
      if call.continuation == nil { continue }
      guard let transfer = idle.popLast() ?? UnaryTransfer(loop: self) else {
        call.finish(.failure(HTTPFailure(.overloaded, "libcurl has no handle to give", mayHaveBeenSent: false)))
        continue
      }
      transfer.load(call)
      inFlight += 1
      active[ObjectIdentifier(transfer)] = transfer
      let code = curl_multi_add_handle(multi, transfer.easy)
      if code != CURLM_OK {
        active[ObjectIdentifier(transfer)] = nil
        inFlight -= 1
        transfer.unload()?.finish(
          .failure(HTTPFailure(.invalidRequest, String(cString: curl_multi_strerror(code)), mayHaveBeenSent: false)))
      }
    }
  }

  private func expireWaiting() {
    // In order of arrival, and time-outs hardly differ: looking at the first is enough to keep the queue moving.
    while let first = waiting.first, first.deadline <= .now {
      _ = waiting.popFirst()
      first.finish(.failure(HTTPFailure(.timeout, "no connection became free in time", mayHaveBeenSent: false)))
    }
  }

  func cancel(_ call: Call) {
    call.isCancelled = true
    let transfer = call.transfer
    if let transfer, active[ObjectIdentifier(transfer)] != nil {
      remove(transfer)
      _ = transfer.unload()
      recycle(transfer)
    }
    call.finish(.failure(HTTPFailure(.cancelled, "cancelled", mayHaveBeenSent: transfer != nil)))
  }

  func open(_ stream: HTTPStream, url: String) {
    assertCurrent()
    guard !isStopping, let transfer = StreamTransfer(loop: self, stream: stream, url: url) else {
      let failure: HTTPFailure =
        isStopping
        ? .shutDown(sent: false) : HTTPFailure(.overloaded, "libcurl has no handle to give", mayHaveBeenSent: false)
      return schedule(after: .zero) { stream.failed(failure) }
    }
    stream.attach(transfer)
    active[ObjectIdentifier(transfer)] = transfer
    let code = curl_multi_add_handle(multi, transfer.easy)
    if code != CURLM_OK {
      active[ObjectIdentifier(transfer)] = nil
      let failure = HTTPFailure(.invalidRequest, String(cString: curl_multi_strerror(code)), mayHaveBeenSent: false)
      schedule(after: .zero) { transfer.abandoned(failure) }
    }
  }

  func drop(_ transfer: StreamTransfer) {
    if active[ObjectIdentifier(transfer)] != nil { remove(transfer) }
  }

  func resumeSoon(_ transfer: StreamTransfer) { toResume.append(transfer) }
  func deliverSoon(_ transfer: StreamTransfer) { toDeliver.append(transfer) }

  // MARK: - What libcurl asks for

  private func changed(_ socket: CInt, _ what: CInt, _ easy: UnsafeMutableRawPointer?) {
    let wanted: UInt32 =
      switch what {
      case CURL_POLL_IN: ccurl_in
      case CURL_POLL_OUT: ccurl_out
      case CURL_POLL_INOUT: ccurl_in | ccurl_out
      default: 0
      }
    if what == CURL_POLL_REMOVE, let easy, let stream = Transfer.of(easy) as? StreamTransfer { resumeSoon(stream) }
    let index = Int(socket)
    guard index >= 0 else { return }
    while interests.count <= index { interests.append(Interest()) }
    interests[index].wanted = wanted
    markDirty(index)
  }

  private func markDirty(_ index: Int) {
    if !interests[index].isDirty {
      interests[index].isDirty = true
      dirty.append(CInt(truncatingIfNeeded: index))
    }
  }

  /// libcurl closes the descriptor: epoll forgets it by itself, and the number may come back as another socket.
  func forget(_ socket: CInt) {
    let index = Int(socket)
    guard index >= 0 && index < interests.count else { return }
    interests[index].wanted = 0
    interests[index].registered = 0
  }

  private func applyInterests() {
    for descriptor in dirty {
      let index = Int(descriptor)
      interests[index].isDirty = false
      let interest = interests[index]
      if interest.wanted == interest.registered { continue }
      var event = epoll_event()
      event.events = interest.wanted
      event.data.fd = descriptor
      let operation = interest.registered == 0 ? EPOLL_CTL_ADD : interest.wanted == 0 ? EPOLL_CTL_DEL : EPOLL_CTL_MOD
      if epoll_ctl(epoll, operation, descriptor, &event) != 0 && errno == EEXIST {
        epoll_ctl(epoll, EPOLL_CTL_MOD, descriptor, &event)
      }
      interests[index].registered = interest.wanted
    }
    dirty.removeAll(keepingCapacity: true)
  }
}

/// Header lines in libcurl's form, which it does not copy: whoever uses them holds them. Confined to the client's
/// thread after its making.
final class HeaderList {
  private(set) var list: UnsafeMutablePointer<curl_slist>?
  init(_ lines: [String]) { for line in lines { list = curl_slist_append(list, line) } }
  deinit { curl_slist_free_all(list) }
}

/// A first-in, first-out queue whose both ends cost the same.
struct Deque<Element> {
  private var incoming: [Element] = []
  private var outgoing: [Element] = []
  var isEmpty: Bool { incoming.isEmpty && outgoing.isEmpty }
  var count: Int { incoming.count + outgoing.count }
  var first: Element? { outgoing.last ?? incoming.first }
  mutating func append(_ element: Element) { incoming.append(element) }
  mutating func popFirst() -> Element? {
    if outgoing.isEmpty {
      swap(&incoming, &outgoing)
      outgoing.reverse()
    }
    return outgoing.popLast()
  }
}
