import ByteBuffers
import CNetwork
import Glibc

/// Slices on their way to a socket.
struct Output {
  private var slices: [ByteSlice] = []
  private var first = 0
  /// Bytes of the first slice that are sent already.
  private var sent = 0
  private(set) var bytes = 0

  var isEmpty: Bool { bytes == 0 }

  mutating func append(_ slice: ByteSlice) {
    guard slice.count > 0 else { return }
    slices.append(slice)
    bytes += slice.count
  }

  mutating func append(_ more: [ByteSlice]) {
    for slice in more { append(slice) }
  }

  /// Sends until nothing is left or the socket takes no more; false when the connection is broken. Up to 1,024 slices a call, none copied.
  mutating func write(to descriptor: Int32) -> Bool {
    while bytes > 0 {
      let count = min(slices.count - first, 1_024)
      let result = withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
        slices.withUnsafeBufferPointer { slices in
          for place in 0..<count {
            let skipped = place == 0 ? sent : 0
            // The address stays good while `slices` holds the owner.
            vectors[place] = slices[first + place].withUnsafeBytes { lent in
              iovec(iov_base: UnsafeMutableRawPointer(mutating: lent.baseAddress.map { $0 + skipped }), iov_len: lent.count - skipped)
            }
          }
        }
        var message = msghdr()
        message.msg_iov = vectors.baseAddress
        message.msg_iovlen = count
        return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
      }
      if result < 0 {
        if errno == EINTR { continue }
        return errno == EAGAIN
      }
      advance(result)
    }
    return true
  }

  /// Moves bytes to `room`, as many as fit.
  mutating func take(into room: UnsafeMutableRawBufferPointer) -> Int {
    var filled = 0
    var place = first
    var skipped = sent
    while filled < room.count && filled < bytes {
      filled += slices[place].withUnsafeBytes { lent in
        let part = min(lent.count - skipped, room.count - filled)
        UnsafeMutableRawBufferPointer(rebasing: room[filled...]).copyMemory(from: UnsafeRawBufferPointer(rebasing: lent[skipped..<(skipped + part)]))
        return part
      }
      place += 1
      skipped = 0
    }
    advance(filled)
    return filled
  }

  /// Moves the first `count` bytes to the end of `other`.
  mutating func move(_ count: Int, to other: inout Output) {
    var left = count
    while left > 0 {
      let slice = slices[first]
      let part = min(left, slice.count - sent)
      other.append(ByteSlice(slice.owner, offset: slice.offset + sent, count: part))
      advance(part)
      left -= part
    }
  }

  private mutating func advance(_ count: Int) {
    bytes -= count
    var left = count
    while left > 0 {
      let rest = slices[first].count - sent
      if left < rest {
        sent += left
        break
      }
      left -= rest
      first += 1
      sent = 0
    }
    if bytes == 0 {
      slices.removeAll(keepingCapacity: slices.capacity <= 64)
      first = 0
    } else if first > 4_096 {
      slices.removeSubrange(..<first)
      first = 0
    }
  }
}

/// Builds the head of an answer.
struct HeadWriter: ~Copyable {
  private var bytes: [UInt8] = []

  init(_ head: ResponseHead, reactor: Reactor) {
    bytes.reserveCapacity(384)
    let line = StatusLine.text(head.status)
    if line.utf8CodeUnitCount > 0 { raw(line) } else { bytes.append(contentsOf: "HTTP/1.1 \(head.status) \r\n".utf8) }
    for header in head.headers {
      raw(header.name)
      raw(": ")
      // A value that came from a client can't end its line.
      for byte in header.value.utf8 { bytes.append(byte == 0x0D || byte == 0x0A || byte == 0 ? 0x20 : byte) }
      raw("\r\n")
    }
    bytes.append(contentsOf: reactor.dateHeader)
  }

  mutating func raw(_ text: StaticString) { bytes.append(contentsOf: UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount)) }

  mutating func contentLength(_ length: Int) {
    raw("Content-Length: ")
    bytes.append(contentsOf: String(length).utf8)
    raw("\r\n")
  }

  consuming func finish() -> ByteSlice {
    raw("\r\n")
    return ByteSlice(SharedBytes(bytes))
  }
}
