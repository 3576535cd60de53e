import Testing

@testable import Machinery

@Suite struct `Addresses in networks` {
  private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }
  private func network(_ text: String) throws -> IPNetwork { try #require(IPNetwork(text)) }

  @Test(
    arguments: [
      ("10.0.0.255", 1, "10.0.1.0"), ("10.0.0.0", 65_537, "10.1.0.1"), ("255.255.255.255", 1, nil),
      ("fd00::ffff", 1, "fd00::1:0"), ("fd00::", .max, "fd00::ffff:ffff:ffff:ffff"), ("::", 0, "::"),
    ] as [(String, UInt64, String?)])
  func `are counted on, within their family`(from: String, count: UInt64, to: String?) throws {
    #expect(try address(from).advanced(by: count)?.description == to)
  }

  @Test(
    arguments: [
      ("10.96.0.0/16", "10.96.0.0", "10.96.255.255"), ("10.0.0.4/30", "10.0.0.4", "10.0.0.7"),
      ("10.0.0.1/32", "10.0.0.1", "10.0.0.1"), ("fd00::/108", "fd00::", "fd00::f:ffff"),
    ])
  func `have a first and a last`(network text: String, first: String, last: String) throws {
    let network = try network(text)
    #expect(network.first.description == first && network.last.description == last)
    #expect(network.contains(network.first) && network.contains(network.last))
    #expect(network.last.advanced(by: 1).map(network.contains) != true)
    #expect(try !network.contains(address("::1")) && !network.contains(address("11.0.0.0")))
  }

  @Test func `go back by one, over bytes`() throws {
    #expect(try address("10.1.0.0").predecessor.description == "10.0.255.255")
  }

  @Test func `that nobody can serve from are known`() throws {
    #expect(try address("0.0.0.0").isUnspecified && address("::").isUnspecified)
    #expect(try address("127.1.2.3").isLoopback && address("::1").isLoopback && !address("::2").isLoopback)
    #expect(try address("169.254.0.1").isLinkLocalUnicast && address("febf::1").isLinkLocalUnicast)
    #expect(try address("224.0.0.9").isLinkLocalMulticast && address("ff02::1").isLinkLocalMulticast)
    #expect(try !address("224.0.1.0").isLinkLocalMulticast && !address("fec0::1").isLinkLocalUnicast)
  }
}
