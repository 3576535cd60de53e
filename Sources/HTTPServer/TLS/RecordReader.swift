import CNetwork
import Glibc

/// Reads the records of a TLS 1.3 connection whose handshake is done: the rules of RFC 8446 section 5, and what may
/// still come beside data (KeyUpdate and alerts). An idle connection holds no bytes here, others at most one record
/// that is not whole and one that found no room.
struct RecordReader {
  private var keys: TrafficKeys
  /// Came and is not opened.
  private var sealed: [UInt8] = []
  private var hasWholeRecord = false
  /// Opened, and there was no room for it.
  private var opened: [UInt8] = []
  private var taken = 0
  private var end = End.none
  /// Records since the last that brought data.
  private var idleRecords = 0
  /// The client wants our keys to change too (section 4.6.3).
  private var wantsOurKeysChanged = false

  private enum End { case none, untold, told }

  /// Most bytes that follow a header.
  private static let bodyMax = RecordCipher.plainMax + 256
  private static let recordMax = RecordCipher.headerBytes + bodyMax
  /// Records without data that may come one after the other, as in OpenSSL: each costs us as much as one with data.
  private static let idleRecordsMax = 32

  init(_ keys: TrafficKeys) { self.keys = keys }

  mutating func wipe() { keys.wipe() }

  /// There is something here that epoll will not tell of.
  var mayHaveMore: Bool { hasWholeRecord || taken < opened.count || end == .untold }

  /// Bytes that came and are not taken yet.
  var heldBytes: Int { sealed.count + opened.count }

  /// Has the client asked for our keys to change, since this was last asked?
  mutating func takeRequestForKeys() -> Bool {
    defer { wantsOurKeysChanged = false }
    return wantsOurKeysChanged
  }

  /// Reads once and opens what is whole. `records`: room for sealed bytes, at least a record, good during the call.
  /// Throws what the client is to be told before the connection ends.
  mutating func receive(
    from descriptor: Int32, into room: UnsafeMutableRawBufferPointer, _ cipher: RecordCipher,
    records: UnsafeMutableRawBufferPointer
  ) throws(TLSAlert) -> Connection.Received {
    if taken < opened.count { return .bytes(takeOpened(into: room), mayHaveMore: mayHaveMore) }
    if end != .none {
      end = .told
      return .end
    }
    records.copyBytes(from: sealed)
    var filled = sealed.count
    var isFull = false
    if !hasWholeRecord {
      // No more than there is room for, so that little is left over; a whole record in any case.
      let wanted = min(records.count, max(room.count, Self.recordMax)) - filled
      let count = SocketCalls.receive(
        descriptor, UnsafeMutableRawBufferPointer(rebasing: records[filled..<(filled + wanted)]))
      if count == 0 { return .end }
      if count < 0 { return errno == EAGAIN ? .nothing : .broken }
      filled += count
      isFull = count == wanted
    }
    let came = UnsafeMutableRawBufferPointer(rebasing: records[..<filled])
    let result = try open(came, into: room, cipher)
    if result.isAborted { return .broken }
    let rest = UnsafeRawBufferPointer(rebasing: came[result.used...])
    if !rest.isEmpty || !sealed.isEmpty { sealed = Array(rest) }
    hasWholeRecord = try Self.wholeRecord(in: rest) != nil
    if result.delivered > 0 { return .bytes(result.delivered, mayHaveMore: isFull || mayHaveMore) }
    guard end == .untold else { return .nothing }
    end = .told
    return .end
  }

  /// What `open` did: bytes that it is done with, bytes of data in the room; has the client given the connection up?
  private struct Progress {
    var used = 0
    var delivered = 0
    var isAborted = false
  }

