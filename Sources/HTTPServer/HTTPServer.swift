import ByteBuffers
import CNetwork
public import Capacity
import Glibc
import Synchronization

/// An HTTP server: listening sockets, and reactors that share them.
public final class HTTPServer: Sendable {
  /// Where to listen, and whether in plain or with TLS.
  public struct Endpoint: Sendable {
    enum Place { case address(host: String, port: Int), descriptor(Int32) }
    let place: Place
    let tls: TLSCredentials?

    /// A host (name or number) and a port; 0 takes a free one. `tls`: nil for plain HTTP.
    public static func address(host: String, port: Int, tls: TLSCredentials? = nil) -> Endpoint {
      Endpoint(place: .address(host: host, port: port), tls: tls)
    }
    /// A listening socket that somebody else has made (systemd). `tls`: nil for plain HTTP.
    public static func descriptor(_ number: Int32, tls: TLSCredentials? = nil) -> Endpoint {
      Endpoint(place: .descriptor(number), tls: tls)
    }
  }

  /// What a client may use up.
  public struct Limits: Sendable {
    /// Request line and headers; beyond it 431.
    public var maxHeadBytes = 1 << 20
    /// Headers; beyond it 431. Each takes memory however short it is.
    public var maxHeadFields = 2_000
    /// Body; beyond it the request is served without, see `Request.exceededBodyLimit`.
    public var maxBodyBytes = 3 << 20
    public var handshakeTimeout = Duration.seconds(10)
    public var headTimeout = Duration.seconds(32)
    public var idleTimeout = Duration.seconds(90)
    /// Longest pause within a body.
    public var bodyTimeout = Duration.seconds(30)
    /// Longest time that a whole body may take.
    public var wholeBodyTimeout = Duration.seconds(120)
    /// Longest time that a client may take none of what waits for it.
    public var writeTimeout = Duration.seconds(60)
    /// Least bytes that it takes in that time, as long as so much waits.
    public var minWrittenBytes = 64 << 10
    /// Most bytes that a stream may have waiting before it is cut off.
    public var maxStreamBacklog = 64 << 20
    /// Below this a stream may go on writing.
    public var lowWaterMark = 256 << 10
    /// HTTP/2: requests that one connection may have open.
    public var maxConcurrentStreams = 100
    /// HTTP/2: bytes of incomplete bodies of one connection beyond which only one of them goes on.
    public var maxHeldBytes = 16 << 20
    /// HTTP/2: bytes of a body, and of all bodies of a connection, that may be on their way.
    public var streamWindow = 256 << 10
    public var connectionWindow = 1 << 20
    /// What of a body is read and thrown away, because it was answered before it was read: how much, with what longest
    /// pause, and for how long. A client that writes before it reads would otherwise not see the answer.
    public var maxLingerBytes = 64 << 20
    /// The same behind a TLS handshake that failed.
    public var maxShortLingerBytes = 1 << 20
    public var lingerTimeout = Duration.seconds(3)
    public var wholeLingerTimeout = Duration.seconds(30)
    /// TLS 1.3: records that one key seals; for as many, AES-GCM keeps its margin (RFC 8446 section 5.5).
    public var recordsPerKey: UInt64 = 1 << 24
    public init() {}
  }

  public struct Configuration: Sendable {
    public var endpoints: [Endpoint]
    /// 0: one a core.
    public var reactors = 0
    public var maxConnections = 65_536
    /// Of one client address; more are closed as they come. 0 for no limit.
    public var maxConnectionsPerAddress = 0
    /// What clients may make the server hold.
    public var budget = MemoryBudget(limit: 0)
    public var limits = Limits()
    /// Part of the HTTP/2 requests after which the client is told to open another connection, so that clients spread
    /// over replicas; 0 for none.
    public var goawayChance = 0.0
    /// Hears of TLS handshakes that failed: the client's address and why. On a reactor; must not block.
    public var handshakeFailed: (@Sendable (_ peer: String, _ reason: String) -> Void)?
    /// Hears of requests that were not served: the client's address, the status and why. On a reactor; must not block.
    public var requestRefused: (@Sendable (_ peer: String, _ status: Int, _ reason: String) -> Void)?
    public init(endpoints: [Endpoint]) { self.endpoints = endpoints }
  }

  /// What the server has counted so far.
  public struct Statistics: Sendable {
    public var openConnections = 0
    public var acceptedConnections = 0
    public var requests = 0
    public var refusedRequests = 0
    public var timedOutConnections = 0
    /// Closed as they came, because their address had as many as it may.
    public var refusedConnections = 0
    public var failedHandshakes = 0
    public init() {}
  }

  public let reactors: [Reactor]
  private let configuration: Configuration
  private let listening = Mutex<[(descriptor: Int32, tls: TLSCredentials?)]>([])
  private let isStopped = Atomic<Bool>(false)
  /// Takes the next connection that comes from nobody's listener.
  private let nextReactor = Atomic<Int>(0)

  /// Throws when the system gives no epoll or eventfd.
  public init(configuration: Configuration, handler: any RequestHandler) throws(SystemError) {
    self.configuration = configuration
    let shared = SharedCount(perAddress: configuration.maxConnectionsPerAddress, budget: configuration.budget.limit)
    let count = Self.count(ofReactors: configuration.reactors)
    var reactors: [Reactor] = []
    for index in 0..<count {
      reactors.append(try Reactor(index: index, configuration: configuration, handler: handler, shared: shared))
    }
    self.reactors = reactors
  }

