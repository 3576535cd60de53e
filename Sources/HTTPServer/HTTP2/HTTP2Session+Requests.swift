import ByteBuffers
import CNGHTTP2
import Capacity
import Synchronization

/// What nghttp2 tells of frames that came. Called from within `NGHTTP2.receive`: nothing here may call a handler.
extension HTTP2Session {
  /// False when the client has sent too much that is of no use.
  func frameBegins(_ header: nghttp2_frame_hd) -> Bool {
    let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
    switch UInt32(header.type) {
    case NGHTTP2_DATA.rawValue where header.length > 0 || endsStream: return true
    case NGHTTP2_HEADERS.rawValue:
      headSince = reactor.turn
      return mayOpen(header.stream_id)
    // nghttp2 reads over all of them, since priorities are off.
    case NGHTTP2_PRIORITY.rawValue where header.stream_id == 0:
      engine.terminate(.protocolError)
      return false
    // As many as a head may have are bounded by nghttp2.
    case NGHTTP2_CONTINUATION.rawValue: return true
    default: return allowance.take(at: reactor.turn)
    }
  }

  /// HEADERS of a stream that is over are an error (RFC 9113 section 5.1), unless the client may not know yet that it
  /// is over. nghttp2 reads over both.
  private func mayOpen(_ id: Int32) -> Bool {
    if id > lastRequest || stream(id) != nil || resetHere.contains(id) || id % 2 == 0 { return true }
    engine.terminate(.streamClosed)
    return false
  }

  func requestBegins(_ id: Int32) {
    lastRequest = id
    open(id)
  }

  func resetSent(_ id: Int32) {
    if resetHere.count >= limits.maxConcurrentStreams { resetHere.removeFirst() }
    resetHere.append(id)
  }

  /// False when a head is so large that even reading on is too much: some bytes of HPACK stand for thousands.
  func field(_ name: UnsafeRawBufferPointer, _ value: UnsafeRawBufferPointer, of id: Int32, isTrailer: Bool) -> Bool {
    guard let stream = self.stream(id) else { return true }
    stream.head.count(name, value)
    if stream.head.listSize > limits.maxHeadBytes { return stream.head.listSize <= 4 * limits.maxHeadBytes }
    // Trailers are read and mean nothing here.
    if isTrailer || stream.head.hasTooMany || stream.foundNoRoom { return true }
    if stream.head.fields.count >= limits.maxHeadFields {
      stream.head.hasTooMany = true
    } else {
      stream.head.append(name, value)
      // As it comes: a head that does not end is held as well.
      if !holds(stream.head.heldBytes, for: stream) { stream.foundNoRoom = true }
    }
    return true
  }

  private static let usualHeadBytes = 16 << 10

  func headEnds(_ id: Int32, endsStream: Bool) {
    headSince = nil
    guard let stream = self.stream(id) else { return }
    if !endsStream {
      receiving.append(id)
      heldBytes += stream.head.bytes.count
    }
    if runningTasks > 2 * limits.maxConcurrentStreams {
      // Requests that were cancelled still run: whoever opens more is let in when they have ended.
      if allowance.take(at: reactor.turn) { reset(stream, .refusedStream) } else { engine.terminate(.enhanceYourCalm) }
    } else if stream.head.listSize > limits.maxHeadBytes {
      refuse(stream, Refusal(status: 431, reason: "the request's headers exceed \(limits.maxHeadBytes) bytes"))
    } else if stream.head.hasTooMany {
      refuse(stream, Refusal(status: 431, reason: "the request has more than \(limits.maxHeadFields) headers"))
    } else if heldBytes > limits.maxHeldBytes && stream.head.bytes.count > Self.usualHeadBytes {
      // Heads count as well, or a hundred large ones would be held until their bodies have come.
      reset(stream, .refusedStream)
    } else if stream.foundNoRoom {
      refuse(stream, .noRoom)
    } else if !endsStream, let length = stream.head.contentLength, length > limits.maxBodyBytes {
      serveWithoutBody(stream)
    } else if !endsStream && stream.head.expectsContinue {
      var headers = HeaderList()
      headers.begin(status: 100)
      engine.inform(id, headers)
    }
  }

