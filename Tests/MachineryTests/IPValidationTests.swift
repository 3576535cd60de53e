import Machinery
import Testing

@Suite struct `Addresses and networks` {
  private static func details(_ errors: [FieldError]) -> [String] { errors.map(\.detail) }
  private static let noNetwork = "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"
  private static let noAddress = "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"

  @Test(
    arguments: [
      ("10.0.0.0/24", nil), ("0.0.0.0/0", nil), ("10.0.0.1/32", nil), ("2001:db8::/64", nil), ("2001:DB8::/64", nil),
      ("::/0", nil), ("::1/128", nil),
      ("2001:db8:0:0::/64", nil), ("::ffff:0:0:0/80", nil),
      ("10.0.0.1/24", "must not have bits set beyond the prefix length"),
      ("2001:db8::1/64", "must not have bits set beyond the prefix length"),
      ("010.0.0.0/24", "must not have leading 0s in IP or prefix length"),
      ("10.0.0.0/024", "must not have leading 0s in IP or prefix length"),
      ("10.0.0.1/024", "must not have leading 0s in IP or prefix length"),
      ("0.0.0.0/00", "must not have leading 0s in IP or prefix length"),
      ("2001:00db8::/64", "must not have leading 0s in IP or prefix length"),
      ("::ffff:010.0.0.0/120", "must not have leading 0s in IP or prefix length"),
      ("::ffff:10.0.0.0/120", "must not have an IPv4-mapped IPv6 address"),
      ("::ffff:10.0.0.1/120", "must not have an IPv4-mapped IPv6 address"),
      ("", noNetwork), ("10.0.0.0", noNetwork), ("10.0.0.0/", noNetwork), ("10.0.0.0/33", noNetwork),
      ("::/129", noNetwork), ("10.0.0/24", noNetwork),
      ("10.0.0.0.0/24", noNetwork), ("256.0.0.0/8", noNetwork), ("10.0.0.0/+8", noNetwork), ("10.0.0.0/-8", noNetwork),
      ("10.0.0.0/8/8", noNetwork),
      ("1::2::3/64", noNetwork), ("1:2:3:4:5:6:7:8:9/64", noNetwork), ("1:2:3:4:5:6:7::8/64", noNetwork),
      ("1:2:3:4:5:6:7:8::/64", noNetwork), (":1::/64", noNetwork),
      ("1:/64", noNetwork), ("12345::/64", noNetwork), ("g::/64", noNetwork), ("fe80::%eth0/64", noNetwork),
      ("10.0.0.0/\u{301}24", noNetwork), (" 10.0.0.0/8", noNetwork), ("::1.2.3/96", noNetwork),
    ] as [(String, String?)])
  func `a network in an older member`(text: String, detail: String?) {
    let errors = IPValidation.legacyNetwork("f", text)
    #expect(Self.details(errors) == (detail.map { [$0] } ?? []))
    #expect(errors.allSatisfy { $0.field == "f" && $0.kind == .invalid })
    #expect(IPValidation.legacyNetwork("f", text, known: ["x", text]).isEmpty, "what stood there may stay")
  }

  @Test(
    arguments: [
      ("10.9.8.7", nil), ("::", nil), ("2001:DB8::1", nil), ("0:0:0:0:0:0:0:1", nil), ("::10.0.0.1", nil),
      ("010.9.8.7", "must not have leading 0s"), ("00.0.0.0", "must not have leading 0s"),
      ("::ffff:1.2.3.4", "must not be an IPv4-mapped IPv6 address"),
      ("::ffff:0102:0304", "must not be an IPv4-mapped IPv6 address"), ("", noAddress), ("1.2.3", noAddress),
      ("1.2.3.4.5", noAddress), ("fe80::1%lo", noAddress),
      ("abc", noAddress), ("1.2.3.4/32", noAddress), ("1..2.3", noAddress), ("１.2.3.4", noAddress),
    ] as [(String, String?)])
  func `an address in an older member`(text: String, detail: String?) {
    #expect(Self.details(IPValidation.legacyAddress("f", text)) == (detail.map { [$0] } ?? []))
    #expect(IPValidation.legacyAddress("f", text, known: [text]).isEmpty)
  }

