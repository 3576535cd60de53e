import ByteBuffers
import CNetwork
import Glibc

/// Slices on their way to a socket.
struct Output {
  /// The only slice; nil when there are more or none. Mostly there is one, and it needs no list.
  private var only: ByteSlice?
  /// Bytes of the first slice that are sent already.
  private var sent = 0
  private var slices: [ByteSlice] = []
  private var first = 0
  private(set) var bytes = 0

  var isEmpty: Bool { bytes == 0 }

  mutating func append(_ slice: ByteSlice) {
    guard slice.count > 0 else { return }
    if bytes == 0 {
      only = slice
    } else {
      list()
      slices.append(slice)
    }
    bytes += slice.count
  }

  /// Puts the only slice into the list.
  private mutating func list() {
    guard let only else { return }
    slices.append(only)
    self.only = nil
  }

  mutating func append(_ more: [ByteSlice]) {
    for slice in more { append(slice) }
  }

  /// Sends until nothing is left or the socket takes no more; false when the connection is broken. Up to 1,024 slices a
  /// call, none copied.
  mutating func write(to descriptor: Int32) -> Bool {
    while bytes > 0 {
      let result = only.map { sendOne($0, to: descriptor) } ?? sendMany(to: descriptor)
      if result < 0 {
        if errno == EINTR { continue }
        return errno == EAGAIN
      }
      advance(result)
    }
    return true
  }

  /// Lends the only slice there is, if it has at most `max` bytes, to `body`, which is done with all of it afterwards;
  /// nil where there are others.
  mutating func takeOnly<R>(max: Int, _ body: (UnsafeRawBufferPointer) -> R) -> R? {
    guard let only, bytes <= max else { return nil }
    let result = only.withUnsafeBytes { body(UnsafeRawBufferPointer(rebasing: $0[sent...])) }
    advance(bytes)
    return result
  }

  /// Moves bytes to `room`, as many as fit.
  mutating func take(into room: UnsafeMutableRawBufferPointer) -> Int {
    list()
    var filled = 0
    var place = first
    var skipped = sent
    while filled < room.count && filled < bytes {
      filled += slices[place].withUnsafeBytes { lent in
        let part = min(lent.count - skipped, room.count - filled)
        UnsafeMutableRawBufferPointer(rebasing: room[filled...]).copyMemory(
          from: UnsafeRawBufferPointer(rebasing: lent[skipped..<(skipped + part)]))
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
    list()
    var left = count
    while left > 0 {
      let slice = slices[first]
      let part = min(left, slice.count - sent)
      other.append(ByteSlice(slice.owner, offset: slice.offset + sent, count: part))
      advance(part)
      left -= part
    }
  }

  /// The kernel takes one piece with less ado than a list of one.
  private func sendOne(_ slice: ByteSlice, to descriptor: Int32) -> Int {
    slice.withUnsafeBytes { lent in
      send(descriptor, lent.baseAddress.map { $0 + sent }, lent.count - sent, Int32(MSG_NOSIGNAL))
    }
  }

  private func sendMany(to descriptor: Int32) -> Int {
    let count = min(slices.count - first, 1_024)
    return withUnsafeTemporaryAllocation(of: iovec.self, capacity: count) { vectors in
      slices.withUnsafeBufferPointer { slices in
        for place in 0..<count {
          let skipped = place == 0 ? sent : 0
          // The address stays good while `slices` holds the owner.
          vectors[place] = slices[first + place].withUnsafeBytes { lent in
            iovec(
              iov_base: UnsafeMutableRawPointer(mutating: lent.baseAddress.map { $0 + skipped }),
              iov_len: lent.count - skipped)
          }
        }
      }
      var message = msghdr()
      message.msg_iov = vectors.baseAddress
      message.msg_iovlen = count
      return sendmsg(descriptor, &message, Int32(MSG_NOSIGNAL))
    }
  }

  private mutating func advance(_ count: Int) {
    bytes -= count
    if only != nil {
      sent = bytes == 0 ? 0 : sent + count
      if bytes == 0 { only = nil }
      return
    }
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
