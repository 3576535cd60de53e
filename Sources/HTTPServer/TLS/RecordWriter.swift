import ByteBuffers

/// Makes the records of a TLS 1.3 connection whose handshake is done (RFC 8446 section 5).
struct RecordWriter {
  private var keys: TrafficKeys
  /// The client has asked for it: the keys change before our next data (section 4.6.3).
  private var owesKeys = false
  private let recordsPerKey: UInt64

  /// So many bytes more than the data `seal` writes at most: a record's, and before it a KeyUpdate.
  static let roomForSeal = 2 * RecordCipher.overhead + 5

  /// `recordsPerKey`: after as many, the keys change (section 5.5).
  init(_ keys: TrafficKeys, recordsPerKey: UInt64) { (self.keys, self.recordsPerKey) = (keys, recordsPerKey) }

  mutating func wipe() { keys.wipe() }

  mutating func changeKeysSoon() { owesKeys = true }

  /// Writes `data` as a record to `room`, which has `roomForSeal` more bytes than it. Returns how many it took; nil
  /// when the library fails.
  mutating func seal(_ data: UnsafeRawBufferPointer, into room: UnsafeMutableRawPointer, _ cipher: RecordCipher) -> Int?
  {
    guard owesKeys || keys.sequence >= recordsPerKey else {
      return cipher.seal(data, ContentType.applicationData.rawValue, with: &keys, into: room)
    }
    owesKeys = false
    guard
      let update = KeyUpdate.unrequested.withUnsafeBytes({
        cipher.seal($0, ContentType.handshake.rawValue, with: &keys, into: room)
      }), keys.update()
    else { return nil }
    return cipher.seal(data, ContentType.applicationData.rawValue, with: &keys, into: room + update).map { $0 + update }
  }

  /// Writes an alert to `room`, which has `RecordCipher.overhead + 2` bytes. Returns how many it took; nil when the
  /// library fails.
  mutating func seal(_ alert: TLSAlert, into room: UnsafeMutableRawPointer, _ cipher: RecordCipher) -> Int? {
    let message: [UInt8] = [alert == .closeNotify ? 1 : 2, alert.rawValue]
    return message.withUnsafeBytes { cipher.seal($0, ContentType.alert.rawValue, with: &keys, into: room) }
  }
}
