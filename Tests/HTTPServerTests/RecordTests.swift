import ByteBuffers
import Cryptography
import Glibc
import TestSupport
import Testing

@testable import HTTPServer

/// Records of TLS 1.3 behind the handshake: what `RecordWriter` makes and `RecordReader` reads off a real socket, and
/// what it refuses (RFC 8446 sections 5 and 6).
@Suite struct `TLS records` {
  static let secret = (0..<48).map { UInt8($0 * 5 % 251) }

  static func keys(_ suite: RecordSuite = .aes128GCM) throws -> TrafficKeys {
    try #require(TrafficKeys(suite, secret: SecretKey(secret.prefix(suite.secretBytes))))
  }

  /// One direction: whoever writes records, and whoever reads them.
  private final class Wire {
    let cipher = RecordCipher()
    var writer: RecordWriter
    /// The writer's, for records that it would not make.
    var forged: TrafficKeys
    var reader: RecordReader
    let ends: [Int32]
    private let records = UnsafeMutableRawBufferPointer.allocate(byteCount: TLSSession.roomForRecords, alignment: 16)

    init(_ suite: RecordSuite = .aes128GCM, recordsPerKey: UInt64 = 1 << 24) throws {
      writer = RecordWriter(try keys(suite), recordsPerKey: recordsPerKey)
      forged = try keys(suite)
      reader = RecordReader(try keys(suite))
      var pair: [Int32] = [0, 0]
      #expect(socketpair(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0, &pair) == 0)
      #expect(fcntl(pair[1], F_SETFL, O_NONBLOCK) == 0)
      ends = pair
    }
    deinit {
      records.deallocate()
      for end in ends { close(end) }
    }

    func put(_ bytes: [UInt8]) { #expect(write(ends[0], bytes, bytes.count) == bytes.count) }

    func sealed(_ data: [UInt8]) throws -> [UInt8] {
      var room = [UInt8](repeating: 0, count: data.count + RecordWriter.roomForSeal)
      let count = try #require(
        data.withUnsafeBytes { data in
          room.withUnsafeMutableBytes { room in room.baseAddress.flatMap { writer.seal(data, into: $0, cipher) } }
        })
      return Array(room[..<count])
    }

    /// A record of any type; what is more than a record's overhead is padding or a second type.
    func forge(_ content: [UInt8], type: UInt8) throws -> [UInt8] {
      var room = [UInt8](repeating: 0, count: content.count + RecordCipher.overhead)
      let count = try #require(
        content.withUnsafeBytes { content in
          room.withUnsafeMutableBytes { room in
            room.baseAddress.flatMap { cipher.seal(content, type, with: &forged, into: $0) }
          }
        })
      return Array(room[..<count])
    }

    func takeRequestForKeys() -> Bool { reader.takeRequestForKeys() }
    func updateForged() -> Bool { forged.update() }

    func receive(room size: Int = 64 << 10) throws(TLSAlert) -> (bytes: [UInt8], outcome: Connection.Received) {
      var room = [UInt8](repeating: 0, count: size)
      var failure: TLSAlert?
      var outcome = Connection.Received.nothing
      room.withUnsafeMutableBytes { room in
        do throws(TLSAlert) { outcome = try reader.receive(from: ends[1], into: room, cipher, records: records) } catch
        { failure = error }
      }
      if let failure { throw failure }
      if case .bytes(let count, _) = outcome { return (Array(room[..<count]), outcome) }
      return ([], outcome)
    }

