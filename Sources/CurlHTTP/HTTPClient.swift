public import ByteBuffers

/// A request with its whole body.
public struct HTTPRequest: Sendable {
  public enum Method: Sendable { case get, post, put, delete }
  public var method: Method
  public var url: String
  /// Sent with POST and PUT, as the client's `contentType`.
  public var body: SharedBytes?
  /// From the call to the last byte of the answer, waiting for a free connection included.
  public var timeout: Duration
  /// True for requests that change nothing: they end when the caller's task is cancelled, and libcurl may repeat them
  /// on a fresh connection when a kept one turns out to be dead. False: sent at most once, and seen through.
  public var isReplayable: Bool
  /// False for a request that must not carry the client's Authorization header.
  public var isAuthorized = true
  /// Where the connection goes, `HOST:PORT`, whatever the URL names; empty for where that says.
  public var connectsTo = ""

  public init(_ method: Method, _ url: String, body: SharedBytes? = nil, timeout: Duration, isReplayable: Bool) {
    self.method = method
    self.url = url
    self.body = body
    self.timeout = timeout
    self.isReplayable = isReplayable
  }
}

/// A whole answer.
public struct HTTPResponse: Sendable {
  public let status: Int
  public let body: SharedBytes
  /// The headers that the client was told to keep, by the names it was told; those the answer has.
  public let headers: [String: String]
}

/// An HTTP client on libcurl's multi interface, with a thread of its own.
///
/// At most `maxInFlight` requests are on the wire; others wait in order, under their deadlines. Streams are not
/// counted.
public final class HTTPClient: Sendable {
  public struct Configuration: Sendable {
    /// Name of the thread, at most 15 bytes.
    public var threadName = "curl"
    /// Requests on the wire, and kept connections.
    public var maxInFlight = 64
    /// Requests that may wait for one of those.
    public var maxWaiting = 65_536
    /// Largest answer in bytes.
    public var maxAnswer = 1 << 31
    /// How long a connection may take to be made.
    public var connectTimeout: Duration = .seconds(2)
    /// PEM files; empty for none. They are read by libcurl at each connection.
    public var caFile = ""
    public var certFile = ""
    public var keyFile = ""
    /// False where it does not matter who answers.
    public var verifiesPeer = true
    /// What request bodies are.
    public var contentType = "application/json"
    /// Headers of answers that callers want to see.
    public var keptHeaders: [String] = []
    public init() {}
  }

  let loop: CurlLoop

  /// Starts the thread.
  public init(_ configuration: Configuration = Configuration()) throws(HTTPFailure) {
    loop = try CurlLoop(configuration)
  }

  /// Sends one request and waits for its answer, whatever its status.
  public func request(_ request: HTTPRequest) async throws(HTTPFailure) -> HTTPResponse {
    let call = Call(request, deadline: .now + request.timeout)
    let result: Result<HTTPResponse, HTTPFailure>
    if request.isReplayable {
      result = await withTaskCancellationHandler {
        await perform(call)
      } onCancel: {
        loop.post { [loop] in loop.cancel(call) }
      }
    } else {
      result = await perform(call)
    }
    return try result.get()
  }

  /// A client that nobody shut down ends by itself, later.
  deinit { loop.abandon() }

  private func perform(_ call: Call) async -> Result<HTTPResponse, HTTPFailure> {
    await withUnsafeContinuation { continuation in
      let isTaken = loop.post { [loop] in loop.start(call, continuation) }
      if !isTaken { continuation.resume(returning: .failure(.shutDown(sent: false))) }
    }
  }

  /// The Authorization header of every request and stream that is made from now on; nil for none. A secret: it appears
  /// in no message.
  public func authorize(_ authorization: String?) { loop.post { [loop] in loop.authorize(authorization) } }

  /// Runs a job on the client's thread, in order with others; false (and it will not run) after shutdown.
  @discardableResult
  public func post(_ job: @escaping @Sendable () -> Void) -> Bool { loop.post(job) }

  /// Runs a job on the client's thread once the time has passed, or at shutdown if that is sooner. Client's thread
  /// only.
  public func schedule(after delay: Duration, _ job: @escaping () -> Void) { loop.schedule(after: delay, job) }

  /// Is this the client's thread?
  public var isCurrent: Bool { loop.isCurrent }

  /// Opens a request whose body and answer are open-ended. Client's thread only; so are both closures, never inside
  /// this call. `onLine` gets each line of the answer without its newline; `onEnd` comes last and once: the HTTP status
  /// (0 for none), what followed the last newline, and the failure if it was not a clean end.
  public func openStream(
    url: String, onLine: @escaping (SharedBytes) -> Void,
    onEnd: @escaping (_ status: Int, _ rest: SharedBytes, _ failure: HTTPFailure?) -> Void
  ) -> HTTPStream {
    let stream = HTTPStream(loop: loop, onLine: onLine, onEnd: onEnd)
    loop.open(stream, url: url)
    return stream
  }

  /// Fails what is under way, closes every connection and ends the thread. Idempotent; must not be called on the
  /// client's thread.
  public func shutDown() async { await loop.shutDown() }
}

extension HTTPFailure {
  static func shutDown(sent: Bool) -> HTTPFailure {
    HTTPFailure(.shutDown, "the HTTP client was shut down", mayHaveBeenSent: sent)
  }
}

/// A request under way. Confined to the client's thread once it was posted there.
final class Call: @unchecked Sendable {
  let request: HTTPRequest
  let deadline: ContinuousClock.Instant
  typealias Continuation = UnsafeContinuation<Result<HTTPResponse, HTTPFailure>, Never>
  var continuation: Continuation?
  /// The handle that carries it; nil while it waits and after its end.
  var transfer: UnaryTransfer?
  var isCancelled = false

  init(_ request: HTTPRequest, deadline: ContinuousClock.Instant) {
    self.request = request
    self.deadline = deadline
  }

  /// Answers the caller, once.
  func finish(_ result: Result<HTTPResponse, HTTPFailure>) {
    transfer = nil
    continuation?.resume(returning: result)
    continuation = nil
  }
}
