/// A version of semver.org 2.0, with the words of blang/semver for what is none.
public struct SemanticVersion: Sendable, Comparable {
  public let major: UInt64
  public let minor: UInt64
  public let patch: UInt64
  private let prerelease: [Identifier]

  private enum Identifier: Sendable, Comparable {
    // In this order: numbers come before words.
    case number(UInt64)
    case word(String)
  }

  /// What is wrong: `No Major.Minor.Patch elements found`.
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
    init(_ text: String) { description = text }
  }

  /// (`semver.Parse`)
  public init(parsing text: String) throws(Malformed) {
    if text.isEmpty { throw Malformed("Version string empty") }
    let parts = Self.split(text[...], at: ".", maxSplits: 2)
    guard parts.count == 3 else { throw Malformed("No Major.Minor.Patch elements found") }
    major = try Self.number(parts[0], "major", "Major")
    minor = try Self.number(parts[1], "minor", "Minor")
    let (beforeBuild, build) = Self.cut(parts[2], at: "+")
    let (last, identifiers) = Self.cut(beforeBuild, at: "-")
    patch = try Self.number(last, "patch", "Patch")
    var prerelease: [Identifier] = []
    for word in identifiers { prerelease.append(try Self.identifier(word)) }
    for word in build {
      if word.isEmpty { throw Malformed("Build meta data is empty") }
      if !word.utf8.allSatisfy(Self.isInWords) {
        throw Malformed("Invalid character(s) found in build meta data \(GoText.quoted(String(word)))")
      }
    }
    self.prerelease = prerelease
  }

  /// With a `v` before it, without minor or patch number, or with zeros that lead. (`normalizeAndParse` of Kubernetes'
  /// CEL library)
  public init(tolerating text: String) throws(Malformed) {
    let text = text.hasPrefix("v") ? text.dropFirst() : text[...]
    var parts = Self.split(text, at: ".", maxSplits: 2).map { part in
      guard part.utf8.count > 1 else { return String(part) }
      let rest = Substring(part.utf8.drop { $0 == UInt8(ascii: "0") })
      return rest.utf8.first.map { (0x30...0x39).contains($0) } == true ? String(rest) : "0" + rest
    }
    if parts.count < 3 {
      if parts.last?.utf8.contains(where: { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }) == true {
        throw Malformed("short version cannot contain PreRelease/Build meta data")
      }
      while parts.count < 3 { parts.append("0") }
    }
    try self.init(parsing: parts.joined(separator: "."))
  }

  /// What stands before the mark, and the words behind it.
  private static func cut(_ text: Substring, at mark: Unicode.Scalar) -> (Substring, [Substring]) {
    guard let place = text.utf8.firstIndex(of: UInt8(ascii: mark)) else { return (text, []) }
    return (text[..<place], split(text[text.utf8.index(after: place)...], at: "."))
  }

  /// By bytes: what combines with a mark does not hide it.
  private static func split(_ text: Substring, at mark: Unicode.Scalar, maxSplits: Int = .max) -> [Substring] {
    text.utf8.split(separator: UInt8(ascii: mark), maxSplits: maxSplits, omittingEmptySubsequences: false)
      .map { Substring($0) }
  }

  private static func number(_ text: Substring, _ name: String, _ title: String) throws(Malformed) -> UInt64 {
    let shown = GoText.quoted(String(text))
    if !text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      throw Malformed("Invalid character(s) found in \(name) number \(shown)")
    }
    if hasLeadingZero(text) { throw Malformed("\(title) number must not contain leading zeroes \(shown)") }
    return try value(text)
  }

  private static func identifier(_ text: Substring) throws(Malformed) -> Identifier {
    if text.isEmpty { throw Malformed("Prerelease is empty") }
    let shown = GoText.quoted(String(text))
    if text.utf8.allSatisfy({ (0x30...0x39).contains($0) }) {
      if hasLeadingZero(text) {
        throw Malformed("Numeric PreRelease version must not contain leading zeroes \(shown)")
      }
      return .number(try value(text))
    }
    guard text.utf8.allSatisfy(isInWords) else { throw Malformed("Invalid character(s) found in prerelease \(shown)") }
    return .word(String(text))
  }

  /// Of digits. (`strconv.ParseUint`)
  private static func value(_ digits: Substring) throws(Malformed) -> UInt64 {
    if let value = UInt64(digits) { return value }
    let why = digits.isEmpty ? "invalid syntax" : "value out of range"
    throw Malformed("strconv.ParseUint: parsing \(GoText.quoted(String(digits))): \(why)")
  }

  private static func hasLeadingZero(_ digits: Substring) -> Bool { digits.utf8.count > 1 && digits.hasPrefix("0") }

  private static func isInWords(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "-"):
      true
    default: false
    }
  }

  /// Builds do not count.
  public static func == (a: SemanticVersion, b: SemanticVersion) -> Bool {
    (a.major, a.minor, a.patch) == (b.major, b.minor, b.patch) && a.prerelease == b.prerelease
  }

  /// One before its release comes before it.
  public static func < (a: SemanticVersion, b: SemanticVersion) -> Bool {
    if (a.major, a.minor, a.patch) != (b.major, b.minor, b.patch) {
      return (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch)
    }
    if a.prerelease.isEmpty || b.prerelease.isEmpty { return !a.prerelease.isEmpty && b.prerelease.isEmpty }
    return a.prerelease.lexicographicallyPrecedes(b.prerelease)
  }
}
