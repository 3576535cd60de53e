import ByteBuffers
import CCurl
import Glibc

/// An easy handle of libcurl, owned. Confined to the client's thread.
class Transfer {
  let easy: UnsafeMutableRawPointer
  unowned let loop: CurlLoop
  /// Times libcurl was about to send the request. Zero: the peer has certainly seen nothing.
  var attempts = 0
  /// May libcurl send it again on its own?
  var maySendAgain = false
  private let errorText: UnsafeMutablePointer<CChar>

  init?(loop: CurlLoop) {
    guard let easy = curl_easy_init() else { return nil }
    self.easy = easy
    self.loop = loop
    errorText = .allocate(capacity: Int(CURL_ERROR_SIZE))
    errorText.initialize(repeating: 0, count: Int(CURL_ERROR_SIZE))
    set(CURLOPT_NOSIGNAL, 1)
    set(CURLOPT_NOPROGRESS, 1)
    set(CURLOPT_TCP_KEEPALIVE, 1)
    set(CURLOPT_TCP_KEEPIDLE, 10)
    set(CURLOPT_TCP_KEEPINTVL, 3)
    set(CURLOPT_PIPEWAIT, 1)
    set(CURLOPT_FOLLOWLOCATION, 0)
    set(CURLOPT_CONNECTTIMEOUT_MS, loop.configuration.connectTimeout.milliseconds)
    // No proxy from the environment: a storage is never behind one that we were not told of.
    set(CURLOPT_PROXY, "")
    _ = ccurl_set_pointer(easy, CURLOPT_ERRORBUFFER, errorText)
    _ = ccurl_set_pointer(easy, CURLOPT_PRIVATE, Unmanaged.passUnretained(self).toOpaque())
    _ = ccurl_set_pointer(easy, CURLOPT_PREREQDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = ccurl_set_prerequest_function(easy) { context, _, _, _, _ in
      guard let context else { return CInt(CURL_PREREQFUNC_ABORT) }
      let transfer = Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
      // libcurl repeats a request by itself when a kept connection dies before the first byte of an answer. The peer
      // may have done its work.
      if transfer.attempts > 0 && !transfer.maySendAgain { return CInt(CURL_PREREQFUNC_ABORT) }
      transfer.attempts += 1
      return CInt(CURL_PREREQFUNC_OK)
    }
    _ = ccurl_set_pointer(easy, CURLOPT_CLOSESOCKETDATA, Unmanaged.passUnretained(loop).toOpaque())
    _ = ccurl_set_close_function(easy) { context, socket in
      if let context { Unmanaged<CurlLoop>.fromOpaque(context).takeUnretainedValue().forget(socket) }
      return close(socket)
    }
    let configuration = loop.configuration
    if !configuration.caFile.isEmpty { set(CURLOPT_CAINFO, configuration.caFile) }
    if !configuration.certFile.isEmpty { set(CURLOPT_SSLCERT, configuration.certFile) }
    if !configuration.keyFile.isEmpty { set(CURLOPT_SSLKEY, configuration.keyFile) }
    if !configuration.verifiesPeer {
      set(CURLOPT_SSL_VERIFYPEER, 0)
      set(CURLOPT_SSL_VERIFYHOST, 0)
    }
  }

  deinit {
    curl_easy_cleanup(easy)
    errorText.deallocate()
  }

  func set(_ option: CURLoption, _ value: Int) { _ = ccurl_set_long(easy, option, value) }
  func set(_ option: CURLoption, _ value: String) { _ = value.withCString { ccurl_set_pointer(easy, option, $0) } }

  var status: Int {
    var value = 0
    _ = ccurl_get_long(easy, CURLINFO_RESPONSE_CODE, &value)
    return value
  }

  /// The failure that a result code stands for, nil for success.
  func failure(_ code: CURLcode) -> HTTPFailure? {
    if code == CURLE_OK { return nil }
    let detail = String(cString: errorText)
    let text = detail.isEmpty ? String(cString: curl_easy_strerror(code)) : detail
    let wasSent = attempts > 0
    return switch code {
    case CURLE_OPERATION_TIMEDOUT: HTTPFailure(.timeout, text, mayHaveBeenSent: wasSent)
    case CURLE_URL_MALFORMAT, CURLE_UNSUPPORTED_PROTOCOL, CURLE_SSL_CERTPROBLEM, CURLE_SSL_CACERT_BADFILE:
      HTTPFailure(.invalidRequest, text, mayHaveBeenSent: false)
    case CURLE_PEER_FAILED_VERIFICATION: HTTPFailure(.untrusted, text, mayHaveBeenSent: false)
    // With TLS 1.3 the peer's refusal of our certificate comes after the handshake, where the answer was to come.
    case CURLE_SSL_CONNECT_ERROR where isRefusedCertificate(text), CURLE_RECV_ERROR where isRefusedCertificate(text),
      CURLE_SEND_ERROR where isRefusedCertificate(text):
      HTTPFailure(.untrusted, text, mayHaveBeenSent: wasSent)
    case CURLE_WRITE_ERROR:
      HTTPFailure(
        .answerTooLarge, "the answer is larger than \(loop.configuration.maxAnswer) bytes", mayHaveBeenSent: wasSent)
    case CURLE_ABORTED_BY_CALLBACK:
      HTTPFailure(.connection, "the connection died before an answer", mayHaveBeenSent: wasSent)
    default: HTTPFailure(.connection, text, mayHaveBeenSent: wasSent)
    }
  }

  /// OpenSSL's texts of the alerts of RFC 8446, section 6.2, that are about our certificate.
  private func isRefusedCertificate(_ text: String) -> Bool {
    text.contains("alert") && (text.contains("certificate") || text.contains("unknown ca"))
  }

  /// Forgets the last error text.
  func clearError() { errorText.pointee = 0 }

  /// The transfer behind an easy handle.
  static func of(_ easy: UnsafeMutableRawPointer) -> Transfer? {
    var context: UnsafeMutableRawPointer?
    guard ccurl_get_pointer(easy, CURLINFO_PRIVATE, &context) == CURLE_OK, let context else { return nil }
    return Unmanaged<Transfer>.fromOpaque(context).takeUnretainedValue()
  }

  /// libcurl is done with it; it has been taken out of the multi handle.
  func ended(_ code: CURLcode) {}
}

/// A handle for whole requests, used again and again: most options stay as they are.
final class UnaryTransfer: Transfer {
  private(set) var call: Call?
  private var url = ""
  private var headers: HeaderList?
  private var connectsTo = ""
  private var connections: HeaderList?
  /// What the handle is set up for.
  private var method: HTTPRequest.Method?
  /// The answer so far. Grown by doubling, kept for the next call unless it became large.
  private var answer: UnsafeMutablePointer<UInt8>
  private var capacity = 4096
  private var count = 0

