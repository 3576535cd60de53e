/// Reads the frames that a client sends (RFC 6455 section 5). Pure: bytes in, what they ask for out.
///
/// Nothing but control frames is kept, and of those at most 125 bytes: what a client says on a stream that only the
/// server speaks on is read and forgotten, as kube-apiserver does.
public struct WebSocketInput: Sendable {
  public enum Event: Equatable, Sendable {
    /// Wants its payload back.
    case ping([UInt8])
    /// The client is done.
    case close
    /// What came is no frame of a client: the connection ends with this code.
    case fault(WebSocketFrame.CloseCode)
  }

  /// The largest payload of a control frame.
  static let controlMax: UInt64 = 125
  /// The largest frame that is skipped; a client that sends more wants something else. (Go: `DefaultMaxPayloadBytes`.)
  static let skippedMax: UInt64 = 32 << 20

  /// The frame's head as far as it has come: two bytes, the longer length if there is one, the mask.
  private var head: [UInt8] = []
  /// Set while a payload comes.
  private var frame: Frame?
  private var isOver = false

  private struct Frame {
    let opcode: UInt8
    let mask: [UInt8]
    var left: UInt64
    var payload: [UInt8] = []
    var isControl: Bool { opcode & 0x8 != 0 }
  }

  public init() { head.reserveCapacity(14) }

  /// Takes all of `bytes`; says in order what they ask for. Nothing is heard after a close or a fault.
  public mutating func take(_ bytes: UnsafeRawBufferPointer) -> [Event] {
    var events: [Event] = []
    var place = 0
    while !isOver {
      if var current = frame {
        let count = Int(min(current.left, UInt64(bytes.count - place)))
        if current.isControl {
          for offset in 0..<count {
            current.payload.append(bytes[place + offset] ^ current.mask[current.payload.count & 3])
          }
        }
        place += count
        current.left -= UInt64(count)
        frame = current
        if current.left > 0 { return events }
        frame = nil
        if let event = Self.event(of: current) { tell(event, &events) }
      } else {
        guard place < bytes.count else { return events }
        head.append(bytes[place])
        place += 1
        readHead(&events)
      }
    }
    return events
  }

  private mutating func tell(_ event: Event, _ events: inout [Event]) {
    events.append(event)
    if case .ping = event {} else { isOver = true }
  }

  private static func event(of frame: Frame) -> Event? {
    switch frame.opcode {
    case 0x8: .close
    case 0x9: .ping(frame.payload)
    default: nil
    }
  }

  /// Looks at the head after each of its bytes.
  private mutating func readHead(_ events: inout [Event]) {
    guard head.count >= 2 else { return }
    let opcode = head[0] & 0xF
    let isControl = opcode & 0x8 != 0
    let short = head[1] & 0x7F
    let extra = short == 126 ? 2 : short == 127 ? 8 : 0
    let isKnown = opcode <= 0x2 || (0x8...0xA).contains(opcode)
    // Reserved bits belong to extensions, and none was agreed on; a client's frames are masked.
    guard head[0] & 0x70 == 0, isKnown, head[1] & 0x80 != 0, !isControl || (head[0] & 0x80 != 0 && extra == 0) else {
      return tell(.fault(.protocolError), &events)
    }
    guard head.count == 2 + extra + 4 else { return }
    let length = extra == 0 ? UInt64(short) : head[2..<(2 + extra)].reduce(0) { $0 << 8 | UInt64($1) }
    guard length <= (isControl ? Self.controlMax : Self.skippedMax) else { return tell(.fault(.tooBig), &events) }
    frame = Frame(opcode: opcode, mask: Array(head.suffix(4)), left: length)
    head.removeAll(keepingCapacity: true)
  }
}
