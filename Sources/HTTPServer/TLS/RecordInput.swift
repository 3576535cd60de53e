import Glibc

/// Records off a socket. An idle connection holds nothing here, others at most one record that is not whole and one that found no room.
struct RecordInput {
  /// Came and is not opened.
  private var sealed: [UInt8] = []
  private var hasWholeRecord = false
  /// Opened, and the reader had no room for it.
  private var opened: [UInt8] = []
  private var taken = 0
  private var end = End.none

  private enum End { case none, untold, told }

  /// There is something here that epoll will not tell of.
  var mayHaveMore: Bool { hasWholeRecord || taken < opened.count || end == .untold }

  /// Reads once and opens what is whole. `records`: room for sealed bytes, at least a record, good during the call.
  mutating func receive(
    from descriptor: Int32, into room: UnsafeMutableRawBufferPointer, _ layer: RecordLayer, _ cipher: RecordCipher, records: UnsafeMutableRawBufferPointer
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
      // No more than the reader takes, so that little is left over; room for a whole record in any case.
      let wanted = min(records.count, max(room.count, RecordLayer.recordMax)) - filled
      let count = Self.read(descriptor, UnsafeMutableRawBufferPointer(rebasing: records[filled..<(filled + wanted)]))
      if count == 0 { return .end }
      if count < 0 { return errno == EAGAIN ? .nothing : .broken }
      filled += count
      isFull = count == wanted
    }
    let came = UnsafeMutableRawBufferPointer(rebasing: records[..<filled])
    let (used, delivered) = try open(came, into: room, layer, cipher)
    guard let used else { return .broken }
    if used < filled || !sealed.isEmpty { sealed = Array(came[used...]) }
    hasWholeRecord = try Self.wholeRecord(in: UnsafeRawBufferPointer(rebasing: came[used...])) != nil
    if delivered > 0 { return .bytes(delivered, mayHaveMore: isFull || mayHaveMore) }
    guard end == .untold else { return .nothing }
    end = .told
    return .end
  }

  /// Opens records as long as there is room. How many bytes of `came` are used (nil: the client has given up), and how many of data are in `room`.
  private mutating func open(
    _ came: UnsafeMutableRawBufferPointer, into room: UnsafeMutableRawBufferPointer, _ layer: RecordLayer, _ cipher: RecordCipher
  ) throws(TLSAlert) -> (used: Int?, delivered: Int) {
    var at = 0
    var delivered = 0
    while let record = try Self.wholeRecord(in: UnsafeRawBufferPointer(rebasing: came[at...])) {
      let body = UnsafeMutableRawBufferPointer(rebasing: came[(at + RecordCipher.headerBytes)...])
      let isRoomy = room.count - delivered >= record.count - RecordCipher.headerBytes - RecordCipher.tagBytes
      if !isRoomy && delivered > 0 { break }
      guard let target = isRoomy ? room.baseAddress.map({ $0 + delivered }) : body.baseAddress else { break }
      at += record.count
      switch try layer.open(record, into: target, cipher) {
      case .data(let count):
        if isRoomy {
          delivered += count
        } else {
          opened = Array(body[..<count])
          delivered = takeOpened(into: room)
        }
      case .nothing: break
      case .end:
        // What follows does not count (RFC 8446 section 6.1).
        end = .untold
        return (came.count, delivered)
      case .abort: return (nil, delivered)
      }
    }
    return (at, delivered)
  }

  private mutating func takeOpened(into room: UnsafeMutableRawBufferPointer) -> Int {
    let count = min(room.count, opened.count - taken)
    room.copyBytes(from: opened[taken..<(taken + count)])
    taken += count
    if taken == opened.count { (opened, taken) = ([], 0) }
    return count
  }

  /// The record that `bytes` begin with; nil when it is not whole.
  private static func wholeRecord(in bytes: UnsafeRawBufferPointer) throws(TLSAlert) -> UnsafeRawBufferPointer? {
    guard let size = try RecordLayer.size(of: bytes), size <= bytes.count else { return nil }
    return UnsafeRawBufferPointer(rebasing: bytes[..<size])
  }

  /// As recv(2), but interrupted calls go on.
  private static func read(_ descriptor: Int32, _ room: UnsafeMutableRawBufferPointer) -> Int {
    while true {
      let count = recv(descriptor, room.baseAddress, room.count, 0)
      if count >= 0 || errno != EINTR { return count }
    }
  }
}