  /// Serves a request whose body is longer than there may be, without it, see `HTTP1Session.dispatchWithoutBody`.
  private func serveWithoutBody(_ stream: HTTP2Stream) {
    stopReceiving(stream)
    consume(stream)
    stream.body = []
    stream.requestShare = nil
    stream.isBodyTooLarge = true
    stream.throwsAway = true
    ready.append(stream)
  }

  /// Bytes of a body that nobody wants. The window stays open, so that a client which writes before it reads gets to
  /// its answer; but not without end.
  private func throwAway(_ count: Int, of stream: HTTP2Stream) {
    guard stream.throwsAway, !stream.isReset else { return engine.consumeStream(stream.id, count) }
    stream.thrownAway += count
    thrownAway += count
    // One client does not send so much for nothing by mistake.
    if thrownAway > 4 * limits.maxLingerBytes { return engine.terminate(.enhanceYourCalm) }
    if stream.isAnswered { stream.moved = reactor.turn }
    if stream.thrownAway <= limits.maxLingerBytes {
      engine.consumeStream(stream.id, count)
    } else if stream.isAnswered {
      reset(stream, .noError)
    }
  }

  /// The connection's window opens at once, or one stream would hold up all. The stream's opens while the connection
  /// holds little of incomplete bodies; beyond that only the oldest goes on, so that one after another is completed.
  func body(_ bytes: UnsafeRawBufferPointer, of id: Int32) {
    engine.consumeConnection(bytes.count)
    guard let stream = self.stream(id) else { return engine.consumeStream(id, bytes.count) }
    guard stream.phase == .receiving, !stream.throwsAway, !stream.isReset else {
      return throwAway(bytes.count, of: stream)
    }
    guard stream.body.count + bytes.count <= limits.maxBodyBytes else {
      engine.consumeStream(id, bytes.count)
      return serveWithoutBody(stream)
    }
    guard holds((stream.body.count + bytes.count) * HTTP1Session.workFactor, for: stream) else {
      engine.consumeStream(id, bytes.count)
      return refuse(stream, .noRoom)
    }
    stream.body.append(contentsOf: bytes)
    stream.moved = reactor.turn
    heldBytes += bytes.count
    stream.unconsumed += bytes.count
    if heldBytes <= limits.maxHeldBytes || receiving.first == id { consume(stream) }
  }

  /// False when the budget has no room for so much.
  private func holds(_ bytes: Int, for stream: HTTP2Stream) -> Bool {
    if bytes < ReadBuffer.usual { return true }
    let share = stream.requestShare ?? reactor.configuration.budget.share()
    guard share.grow(to: bytes) else { return false }
    stream.requestShare = share
    return true
  }

  func consume(_ stream: HTTP2Stream) {
    if stream.unconsumed > 0 { engine.consumeStream(stream.id, stream.unconsumed) }
    stream.unconsumed = 0
  }

  /// Its body is complete or no longer wanted: others may go on.
  func stopReceiving(_ stream: HTTP2Stream) {
    guard let place = receiving.firstIndex(of: stream.id) else { return }
    receiving.remove(at: place)
    heldBytes -= stream.body.count + stream.head.bytes.count
    let isRoomy = heldBytes <= limits.maxHeldBytes
    for id in isRoomy ? receiving[...] : receiving.prefix(1) {
      if let next = self.stream(id) { consume(next) }
    }
  }

  func requestEnds(_ id: Int32) {
    guard let stream = self.stream(id), stream.phase == .receiving, !stream.throwsAway, !stream.isReset else { return }
    stopReceiving(stream)
    if stream.head.listSize > limits.maxHeadBytes {
      return refuse(stream, Refusal(status: 431, reason: "the request's headers exceed \(limits.maxHeadBytes) bytes"))
    }
    ready.append(stream)
  }

  /// nghttp2 has answered a frame that breaks the rules: a malformed head, mostly.
  func frameRefused(_ why: String) {
    reactor.counters.refused.add(1, ordering: .relaxed)
    reactor.configuration.requestRefused?(connection.peerAddress, 400, "HTTP/2: \(why)")
  }

  func streamCloses(_ id: Int32) {
    guard let stream = remove(id) else { return }
    stopReceiving(stream)
    end(stream)
  }
}
