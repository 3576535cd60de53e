import ByteBuffers

/// What a record brings (RFC 8446 section 5.1).
enum ContentType: UInt8 {
  case changeCipherSpec = 20, alert, handshake, applicationData
}

/// Why a connection ends, in the numbers of RFC 8446 section 6.
enum TLSAlert: UInt8, Error {
  case closeNotify = 0, unexpectedMessage = 10, badRecordMAC = 20, recordOverflow = 22, decodeError = 50, internalError = 80, userCanceled = 90
}

/// Records of a TLS 1.3 connection whose handshake is done: the rules of RFC 8446 section 5, and what may still come beside data (KeyUpdate and alerts).
///
/// OpenSSL makes the connection and hands its secrets over, as it would to a kernel with TLS. What it would keep for each connection is nine times as
/// much, and none of it is needed to go on.
final class RecordLayer {
  @exclusivity(unchecked) private var reading: TrafficKeys
  @exclusivity(unchecked) private var writing: TrafficKeys
  /// The client asked for it: our keys change before our next data (section 4.6.3).
  private var owesKeys = false
  /// Records since the last that brought data.
  private var idleRecords = 0
  private let recordsPerKey: UInt64

  /// Most plain text in one record.
  static let plainMax = 16 << 10
  /// A protected record is so much longer than its plain text.
  static let overhead = RecordCipher.headerBytes + 1 + RecordCipher.tagBytes
  /// Most bytes that follow a header.
  private static let bodyMax = plainMax + 256
  static let recordMax = RecordCipher.headerBytes + bodyMax
  /// Records without data that may come one after the other, as in OpenSSL: each costs us as much as one with data.
  private static let idleRecordsMax = 32

  /// `recordsPerKey`: after as many, our keys change (section 5.5).
  init(reading: TrafficKeys, writing: TrafficKeys, recordsPerKey: UInt64) {
    (self.reading, self.writing, self.recordsPerKey) = (reading, writing, recordsPerKey)
  }

  /// How many records `bytes` are.
  static func records(in bytes: some RandomAccessCollection<UInt8>) -> Int {
    var rest = bytes[...]
    var count = 0
    while rest.count >= RecordCipher.headerBytes {
      let sizes = rest.dropFirst(3).prefix(2)
      rest = rest.dropFirst(RecordCipher.headerBytes + sizes.reduce(0) { $0 << 8 | Int($1) })
      count += 1
    }
    return count
  }

  // MARK: input

  /// How many bytes the record takes that `bytes` begin with; nil while its header is not whole. Throws for a header that no record has here.
  static func size(of bytes: UnsafeRawBufferPointer) throws(TLSAlert) -> Int? {
    guard bytes.count >= RecordCipher.headerBytes else { return nil }
    // Nothing comes unprotected after the handshake.
    guard bytes[0] == ContentType.applicationData.rawValue else { throw .unexpectedMessage }
    let body = Int(bytes[3]) << 8 | Int(bytes[4])
    guard body <= bodyMax else { throw .recordOverflow }
    guard body > RecordCipher.tagBytes else { throw .badRecordMAC }
    return RecordCipher.headerBytes + body
  }

  /// What was in a record.
  enum Opened: Equatable {
    /// So many bytes of data.
    case data(Int)
    /// Nothing for those above.
    case nothing
    /// The client sends no more.
    case end
    /// The client has given the connection up.
    case abort
  }

  /// Opens a whole record into `room`, which may be where its body is and has `record.count - 21` bytes.
  func open(_ record: UnsafeRawBufferPointer, into room: UnsafeMutableRawPointer, _ cipher: RecordCipher) throws(TLSAlert) -> Opened {
    guard cipher.open(record, with: &reading, into: room) else { throw .badRecordMAC }
    let inner = UnsafeRawBufferPointer(start: room, count: record.count - RecordCipher.headerBytes - RecordCipher.tagBytes)
    guard inner.count <= Self.plainMax + 1 else { throw .recordOverflow }
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
      guard content[1] == TLSAlert.userCanceled.rawValue else { return content[1] == TLSAlert.closeNotify.rawValue ? .end : .abort }
    case .changeCipherSpec, nil: throw .unexpectedMessage
    }
    idleRecords += 1
    guard idleRecords <= Self.idleRecordsMax else { throw .unexpectedMessage }
    return .nothing
  }

  /// A KeyUpdate is all that a client may still say. It must be alone in its record, as keys change behind it; to cut its five bytes in pieces is allowed and nobody does.
  private func updateKeys(_ message: UnsafeRawBufferPointer) throws(TLSAlert) {
    guard message.first == Self.keyUpdate else { throw .unexpectedMessage }
    guard message.count == 5, message[1] == 0, message[2] == 0, message[3] == 1, message[4] <= 1 else { throw .decodeError }
    guard let next = reading.next else { throw .internalError }
    reading = next
    if message[4] == 1 { owesKeys = true }
  }

  // MARK: output

  /// Most records that one `seal` makes: the data, and before it a KeyUpdate.
  static let roomForSeal = 2 * overhead + 5

  /// Writes `data` as a record to `room`, which has `roomForSeal` more bytes than it. Returns how many it took; nil when the library fails.
  func seal(_ data: UnsafeRawBufferPointer, into room: UnsafeMutableRawPointer, _ cipher: RecordCipher) -> Int? {
    guard owesKeys || writing.sequence >= recordsPerKey else { return cipher.seal(data, ContentType.applicationData.rawValue, with: &writing, into: room) }
    owesKeys = false
    let message: [UInt8] = [Self.keyUpdate, 0, 0, 1, 0]
    guard let update = message.withUnsafeBytes({ cipher.seal($0, ContentType.handshake.rawValue, with: &writing, into: room) }), let next = writing.next else { return nil }
    writing = next
    return cipher.seal(data, ContentType.applicationData.rawValue, with: &writing, into: room + update).map { $0 + update }
  }

  /// Writes an alert to `room`, which has `overhead + 2` bytes. Returns how many it took; nil when the library fails.
  func seal(_ alert: TLSAlert, into room: UnsafeMutableRawPointer, _ cipher: RecordCipher) -> Int? {
    let message: [UInt8] = [alert == .closeNotify ? 1 : 2, alert.rawValue]
    return message.withUnsafeBytes { cipher.seal($0, ContentType.alert.rawValue, with: &writing, into: room) }
  }

  private static let keyUpdate: UInt8 = 24
}