  /// Opens records as long as there is room.
  private mutating func open(
    _ came: UnsafeMutableRawBufferPointer, into room: UnsafeMutableRawBufferPointer, _ cipher: RecordCipher
  ) throws(TLSAlert) -> Progress {
    var progress = Progress()
    while let record = try Self.wholeRecord(in: UnsafeRawBufferPointer(rebasing: came[progress.used...])) {
      let body = UnsafeMutableRawBufferPointer(rebasing: came[(progress.used + RecordCipher.headerBytes)...])
      let isRoomy = room.count - progress.delivered >= record.count - RecordCipher.headerBytes - RecordCipher.tagBytes
      if !isRoomy && progress.delivered > 0 { break }
      guard let target = isRoomy ? room.baseAddress.map({ $0 + progress.delivered }) : body.baseAddress else { break }
      progress.used += record.count
      switch try open(record, into: target, cipher) {
      case .data(let count):
        if isRoomy {
          progress.delivered += count
        } else {
          opened = Array(body[..<count])
          progress.delivered = takeOpened(into: room)
        }
      case .nothing: break
      case .end:
        // What follows does not count (section 6.1).
        end = .untold
        progress.used = came.count
      case .abort:
        progress.isAborted = true
        return progress
      }
    }
    return progress
  }

  private mutating func takeOpened(into room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, opened.count - taken)
    room.copyBytes(from: opened[taken..<(taken + count)])
    taken += count
    if taken == opened.count { (opened, taken) = ([], 0) }
    return count
  }

  /// The record that `bytes` begin with; nil when it is not whole. Throws for a header that no record has here.
  private static func wholeRecord(in bytes: UnsafeRawBufferPointer) throws(TLSAlert) -> UnsafeRawBufferPointer? {
    guard bytes.count >= RecordCipher.headerBytes else { return nil }
    // Nothing comes unprotected after the handshake.
    guard bytes[0] == ContentType.applicationData.rawValue else { throw .unexpectedMessage }
    let body = Int(bytes[3]) << 8 | Int(bytes[4])
    guard body <= bodyMax else { throw .recordOverflow }
    guard body > RecordCipher.tagBytes else { throw .badRecordMAC }
    let size = RecordCipher.headerBytes + body
    return size <= bytes.count ? UnsafeRawBufferPointer(rebasing: bytes[..<size]) : nil
  }

  // MARK: one record

  private enum Opened {
    /// So many bytes of data.
    case data(Int)
    case nothing
    /// The client sends no more.
    case end
    /// It has given the connection up.
    case abort
  }

  /// Opens a whole record into `room`, which may be where its body is and has `record.count - 21` bytes.
  private mutating func open(
    _ record: UnsafeRawBufferPointer, into room: UnsafeMutableRawPointer, _ cipher: RecordCipher
  ) throws(TLSAlert) -> Opened {
    guard cipher.open(record, with: &keys, into: room) else { throw .badRecordMAC }
    let inner = UnsafeRawBufferPointer(
      start: room, count: record.count - RecordCipher.headerBytes - RecordCipher.tagBytes)
    guard inner.count <= RecordCipher.plainMax + 1 else { throw .recordOverflow }
    // The type is the last byte that is not padding.
    guard let end = inner.lastIndex(where: { $0 != 0 }) else { throw .unexpectedMessage }
    let content = UnsafeRawBufferPointer(rebasing: inner[..<end])
    switch ContentType(rawValue: inner[end]) {
    case .applicationData where !content.isEmpty:
      idleRecords = 0
      return .data(content.count)
    case .applicationData: break
    case .handshake: try updateKeys(content)
    case .alert:
      guard content.count == 2 else { throw .decodeError }
      // Whatever else it is, the connection is over (section 6.2).
      guard content[1] == TLSAlert.userCanceled.rawValue else {
        return content[1] == TLSAlert.closeNotify.rawValue ? .end : .abort
      }
    case .changeCipherSpec, nil: throw .unexpectedMessage
    }
    idleRecords += 1
    guard idleRecords <= Self.idleRecordsMax else { throw .unexpectedMessage }
    return .nothing
  }

  /// A KeyUpdate is all that a client may still say. It must be alone in its record, as keys change behind it; to cut
  /// its five bytes in pieces is allowed and nobody does.
  private mutating func updateKeys(_ message: UnsafeRawBufferPointer) throws(TLSAlert) {
    guard message.first == KeyUpdate.type else { throw .unexpectedMessage }
    guard message.count == 5, message[1] == 0, message[2] == 0, message[3] == 1, message[4] <= 1 else {
      throw .decodeError
    }
    guard keys.update() else { throw .internalError }
    if message[4] == 1 { wantsOurKeysChanged = true }
  }
}
