import ByteBuffers
import Glibc

/// Builds the head of an answer, in the memory that is sent.
struct HeadWriter: ~Copyable {
  private var base: UnsafeMutableRawPointer
  private var capacity: Int
  private var count = 0

  init(_ head: ResponseHead, reactor: Reactor) {
    // The status line and what the server adds fit beside the headers, or the memory grows.
    capacity = head.headers.reduce(256) { $0 + $1.name.utf8CodeUnitCount + $1.value.utf8.count + 4 }
    base = .allocate(byteCount: capacity, alignment: 1)
    let line = StatusLine.text(head.status)
    if line.utf8CodeUnitCount > 0 { raw(line) } else { text("HTTP/1.1 \(head.status) \r\n") }
    for header in head.headers {
      raw(header.name)
      raw(": ")
      let start = count
      text(header.value)
      // A value that came from a client can't end its line.
      let value = UnsafeMutableRawBufferPointer(start: base + start, count: count - start)
      if value.contains(where: { $0 < 0x20 }) {
        for place in value.indices where value[place] == 0x0D || value[place] == 0x0A || value[place] == 0 {
          value[place] = 0x20
        }
      }
      raw("\r\n")
    }
    reactor.dateHeader.withUnsafeBytes { append($0) }
  }

  deinit { base.deallocate() }

  mutating func raw(_ text: StaticString) {
    append(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
  }

  private mutating func text(_ text: String) {
    var text = text
    text.withUTF8 { append(UnsafeRawBufferPointer($0)) }
  }

  private mutating func append(_ bytes: UnsafeRawBufferPointer) {
    guard let source = bytes.baseAddress else { return }
    if capacity - count < bytes.count {
      capacity = (count + bytes.count) * 2
      let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity, alignment: 1)
      larger.copyMemory(from: base, byteCount: count)
      base.deallocate()
      base = larger
    }
    (base + count).copyMemory(from: source, byteCount: bytes.count)
    count += bytes.count
  }

  mutating func contentLength(_ length: Int) {
    raw("Content-Length: ")
    text(String(length))
    raw("\r\n")
  }

  consuming func finish() -> ByteSlice {
    raw("\r\n")
    let bytes = SharedBytes(adopting: base, count: count)
    discard self
    return ByteSlice(bytes)
  }
}
