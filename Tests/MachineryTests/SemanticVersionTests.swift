import Machinery
import Testing

/// What blang/semver 4 makes of texts.
@Suite struct `Semantic versions` {
  @Test func `their order`() throws {
    let texts = [
      "0.9.9", "1.0.0-1", "1.0.0-2", "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta.2",
      "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.10", "1.10.0", "18446744073709551615.0.0",
    ]
    let versions = try texts.map { try SemanticVersion(parsing: $0) }
    for (place, version) in versions.enumerated() {
      for (other, against) in versions.enumerated() {
        #expect((version < against) == (place < other) && (version == against) == (place == other))
      }
    }
    #expect(try SemanticVersion(parsing: "1.2.3+a") == SemanticVersion(parsing: "1.2.3+b.c"))
  }

  @Test(arguments: [
    ("", "Version string empty"), ("1.2", "No Major.Minor.Patch elements found"),
    ("v1.2.3", #"Invalid character(s) found in major number "v1""#),
    ("01.2.3", #"Major number must not contain leading zeroes "01""#),
    ("1.x.3", #"Invalid character(s) found in minor number "x""#),
    ("1.2.03", #"Patch number must not contain leading zeroes "03""#),
    ("1.2.3.4", #"Invalid character(s) found in patch number "3.4""#),
    ("1..3", #"strconv.ParseUint: parsing "": invalid syntax"#),
    ("99999999999999999999.0.0", #"strconv.ParseUint: parsing "99999999999999999999": value out of range"#),
    ("1.2.3-", "Prerelease is empty"), ("1.2.3-a..b", "Prerelease is empty"),
    ("1.2.3-01", #"Numeric PreRelease version must not contain leading zeroes "01""#),
    ("1.2.3-a_b", #"Invalid character(s) found in prerelease "a_b""#), ("1.2.3+", "Build meta data is empty"),
    ("1.2.3+a_b", #"Invalid character(s) found in build meta data "a_b""#),
  ])
  func faults(text: String, problem: String) {
    let error = #expect(throws: SemanticVersion.Malformed.self) { try SemanticVersion(parsing: text) }
    #expect(error?.description == problem)
  }

  @Test(arguments: [
    ("v1", "1.0.0"), ("1.2", "1.2.0"), ("01.002.0003", "1.2.3"), ("v1.2.0-rc.1", "1.2.0-rc.1"), ("0", "0.0.0"),
    ("00", "0.0.0"), ("1.2.00-a", "1.2.0-a"),
  ])
  func `what is put right`(text: String, version: String) throws {
    #expect(try SemanticVersion(tolerating: text) == SemanticVersion(parsing: version))
  }

  @Test(arguments: [
    ("1.2-a", "short version cannot contain PreRelease/Build meta data"),
    (" 1.2.3", #"Invalid character(s) found in major number "0 1""#),
    ("", #"strconv.ParseUint: parsing "": invalid syntax"#),
  ])
  func `what is not`(text: String, problem: String) {
    let error = #expect(throws: SemanticVersion.Malformed.self) { try SemanticVersion(tolerating: text) }
    #expect(error?.description == problem)
  }
}
