public import ByteBuffers
import CCurl
import Glibc

/// An HTTP/1.1 request that stays open both ways: lines go out when there are some and come in when the peer has some.
///
/// Confined to the client's thread. Its closures never run inside libcurl, so they may send and close.
public final class HTTPStream {
  private unowned let loop: CurlLoop
  private var transfer: StreamTransfer?
  private let onLine: (SharedBytes) -> Void
  private let onEnd: (Int, SharedBytes, HTTPFailure?) -> Void

  init(
    loop: CurlLoop, onLine: @escaping (SharedBytes) -> Void, onEnd: @escaping (Int, SharedBytes, HTTPFailure?) -> Void
  ) {
    self.loop = loop
    self.onLine = onLine
    self.onEnd = onEnd
  }

  /// Queues bytes of the request's body. Bytes sent after the end are dropped: `onEnd` tells.
  public func send(_ bytes: SharedBytes) {
    loop.assertCurrent()
    transfer?.send(bytes)
  }

  /// Ends the request's body: what was sent is all of it, and the peer may answer.
  public func finishBody() {
    loop.assertCurrent()
    transfer?.finishBody()
  }

  /// Bytes queued and not taken by libcurl yet.
  public var pendingBytes: Int { transfer?.pendingBytes ?? 0 }

  /// Ends it now, without `onEnd`. Idempotent.
  public func close() {
    loop.assertCurrent()
    guard let transfer else { return }
    self.transfer = nil
    loop.drop(transfer)
  }

  func attach(_ transfer: StreamTransfer) { self.transfer = transfer }

  func received(_ line: SharedBytes) {
    if transfer != nil { onLine(line) }
  }

  func ended(status: Int, rest: SharedBytes, failure: HTTPFailure?) {
    guard transfer != nil else { return }
    transfer = nil
    onEnd(status, rest, failure)
  }

  /// The handle could not even be made.
  func failed(_ failure: HTTPFailure) { onEnd(0, .empty, failure) }
}

/// The handle of a stream.
final class StreamTransfer: Transfer {
  private let stream: HTTPStream
  private var outgoing: [UInt8] = []
  private var taken = 0
  private var isBodyComplete = false
  /// libcurl was told to wait for more to send.
  private(set) var isPaused = false
  private var incoming: [UInt8] = []
  /// Bytes of `incoming` known to hold no newline.
  private var scanned = 0
  private var isDeliveryDue = false
  private var headers: UnsafeMutablePointer<curl_slist>?
  /// A peer that sends more than this without a newline is broken.
  private static let longestLine = 512 << 20

  init?(loop: CurlLoop, stream: HTTPStream, url: String) {
    self.stream = stream
    super.init(loop: loop)
    set(CURLOPT_URL, url)
    set(CURLOPT_POST, 1)
    headers = curl_slist_append(headers, "Content-Type: application/json")
    headers = curl_slist_append(headers, "Expect:")
    if let authorization = loop.authorization {
      headers = curl_slist_append(headers, "Authorization: \(authorization)")
    }
    if !url.hasPrefix("https:") {
      // Over HTTP/1.1 the gateway answers nothing before the body ends, unless the connection is to be closed.
      headers = curl_slist_append(headers, "Transfer-Encoding: chunked")
      headers = curl_slist_append(headers, "Connection: close")
    }
    _ = ccurl_set_list(easy, CURLOPT_HTTPHEADER, headers)
    _ = ccurl_set_pointer(easy, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = ccurl_set_data_function(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      return Unmanaged<StreamTransfer>.fromOpaque(context).takeUnretainedValue()
        .receive(UnsafeRawBufferPointer(start: bytes, count: size &* count))
    }
    _ = ccurl_set_pointer(easy, CURLOPT_READDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = ccurl_set_data_function(easy, CURLOPT_READFUNCTION) { room, size, count, context in
      guard let room, let context else { return Int(CURL_READFUNC_ABORT) }
      return Unmanaged<StreamTransfer>.fromOpaque(context).takeUnretainedValue().provide(room, size &* count)
    }
  }

  deinit { curl_slist_free_all(headers) }

  var pendingBytes: Int { outgoing.count - taken }

  func send(_ bytes: SharedBytes) {
    if taken == outgoing.count {
      outgoing.removeAll(keepingCapacity: true)
      taken = 0
    }
    bytes.withUnsafeBytes { outgoing.append(contentsOf: $0) }
    if isPaused { loop.resumeSoon(self) }
  }

  func finishBody() {
    isBodyComplete = true
    if isPaused { loop.resumeSoon(self) }
  }

  private func provide(_ room: UnsafeMutablePointer<CChar>, _ size: Int) -> Int {
    let count = min(size, pendingBytes)
    if count == 0 {
      if isBodyComplete { return 0 }
      isPaused = true
      return Int(CURL_READFUNC_PAUSE)
    }
    outgoing.withUnsafeBytes { if let base = $0.baseAddress { memcpy(room, base + taken, count) } }
    taken += count
    return count
  }

  /// Lets libcurl ask again for something to send, and look at the socket: it misses the end of a stream whose upload
  /// is paused.
  func resume() {
    isPaused = false
    curl_easy_pause(easy, CInt(CURLPAUSE_CONT))
  }

  private func receive(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard bytes.count <= StreamTransfer.longestLine - incoming.count else { return 0 }
    if !isDeliveryDue {
      isDeliveryDue = true
      loop.deliverSoon(self)
    }
    incoming.append(contentsOf: bytes)
    return bytes.count
  }

  /// Hands whole lines on.
  func deliver() {
    isDeliveryDue = false
    var start = 0
    while let newline = nextNewline() {
      let line = incoming.withUnsafeBytes { SharedBytes(UnsafeRawBufferPointer(rebasing: $0[start..<newline])) }
      start = newline + 1
      if line.count > 0 { stream.received(line) }
    }
    incoming.removeFirst(start)
    scanned = incoming.count
  }

  private func nextNewline() -> Int? {
    incoming.withUnsafeBytes { all in
      guard let base = all.baseAddress, scanned < all.count, let found = memchr(base + scanned, 10, all.count - scanned)
      else { return nil }
      let place = UnsafeRawPointer(found) - base
      scanned = place + 1
      return place
    }
  }

  override func ended(_ code: CURLcode) {
    deliver()
    stream.ended(status: status, rest: SharedBytes(incoming), failure: failure(code))
  }

  func abandoned(_ failure: HTTPFailure) { stream.ended(status: 0, rest: .empty, failure: failure) }
}