  override init?(loop: CurlLoop) {
    answer = .allocate(capacity: capacity)
    super.init(loop: loop)
    _ = ccurl_set_pointer(easy, CURLOPT_WRITEDATA, Unmanaged.passUnretained(self).toOpaque())
    _ = ccurl_set_data_function(easy, CURLOPT_WRITEFUNCTION) { bytes, size, count, context in
      guard let bytes, let context else { return 0 }
      return Unmanaged<UnaryTransfer>.fromOpaque(context).takeUnretainedValue().receive(bytes, size &* count)
    }
  }

  deinit { answer.deallocate() }

  /// Sets the handle up for `call`.
  func load(_ call: Call) {
    self.call = call
    call.transfer = self
    attempts = 0
    count = 0
    clearError()
    maySendAgain = call.request.isReplayable
    let wanted = call.request.isAuthorized ? loop.unaryHeaders : loop.anonymousHeaders
    if headers !== wanted {
      headers = wanted
      _ = ccurl_set_list(easy, CURLOPT_HTTPHEADER, wanted.list)
    }
    if call.request.connectsTo != connectsTo {
      connectsTo = call.request.connectsTo
      connections = connectsTo.isEmpty ? nil : HeaderList(["::\(connectsTo)"])
      _ = ccurl_set_list(easy, CURLOPT_CONNECT_TO, connections?.list)
    }
    if call.request.url != url {
      url = call.request.url
      set(CURLOPT_URL, url)
    }
    set(CURLOPT_TIMEOUT_MS, max(1, (call.deadline - .now).milliseconds))
    if call.request.method != method { use(call.request.method) }
    switch call.request.method {
    case .get, .delete: break
    case .post, .put:
      // Lent, not copied: the call holds the bytes until the transfer has ended.
      let body = call.request.body ?? .empty
      set(CURLOPT_POSTFIELDSIZE, body.count)
      body.withUnsafeBytes { _ = ccurl_set_pointer(easy, CURLOPT_POSTFIELDS, $0.baseAddress) }
    }
  }

  /// libcurl's own PUT is an upload that asks for its body bit by bit: here it is a POST under another name.
  private func use(_ method: HTTPRequest.Method) {
    self.method = method
    switch method {
    case .get, .delete: set(CURLOPT_HTTPGET, 1)
    case .post, .put: set(CURLOPT_POST, 1)
    }
    switch method {
    case .get, .post: _ = ccurl_set_pointer(easy, CURLOPT_CUSTOMREQUEST, nil)
    case .put: set(CURLOPT_CUSTOMREQUEST, "PUT")
    case .delete: set(CURLOPT_CUSTOMREQUEST, "DELETE")
    }
  }

  /// The kept headers of the answer.
  private func keptHeaders() -> [String: String] {
    var found: [String: String] = [:]
    for name in loop.configuration.keptHeaders {
      var header: UnsafeMutablePointer<curl_header>?
      // -1: of the last answer, should there have been several.
      if curl_easy_header(easy, name, 0, CUnsignedInt(CURLH_HEADER), -1, &header) == CURLHE_OK,
        let value = header?.pointee.value
      {
        found[name] = String(cString: value)
      }
    }
    return found
  }

  private func receive(_ bytes: UnsafeMutablePointer<CChar>, _ size: Int) -> Int {
    guard size <= loop.configuration.maxAnswer - count else { return 0 }
    if count + size > capacity {
      let larger = max(capacity * 2, count + size)
      let room = UnsafeMutablePointer<UInt8>.allocate(capacity: larger)
      memcpy(room, answer, count)
      answer.deallocate()
      answer = room
      capacity = larger
    }
    memcpy(answer + count, bytes, size)
    count += size
    return size
  }

  override func ended(_ code: CURLcode) {
    guard let call = unload() else { return }
    if let failure = failure(code) {
      call.finish(.failure(failure))
    } else {
      call.finish(
        .success(
          HTTPResponse(
            status: status, body: SharedBytes(UnsafeRawBufferPointer(start: answer, count: count)),
            headers: keptHeaders())))
    }
    if capacity > 1 << 20 {
      answer.deallocate()
      capacity = 4096
      answer = .allocate(capacity: capacity)
    }
  }

  /// Takes the call off the handle, unanswered.
  func unload() -> Call? {
    defer { call = nil }
    call?.transfer = nil
    return call
  }
}

extension Duration {
  /// Whole milliseconds, rounded up; never negative.
  var milliseconds: Int {
    let parts = components
    if parts.seconds < 0 || parts.attoseconds < 0 { return 0 }
    let seconds = Int(clamping: min(parts.seconds, 1 << 40))
    return seconds * 1000 + Int((parts.attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
  }
}
