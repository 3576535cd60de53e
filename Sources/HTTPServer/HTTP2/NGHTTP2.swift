import ByteBuffers
import CNGHTTP2

/// nghttp2's state of one connection: frames, header compression and flow control of RFC 9113. Owns its handle.
///
/// Its callbacks find the `HTTP2Session` that owns this value, which must set itself as `owner` first and outlive it.
struct NGHTTP2: ~Copyable {
  private let handle: OpaquePointer

  /// nil when memory is out.
  init?(_ limits: HTTPServer.Limits) {
    var handle: OpaquePointer?
    var option: OpaquePointer?
    guard nghttp2_option_new(&option) == 0 else { return nil }
    defer { nghttp2_option_del(option) }
    // Windows are opened as bodies are taken, so that a client can't make us hold more than we want.
    nghttp2_option_set_no_auto_window_update(option, 1)
    nghttp2_option_set_no_closed_streams(option, 1)
    nghttp2_option_set_stream_reset_rate_limit(option, 1_000, 100)
    // Heads as large as over HTTP/1.1, in frames of the usual size.
    nghttp2_option_set_max_continuations(option, limits.maxHeadBytes / Self.frameSize + 1)
    guard nghttp2_session_server_new2(&handle, Self.callbacks, nil, option) == 0, let handle else { return nil }
    self.handle = handle
    var settings = [
      Self.setting(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, limits.maxConcurrentStreams),
      Self.setting(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, limits.streamWindow),
      Self.setting(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, limits.maxHeadBytes),
      Self.setting(NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1),
    ]
    nghttp2_submit_settings(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), &settings, settings.count)
    nghttp2_session_set_local_window_size(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), 0, Int32(clamping: limits.connectionWindow))
  }

  deinit { nghttp2_session_del(handle) }

  private static let frameSize = 16_384

  private static func setting(_ id: nghttp2_settings_id, _ value: Int) -> nghttp2_settings_entry {
    nghttp2_settings_entry(settings_id: Int32(id.rawValue), value: UInt32(clamping: value))
  }

  /// `owner` must outlive this value.
  func setOwner(_ owner: HTTP2Session) {
    nghttp2_session_set_user_data(handle, Unmanaged.passUnretained(owner).toOpaque())
  }

  // MARK: bytes

  /// Takes what the client sent; false when the session is broken beyond a GOAWAY of nghttp2's own.
  func receive(_ bytes: UnsafeRawBufferPointer) -> Bool {
    guard let base = bytes.baseAddress else { return true }
    return nghttp2_session_mem_recv(handle, base.assumingMemoryBound(to: UInt8.self), bytes.count) >= 0
  }

  enum Output {
    /// Good until the next call; payloads of DATA go by `sendData` instead.
    case frame(UnsafeRawBufferPointer)
    case none, failed
  }

  /// The next frame to send.
  func nextFrame() -> Output {
    var bytes: UnsafePointer<UInt8>?
    let count = nghttp2_session_mem_send(handle, &bytes)
    return count > 0 ? .frame(UnsafeRawBufferPointer(start: bytes, count: count)) : count == 0 ? .none : .failed
  }

  var wantsWrite: Bool { nghttp2_session_want_write(handle) != 0 }
  /// Neither side has anything more to say.
  var isOver: Bool { nghttp2_session_want_read(handle) == 0 && nghttp2_session_want_write(handle) == 0 }
  /// Frames that wait to be made.
  var queuedFrames: Int { nghttp2_session_get_outbound_queue_size(handle) }

  // MARK: streams

  /// Sends a head, and then whatever the stream's output holds, unless `hasBody` is false.
  func respond(_ stream: Int32, _ headers: HeaderList, hasBody: Bool) {
    headers.withNameValues { list, count in
      guard hasBody else {
        nghttp2_submit_response(handle, stream, list, count, nil)
        return
      }
      var provider = nghttp2_data_provider()
      provider.read_callback = { _, stream, _, length, flags, _, owner in
        guard let owner = NGHTTP2.owner(owner), let part = owner.nextPart(of: stream, max: length) else {
          return NGHTTP2.deferred
        }
        flags?.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue | (part.isLast ? NGHTTP2_DATA_FLAG_EOF.rawValue : 0)
        return part.count
      }
      nghttp2_submit_response(handle, stream, list, count, &provider)
    }
  }

  private static let deferred = Int(NGHTTP2_ERR_DEFERRED.rawValue)

  /// Sends an interim head.
  func inform(_ stream: Int32, _ headers: HeaderList) {
    headers.withNameValues { list, count in
      _ = nghttp2_submit_headers(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, nil, list, count, nil)
    }
  }

  /// A stream without output has some again.
  func resume(_ stream: Int32) { nghttp2_session_resume_data(handle, stream) }

  func reset(_ stream: Int32, _ code: HTTP2ErrorCode) {
    nghttp2_submit_rst_stream(handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream, code.rawValue)
  }

  func consumeConnection(_ bytes: Int) { nghttp2_session_consume_connection(handle, bytes) }

  func consumeStream(_ stream: Int32, _ bytes: Int) { nghttp2_session_consume_stream(handle, stream, bytes) }

  // MARK: the end

  /// Tells the client to open no more streams, without naming the last one yet: requests on their way are still served.
  func announceEnd() { nghttp2_submit_shutdown_notice(handle) }

  /// Names the last stream that is served.
  func endAfterLastStream() {
    nghttp2_submit_goaway(
      handle, UInt8(NGHTTP2_FLAG_NONE.rawValue), nghttp2_session_get_last_proc_stream_id(handle),
      HTTP2ErrorCode.noError.rawValue, nil, 0)
  }

  /// The connection ends with this.
  func terminate(_ code: HTTP2ErrorCode) { nghttp2_session_terminate_session(handle, code.rawValue) }

  // MARK: callbacks

  /// Made once and never freed; nghttp2 copies it into each session.
  private nonisolated(unsafe) static let callbacks: OpaquePointer? = {
    var made: OpaquePointer?
    guard nghttp2_session_callbacks_new(&made) == 0 else { return nil }
    nghttp2_session_callbacks_set_on_begin_frame_callback(made) { _, header, owner in
      guard let header, let owner = NGHTTP2.owner(owner) else { return NGHTTP2.failure }
      return owner.frameBegins(header.pointee) ? 0 : NGHTTP2.failure
    }
    nghttp2_session_callbacks_set_on_begin_headers_callback(made) { _, frame, owner in
      guard let frame, let owner = NGHTTP2.owner(owner) else { return NGHTTP2.failure }
      if NGHTTP2.beginsRequest(frame) { owner.requestBegins(frame.pointee.hd.stream_id) }
      return 0
    }
    nghttp2_session_callbacks_set_on_header_callback(made) { _, frame, name, nameLength, value, valueLength, _, owner in
      guard let frame, let owner = NGHTTP2.owner(owner) else { return NGHTTP2.failure }
      let name = UnsafeRawBufferPointer(start: name, count: nameLength)
      let value = UnsafeRawBufferPointer(start: value, count: valueLength)
      return owner.field(name, value, of: frame.pointee.hd.stream_id, isTrailer: !NGHTTP2.beginsRequest(frame))
        ? 0 : NGHTTP2.failure
    }
    nghttp2_session_callbacks_set_on_data_chunk_recv_callback(made) { _, _, stream, bytes, count, owner in
      guard let owner = NGHTTP2.owner(owner) else { return NGHTTP2.failure }
      owner.body(UnsafeRawBufferPointer(start: bytes, count: count), of: stream)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_recv_callback(made) { _, frame, owner in
      guard let frame, let owner = NGHTTP2.owner(owner) else { return NGHTTP2.failure }
      let header = frame.pointee.hd
      let endsStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
      if NGHTTP2.beginsRequest(frame) { owner.headEnds(header.stream_id, endsStream: endsStream) }
      let carriesRequest = header.type == UInt8(NGHTTP2_DATA.rawValue) || header.type == UInt8(NGHTTP2_HEADERS.rawValue)
      if endsStream && carriesRequest { owner.requestEnds(header.stream_id) }
      return 0
    }
    nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(made) { _, frame, code, owner in
      NGHTTP2.owner(owner)?.frameRefused(String(cString: nghttp2_strerror(code)))
      return 0
    }
    nghttp2_session_callbacks_set_on_stream_close_callback(made) { _, stream, code, owner in
      NGHTTP2.owner(owner)?.streamCloses(stream)
      return 0
    }
    nghttp2_session_callbacks_set_on_frame_send_callback(made) { _, frame, owner in
      guard let frame, frame.pointee.hd.type == UInt8(NGHTTP2_RST_STREAM.rawValue) else { return 0 }
      NGHTTP2.owner(owner)?.resetSent(frame.pointee.hd.stream_id)
      return 0
    }
    nghttp2_session_callbacks_set_send_data_callback(made) { _, frame, header, length, _, owner in
      guard let frame, let owner = NGHTTP2.owner(owner) else { return NGHTTP2.failure }
      owner.sendData(UnsafeRawBufferPointer(start: header, count: 9), count: length, of: frame.pointee.hd.stream_id)
      return 0
    }
    return made
  }()

  private static let failure = NGHTTP2_ERR_CALLBACK_FAILURE.rawValue

  private static func owner(_ pointer: UnsafeMutableRawPointer?) -> HTTP2Session? {
    pointer.map { Unmanaged<HTTP2Session>.fromOpaque($0).takeUnretainedValue() }
  }

  private static func beginsRequest(_ frame: UnsafePointer<nghttp2_frame>) -> Bool {
    frame.pointee.hd.type == UInt8(NGHTTP2_HEADERS.rawValue) && frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST
  }
}

