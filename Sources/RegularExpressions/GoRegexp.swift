import CRE2

/// A regular expression as Go's package regexp reads it, matched in time that is linear in the text, whatever the
/// expression.
///
/// Unchecked because of the pointer: what it points to is only read from when it was made until it goes with this
/// object, and RE2's matches lock what they share.
public final class GoRegexp: @unchecked Sendable {
  /// What is wrong with an expression, in Go's words.
  public struct Malformed: Error, Equatable, CustomStringConvertible {
    public let description: String
    init(_ fault: String, _ part: String) { description = "error parsing regexp: \(fault): `\(part)`" }
  }

  public let pattern: String
  private let compiled: OpaquePointer

  /// Of a program and of what its matches keep.
  private static let memoryMax: Int64 = 8 << 20

  public init(_ pattern: String) throws(Malformed) {
    var source = try GoSyntax.forRE2(pattern)
    let compiled = source.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { cre2_compile($0.baseAddress, $0.count, Self.memoryMax) }
    }
    guard let compiled else { throw Malformed(Self.text(of: CRE2_INTERNAL), pattern) }
    self.pattern = pattern
    self.compiled = compiled
    let fault = cre2_fault_of(compiled)
    guard fault == CRE2_NONE else { throw Malformed(Self.text(of: fault), Self.part(at: fault, of: compiled, pattern)) }
  }

  deinit { cre2_free(compiled) }

  /// Does it match somewhere in the text?
  public func matches(_ text: String) -> Bool {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { cre2_matches(compiled, $0.baseAddress, $0.count) == 1 }
    }
  }

  /// The first match; nil where there is none. (`FindString`)
  public func firstMatch(in text: String) -> String? { matches(in: text, max: 1).first }

  /// The matches that do not overlap, `max` at most; an empty one right behind another is none. (`FindAllString`)
  public func matches(in text: String, max: Int = .max) -> [String] {
    var text = text
    return text.withUTF8 { bytes in
      bytes.withMemoryRebound(to: CChar.self) { chars in
        var found: [String] = []
        var place = 0
        var lastEnd = -1
        while found.count < max, place <= bytes.count {
          var (start, end) = (0, 0)
          guard cre2_find(compiled, chars.baseAddress, chars.count, place, &start, &end) == 1 else { break }
          if end > place {
            place = end
          } else {
            place = end == bytes.count ? end + 1 : end + Self.width(of: bytes[end])
            if start == lastEnd {
              lastEnd = end
              continue
            }
          }
          lastEnd = end
          found.append(String(decoding: UnsafeBufferPointer(rebasing: bytes[start..<end]), as: UTF8.self))
        }
        return found
      }
    }
  }

  /// Of the code point that begins with this byte, in bytes.
  private static func width(of lead: UInt8) -> Int { lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4 }

  /// What Go shows of the expression.
  private static func part(at fault: cre2_fault, of compiled: OpaquePointer, _ pattern: String) -> String {
    switch fault {
    case CRE2_MISSING_PARENTHESIS, CRE2_UNEXPECTED_PARENTHESIS, CRE2_TOO_LARGE, CRE2_INTERNAL: return pattern
    default: break
    }
    var count = 0
    guard let start = cre2_fault_text(compiled, &count) else { return "" }
    let part = String(decoding: UnsafeRawBufferPointer(start: start, count: count), as: UTF8.self)
    return pattern.contains(part) ? part : GoSyntax.asWritten(part)
  }

  private static func text(of fault: cre2_fault) -> String {
    switch fault {
    case CRE2_ESCAPE: "invalid escape sequence"
    case CRE2_CLASS: "invalid character class"
    case CRE2_RANGE: "invalid character class range"
    case CRE2_MISSING_BRACKET: "missing closing ]"
    case CRE2_MISSING_PARENTHESIS: "missing closing )"
    case CRE2_UNEXPECTED_PARENTHESIS: "unexpected )"
    case CRE2_TRAILING_BACKSLASH: "trailing backslash at end of expression"
    case CRE2_REPEAT_ARGUMENT: "missing argument to repetition operator"
    case CRE2_REPEAT_SIZE: "invalid repeat count"
    case CRE2_REPEAT_OPERATOR: "invalid nested repetition operator"
    case CRE2_PERL_OPERATOR: "invalid or unsupported Perl syntax"
    case CRE2_UTF8: "invalid UTF-8"
    case CRE2_NAMED_CAPTURE: "invalid named capture"
    case CRE2_TOO_LARGE: "expression too large"
    default: "regexp/syntax: internal error"
    }
  }
}
