import CNetwork
import Glibc

/// Records on their way to a socket. Has memory only for what the socket does not take.
struct RecordQueue {
  let descriptor: Int32
  private var waiting: [UInt8] = []
  private var sent = 0

  init(_ descriptor: Int32) { self.descriptor = descriptor }

  /// Bytes that wait for the socket.
  var bytes: Int { waiting.count - sent }
  /// The socket takes no more for now.
  var isBlocked: Bool { !waiting.isEmpty }

  /// Sends, or keeps what the socket does not take; false when the connection is broken.
  mutating func send(_ records: UnsafeRawBufferPointer) -> Bool {
    if isBlocked {
      waiting += records
      return true
    }
    guard let count = put(records) else { return false }
    if count < records.count { waiting = Array(records[count...]) }
    return true
  }

  /// Sends what waits; false when the connection is broken.
  mutating func resume() -> Bool {
    guard isBlocked else { return true }
    guard let count = waiting.withUnsafeBytes({ put(UnsafeRawBufferPointer(rebasing: $0[sent...])) }) else {
      return false
    }
    sent += count
    if sent == waiting.count { (waiting, sent) = ([], 0) }
    return true
  }

  /// How many bytes the socket took; nil when it is broken.
  private func put(_ bytes: UnsafeRawBufferPointer) -> Int? {
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
}
