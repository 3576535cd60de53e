import ByteBuffers
import HTTPServer
import TestSupport
import Testing

@Suite struct `Frames of WebSockets` {
  /// A client's frame.
  private static func frame(
    _ first: UInt8, _ payload: [UInt8], mask: [UInt8]? = [1, 2, 3, 4], length: [UInt8]? = nil
  ) -> [UInt8] {
    let size = length ?? [UInt8(payload.count)]
    let masked = payload.enumerated().map { $1 ^ (mask?[$0 & 3] ?? 0) }
    return [first, size[0] | (mask == nil ? 0 : 0x80)] + size.dropFirst() + (mask ?? []) + masked
  }

  private static func read(_ bytes: [UInt8], piece: Int = .max) -> [WebSocketInput.Event] {
    var input = WebSocketInput()
    var events: [WebSocketInput.Event] = []
    var place = 0
    while place < bytes.count {
      let count = min(piece, bytes.count - place)
      events += bytes[place..<(place + count)].withUnsafeBytes { input.take($0) }
      place += count
    }
    return events
  }

  @Test(arguments: [1, 2, 3, 7, Int.max])
  func `are read however they are cut, and only pings and the end are heard`(piece: Int) {
    let long = [UInt8](repeating: 0x78, count: 300)
    let bytes =
      Self.frame(0x81, Array("hello".utf8)) + Self.frame(0x89, []) + Self.frame(0x02, long, length: [126, 1, 44])
      + Self.frame(0x89, Array("are you there".utf8)) + Self.frame(0x80, long, length: [127, 0, 0, 0, 0, 0, 0, 1, 44])
      + Self.frame(0x8A, [1]) + Self.frame(0x88, [3, 232]) + Self.frame(0x89, [7])
    #expect(Self.read(bytes, piece: piece) == [.ping([]), .ping(Array("are you there".utf8)), .close])
  }

  @Test(arguments: [
    (frame(0x81, [1], mask: nil), WebSocketFrame.CloseCode.protocolError),  // not masked
    (frame(0xC1, [1]), .protocolError),  // an extension's bit
    (frame(0x83, [1]), .protocolError),  // an opcode that nobody knows
    (frame(0x09, [1]), .protocolError),  // a ping in pieces
    (frame(0x89, [], length: [126, 0, 126]), .protocolError),  // a ping that is too long
    (frame(0x82, [], length: [127, 0, 0, 0, 0, 4, 0, 0, 0]), .tooBig),
    (frame(0x82, [], length: [127, 255, 255, 255, 255, 255, 255, 255, 255]), .tooBig),
  ])
  func `that are none end the connection, and nothing is heard behind them`(
    bytes: [UInt8], code: WebSocketFrame.CloseCode
  ) {
    #expect(Self.read(bytes + Self.frame(0x89, [])) == [.fault(code)])
    #expect(Self.read(bytes + Self.frame(0x89, []), piece: 1) == [.fault(code)])
  }

  @Test(arguments: 0..<8)
  func `made of noise never stop the reader`(seed: Int) {
    var dice = Dice(UInt64(seed))
    let bytes = (0..<4_096).map { _ in UInt8(truncatingIfNeeded: dice.next()) }
    let whole = Self.read(bytes)
    #expect(whole == Self.read(bytes, piece: 5))
  }

  @Test(arguments: [
    (0, [0x81, 0]), (125, [0x81, 125]), (126, [0x81, 126, 0, 126]), (65_535, [0x81, 126, 255, 255]),
    (65_536, [0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0]),
  ])
  func `of ours say how long they are in as few bytes as that takes`(length: Int, bytes: [UInt8]) {
    #expect(WebSocketFrame.head(.text, length: length).withUnsafeBytes { Array($0) } == bytes)
  }
}
