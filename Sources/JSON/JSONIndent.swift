public import ByteBuffers

/// Indents compact JSON by two spaces a level, as Go's json.Indent does: what `pretty=true` asks for.
public enum JSONIndent {
  /// `slices` are the pieces of one well-formed text; empty containers stay on one line.
  public static func pretty(_ slices: [ByteSlice]) -> SharedBytes {
    var out: [UInt8] = []
    out.reserveCapacity(slices.reduce(0) { $0 + $1.count } * 2)
    var indenter = JSONIndenter()
    for slice in slices { indenter.add(slice, to: &out) }
    return SharedBytes(out)
  }
}

/// The same for a text that comes in parts, cut wherever that may be.
public struct JSONIndenter: Sendable {
  private var depth = 0
  private var isInString = false
  private var isEscaped = false
  private var needsIndent = false

  public init() {}

  /// Appends the next part, indented. Where depth makes it much longer, it ends before the line that begins beyond
  /// `most` bytes of `out`; returns how many bytes of the part were taken.
  @discardableResult public mutating func add(_ slice: ByteSlice, to out: inout [UInt8], most: Int = .max) -> Int {
    // In variables of its own, which the compiler keeps in registers.
    var (depth, isInString, isEscaped, needsIndent) = (depth, isInString, isEscaped, needsIndent)
    func newline(_ out: inout [UInt8]) {
      out.append(0x0A)
      for _ in 0..<depth { out.append(contentsOf: [0x20, 0x20]) }
    }
    let taken = slice.withUnsafeBytes { bytes in
      for (place, byte) in bytes.enumerated() {
        if isInString {
          out.append(byte)
          if isEscaped {
            isEscaped = false
          } else if byte == UInt8(ascii: "\\") {
            isEscaped = true
          } else if byte == UInt8(ascii: "\"") {
            isInString = false
          }
          continue
        }
        if out.count >= most { return place }
        if byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 { continue }
        if needsIndent && byte != UInt8(ascii: "}") && byte != UInt8(ascii: "]") {
          needsIndent = false
          depth += 1
          newline(&out)
        }
        switch byte {
        case UInt8(ascii: "\""):
          isInString = true
          out.append(byte)
        case UInt8(ascii: "{"), UInt8(ascii: "["):
          needsIndent = true
          out.append(byte)
        case UInt8(ascii: ","):
          out.append(byte)
          newline(&out)
        case UInt8(ascii: ":"):
          out.append(byte)
          out.append(0x20)
        case UInt8(ascii: "}"), UInt8(ascii: "]"):
          if needsIndent {
            needsIndent = false
          } else {
            depth -= 1
            newline(&out)
          }
          out.append(byte)
        default: out.append(byte)
        }
      }
      return bytes.count
    }
    (self.depth, self.isInString, self.isEscaped, self.needsIndent) = (depth, isInString, isEscaped, needsIndent)
    return taken
  }
}
