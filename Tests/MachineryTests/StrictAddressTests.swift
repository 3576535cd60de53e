import Machinery
import Testing

/// What Go's `net/netip` makes of texts.
@Suite struct `Addresses as newer parsers read them` {
  @Test(arguments: [
    ("1.2.3.4", "1.2.3.4", 4), ("::", "::", 16), ("2001:DB8:0:0::1", "2001:db8::1", 16),
    ("1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8", 16), ("1::5:6:7:8", "1::5:6:7:8", 16),
    ("64:ff9b::1.2.3.4", "64:ff9b::102:304", 16), ("::ffff:1.2.3.4", "1.2.3.4", 16),
  ])
  func addresses(text: String, shown: String, width: Int) throws {
    let (address, zone) = try IPAddress.strict(text)
    #expect(address.description == shown && address.width == width && zone.isEmpty)
  }

  @Test func `a zone is no part of it`() throws {
    let (address, zone) = try IPAddress.strict("fe80::1%eth0")
    #expect(address.description == "fe80::1" && zone == "eth0")
  }

  @Test(arguments: [
    ("", "unable to parse IP"), ("hello", "unable to parse IP"), ("%eth0", "missing IPv6 address"),
    ("1.2.3", "IPv4 address too short"), ("1.2.3.4.5", "IPv4 address too long"),
    ("1.2.3.256", "IPv4 field has value >255"), ("01.2.3.4", "IPv4 field has octet with leading zero"),
    ("1..2.3", #"IPv4 field must have at least one digit (at ".2.3")"#),
    ("1.2.3.", #"IPv4 field must have at least one digit (at ".")"#),
    (".1.2.3", #"IPv4 field must have at least one digit (at ".1.2.3")"#),
    ("1.2.3.x", #"unexpected character (at "x")"#), ("1.2.3.4 ", #"unexpected character (at " ")"#),
    ("fe80::1%", "zone must be a non-empty string"), ("1:2", "address string too short"),
    ("12345::", #"each group must have 4 or fewer digits (at "12345::")"#),
    ("1:::2", #"each colon-separated field must have at least one digit (at ":2")"#),
    (":1", #"each colon-separated field must have at least one digit (at ":1")"#),
    ("1::2::3", #"multiple :: in address (at ":3")"#), ("1:", #"colon must be followed by more characters (at ":")"#),
    ("1:2:3:4:5:6:7:8:9", #"trailing garbage after address (at "9")"#),
    ("1:2:3:4:5:6:7:8::", "the :: must expand to at least one field of zeros"),
    ("1:2:3:4::5:6:7:8", "the :: must expand to at least one field of zeros"),
    ("1:g", #"each colon-separated field must have at least one digit (at "g")"#),
    ("1g::", #"unexpected character, want colon (at "g::")"#),
    ("1:1.2.3.4", #"embedded IPv4 address must replace the final 2 fields of the address (at "1.2.3.4")"#),
    (
      "::1:2:3:4:5:6:7:1.2.3.4",
      #"too many hex fields to fit an embedded IPv4 at the end of the address (at "1.2.3.4")"#
    ),
  ])
  func faults(text: String, problem: String) {
    let error = #expect(throws: IPAddress.Malformed.self) { try IPAddress.strict(text) }
    #expect(error?.description == "ParseAddr(\(GoText.quoted(text))): \(problem)")
  }

  @Test(arguments: [
    ("10.0.0.0", "no '/'"), ("10.0.0.0/33", "prefix length out of range"), ("::/129", "prefix length out of range"),
    ("10.0.0.0/-1", #"bad bits after slash: "-1""#), ("10.0.0.0/08", #"bad bits after slash: "08""#),
    ("10.0.0.0/", #"bad bits after slash: """#), ("10.0.0.0/+8", #"bad bits after slash: "+8""#),
    ("10.0.0.0/99999999999999999999", #"bad bits after slash: "99999999999999999999""#),
    ("fe80::1%eth0/64", "IPv6 zones cannot be present in a prefix"),
    ("10.0.0/8", #"ParseAddr("10.0.0"): IPv4 address too short"#),
  ])
  func `faults of networks`(text: String, problem: String) {
    let error = #expect(throws: IPAddress.Malformed.self) { try IPNetwork.strict(text) }
    #expect(error?.description == "netip.ParsePrefix(\(GoText.quoted(text))): \(problem)")
  }

  @Test func `networks in networks`() throws {
    let wide = try IPNetwork.strict("10.1.2.3/8")
    let others = try ["10.9.0.0/16", "10.0.0.0/8", "10.0.0.0/7", "11.0.0.0/8", "::/0"].map { try IPNetwork.strict($0) }
    #expect(others.map { wide.contains($0) } == [true, true, false, false, false])
    #expect(!others[4].contains(wide) && !wide.isSame(as: wide.masked) && wide.masked.isSame(as: others[1]))
  }

  @Test(arguments: [
    ("1.1.1.1", true), ("0.0.0.0", false), ("255.255.255.255", false), ("224.0.0.1", false), ("127.0.0.1", false),
    ("169.254.1.1", false), ("10.0.0.1", true), ("::", false), ("::1", false), ("ff00::1", false), ("fe80::1", false),
    ("fd80::1", true),
  ])
  func `those that may be met everywhere`(text: String, isGlobal: Bool) throws {
    #expect(try IPAddress.strict(text).address.isGlobalUnicast == isGlobal)
  }
}
