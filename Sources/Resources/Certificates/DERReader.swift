/// Reads DER, one value after another, and complains in Go's words. (encoding/asn1)
///
/// Whoever reads has the bytes from outside: lengths are held against what there is, and nothing is copied.
struct DERReader {
  struct Element {
    /// Class, form and number as one byte; those that need more stand for a number above 30.
    let identifier: UInt8
    let content: ArraySlice<UInt8>
    /// With its head.
    let whole: ArraySlice<UInt8>
  }

  static let integer: UInt8 = 0x02
  static let bitString: UInt8 = 0x03
  static let null: UInt8 = 0x05
  static let objectIdentifier: UInt8 = 0x06
  static let sequence: UInt8 = 0x30
  static let set: UInt8 = 0x31

  private var rest: ArraySlice<UInt8>
  private let start: Int

  init(_ bytes: ArraySlice<UInt8>) {
    rest = bytes
    start = bytes.startIndex
  }

  var isAtEnd: Bool { rest.isEmpty }

  /// The next value, whatever it is; nil where what is left is none.
  mutating func any() -> Element? { try? next() }

  /// The next value, if it is of this kind.
  mutating func element(_ identifier: UInt8) -> ArraySlice<UInt8>? {
    guard let element = any(), element.identifier == identifier else { return nil }
    return element.content
  }

  /// The next value, of whatever kind.
  mutating func next() throws(CertificateFault) -> Element {
    if rest.isEmpty { throw .syntax("sequence truncated") }
    let head = try head()
    guard head.length <= rest.endIndex - head.end else { throw .syntax("data truncated") }
    let end = head.end + head.length
    let element = Element(
      identifier: head.identifier, content: rest[head.end..<end], whole: rest[rest.startIndex..<end])
    rest = rest[end...]
    return element
  }

  /// The next value, which has to be of this kind. `goType`: what Go reads it into.
  mutating func next(_ identifier: UInt8, into goType: String) throws(CertificateFault) -> Element {
    if rest.isEmpty { throw .syntax("sequence truncated") }
    let head = try head()
    if head.identifier != identifier || head.number != Int(identifier & 0x1F) {
      let found =
        "{class:\(head.identifier >> 6) tag:\(head.number) length:\(head.length) "
        + "isCompound:\(head.identifier & 0x20 != 0)}"
      let asked =
        "{optional:false explicit:false application:false private:false defaultValue:<nil> tag:<nil> stringType:0 "
        + "timeType:0 set:false omitEmpty:false}"
      throw .structure("tags don't match (\(identifier & 0x1F) vs \(found)) \(asked) \(goType) @\(head.end - start)")
    }
    return try next()
  }

  /// The bytes of a BIT STRING. Signatures and keys are made of whole ones; Go reads others, and can't use them.
  static func bytes(ofBits content: ArraySlice<UInt8>) throws(CertificateFault) -> ArraySlice<UInt8> {
    guard let unused = content.first else { throw .syntax("zero length BIT STRING") }
    if unused != 0 { throw .syntax("invalid padding bits in BIT STRING") }
    return content.dropFirst()
  }

  private struct Head {
    let identifier: UInt8
    let number: Int
    let length: Int
    /// Where the content begins.
    let end: Int
  }

  /// (`parseTagAndLength`)
  private func head() throws(CertificateFault) -> Head {
    var place = rest.startIndex
    func byte() throws(CertificateFault) -> UInt8 {
      guard place < rest.endIndex else { throw .syntax("truncated tag or length") }
      defer { place += 1 }
      return rest[place]
    }
    let identifier = try byte()
    var number = Int(identifier & 0x1F)
    if number == 0x1F {
      number = 0
      var digit: UInt8
      repeat {
        digit = try byte()
        guard number < 1 << 24 else { throw .structure("base 128 integer too large") }
        number = number << 7 | Int(digit & 0x7F)
      } while digit & 0x80 != 0
      if number < 0x1F { throw .syntax("non-minimal tag") }
    }
    let first = try byte()
    if first & 0x80 == 0 { return Head(identifier: identifier, number: number, length: Int(first), end: place) }
    if first == 0x80 { throw .syntax("indefinite length found (not DER)") }
    var length = 0
    for _ in 0..<(first & 0x7F) {
      let digit = try byte()
      if length >= 1 << 23 { throw .structure("length too large") }
      length = length << 8 | Int(digit)
      if length == 0 { throw .structure("superfluous leading zeros in length") }
    }
    if length < 0x80 { throw .structure("non-minimal length") }
    return Head(identifier: identifier, number: number, length: length, end: place)
  }
}

/// What is wrong with a request or a certificate, in Go's words.
public struct CertificateFault: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
  static func syntax(_ what: String) -> CertificateFault { CertificateFault("asn1: syntax error: \(what)") }
  static func structure(_ what: String) -> CertificateFault { CertificateFault("asn1: structure error: \(what)") }
}
