import ByteBuffers
import COpenSSL
import Glibc

/// TLS on one connection: takes records off the socket and puts them on. On the connection's reactor.
///
/// OpenSSL reads the socket itself, through a BIO of ours; what it writes gathers on the reactor and leaves with one call for several records. Only what the
/// socket did not take stays here. So OpenSSL never has to be asked again for a write, and an idle connection holds no buffer.
final class TLSSession {
  private let ssl: OpaquePointer
  private let context: TLSContext
  private let descriptor: Int32
  private unowned let reactor: Reactor
  /// Records that the socket has not taken; empty unless it is full.
  private var waiting: [UInt8] = []
  private var waitingSent = 0
  private var isShaking = true
  private var shakenBytes = 0
  private var sawEnd = false
  /// The record in the making is all there is to send: it leaves as OpenSSL hands it over, without being gathered first.
  private var isAlone = false
  private var isBroken = false
  /// OpenSSL holds bytes that epoll will not tell of.
  private(set) var mayHaveMore = false

  /// Most that a client may send before the handshake is done: a hello and a chain of certificates.
  private static let handshakeBytesMax = 128 << 10
  /// Records that are gathered before the socket is tried.
  private static let gatheredMax = 64 << 10
  /// Plain text of one record (RFC 8446 section 5.1).
  private static let recordMax = 16 << 10
  /// Where plain text begins in the scratch room. OpenSSL copies it to 8 bytes behind the start of a page; a copy to just ahead of its source within
  /// pages makes the processor take each load for one of the last store (4K aliasing), at ten times the cost.
  private static let plainStart = 256

  /// nil when memory is out.
  init?(_ context: TLSContext, descriptor: Int32, reactor: Reactor) {
    guard let ssl = context.makeSSL() else { return nil }
    guard let bio = BIO_new(SocketBIO.method) else {
      SSL_free(ssl)
      return nil
    }
    self.ssl = ssl
    self.context = context
    self.descriptor = descriptor
    self.reactor = reactor
    BIO_set_data(bio, Unmanaged.passUnretained(self).toOpaque())
    BIO_set_init(bio, 1)
    SSL_set_bio(ssl, bio, bio)
  }

  deinit { SSL_free(ssl) }

  // MARK: the handshake

  enum Handshake {
    case done, waiting
    /// `plainAnswer`: the client spoke plain HTTP and can be told so.
    case failed(String, plainAnswer: Bool)
  }

  /// Goes on with the handshake.
  func shake() -> Handshake {
    OpenSSLErrors.clear()
    let result = SSL_do_handshake(ssl)
    guard settle() else { return .failed("the client went away", plainAnswer: false) }
    if result == 1 {
      isShaking = false
      mayHaveMore = SSL_has_pending(ssl) == 1
      return .done
    }
    if SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ && !sawEnd { return .waiting }
    if shakenBytes > Self.handshakeBytesMax { return .failed("more than \(Self.handshakeBytesMax) bytes of handshake", plainAnswer: false) }
    if sawEnd { return .failed("the client went away", plainAnswer: false) }
    let isPlainHTTP = OpenSSLErrors.firstReason == SSL_R_HTTP_REQUEST
    return .failed(OpenSSLErrors.take(), plainAnswer: isPlainHTTP)
  }