  @Test(
    arguments: [
      ("2001:DB8::/64", #"must be in canonical form ("2001:db8::/64")"#),
      ("2001:db8:0:0::/64", #"must be in canonical form ("2001:db8::/64")"#),
      ("::0/0", #"must be in canonical form ("::/0")"#), ("10.0.0.0/8", nil),
      ("10.0.0.1/8", "must not have bits set beyond the prefix length"),
    ] as [(String, String?)])
  func `a network in a newer member is canonical`(text: String, detail: String?) {
    #expect(Self.details(IPValidation.network("f", text)) == (detail.map { [$0] } ?? []))
  }

  @Test(arguments: [
    ("FE80:0:0:0:0:0:0:abc", "fe80::abc"), ("0:0:1:0:0:0:1:0", "0:0:1::1:0"), ("1:0:0:2:0:0:3:4", "1::2:0:0:3:4"),
    ("1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"),
    ("0:0:0:0:0:0:0:0", "::"), ("1:0:0:0:0:0:0:0", "1::"), ("::1.2.3.4", "::102:304"),
    ("::ffff:0:1.2.3.4", "::ffff:0:102:304"),
  ])
  func `an address in a newer member is canonical`(text: String, canonical: String) {
    let wanted = text == canonical ? [] : [#"must be in canonical form ("\#(canonical)")"#]
    #expect(Self.details(IPValidation.address("f", text)) == wanted)
    #expect(IPAddress(text)?.description == canonical)
  }

  @Test(
    arguments: [
      ("10.0.0.5/24", nil), ("2001:db8::1/64", nil), ("10.0.0.5/024", "10.0.0.5/24"),
      ("2001:DB8::1/64", "2001:db8::1/64"), ("::ffff:192.168.0.1/120", "192.168.0.1/24"),
    ] as [(String, String?)])
  func `the address of an interface keeps all of its bits`(text: String, canonical: String?) {
    #expect(
      Self.details(IPValidation.interfaceAddress("f", text))
        == (canonical.map { [#"must be in canonical form ("\#($0)")"#] } ?? []))
    #expect(
      Self.details(IPValidation.interfaceAddress("f", "x")) == [
        "must be a valid address in CIDR form, (e.g. 10.9.8.7/24 or 2001:db8::1/64)"
      ])
  }

  @Test(
    arguments: [
      ("10.0.0.0/8", []), ("2001:db8::/64", []), ("nonsense", []),
      (
        "2001:DB8::/64",
        [#"f: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")"#]
      ),
      (
        "10.0.0.1/24",
        [#"f: CIDR value "10.0.0.1/24" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.1/32"?)"#]
      ),
      ("010.0.0.0/24", [#"f: non-standard CIDR value "010.0.0.0/24" is invalid: use "10.0.0.0/24""#]),
      (
        "::ffff:10.0.0.1/120",
        [
          #"f: CIDR value "::ffff:10.0.0.1/120" is ambiguous in this context (should be "10.0.0.0/24" or "10.0.0.1/128"?)"#,
          #"f: non-standard CIDR value "::ffff:10.0.0.1/120" is invalid: use "10.0.0.0/24""#,
        ]
      ),
    ] as [(String, [String])])
  func `warnings of networks`(text: String, warnings: [String]) {
    #expect(IPValidation.warnings(ofNetwork: text, "f") == warnings)
  }

  @Test(
    arguments: [
      ("10.0.0.1", []), ("fe80::1", []),
      ("FE80::1", [#"f: IPv6 address "FE80::1" should be in RFC 5952 canonical format ("fe80::1")"#]),
      ("010.0.0.1", [#"f: non-standard IP address "010.0.0.1" is invalid: use "10.0.0.1""#]),
      ("::ffff:1.2.3.4", [#"f: non-standard IP address "::ffff:1.2.3.4" is invalid: use "1.2.3.4""#]),
    ] as [(String, [String])])
  func `warnings of addresses`(text: String, warnings: [String]) {
    #expect(IPValidation.warnings(ofAddress: text, "f") == warnings)
  }
}