  /// How many reactors a configuration means: one a core for 0.
  public static func count(ofReactors configured: Int) -> Int {
    configured > 0 ? configured : max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN))))
  }

  /// Binds and begins to serve. Throws an error that names the address.
  public func start() throws(SystemError) {
    for endpoint in configuration.endpoints {
      switch endpoint.place {
      case .descriptor(let descriptor): listening.withLock { $0.append((descriptor, endpoint.tls)) }
      case .address(let host, let port):
        let made = try Self.bind(host, port)
        listening.withLock { $0 += made.map { ($0, endpoint.tls) } }
      }
    }
    let sockets = listening.withLock { $0 }
    for reactor in reactors {
      reactor.post { for socket in sockets { reactor.listen(on: socket.descriptor, tls: socket.tls) } }
      try reactor.start()
    }
  }

  /// Serves a connected stream socket that somebody else has made: one end of a `socketpair`, whose other end is a client
  /// in this process, or what a listener elsewhere has accepted. Plain HTTP; the server owns the descriptor from now on,
  /// and closes it at once when it is ending; where this throws, it is still the caller's. Any thread, after `start`.
  /// `peer`: the client's address, without port.
  public func serve(connected descriptor: Int32, peer: String) throws(SystemError) {
    let flags = fcntl(descriptor, F_GETFL)
    guard flags >= 0, fcntl(descriptor, F_SETFL, flags | O_NONBLOCK) == 0 else {
      throw SystemError(errno, in: "fcntl")
    }
    guard !isStopped.load(ordering: .acquiring) else {
      close(descriptor)
      return
    }
    let reactor = reactors[nextReactor.add(1, ordering: .relaxed).oldValue % reactors.count]
    if !reactor.offer({ reactor.serve(connected: descriptor, peer: peer) }) { close(descriptor) }
  }

  /// The ports that are listened on, in the order of the endpoints.
  public var ports: [Int] { listening.withLock { $0.map { SocketAddress.port(of: $0.descriptor) } } }

  public var statistics: Statistics {
    var sum = Statistics()
    for reactor in reactors {
      sum.openConnections += reactor.counters.open.load(ordering: .relaxed)
      sum.acceptedConnections += reactor.counters.accepted.load(ordering: .relaxed)
      sum.requests += reactor.counters.requests.load(ordering: .relaxed)
      sum.refusedRequests += reactor.counters.refused.load(ordering: .relaxed)
      sum.timedOutConnections += reactor.counters.timedOut.load(ordering: .relaxed)
      sum.refusedConnections += reactor.counters.refusedConnections.load(ordering: .relaxed)
      sum.failedHandshakes += reactor.counters.failedHandshakes.load(ordering: .relaxed)
    }
    return sum
  }

  /// Refuses new connections, lets requests finish and streams end, at most for `deadline`; then ends the reactors.
  /// Idempotent.
  public func drain(deadline: Duration) async {
    guard !isStopped.exchange(true, ordering: .acquiringAndReleasing) else { return }
    for reactor in reactors { reactor.post { reactor.drain() } }
    let sockets = listening.withLock { sockets in
      defer { sockets = [] }
      return sockets
    }
    for socket in sockets { close(socket.descriptor) }
    let end = Clock.now + deadline
    while statistics.openConnections > 0 && Clock.now < end { try? await Task.sleep(for: .milliseconds(10)) }
    for reactor in reactors { reactor.stop() }
    let reactors = reactors
    // Joining blocks, so it is done by a thread that may.
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      final class Box: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
      }
      let box = Box {
        for reactor in reactors { reactor.join() }
        done.resume()
      }
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { raw in
          guard let raw else { return nil }
          Unmanaged<Box>.fromOpaque(raw).takeRetainedValue().body()
          return nil
        }, Unmanaged.passRetained(box).toOpaque())
      precondition(code == 0, "pthread_create: \(code)")
      pthread_detach(thread)
    }
  }

  /// Is there such a host? Throws what a listener on it would.
  public static func checkAddress(host: String, port: Int) throws(SystemError) {
    freeaddrinfo(try addresses(of: host, port))
  }

  /// To be freed.
  private static func addresses(of host: String, _ port: Int) throws(SystemError) -> UnsafeMutablePointer<addrinfo> {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(HostPort.bare(host), String(port), &hints, &found)
    guard code == 0, let first = found else {
      throw SystemError("listen on \(HostPort.text(host, port)): \(String(cString: gai_strerror(code)))")
    }
    return first
  }

  /// Listening sockets for every address of a host.
  private static func bind(_ host: String, _ port: Int) throws(SystemError) -> [Int32] {
    let first = try addresses(of: host, port)
    defer { freeaddrinfo(first) }
    var sockets: [Int32] = []
    var failure: SystemError?
    var next: UnsafeMutablePointer<addrinfo>? = first
    while let address = next {
      next = address.pointee.ai_next
      do throws(SystemError) { sockets.append(try listen(address.pointee, host, port)) } catch { failure = error }
      if port == 0 { break }  // each family would get another port
    }
    if sockets.isEmpty { throw failure ?? SystemError("listen on \(HostPort.text(host, port)): no address") }
    return sockets
  }

  private static func listen(_ address: addrinfo, _ host: String, _ port: Int) throws(SystemError) -> Int32 {
    let descriptor = socket(
      address.ai_family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw SystemError(errno, in: "listen on \(HostPort.text(host, port))") }
    var one: Int32 = 1
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &one, socklen_t(MemoryLayout<Int32>.size))
    if address.ai_family == AF_INET6 {
      setsockopt(descriptor, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &one, socklen_t(MemoryLayout<Int32>.size))
    }
    guard Glibc.bind(descriptor, address.ai_addr, address.ai_addrlen) == 0, Glibc.listen(descriptor, 4_096) == 0 else {
      let error = SystemError(errno, in: "listen on \(HostPort.text(host, port))")
      close(descriptor)
      throw error
    }
    return descriptor
  }
}