/// RFC 9113 section 7.
enum HTTP2ErrorCode: UInt32 {
  case noError = 0, protocolError = 1, internalError = 2, streamClosed = 5, refusedStream = 7, cancel = 8,
    enhanceYourCalm = 11
}

/// Fields on their way to nghttp2: one buffer of names and values.
struct HeaderList {
  private var bytes: [UInt8] = []
  private var fields: [(name: Range<Int>, value: Range<Int>)] = []

  /// Starts anew with `:status`.
  mutating func begin(status: Int) {
    bytes.removeAll(keepingCapacity: true)
    fields.removeAll(keepingCapacity: true)
    append(":status", String(status))
  }

  mutating func append(_ name: StaticString, _ value: String) {
    var value = value
    value.withUTF8 { append(name, UnsafeRawBufferPointer($0)) }
  }

  /// Names are made lower case; what can't stand in a value becomes a space.
  mutating func append(_ name: StaticString, _ value: UnsafeRawBufferPointer) {
    let start = bytes.count
    let middle = start + name.utf8CodeUnitCount
    bytes.append(contentsOf: UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    bytes.append(contentsOf: value)
    fields.append((start..<middle, middle..<bytes.count))
    bytes.withUnsafeMutableBufferPointer { bytes in
      for place in start..<middle where (0x41...0x5A).contains(bytes[place]) { bytes[place] |= 0x20 }
      for place in middle..<bytes.count where bytes[place] == 0x0D || bytes[place] == 0x0A || bytes[place] == 0 {
        bytes[place] = 0x20
      }
    }
  }

  private func isUnique(_ name: Range<Int>) -> Bool { bytes[name].elementsEqual("audit-id".utf8) }

  /// Lends the list in nghttp2's form, which copies it.
  func withNameValues(_ body: (UnsafePointer<nghttp2_nv>?, Int) -> Void) {
    bytes.withUnsafeBufferPointer { bytes in
      withUnsafeTemporaryAllocation(of: nghttp2_nv.self, capacity: fields.count) { list in
        for (place, field) in fields.enumerated() {
          // nghttp2 writes to neither.
          let base = UnsafeMutablePointer(mutating: bytes.baseAddress)
          // What differs in every answer would only push what does not out of the client's table.
          let flags = isUnique(field.name) ? NGHTTP2_NV_FLAG_NO_INDEX.rawValue : NGHTTP2_NV_FLAG_NONE.rawValue
          list.initializeElement(
            at: place,
            to: nghttp2_nv(
              name: base.map { $0 + field.name.lowerBound }, value: base.map { $0 + field.value.lowerBound },
              namelen: field.name.count, valuelen: field.value.count,
              flags: UInt8(flags)))
        }
        body(list.baseAddress, fields.count)
      }
    }
  }
}
