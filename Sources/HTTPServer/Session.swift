import ByteBuffers

/// A protocol over one connection: makes requests out of bytes, and bytes out of answers. On the connection's reactor.
///
/// The connection owns its session. `serial` tells the requests of a connection apart, so that an answer can't be given
/// to a later one.
protocol Session: AnyObject {
  /// Should the socket be read?
  var wantsInput: Bool { get }
  /// Reads what the socket has and serves what is complete.
  func readable()
  /// Adds output that is ready, now that it will be sent.
  func fill()
  /// The socket took output; there were `before` bytes of it.
  func flushed(from before: Int)
  /// Answers a request.
  func respond(_ response: Response, to serial: UInt32)
  /// `task` serves a request and is cancelled when nobody waits for the answer any more.
  func run(_ task: Task<Void, Never>, for serial: UInt32)
  /// A task given to `run`, or about to be, has ended.
  func taskEnded()
  /// Begins an answer without a known end; false when nobody waits for it.
  func startStream(_ head: ResponseHead, _ stream: ResponseStream) -> Bool
  /// `length`: of the slices together.
  func write(_ slices: [ByteSlice], length: Int, from stream: ResponseStream)
  func endStream(_ stream: ResponseStream)
  /// Breaks an answer off so that the client can tell.
  func abort(_ stream: ResponseStream)
  /// Bytes of a stream that the client has not taken.
  func pendingBytes(of stream: ResponseStream) -> Int
  /// The server ends: what is idle goes now, the rest when it is done.
  func drain()
  /// Are there answers on their way that hold memory of their own?
  var holdsAnswers: Bool { get }
  /// Would the client take the end of the connection, if it came now, for the end of an answer that is not complete?
  var endLooksComplete: Bool { get }
  /// Has the client been too slow?
  func isLate(at now: Duration) -> Bool
  /// The connection is gone.
  func closed()
}

extension Session {
  func fill() {}
  var endLooksComplete: Bool { false }
  func taskEnded() {}
}