    /// Everything that is there.
    func receiveAll(room size: Int = 64 << 10) throws -> [UInt8] {
      var all: [UInt8] = []
      while true {
        let (bytes, outcome) = try receive(room: size)
        all += bytes
        guard case .bytes = outcome else { return all }
      }
    }
  }

  private func bytes(_ hex: String) -> [UInt8] {
    hex.split(whereSeparator: \.isWhitespace).compactMap { UInt8($0, radix: 16) }
  }

  @Test func `keys and records are those of the example in RFC 8448`() throws {
    let secret = bytes(
      "9e 40 64 6c e7 9a 7f 9d c0 5a f8 88 9b ce 65 52 87 5a fa 0b 06 df 00 87 f7 92 eb b7 c1 75 04 a5")
    let record = bytes(
      """
      17 03 03 00 43 a2 3f 70 54 b6 2c 94 d0 af fa fe 82 28 ba 55 cb ef ac ea 42 f9 14 aa 66 bc ab 3f 2b 98 19 a8 a5 b4 6b 39 5b d5 4a 9a 20 44 1e 2b 62 97 4e 1f
      5a 62 92 a2 97 70 14 bd 1e 3d ea e6 3a ee bb 21 69 49 15 e4
      """)
    var keys = try #require(TrafficKeys(.aes128GCM, secret: SecretKey(secret)))
    #expect(
      keys.withKey { Array(UnsafeBufferPointer(start: $0, count: 16)) }
        == bytes("17 42 2d da 59 6e d5 d9 ac d8 90 e3 c6 3f 50 51"))
    var nonce = [UInt8](repeating: 0, count: TrafficKeys.nonceBytes)
    nonce.withUnsafeMutableBytes { if let base = $0.baseAddress { keys.takeNonce(into: base) } }
    #expect(nonce == bytes("5b 78 92 3d ee 08 57 90 33 e5 23 d9"))
    let data = (0..<50).map { UInt8($0) }
    var writer = RecordWriter(try #require(TrafficKeys(.aes128GCM, secret: SecretKey(secret))), recordsPerKey: 1 << 24)
    var room = [UInt8](repeating: 0, count: 256)
    let count = data.withUnsafeBytes { data in
      room.withUnsafeMutableBytes { room in room.baseAddress.flatMap { writer.seal(data, into: $0, RecordCipher()) } }
    }
    #expect(count == record.count && Array(room[..<record.count]) == record)
  }

  @Test(arguments: RecordSuite.allCases) func `what is sealed is opened, in any pieces and any room`(
    suite: RecordSuite
  ) throws {
    for room in [4_096, 16 << 10, 64 << 10] {
      let wire = try Wire(suite)
      var sent: [UInt8] = []
      for size in [1, 15, 16, 100, 4_075, 4_096, 8_000, 16_383, 16_384, 16_384, 3, 16_384] {
        let data = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
        sent += data
        wire.put(try wire.sealed(data))
      }
      #expect(try wire.receiveAll(room: room) == sent, "in a room of \(room)")
      #expect(!wire.reader.mayHaveMore)
    }
    let wire = try Wire(suite)
    let data = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
    var received: [UInt8] = []
    for byte in try wire.sealed(data) + wire.sealed(data) {
      wire.put([byte])
      received += try wire.receive().bytes
      #expect(!wire.reader.mayHaveMore)
    }
    #expect(received == data + data)
  }

  @Test(arguments: RecordSuite.allCases)
  func `keys change after so many records, when the client changes its own, and when it asks`(suite: RecordSuite) throws
  {
    let wire = try Wire(suite, recordsPerKey: 3)
    var sent: [UInt8] = []
    for round in 0..<20 {
      let data = [UInt8](repeating: UInt8(round), count: 1 + round * 100)
      sent += data
      let records = try wire.sealed(data)
      // A KeyUpdate before the data: three records, and of them the first behind the change.
      #expect((records.count > data.count + RecordCipher.overhead) == (round > 0 && round % 3 == 0), "round \(round)")
      wire.put(records)
    }
    #expect(try wire.receiveAll() == sent)
    #expect(!wire.takeRequestForKeys())

    let other = try Wire(suite)
    other.put(try other.forge([KeyUpdate.type, 0, 0, 1, 1], type: ContentType.handshake.rawValue))
    #expect(other.updateForged())
    other.put(try other.forge([1, 2, 3], type: ContentType.applicationData.rawValue))
    #expect(try other.receiveAll() == [1, 2, 3])
    #expect(other.takeRequestForKeys())
    #expect(!other.takeRequestForKeys())
    let before = try other.sealed([7]).count
    other.writer.changeKeysSoon()
    #expect(try other.sealed([7]).count == before + RecordCipher.overhead + KeyUpdate.unrequested.count)
    #expect(try other.sealed([7]).count == before)
  }

  @Test func `padding is taken off, and records without data are passed over up to a limit`() throws {
    let wire = try Wire()
    let data = ContentType.applicationData.rawValue
    wire.put(try wire.forge([5, 6, data] + [UInt8](repeating: 0, count: 1_000), type: 0))
    #expect(try wire.receiveAll() == [5, 6])
    for _ in 0..<32 { wire.put(try wire.forge([], type: data)) }
    #expect(try wire.receiveAll() == [])
    wire.put(try wire.forge([9], type: data))
    #expect(try wire.receiveAll() == [9])
    for _ in 0..<33 { wire.put(try wire.forge([data, 0, 0], type: 0)) }
    #expect(throws: TLSAlert.unexpectedMessage) { try wire.receiveAll() }
  }

  @Test func `the client's end is told after its data, and what follows it does not count`() throws {
    let wire = try Wire()
    wire.put(try wire.forge([1], type: ContentType.applicationData.rawValue))
    wire.put(try wire.forge([1, TLSAlert.userCanceled.rawValue], type: ContentType.alert.rawValue))
    wire.put(try wire.forge([1, TLSAlert.closeNotify.rawValue], type: ContentType.alert.rawValue))
    wire.put([1, 2, 3])
    let (bytes, _) = try wire.receive()
    #expect(bytes == [1] && wire.reader.mayHaveMore)
    for _ in 0..<2 {
      guard case .end = try wire.receive().outcome else {
        Issue.record("the end was not told")
        return
      }
    }
    #expect(!wire.reader.mayHaveMore)
    let cut = try Wire()
    cut.put(Array(try cut.forge([1], type: 23).dropLast()))
    #expect(try cut.receiveAll() == [])
    shutdown(cut.ends[0], Int32(SHUT_WR))
    guard case .end = try cut.receive().outcome else {
      Issue.record("the end was not told")
      return
    }
  }

  @Test func `a client that gives up is left without a word`() throws {
    let wire = try Wire()
    wire.put(try wire.forge([2, TLSAlert.internalError.rawValue], type: ContentType.alert.rawValue))
    guard case .broken = try wire.receive().outcome else {
      Issue.record("the connection goes on")
      return
    }
  }

  private enum Spoiled: CaseIterable {
    case flippedType, plainAlert, plainHandshake, tooLong, tooShort, flippedLength, flippedBody, flippedTag, replayed,
      lost, otherKey
    case noType, unknownType, changeCipherSpec, ticket, finished, longKeyUpdate, shortKeyUpdate, oddKeyUpdate,
      longAlert, tooMuchPlain, emptyHandshake
  }

  @Test(arguments: Spoiled.allCases) private func `nothing else is let through`(_ how: Spoiled) throws {
    let wire = try Wire()
    let good = try wire.forge(Array("GET / HTTP/1.1\r\n".utf8), type: 23)
    func flipped(_ place: Int) -> [UInt8] {
      var bad = good
      bad[place < 0 ? bad.count + place : place] ^= 0x40
      return bad
    }
    let handshake = ContentType.handshake.rawValue
    let (bytes, alert): ([UInt8], TLSAlert) =
      switch how {
      case .flippedType: (flipped(0), .unexpectedMessage)
      case .plainAlert: ([21, 3, 3, 0, 2, 1, 0], .unexpectedMessage)
      case .plainHandshake: ([22, 3, 3, 0, 5, 24, 0, 0, 1, 0], .unexpectedMessage)
      case .tooLong: ([23, 3, 3, 0x41, 0x01], .recordOverflow)
      case .tooShort: ([23, 3, 3, 0, 16] + [UInt8](repeating: 0, count: 16), .badRecordMAC)
      case .flippedLength: (Array(good[..<4] + [good[4] - 1] + good[5...]), .badRecordMAC)
      case .flippedBody: (flipped(9), .badRecordMAC)
      case .flippedTag: (flipped(-1), .badRecordMAC)
      case .replayed: (good + good, .badRecordMAC)
      case .lost: (try wire.forge([1], type: 23), .badRecordMAC)
      case .otherKey: (try Wire(.chaCha20Poly1305).forge([1, 2, 3], type: 23), .badRecordMAC)
      case .noType: (good + (try wire.forge([0, 0, 0], type: 0)), .unexpectedMessage)
      case .unknownType: (good + (try wire.forge([1], type: 99)), .unexpectedMessage)
      case .changeCipherSpec: (good + (try wire.forge([1], type: 20)), .unexpectedMessage)
      case .ticket: (good + (try wire.forge([4, 0, 0, 0], type: handshake)), .unexpectedMessage)
      case .finished:
        (
          good + (try wire.forge([20, 0, 0, 32] + [UInt8](repeating: 1, count: 32), type: handshake)),
          .unexpectedMessage
        )
      case .longKeyUpdate: (good + (try wire.forge([24, 0, 0, 1, 0, 24, 0, 0, 1, 0], type: handshake)), .decodeError)
      case .shortKeyUpdate: (good + (try wire.forge([24, 0, 0], type: handshake)), .decodeError)
      case .oddKeyUpdate: (good + (try wire.forge([24, 0, 0, 1, 2], type: handshake)), .decodeError)
      case .longAlert: (good + (try wire.forge([1, 0, 0], type: 21)), .decodeError)
      case .tooMuchPlain:
        (good + (try wire.forge([UInt8](repeating: 1, count: (16 << 10) + 1), type: 23)), .recordOverflow)
      case .emptyHandshake: (good + (try wire.forge([], type: handshake)), .unexpectedMessage)
      }
    wire.put(bytes)
    #expect(throws: alert) { try wire.receiveAll() }
  }

  @Test func `whatever a spoiled stream brings, only the beginning of what was sent comes out`() throws {
    var dice = Dice(8_446)
    for round in 0..<400 {
      let wire = try Wire(RecordSuite.allCases[round % 3], recordsPerKey: 4)
      var sent: [UInt8] = []
      var stream: [UInt8] = []
      for _ in 0..<Int.random(in: 1...8, using: &dice) {
        let data = (0..<Int.random(in: 1...600, using: &dice)).map { _ in UInt8.random(in: 0...255, using: &dice) }
        sent += data
        stream += try wire.sealed(data)
      }
      let place = stream.indices.randomElement(using: &dice) ?? 0
      switch round % 4 {
      case 0: stream[place] ^= 1 << UInt8.random(in: 0...7, using: &dice)
      case 1: stream.remove(at: place)
      case 2: stream.insert(UInt8.random(in: 0...255, using: &dice), at: place)
      default:
        stream.replaceSubrange(
          place..<stream.count, with: (0..<200).map { _ in UInt8.random(in: 0...255, using: &dice) })
      }
      var received: [UInt8] = []
      var rest = stream[...]
      var isRefused = false
      while !rest.isEmpty && !isRefused {
        let part = rest.prefix(Int.random(in: 1...900, using: &dice))
        wire.put(Array(part))
        rest = rest.dropFirst(part.count)
        do throws(TLSAlert) {
          while case let (bytes, .bytes) = try wire.receive(room: 4_096) { received += bytes }
        } catch { isRefused = true }
      }
      #expect(received.count < sent.count && sent.starts(with: received), "round \(round)")
    }
  }
}
