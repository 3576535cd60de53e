import Machinery
import Testing

@Suite struct `Time text` {
  @Test(arguments: [
    ("2026-01-02T03:04:05Z", "2026-01-02T03:04:05Z"), ("2026-01-02T03:04:05.999999999Z", "2026-01-02T03:04:05Z"),
    ("2026-01-02T03:04:05,5Z", "2026-01-02T03:04:05Z"),
    ("2026-01-02T3:04:05Z", "2026-01-02T03:04:05Z"), ("2026-01-02T03:04:05+02:30", "2026-01-02T00:34:05Z"),
    ("2026-01-02T03:04:05-24:60", "2026-01-03T04:04:05Z"),
    ("9999-12-31T23:59:59-01:00", "10000-01-01T00:59:59Z"), ("0000-01-01T00:00:00+01:00", "-0001-12-31T23:00:00Z"),
    ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"),
    ("1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
  ])
  func `is written in UTC and whole seconds`(text: String, canonical: String) throws {
    #expect(try Timestamp.canonical(text) == canonical)
  }

  static let lead = "parsing time \"%\" as \"2006-01-02T15:04:05Z07:00\": cannot parse "

  @Test(arguments: [
    ("", #""" as "2006""#), ("yesterday", #""yesterday" as "2006""#),
    ("20x6-01-02T03:04:05Z", #""20x6-01-02T03:04:05Z" as "2006""#),
    ("2026/01-02T03:04:05Z", #""/01-02T03:04:05Z" as "-""#),
    ("2026-1-02T03:04:05Z", #""1-02T03:04:05Z" as "01""#), ("2026-01-02 03:04:05Z", #"" 03:04:05Z" as "T""#),
    ("2026-01-02T03:4:05Z", #""4:05Z" as "04""#), ("2026-01-02T03:04:05", #""" as "Z07:00""#),
    ("2026-01-02T03:04:05.Z", #"".Z" as "Z07:00""#), ("2026-01-02T03:04:05+2:00", #""+2:00" as "Z07:00""#),
    ("2026-01-02T03:04:05*02:00", #""*02:00" as "Z07:00""#),
  ])
  func `that can't be read is refused in Go's words`(text: String, rest: String) {
    let message = "parsing time \"\(text)\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \(rest)"
    #expect { try Timestamp.parse(text) } throws: { "\($0)" == message }
  }

  @Test(arguments: [
    ("2026-13-01T00:00:00Z", "month"), ("2026-00-01T00:00:00Z", "month"), ("2025-02-29T00:00:00Z", "day"),
    ("2026-01-00T00:00:00Z", "day"), ("2026-01-02T24:00:00Z", "hour"), ("2026-01-02T00:60:00Z", "minute"),
    ("2026-01-02T00:00:60Z", "second"), ("2026-01-02T00:00:00+25:00", "time zone offset hour"),
    ("2026-01-02T00:00:00+00:61", "time zone offset minute"),
  ])
  func `out of range is refused in Go's words`(text: String, what: String) {
    #expect { try Timestamp.parse(text) } throws: { "\($0)" == "parsing time \"\(text)\": \(what) out of range" }
  }

  @Test func `extra text and odd characters are shown as Go shows them`() {
    #expect { try Timestamp.parse("2026-01-02T03:04:05Zé\"") } throws: {
      "\($0)" == #"parsing time "2026-01-02T03:04:05Z\xc3\xa9\"": extra text: "\xc3\xa9\"""#
    }
  }

  @Test func `micro times need six digits, and show six`() throws {
    #expect(try Timestamp.canonicalMicro("2026-01-02T03:04:05.123456+01:00") == "2026-01-02T02:04:05.123456Z")
    #expect(Timestamp.micro(0, 6_000) == "1970-01-01T00:00:00.000006Z")
    let layout = "2006-01-02T15:04:05.000000Z07:00"
    for (text, rest, element) in [
      ("2026-01-02T03:04:05Z", "Z", ".000000"), ("2026-01-02T03:04:05.1Z", ".1Z", ".000000"),
      ("2026-01-02T03:04:05.1234567Z", "7Z", "Z07:00"),
    ] {
      #expect { try Timestamp.canonicalMicro(text) } throws: {
        "\($0)" == "parsing time \"\(text)\" as \"\(layout)\": cannot parse \"\(rest)\" as \"\(element)\""
      }
    }
  }

  @Test func `the year 1 is Go's zero time`() throws {
    #expect(try Timestamp.parse("0001-01-01T00:00:00Z").isZero)
    #expect(try !Timestamp.parse("0001-01-01T00:00:01Z").isZero)
  }

  @Test(arguments: [7] as [UInt64])
  func `what is written is read back`(seed: UInt64) throws {
    var random = Seeded(seed)
    for _ in 0..<2_000 {
      let seconds = Int64.random(in: -62_135_596_800...253_402_300_799, using: &random)
      #expect(try Timestamp.parse(Timestamp.text(seconds)).seconds == seconds)
    }
  }
}
