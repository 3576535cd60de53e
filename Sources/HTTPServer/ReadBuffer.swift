import CNetwork
import Glibc

/// Bytes that came and are not consumed yet. Has memory only while there are some: an idle connection, or one that watches, holds none.
///
/// Up to the usual size the memory comes from the reactor's spares. Beyond it is pages of its own: they grow without a copy, and the system has them back at once,
/// where an allocator would keep blocks of each size that a long head went through.
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

    fileprivate mutating func take() -> UnsafeMutableRawPointer { free.popLast() ?? .allocate(byteCount: ReadBuffer.usual, alignment: 16) }

    fileprivate mutating func give(_ memory: UnsafeMutableRawPointer) {
      if free.count < Self.max { free.append(memory) } else { memory.deallocate() }
    }

    deinit { for memory in free { memory.deallocate() } }
  }

  deinit { free() }

  private var isPages: Bool { capacity > Self.usual }

  private func free() {
    guard let base else { return }
    if isPages { munmap(base, capacity) } else { base.deallocate() }
  }

  var count: Int { end - start }
  /// What is buffered. Valid until the next call that changes the buffer.
  var bytes: UnsafeRawBufferPointer { UnsafeRawBufferPointer(start: base.map { $0 + start }, count: count) }

  /// Room behind the buffered bytes, at least 4 KiB of it; none when memory is out, which reads as an end.
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
    guard let larger = enlarged(base, to: capacity * 2) else { return UnsafeMutableRawBufferPointer(start: nil, count: 0) }
    self.base = larger
    capacity *= 2
    return UnsafeMutableRawBufferPointer(start: larger + end, count: capacity - end)
  }

  private func enlarged(_ base: UnsafeMutableRawPointer, to size: Int) -> UnsafeMutableRawPointer? {
    if isPages { return cnetwork_grow_pages(base, capacity, size) }
    guard let pages = mmap(nil, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), pages != MAP_FAILED else { return nil }
    pages.copyMemory(from: base, byteCount: end)
    base.deallocate()
    return pages
  }

  mutating func filled(_ bytes: Int) { end += bytes }

  mutating func consume(_ bytes: Int) {
    start += bytes
    guard start == end else { return }
    start = 0
    end = 0
  }

  /// Gives the memory back if nothing is buffered.
  mutating func rest(in spares: inout Spares) {
    guard start == end, let memory = base else { return }
    if isPages { munmap(memory, capacity) } else { spares.give(memory) }
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
