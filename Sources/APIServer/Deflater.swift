import ByteBuffers
import CZlib

/// Compresses pieces of bytes into runs of deflate blocks that begin and end on a byte and look back at nothing
/// outside, so that they can be put together in any order. One thread at a time.
final class Deflater {
  // zlib keeps a pointer back to the stream, so it must not move.
  private let stream: UnsafeMutablePointer<z_stream>
  /// Room for what comes out.
  private var scratch = UnsafeMutableRawBufferPointer.allocate(byteCount: 0, alignment: 16)

  /// kube-apiserver's level: the least work (semantics 2.45).
  private static let level: Int32 = 1

  /// nil only without memory.
  init?() {
    stream = .allocate(capacity: 1)
    stream.initialize(to: z_stream())
    // Raw deflate (negative window bits): the gzip frame around it is ours.
    guard czlib_deflate_init(stream, Self.level, -15, 8) == Z_OK else {
      scratch.deallocate()
      stream.deallocate()
      return nil
    }
  }

  deinit {
    scratch.deallocate()
    deflateEnd(stream)
    stream.deallocate()
  }

  /// The slices, one after another, as blocks.
  func compress(_ slices: [ByteSlice]) -> GzipPiece {
    let count = slices.reduce(0) { $0 + $1.count }
    var check = UInt(0)
    // Room for the worst case: stored blocks, the mark that ends the run, and what comes before them.
    let room = Int(deflateBound(stream, UInt(count))) + 64
    if scratch.count < GzipPiece.headCount + room {
      scratch.deallocate()
      scratch = .allocate(byteCount: GzipPiece.headCount + room, alignment: 16)
    }
    // Its copy has just the size that it needs: it may be kept for long.
    func fill(_ buffer: UnsafeMutableRawBufferPointer) -> Int {
      let out = UnsafeMutableRawBufferPointer(rebasing: buffer[GzipPiece.headCount...])
      deflateReset(stream)
      stream.pointee.next_out = out.baseAddress?.assumingMemoryBound(to: UInt8.self)
      stream.pointee.avail_out = UInt32(clamping: out.count)
      for (place, slice) in slices.enumerated() {
        slice.withUnsafeBytes { source in
          let start = source.baseAddress?.assumingMemoryBound(to: UInt8.self)
          check = crc32_z(check, start, source.count)
          stream.pointee.next_in = UnsafeMutablePointer(mutating: start)
          stream.pointee.avail_in = UInt32(clamping: source.count)
          deflate(stream, place == slices.count - 1 ? Z_SYNC_FLUSH : Z_NO_FLUSH)
        }
      }
      let written = out.count - Int(stream.pointee.avail_out)
      let shift = crc32_combine_gen(count)
      GzipPiece.writeHead(
        check: UInt32(truncatingIfNeeded: check), shift: UInt32(truncatingIfNeeded: shift), count: count, into: buffer)
      return GzipPiece.headCount + written
    }
    let filled = fill(scratch)
    return GzipPiece(SharedBytes(UnsafeRawBufferPointer(rebasing: scratch[..<filled])))
  }
}

/// A compressed piece with what it takes to put it behind others: as one value, because that is what an object's table
/// of encodings holds.
///
/// Layout: check sum, its shift operator and the plain length, four bytes each; then deflate blocks.
struct GzipPiece {
  static let headCount = 12
  let bytes: SharedBytes

  init(_ bytes: SharedBytes) { self.bytes = bytes }

  /// The slices without compression, in blocks of at most 65,535 bytes.
  static func stored(_ slices: [ByteSlice]) -> GzipPiece {
    var plain: [UInt8] = []
    for slice in slices { slice.withUnsafeBytes { plain += $0 } }
    let check = plain.withUnsafeBytes { crc32_z(0, $0.baseAddress?.assumingMemoryBound(to: UInt8.self), $0.count) }
    var blocks: [UInt8] = []
    blocks.reserveCapacity(plain.count + 5 * (plain.count / 65_535 + 1))
    for start in stride(from: 0, to: plain.count, by: 65_535) {
      let part = plain[start..<min(start + 65_535, plain.count)]
      let length = UInt16(truncatingIfNeeded: part.count)
      blocks.append(0)
      withUnsafeBytes(of: length.littleEndian) { blocks += $0 }
      withUnsafeBytes(of: (~length).littleEndian) { blocks += $0 }
      blocks += part
    }
    let shift = crc32_combine_gen(plain.count)
    return GzipPiece(
      SharedBytes(capacity: headCount + blocks.count) { buffer in
        writeHead(
          check: UInt32(truncatingIfNeeded: check), shift: UInt32(truncatingIfNeeded: shift), count: plain.count,
          into: buffer)
        UnsafeMutableRawBufferPointer(rebasing: buffer[headCount...]).copyBytes(from: blocks)
        return headCount + blocks.count
      })
  }

  fileprivate static func writeHead(
    check: UInt32, shift: UInt32, count: Int, into buffer: UnsafeMutableRawBufferPointer
  ) {
    buffer.storeBytes(of: check, toByteOffset: 0, as: UInt32.self)
    buffer.storeBytes(of: shift, toByteOffset: 4, as: UInt32.self)
    buffer.storeBytes(of: UInt32(clamping: count), toByteOffset: 8, as: UInt32.self)
  }

  /// CRC-32 of the plain bytes.
  var check: UInt32 { word(0) }
  /// What moves an earlier check sum past the plain bytes. (`crc32_combine_op`)
  var shift: UInt32 { word(4) }
  /// How many plain bytes there are.
  var count: UInt32 { word(8) }
  var blocks: ByteSlice { ByteSlice(bytes).dropFirst(Self.headCount) }

  private func word(_ offset: Int) -> UInt32 {
    bytes.withUnsafeBytes { $0.count < Self.headCount ? 0 : $0.loadUnaligned(fromByteOffset: offset, as: UInt32.self) }
  }
}