  /// Was `name` agreed on by ALPN?
  func speaks(_ name: StaticString) -> Bool {
    var bytes: UnsafePointer<UInt8>?
    var count: UInt32 = 0
    SSL_get0_alpn_selected(ssl, &bytes, &count)
    return UnsafeBufferPointer(start: bytes, count: Int(count)).elementsEqual(UnsafeBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
  }

  /// Who the client is. Once the handshake is done.
  var identity: ClientIdentity {
    guard context.asksForCertificates, let handle = SSL_get1_peer_certificate(ssl) else { return .none }
    let certificate = Certificate(adopting: handle)
    let identity = identity(certificate)
    guard let proxies = context.proxies, proxies.vouch(for: certificate, chain: SSL_get_peer_cert_chain(ssl)) else { return identity }
    return .proxy(name: certificate.subject(NID_commonName).last ?? "", besides: identity)
  }

  private func identity(_ certificate: Certificate) -> ClientIdentity {
    let result = SSL_get_verify_result(ssl)
    guard result == X509_V_OK else { return .unverified(reason: String(cString: X509_verify_cert_error_string(result))) }
    // A resumed session brings the result of its first handshake, which may be long ago.
    return certificate.hasExpired ? .unverified(reason: "certificate has expired") : .verified(ClientCertificate(certificate))
  }

  // MARK: input

  func receive(into room: UnsafeMutableRawBufferPointer) -> Connection.Received {
    OpenSSLErrors.clear()
    mayHaveMore = false
    let count = SSL_read(ssl, room.baseAddress, Int32(clamping: room.count))
    guard settle() else { return .broken }
    if count > 0 {
      mayHaveMore = SSL_has_pending(ssl) == 1
      return .bytes(Int(count), mayHaveMore: mayHaveMore)
    }
    switch SSL_get_error(ssl, count) {
    case SSL_ERROR_WANT_READ: return sawEnd ? .end : .nothing
    case SSL_ERROR_ZERO_RETURN: return .end
    default: return sawEnd ? .end : .broken
    }
  }

  // MARK: output

  /// Records that wait for the socket.
  var waitingBytes: Int { waiting.count - waitingSent }
  private var isBlocked: Bool { !waiting.isEmpty }

  /// Sends until nothing is left or the socket takes no more; false when the connection is broken.
  func write(_ output: inout Output) -> Bool {
    repeat {
      guard sendWaiting() else { return false }
      if isBlocked { return true }
      OpenSSLErrors.clear()
      var isSealed = true
      while isSealed && !output.isEmpty && reactor.sealed.count < Self.gatheredMax {
        let isFirst = reactor.sealed.isEmpty
        // One piece is read where it is, several are brought together in the scratch room.
        isSealed = output.takeOnly(max: Self.recordMax) { seal($0, isAlone: isFirst) } ?? sealGathered(&output, isFirst: isFirst)
      }
      guard settle(), isSealed else { return false }
    } while !output.isEmpty && !isBlocked
    return true
  }

  private func sealGathered(_ output: inout Output, isFirst: Bool) -> Bool {
    let room = UnsafeMutableRawBufferPointer(rebasing: reactor.scratch[Self.plainStart..<(Self.plainStart + Self.recordMax)])
    let count = output.take(into: room)
    return seal(UnsafeRawBufferPointer(rebasing: room[..<count]), isAlone: output.isEmpty && isFirst)
  }

  /// Makes a record; false when that fails.
  private func seal(_ plain: UnsafeRawBufferPointer, isAlone: Bool) -> Bool {
    self.isAlone = isAlone
    defer { self.isAlone = false }
    return SSL_write(ssl, plain.baseAddress, Int32(plain.count)) == plain.count
  }

  /// Tells the client that nothing follows, so that it knows an end from a cut.
  func close() {
    guard !isShaking else { return }
    OpenSSLErrors.clear()
    SSL_shutdown(ssl)
    _ = settle()
  }

  /// Sends what OpenSSL has just made, or keeps what the socket does not take. To be called after every call that may write: `sealed` is the reactor's.
  private func settle() -> Bool {
    if reactor.sealed.isEmpty { return !isBroken }
    defer { reactor.sealed.removeAll(keepingCapacity: true) }
    if isBlocked {
      waiting += reactor.sealed
      // Only answers to a client that asks for new keys without end, and reads none of them, come to this.
      return waiting.count <= 4 * Self.gatheredMax
    }
    guard let sent = reactor.sealed.withUnsafeBytes({ send($0) }) else { return false }
    if sent < reactor.sealed.count { waiting = Array(reactor.sealed[sent...]) }
    return true
  }

  private func sendWaiting() -> Bool {
    guard isBlocked else { return true }
    guard let sent = waiting.withUnsafeBytes({ send(UnsafeRawBufferPointer(rebasing: $0[waitingSent...])) }) else { return false }
    waitingSent += sent
    if waitingSent == waiting.count { (waiting, waitingSent) = ([], 0) }
    return true
  }

  /// How many bytes the socket took; nil when it is broken.
  private func send(_ bytes: UnsafeRawBufferPointer) -> Int? {
    var sent = 0
    while sent < bytes.count {
      let count = Glibc.send(descriptor, bytes.baseAddress.map { $0 + sent }, bytes.count - sent, Int32(MSG_NOSIGNAL))
      if count >= 0 {
        sent += count
      } else if errno == EAGAIN {
        break
      } else if errno != EINTR {
        return nil
      }
    }
    return sent
  }

  // MARK: for OpenSSL

  /// As read(2), but interrupted calls go on.
  fileprivate func read(into room: UnsafeMutableRawPointer, count: Int) -> Int {
    if isShaking && shakenBytes > Self.handshakeBytesMax {
      errno = EMSGSIZE
      return -1
    }
    while true {
      let count = recv(descriptor, room, count, 0)
      if count > 0 && isShaking { shakenBytes += count }
      if count == 0 { sawEnd = true }
      if count >= 0 || errno != EINTR { return count }
    }
  }

  fileprivate func gather(_ bytes: UnsafeRawBufferPointer) {
    guard isAlone, !isBlocked else { return reactor.sealed.append(contentsOf: bytes) }
    guard let sent = send(bytes) else { return isBroken = true }
    if sent < bytes.count { waiting = Array(bytes[sent...]) }
  }
}

/// The BIO between OpenSSL and a `TLSSession`: plain functions that find the session in the BIO's data.
private enum SocketBIO {
  /// Made once and never freed, as OpenSSL keeps pointers to it.
  nonisolated(unsafe) static let method: OpaquePointer? = {
    guard let method = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "reactor") else { return nil }
    BIO_meth_set_read(method) { bio, room, count in
      guard let bio, let room, let session = SocketBIO.session(bio) else { return -1 }
      copenssl_bio_clear_retry(bio)
      let result = session.read(into: room, count: Int(count))
      if result < 0 && errno == EAGAIN { copenssl_bio_should_retry_read(bio) }
      return Int32(result)
    }
    BIO_meth_set_write(method) { bio, bytes, count in
      guard let bio, let session = SocketBIO.session(bio) else { return -1 }
      session.gather(UnsafeRawBufferPointer(start: bytes, count: Int(count)))
      return count
    }
    BIO_meth_set_ctrl(method) { _, command, _, _ in command == BIO_CTRL_FLUSH ? 1 : 0 }
    return method
  }()

  private static func session(_ bio: OpaquePointer) -> TLSSession? {
    BIO_get_data(bio).map { Unmanaged<TLSSession>.fromOpaque($0).takeUnretainedValue() }
  }
}
