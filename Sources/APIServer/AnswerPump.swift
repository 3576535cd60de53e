import ByteBuffers
import HTTPServer
import Machinery

/// Sends an answer that is made piece by piece: the next piece is made, off the reactor, when the client has taken most
/// of what was sent.
///
/// Kept alive by the callbacks of its stream, and by a piece that is being made. What can't be made breaks the answer
/// off, so that a client never takes a part for the whole.
final class AnswerPump: @unchecked Sendable {
  // Sendable: state is touched on `reactor` only, but for the source and the compressor, which belong to whoever makes
  // the one piece that `isMaking` tells of.
  private let reactor: Reactor
  private let body: StreamedBody
  private let ended: @Sendable (End) -> Void
  private var stream: ResponseStream?
  private var isMaking = false
  private var isOver = false
  private var sent = 0

  /// How an answer ended, after so many bytes.
  enum End: Sendable {
    case complete(Int)
    /// The client went, or was too slow.
    case left(Int)
    case failed(Int, Status)
  }

  /// Unsent bytes beyond which the next piece waits. Not below the low mark of the connection, so that passing that
  /// mark wakes it.
  private static let pendingBytesMax = 256 << 10

  /// `ended`: hears once how it went, on the reactor.
  init(_ body: StreamedBody, on reactor: Reactor, ended: @escaping @Sendable (End) -> Void) {
    self.body = body
    self.reactor = reactor
    self.ended = ended
  }

  /// Sends the head and the first piece. Reactor thread.
  func start(_ exchange: Exchange, _ head: ResponseHead) {
    stream = exchange.startStream(
      head, answer: body.share, onWritable: { self.pump() }, onClose: { self.end(.left(self.sent)) })
    guard stream != nil else { return end(.left(0)) }
    send(body.first)
    pump()
  }

  private func send(_ slices: [ByteSlice]) {
    sent += slices.reduce(0) { $0 + $1.count }
    stream?.send(slices)
  }

  private func pump() {
    assert(reactor.isCurrent, "an answer is sent on its reactor")
    guard !isOver, !isMaking, let stream, stream.pendingBytes < Self.pendingBytesMax else { return }
    isMaking = true
    Task(executorPreference: globalConcurrentExecutor) { [self] in
      let result: Result<([ByteSlice], isLast: Bool), Status>
      do throws(Status) {
        let piece = try body.source.next(isCompressed: body.compressor != nil)
        try piece.grow(body.share, from: body.roomBytes)
        result = .success((body.compressor?.compress(piece).slices ?? piece.slices, piece.isLast))
      } catch { result = .failure(error) }
      reactor.post { self.made(result) }
    }
  }

  private func made(_ result: Result<([ByteSlice], isLast: Bool), Status>) {
    isMaking = false
    guard !isOver else { return }
    switch result {
    case .success(let (slices, isLast)):
      send(slices)
      if isLast { end(.complete(sent)) } else { pump() }
    case .failure(let status): end(.failed(sent, status))
    }
  }

  private func end(_ how: End) {
    guard !isOver else { return }
    isOver = true
    switch how {
    case .complete: stream?.finish()
    case .failed: stream?.abort()
    case .left: break
    }
    stream = nil
    ended(how)
  }
}
