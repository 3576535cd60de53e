import Glibc

/// Bytes that came and are not consumed yet. Has memory only while there are some: an idle connection, or one that
/// watches, holds none.
struct ReadBuffer: ~Copyable {
  private var base: UnsafeMutableRawPointer?
  private(set) var capacity = 0
  private var start = 0
  private var end = 0

  static let usual = 16 << 10

  /// Memory for buffers, passed from one connection of a reactor to the next.
  struct Spares: ~Copyable {
    private var free: [UnsafeMutableRawPointer] = []
    private static let max = 16

    fileprivate mutating func take() -> UnsafeMutableRawPointer {
      free.popLast() ?? .allocate(byteCount: ReadBuffer.usual, alignment: 16)
    }

    fileprivate mutating func give(_ memory: UnsafeMutableRawPointer) {
      if free.count < Self.max { free.append(memory) } else { memory.deallocate() }
    }

    deinit { for memory in free { memory.deallocate() } }
  }

  deinit { base?.deallocate() }

  var count: Int { end - start }
  /// What is buffered. Valid until the next call that changes the buffer.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base.map { $0 + start }, count: count) }

  /// Room behind the buffered bytes, at least 4 KiB of it.
  mutating func room(from spares: inout Spares) -> UnsafeMutableRawBufferPointer {
    guard let base else {
      let memory = spares.take()
      base = memory
      capacity = Self.usual
      return UnsafeMutableRawBufferPointer(start: memory, count: capacity)
    }
    guard capacity - end < 4_096 else { return UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end) }
    if start > 0 {
      memmove(base, base + start, count)
      end -= start
      start = 0
    }
    guard capacity - end < 4_096 else { return UnsafeMutableRawBufferPointer(start: base + end, count: capacity - end) }
    let larger = UnsafeMutableRawPointer.allocate(byteCount: capacity * 2, alignment: 16)
    larger.copyMemory(from: base, byteCount: end)
    base.deallocate()
    self.base = larger
    capacity *= 2
    return UnsafeMutableRawBufferPointer(start: larger + end, count: capacity - end)
  }

  mutating func filled(_ bytes: Int) { end += bytes }

  mutating func consume(_ bytes: Int) {
    start += bytes
    guard start == end else { return }
    start = 0
    end = 0
  }

  /// Gives the memory back if nothing is buffered. `shrinks`: also what was for a long head, if little is buffered.
  mutating func rest(in spares: inout Spares, shrinks: Bool) {
    guard let memory = base else { return }
    guard start == end else {
      guard shrinks, capacity > Self.usual, count <= Self.usual / 2 else { return }
      let usual = spares.take()
      usual.copyMemory(from: memory + start, byteCount: count)
      memory.deallocate()
      (base, capacity, end, start) = (usual, Self.usual, count, 0)
      return
    }
    if capacity == Self.usual { spares.give(memory) } else { memory.deallocate() }
    base = nil
    capacity = 0
  }

  /// Takes `count` bytes out that stand `offset` behind the first; what follows closes up.
  mutating func cut(offset: Int, count cut: Int) {
    guard let base else { return }
    let from = start + offset
    memmove(base + from, base + from + cut, end - from - cut)
    end -= cut
  }
}
