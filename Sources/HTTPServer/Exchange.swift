public import ByteBuffers
public import Capacity

/// The way to answer one request. A value: names the connection, its generation and the request, so that an answer that
/// comes too late goes nowhere.
public struct Exchange: Sendable {
  public let reactor: Reactor
  let mark: UInt64
  let serial: UInt32

  private var connection: Connection? { reactor.connections.find(mark) }

  /// Answers. Any thread; on the reactor's it happens at once. Only the first answer counts.
  public func respond(_ response: Response) {
    if reactor.isCurrent {
      connection?.respond(response, to: serial)
    } else {
      reactor.post { [self] in connection?.respond(response, to: serial) }
    }
  }

  /// Serves the request in a task on the reactor, which is cancelled if the client goes away. Reactor's thread.
  public func perform(_ work: @escaping @Sendable () async -> Void) {
    let task = Task.immediate(executorPreference: reactor) {
      await work()
      if reactor.isCurrent { connection?.taskEnded() } else { reactor.post { connection?.taskEnded() } }
    }
    connection?.run(task, for: serial)
  }

  /// Begins an answer without a known end. Reactor's thread; nil when the client is gone. The callbacks run on the
  /// reactor: `onWritable` when pending output has fallen below the low mark, `onClose` when the connection is gone
  /// (nothing is called afterwards), `onDrain` when the server drains.
  ///
  /// A head of status 101 hands the connection over: what is sent goes out as it is, what the client sends is lent to
  /// `onInput`, and the end of the stream is the end of the connection. HTTP/1.1 only.
  ///
  /// `answer`: of the budget, for an answer that is only too long to be made at once, as against one that goes on until
  /// somebody ends it. It is finished where such a one would end: when the server drains, and when the client has ended
  /// its half. Its reader may be ended for memory.
  public func startStream(
    _ head: ResponseHead, answer: MemoryBudget.Share? = nil, onWritable: (@Sendable () -> Void)? = nil,
    onClose: (@Sendable () -> Void)? = nil, onDrain: (@Sendable () -> Void)? = nil,
    onInput: (@Sendable (UnsafeRawBufferPointer) -> Void)? = nil
  ) -> ResponseStream? {
    precondition(reactor.isCurrent, "streams begin on their reactor")
    guard let connection else { return nil }
    let stream = ResponseStream(reactor: reactor, mark: mark, serial: serial)
    stream.share = answer
    stream.isAnswer = answer != nil
    stream.onWritable = onWritable
    stream.onClose = onClose
    stream.onDrain = onDrain
    stream.onInput = onInput
    // What came behind the request is waiting already.
    if onInput != nil { reactor.post { [self] in self.connection?.readable(0) } }
    return connection.startStream(head, stream) ? stream : nil
  }
}

/// An answer that is written bit by bit: a watch, or a long list. Reactor's thread only, but for `finish` and `abort`.
// Sendable: used on its reactor's thread; the two others hop there.
public final class ResponseStream: @unchecked Sendable {
  public let reactor: Reactor
  private let mark: UInt64
  let serial: UInt32
  var onWritable: (@Sendable () -> Void)?
  var onClose: (@Sendable () -> Void)?
  var onDrain: (@Sendable () -> Void)?
  var onInput: (@Sendable (UnsafeRawBufferPointer) -> Void)?
  /// It ends by itself.
  var isAnswer = false
  /// Of the budget, until the last of it is on its way.
  var share: MemoryBudget.Share?

  init(reactor: Reactor, mark: UInt64, serial: UInt32) {
    self.reactor = reactor
    self.mark = mark
    self.serial = serial
  }

  private var connection: Connection? { reactor.connections.find(mark) }

  /// Sends slices as one chunk. What is sent in one turn of the loop goes out together.
  public func send(_ slices: [ByteSlice]) {
    guard let connection else { return }
    let length = slices.reduce(0) { $0 + $1.count }
    guard length > 0 else { return }
    connection.write(slices, length: length, from: self)
  }

  /// Bytes that the client has not taken yet.
  public var pendingBytes: Int { connection?.pendingBytes(of: self) ?? 0 }

  /// Ends the body; the connection goes on. Any thread.
  public func finish() {
    if reactor.isCurrent { connection?.endStream(self) } else { reactor.post { [self] in connection?.endStream(self) } }
  }

  /// Breaks the answer off in a way that the client can tell from its end: over HTTP/1.1 the connection goes. Any
  /// thread.
  public func abort() {
    if reactor.isCurrent { connection?.abort(self) } else { reactor.post { [self] in abort() } }
  }

  func connectionClosed() {
    onWritable = nil
    onDrain = nil
    onInput = nil
    share = nil
    let callback = onClose
    onClose = nil
    callback?()
  }
}
