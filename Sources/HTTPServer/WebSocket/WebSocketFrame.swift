public import ByteBuffers

/// Frames that a server sends over a WebSocket (RFC 6455 section 5.2): whole messages, unmasked.
public enum WebSocketFrame {
  public enum Kind: UInt8, Sendable { case text = 0x1, binary = 0x2, close = 0x8, ping = 0x9, pong = 0xA }

  /// Why a connection ends (RFC 6455 section 7.4.1).
  public enum CloseCode: UInt16, Sendable { case normal = 1_000, protocolError = 1_002, tooBig = 1_009 }

  /// What stands before a message of `length` bytes.
  public static func head(_ kind: Kind, length: Int) -> ByteSlice {
    var bytes: [UInt8] = [0x80 | kind.rawValue]
    switch length {
    case ..<126: bytes.append(UInt8(length))
    case ..<65_536:
      bytes.append(126)
      withUnsafeBytes(of: UInt16(length).bigEndian) { bytes += $0 }
    default:
      bytes.append(127)
      withUnsafeBytes(of: UInt64(length).bigEndian) { bytes += $0 }
    }
    return ByteSlice(SharedBytes(bytes))
  }

  /// The last frame of a connection.
  public static func close(_ code: CloseCode) -> [ByteSlice] {
    [head(.close, length: 2), ByteSlice(SharedBytes(withUnsafeBytes(of: code.rawValue.bigEndian, Array.init)))]
  }

  /// The answer to a ping.
  public static func pong(_ payload: [UInt8]) -> [ByteSlice] {
    payload.isEmpty ? [head(.pong, length: 0)] : [head(.pong, length: payload.count), ByteSlice(SharedBytes(payload))]
  }
}
