import ByteBuffers
import Capacity

/// TLS on one connection: takes records off the socket and puts them on. On the connection's reactor.
///
/// OpenSSL makes the handshake. A connection of TLS 1.3 then goes on without it, as one in a kernel with TLS would: it
/// hands its secrets over and is freed. What it would keep for each connection is many times as much, and a delivery to
/// one of a thousand would look for all of it in memory. TLS 1.2 stays with OpenSSL. An idle connection holds no
/// buffer.
final class TLSSession {
  // What a delivery needs stands together.
  @exclusivity(unchecked) private var writer: RecordWriter?
  @exclusivity(unchecked) private var queue: RecordQueue
  private unowned(unsafe) let reactor: Reactor  // its table owns the connection, which owns this
  /// What the handshake is made with: nil until bytes of it come, so that whoever connects and says nothing costs
  /// little.
  private var library: OpenSSLSession?
  private let credentials: TLSCredentials
  private var isShaking = true
  @exclusivity(unchecked) private var reader: RecordReader?
  /// Of the budget: what is held here for the socket or for the reader. It is there already, so it is not asked for.
  private var share: MemoryBudget.Share?

  /// Records that are gathered before the socket is tried.
  private static let gatheredMax = 64 << 10
  /// Sealed bytes on their way in or out: what is gathered, and a last record behind it.
  static let roomForRecords = gatheredMax + RecordCipher.plainMax + RecordWriter.roomForSeal
  /// Where plain text that is brought together begins in the scratch room: not just ahead of where in a page it goes
  /// to, or else the processor takes each load for one of the last store (4K aliasing), at ten times the cost.
  private static let plainStart = 256

  init(_ credentials: TLSCredentials, descriptor: Int32, reactor: Reactor) {
    self.credentials = credentials
    queue = RecordQueue(descriptor)
    self.reactor = reactor
  }

  deinit {
    writer?.wipe()
    reader?.wipe()
  }

  // MARK: the handshake

  enum Handshake {
    case waiting
    /// `credential`: nil for who showed none.
    case done(isHTTP2: Bool, credential: ClientCredential?)
    /// `plainAnswer`: the client spoke plain HTTP and can be told so.
    case failed(String, plainAnswer: Bool)
  }

  /// Goes on with the handshake.
  func shake() -> Handshake {
    guard isShaking else { return .failed("the handshake is done", plainAnswer: false) }
    if library == nil { library = OpenSSLSession(credentials.context, descriptor: queue.descriptor, reactor: reactor) }
    guard let library else { return .failed("memory is out", plainAnswer: false) }
    var result: Handshake
    switch library.shake() {
    case .waiting: result = .waiting
    case .failed(let reason, let plainAnswer): result = .failed(reason, plainAnswer: plainAnswer)
    case .done:
      isShaking = false
      let credential = ClientCredential(library.shownCertificates, credentials, reactor)
      result = .done(isHTTP2: library.speaks(ALPN.http2), credential: credential)
      guard let keys = library.handOver() else { break }
      reader = RecordReader(keys.reading)
      writer = RecordWriter(keys.writing, recordsPerKey: reactor.configuration.limits.recordsPerKey)
    }
    if !settle() { result = .failed("the client went away", plainAnswer: false) }
    if case .failed = result { isShaking = false }
    if !isShaking && library.isShaking || writer != nil { self.library = nil }
    return result
  }

  // MARK: input

  /// Something is here that epoll will not tell of.
  var mayHaveMore: Bool { library?.hasMore ?? reader?.mayHaveMore ?? false }

  func receive(into room: UnsafeMutableRawBufferPointer) -> Connection.Received {
    if let library {
      let received = library.receive(into: room)
      return settle() ? received : .broken
    }
    defer { count() }
    do throws(TLSAlert) {
      let received = try reader?.receive(
        from: queue.descriptor, into: room, reactor.recordCipher, records: reactor.records)
      if reader?.takeRequestForKeys() == true { writer?.changeKeysSoon() }
      return received ?? .broken
    } catch {
      send(error)
      return .broken
    }
  }

  // MARK: output

  /// Records that wait for the socket.
  var waitingBytes: Int { queue.bytes }

  /// Sends until nothing is left or the socket takes no more; false when the connection is broken.
  func write(_ output: inout Output) -> Bool {
    defer { count() }
    repeat {
      guard queue.resume() else { return false }
      if queue.isBlocked { return true }
      guard library == nil ? sealRecords(of: &output) : sealByLibrary(&output) else { return false }
    } while !output.isEmpty && !queue.isBlocked
    return true
  }

  /// Keeps the budget's share as large as what is held here. What TLS 1.2 has read in part is OpenSSL's and not known.
  private func count() {
    let held = queue.bytes + (reader?.heldBytes ?? 0)
    if held > 0 { share = reactor.configuration.budget.holding(held) } else if share != nil { share = nil }
  }

  private func sealRecords(of output: inout Output) -> Bool {
    guard let room = reactor.records.baseAddress else { return false }
    var count = 0
    while !output.isEmpty && count < Self.gatheredMax {
      let made = withRecord(of: &output) { plain in writer?.seal(plain, into: room + count, reactor.recordCipher) }
      guard let made else { return false }
      count += made
    }
    return count == 0 || queue.send(UnsafeRawBufferPointer(start: room, count: count))
  }

  private func sealByLibrary(_ output: inout Output) -> Bool {
    var isSealed = true
    while isSealed && !output.isEmpty && reactor.gathered.count < Self.gatheredMax {
      isSealed = withRecord(of: &output) { library?.seal($0) ?? false }
    }
    return settle() && isSealed
  }

  /// Takes the plain text of a record from `output`: a single piece is read where it is, several are brought together.
  private func withRecord<R>(of output: inout Output, _ body: (UnsafeRawBufferPointer) -> R) -> R {
    if let result = output.takeOnly(max: RecordCipher.plainMax, body) { return result }
    let room = UnsafeMutableRawBufferPointer(
      rebasing: reactor.scratch[Self.plainStart..<(Self.plainStart + RecordCipher.plainMax)])
    let count = output.take(into: room)
    return body(UnsafeRawBufferPointer(rebasing: room[..<count]))
  }

  /// Tells the client that nothing follows, so that it knows an end from a cut.
  func close() {
    if library == nil { return send(.closeNotify) }
    library?.close()
    _ = settle()
  }

  private func send(_ alert: TLSAlert) {
    guard let room = reactor.records.baseAddress, let count = writer?.seal(alert, into: room, reactor.recordCipher)
    else { return }
    _ = queue.send(UnsafeRawBufferPointer(start: room, count: count))
  }

  /// Sends what OpenSSL has made. To be called after every call of it that may write: `gathered` is the reactor's.
  private func settle() -> Bool {
    if reactor.gathered.isEmpty { return true }
    defer { reactor.gathered.removeAll(keepingCapacity: true) }
    // Only answers to a client that asks for renegotiation without end, and reads none of them, come to as much.
    return reactor.gathered.withUnsafeBytes { queue.send($0) } && queue.bytes <= 4 * Self.gatheredMax
  }
}
