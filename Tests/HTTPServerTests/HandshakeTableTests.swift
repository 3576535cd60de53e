import ByteBuffers
import TestSupport
import Testing

@testable import HTTPServer

@Suite struct `Handshakes that are not done` {
  /// Room for `count` of them.
  private func table(_ count: Int) throws -> (HandshakeTable, Reactor) {
    let budget = count * HandshakeTable.bytesEach * HandshakeTable.partOfBudget
    let shared = SharedCount(perAddress: 0, budget: budget)
    return (
      shared.handshakes,
      try Reactor(
        index: 0, configuration: HTTPServer.Configuration(endpoints: []),
        handler: TestHandler(), shared: shared)
    )
  }

  @Test func `the oldest of the address that has the most makes room, and one address pushes out its own`() throws {
    let (table, reactor) = try table(10)
    var marks: UInt64 = 0
    var places: [UInt64: HandshakeTable.Place] = [:]
    func enter(_ address: String) -> UInt64? {
      marks += 1
      let (place, pushedOut) = table.enter(address, reactor, mark: marks)
      places[marks] = place
      return pushedOut?.mark
    }
    for address in ["10.0.0.1", "10.0.0.2", "10.0.0.2", "10.0.0.3"] { #expect(enter(address) == nil) }  // 1 to 4
    for _ in 0..<6 { #expect(enter("10.9.9.9") == nil) }  // 5 to 10
    for old in UInt64(5)..<105 { #expect(enter("10.9.9.9") == old) }
    // Who has few comes in at the cost of who has many, until these have no more than others.
    #expect(enter("10.0.0.4") == 105)
    for (address, old) in [
      ("10.0.0.5", 106), ("10.0.0.6", 107),
      ("10.0.0.7", 108),
    ] as [(String, UInt64)] { #expect(enter(address) == old) }
    // Two of .2, two of .9: the older.
    #expect(enter("10.0.0.8") == 2)
    #expect(enter("10.0.0.9") == 109)
    // One each: the oldest of all.
    #expect(enter("10.0.0.10") == 1)
    // What is done makes room, and what was pushed out gives nothing back twice.
    if let place = places[4] { table.leave(place) }
    if let place = places[1] { table.leave(place) }
    #expect(enter("10.0.0.11") == nil)
    #expect(enter("10.0.0.12") == 3)
  }

  @Test func `addresses of one network count as one, and without a budget there is no limit`() throws {
    #expect(HandshakeTable.group(of: "2001:db8:1:2:3::4") == HandshakeTable.group(of: "2001:db8:1:2::ffff"))
    #expect(HandshakeTable.group(of: "2001:db8:1:2::1") != HandshakeTable.group(of: "2001:db8:1:3::1"))
    #expect(HandshakeTable.group(of: "10.0.0.1") != HandshakeTable.group(of: "10.0.0.2"))
    let (table, reactor) = try table(0)
    for mark in 0..<5_000 { #expect(table.enter("a", reactor, mark: UInt64(mark)).pushedOut == nil) }
  }
}
