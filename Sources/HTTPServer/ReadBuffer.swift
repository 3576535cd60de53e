import Glibc

/// Bytes that came and are not consumed yet. Owns its memory; gives most of it back when it runs empty after a large request.
struct ReadBuffer: ~Copyable {
  private(set) var base: UnsafeMutableRawPointer
  private var capacity: Int
  private(set) var start = 0
  private(set) var end = 0

  static let usual = 16 << 10

  init() {
    capacity = Self.usual
    base = .allocate(byteCount: capacity, alignment: 16)
  }

  deinit { base.deallocate() }

  var count: Int { end - start }
  /// What is buffered. Valid until the next call that changes the buffer.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base + start, count: count) }

  /// Room behind the buffered bytes, at least 4 KiB of it.
  mutating func room() -> UnsafeMutableRawBufferPointer {
    if capacity - end < 4_096 {
      if start > 0 {
        memmove(base, base + start, count)
        end -= start
        start = 0
      }
      if capacity - end < 4_096 {
        let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2, alignment: 16)
        larger.copyMemory(from: base, byteCount: end)
        base.deallocate()
        base = larger
        capacity *= 2
      }
    }
    return UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end)
  }

  mutating func filled(_ bytes: Int) { end += bytes }

  mutating func consume(_ bytes: Int) {
    start += bytes
    guard start == end else { return }
    start = 0
    end = 0
    if capacity > 4 * Self.usual {
      base.deallocate()
      capacity = Self.usual
      base = .allocate(byteCount: capacity, alignment: 16)
    }
  }

  /// Takes `count` bytes out that stand `offset` behind the first; what follows closes up.
  mutating func cut(offset: Int, count cut: Int) {
    let from = start + offset
    memmove(base + from, base + from + cut, end - from - cut)
    end -= cut
  }
}
