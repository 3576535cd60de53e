import Machinery
import Testing

@Suite struct `Quantities` {
  @Test(arguments: [
    ("0", "0"), ("8", "8"), ("7900m", "7900m"), ("1000m", "1"), ("1.5", "1500m"), ("0.1", "100m"), ("1024Ki", "1Mi"),
    ("32779200Ki", "32779200Ki"), ("1.5Gi", "1536Mi"),
    ("0.5Ki", "512"), ("1000", "1k"), ("1500", "1500"), ("1e3", "1e3"), ("1E3", "1E3"), ("12e6", "12e6"),
    ("100M", "100M"), ("1000k", "1M"), ("-5", "-5"), ("+5", "+5"),
    ("1n", "1n"), ("0.0000000001", "1n"), ("9223372036854775807", "9223372036854775807"), ("1Ei", "1Ei"),
    (".5", "500m"), ("5.", "5."), ("30Gi", "30Gi"), ("1023Mi", "1023Mi"),
    ("0m", "0"), ("1.3Ki", "1331200m"),
  ])
  func `the canonical form is Kubernetes'`(text: String, canonical: String) throws {
    #expect(try Quantity.canonical(text) == canonical)
    #expect(try Quantity.canonical(canonical) == canonical)
  }

  @Test(arguments: ["", "lots", "1.2.3", "1 Gi", "--1", "Ei", "1x"])
  func `what is no quantity is refused`(text: String) {
    #expect(throws: Quantity.ParseError.self) { try Quantity(parsing: text) }
  }

  @Test func `a node's capacity rounds up to a thousandth`() throws {
    #expect(try Quantity(parsing: "1.0001").roundedUpToMilli.description == "1001m")
    #expect(try Quantity(parsing: "1n").roundedUpToMilli.description == "1m")
    #expect(try Quantity(parsing: "2").roundedUpToMilli.description == "2")
  }
}

@Suite struct `Times` {
  @Test(arguments: [
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), ("2026-01-02T03:04:05.999Z", "2026-01-02T03:04:05Z"),
    ("2026-01-02T03:04:05+02:00", "2026-01-02T01:04:05Z"),
    ("2024-02-29T23:59:59-00:30", "2024-03-01T00:29:59Z"), ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z"),
    ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
  ])
  func `times are written in UTC with whole seconds`(text: String, canonical: String) throws {
    #expect(try Timestamp.canonical(text) == canonical)
  }

  @Test func `micro times keep six digits`() throws {
    #expect(try Timestamp.canonicalMicro("2026-01-02T03:04:05.123456Z") == "2026-01-02T03:04:05.123456Z")
  }

  @Test(arguments: [
    "", "yesterday", "2026-13-01T00:00:00Z", "2025-02-29T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05",
    "2026-01-02 03:04:05Z", "2026-01-02T03:04:05Zx",
  ])
  func `what is no time is refused`(text: String) {
    #expect(throws: Timestamp.ParseError.self) { try Timestamp.canonical(text) }
  }
}
