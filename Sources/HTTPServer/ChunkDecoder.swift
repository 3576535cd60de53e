/// Takes chunk framing off a body, as bytes come (RFC 9112 section 7.1). Pure: no input or output of its own.
struct ChunkDecoder {
  private enum State { case size, sizeEnd, data(Int), dataEnd, trailer, done }
  private var state = State.size
  private var size = 0
  private var digits = 0
  private var lineBytes = 0
  private var lineStart = true
  private var sawCR = false

  /// Bytes of lines that are more than what they frame excuses.
  private var excess = 0

  /// Longest chunk line with its extensions, and longest trailer in all.
  private static let maxLine = 4_096
  private static let maxTrailer = 16_384
  /// Most bytes of lines beyond what the data excuses, and what is excused: so much a chunk, and as much again for each
  /// byte. (Go's `chunkedReader`.)
  private static let maxExcess = 16_384
  private static let excusedPerChunk = 16
  private static let excusedPerByte = 2

  var isDone: Bool { if case .done = state { true } else { false } }

  /// Consumes what it can of `bytes`, appends data to `body`, and returns how much it took. `limit`: most bytes of the
  /// whole body.
  mutating func take(_ bytes: UnsafeRawBufferPointer, into body: inout [UInt8], limit: Int) throws(Refusal) -> Int {
    var at = 0
    while at < bytes.count {
      switch state {
      case .size:
        let byte = bytes[at]
        if let digit = Self.hex(byte) {
          guard digits < 15 else { throw .malformed("a chunk's size is too long") }
          size = size << 4 | digit
          digits += 1
        } else if digits > 0 && (byte == 0x0D || byte == UInt8(ascii: ";")) {
          guard body.count + size <= limit else { throw .bodyTooLarge }
          state = .sizeEnd
          continue
        } else {
          throw .malformed("a chunk without a size")
        }
      case .sizeEnd:
        let byte = bytes[at]
        lineBytes += 1
        guard lineBytes <= Self.maxLine else { throw .malformed("a chunk's line is too long") }
        if byte == 0x0A {
          guard sawCR else { throw .malformed("a chunk's line ends in a bare LF") }
          excess = max(0, excess + digits + lineBytes - Self.excusedPerChunk - Self.excusedPerByte * size)
          guard excess <= Self.maxExcess else { throw .malformed("the chunks hold too much that is no data") }
          state = size == 0 ? .trailer : .data(size)
          (lineBytes, sawCR, lineStart) = (0, false, true)
        } else {
          guard !sawCR else { throw .malformed("a bare CR in a chunk's line") }
          sawCR = byte == 0x0D
        }
      case .data(let left):
        let part = min(left, bytes.count - at)
        body.append(contentsOf: UnsafeRawBufferPointer(rebasing: bytes[at..<(at + part)]))
        at += part
        state = left == part ? .dataEnd : .data(left - part)
        continue
      case .dataEnd:
        guard bytes[at] == (sawCR ? 0x0A : 0x0D) else { throw .malformed("a chunk is longer than its size") }
        if sawCR {
          (size, digits, sawCR) = (0, 0, false)
          state = .size
        } else {
          sawCR = true
        }
      case .trailer:
        let byte = bytes[at]
        lineBytes += 1
        guard lineBytes <= Self.maxTrailer else { throw Refusal(status: 431, reason: "the trailer is too long") }
        if byte == 0x0A {
          guard sawCR else { throw .malformed("a trailer line ends in a bare LF") }
          if lineStart {
            state = .done
            return at + 1
          }
          (lineStart, sawCR) = (true, false)
        } else {
          guard !sawCR else { throw .malformed("a bare CR in a trailer") }
          if byte == 0x0D { sawCR = true } else { lineStart = false }
        }
      case .done: return at
      }
      at += 1
    }
    return at
  }

  private static func hex(_ byte: UInt8) -> Int? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): Int(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): Int(byte - UInt8(ascii: "a")) + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): Int(byte - UInt8(ascii: "A")) + 10
    default: nil
    }
  }
}
