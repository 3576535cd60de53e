/// Builds a tape in one pass without recursion.
///
/// Safety: `base` is valid for `count` bytes while the parser lives (it is used inside one `withUnsafeBytes`), and
/// every read stands behind a comparison with `count`.
struct TapeParser {
  private let base: UnsafePointer<UInt8>
  private let count: Int
  private let limits: JSONTape.Limits
  private(set) var nodes: [JSONTape.Node] = []

  init(_ bytes: UnsafeRawBufferPointer, limits: JSONTape.Limits) {
    count = bytes.count
    base = bytes.baseAddress.map { $0.assumingMemoryBound(to: UInt8.self) } ?? Self.nothing
    self.limits = limits
  }

  /// Stands in for the address of no bytes; never read, as `count` is 0 then.
  private nonisolated(unsafe) static let nothing = UnsafePointer(UnsafeMutablePointer<UInt8>.allocate(capacity: 1))

  private enum Expect { case value, firstElement, firstName, name, afterValue }

  mutating func parse() throws(JSONParseError) {
    let base = base
    let count = count
    // A node for every eight bytes is what Kubernetes objects come to.
    nodes.reserveCapacity(min(count / 8 + 4, 1 << 20))
    var open: [Int] = []  // containers around the current place, by node
    var at = 0
    var expect = Expect.value

    while true {
      while at < count, base[at] <= 0x20, base[at] == 0x20 || base[at] == 0x0A || base[at] == 0x0D || base[at] == 0x09 {
        at += 1
      }
      guard at < count else {
        if expect == .afterValue && open.isEmpty { return }
        throw JSONParseError(description: "unexpected end of JSON input", offset: at)
      }
      let byte = base[at]

      switch expect {
      case .afterValue:
        guard let container = open.last else { throw unexpected(at, "after top-level value") }
        let isObject = nodes[container].kind == .object
        if byte == UInt8(ascii: ",") {
          at += 1
          expect = isObject ? .name : .value
        } else if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) {
          at += 1
          close(&open, at)
        } else {
          throw unexpected(at, isObject ? "after object key:value pair" : "after array element")
        }
        continue

      case .firstName where byte == UInt8(ascii: "}"), .firstElement where byte == UInt8(ascii: "]"):
        at += 1
        close(&open, at)
        expect = .afterValue
        continue

      case .firstName, .name:
        guard byte == UInt8(ascii: "\"") else { throw unexpected(at, "looking for beginning of object key string") }
        try string(&at)
        while at < count, base[at] <= 0x20, base[at] == 0x20 || base[at] == 0x0A || base[at] == 0x0D || base[at] == 0x09
        { at += 1 }
        guard at < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: at) }
        guard base[at] == UInt8(ascii: ":") else { throw unexpected(at, "after object key") }
        at += 1
        expect = .value
        continue

      case .value, .firstElement:
        break
      }

      if let container = open.last { countChild(of: container) }
      expect = .afterValue
      switch byte {
      case UInt8(ascii: "\""):
        try string(&at)
      case UInt8(ascii: "{"), UInt8(ascii: "["):
        guard open.count < limits.maxDepth else { throw JSONParseError(description: "exceeded max depth", offset: at) }
        open.append(nodes.count)
        let isObject = byte == UInt8(ascii: "{")
        try append(at, 0, isObject ? .object : .array)
        at += 1
        expect = isObject ? .firstName : .firstElement
      case UInt8(ascii: "t"): try literal(&at, "true", .bool)
      case UInt8(ascii: "f"): try literal(&at, "false", .bool)
      case UInt8(ascii: "n"): try literal(&at, "null", .null)
      case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number(&at)
      default: throw unexpected(at, "looking for beginning of value")
      }
    }
  }

  private mutating func append(_ start: Int, _ length: Int, _ kind: JSONKind, flags: UInt32 = 0) throws(JSONParseError)
  {
    guard nodes.count < limits.maxNodes else {
      throw JSONParseError(description: "text has more than \(limits.maxNodes) values", offset: start)
    }
    nodes.append(
      JSONTape.Node(
        start: UInt32(start), length: UInt32(length), next: UInt32(nodes.count + 1), info: UInt32(kind.rawValue) | flags
      ))
  }

  private mutating func countChild(of container: Int) {
    if nodes[container].info < 0xFFFF_FF00 { nodes[container].info += 0x100 }
  }

  /// Ends the innermost container behind the byte before `at`.
  private mutating func close(_ open: inout [Int], _ at: Int) {
    let container = open.removeLast()
    nodes[container].length = UInt32(at - Int(nodes[container].start))
    nodes[container].next = UInt32(nodes.count)
  }

  /// A string whose opening quote stands at `at`; leaves `at` behind the closing one.
  private mutating func string(_ at: inout Int) throws(JSONParseError) {
    let start = at + 1
    var place = start
    var flags: UInt32 = 0
    while true {
      // Eight bytes at a time while none is a quote, a backslash or a control character.
      while place &+ 8 <= count {
        let word = UnsafeRawPointer(base + place).loadUnaligned(as: UInt64.self)
        let quotes = word ^ 0x2222_2222_2222_2222
        let slashes = word ^ 0x5C5C_5C5C_5C5C_5C5C
        let ones: UInt64 = 0x0101_0101_0101_0101
        let highs: UInt64 = 0x8080_8080_8080_8080
        let hits =
          ((quotes &- ones) & ~quotes | (slashes &- ones) & ~slashes | (word &- 0x2020_2020_2020_2020) & ~word) & highs
        if hits != 0 {
          place &+= hits.trailingZeroBitCount >> 3
          break
        }
        place &+= 8
      }
      guard place < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
      let byte = base[place]
      if byte == UInt8(ascii: "\"") { break }
      if byte == UInt8(ascii: "\\") {
        flags = JSONTape.Node.escaped
        try escape(&place)
      } else if byte < 0x20 {
        throw unexpected(place, "in string literal")
      } else {
        place += 1
      }
    }
    try append(start, place - start, .string, flags: flags)
    at = place + 1
  }

  /// Checks the escape that begins at `place` and steps over it.
  private func escape(_ place: inout Int) throws(JSONParseError) {
    guard place + 1 < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
    switch base[place + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      place += 2
    case UInt8(ascii: "u"):
      for digit in (place + 2)..<(place + 6) {
        guard digit < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
        switch base[digit] {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
          UInt8(ascii: "A")...UInt8(ascii: "F"):
          break
        default: throw unexpected(digit, "in \\u hexadecimal character escape")
        }
      }
      place += 6
    default: throw unexpected(place + 1, "in string escape code")
    }
  }

  private mutating func literal(_ at: inout Int, _ word: StaticString, _ kind: JSONKind) throws(JSONParseError) {
    for i in 0..<word.utf8CodeUnitCount {
      guard at + i < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
      let expected = word.utf8Start[i]
      guard base[at + i] == expected else {
        throw unexpected(at + i, "in literal \(word) (expecting '\(Character(UnicodeScalar(expected)))')")
      }
    }
    try append(at, word.utf8CodeUnitCount, kind)
    at += word.utf8CodeUnitCount
  }

  private mutating func number(_ at: inout Int) throws(JSONParseError) {
    let start = at
    var place = at
    func isDigit(_ i: Int) -> Bool { i < count && base[i] &- 0x30 < 10 }
    if base[place] == UInt8(ascii: "-") {
      place += 1
      guard place < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
      guard isDigit(place) else { throw unexpected(place, "in numeric literal") }
    }
    let digits = place
    if base[place] == UInt8(ascii: "0") { place += 1 } else { while isDigit(place) { place += 1 } }
    let digitsEnd = place
    var isInteger = true
    if place < count, base[place] == UInt8(ascii: ".") {
      isInteger = false
      place += 1
      guard place < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
      guard isDigit(place) else { throw unexpected(place, "after decimal point in numeric literal") }
      while isDigit(place) { place += 1 }
    }
    if place < count, base[place] | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      place += 1
      if place < count, base[place] == UInt8(ascii: "+") || base[place] == UInt8(ascii: "-") { place += 1 }
      guard place < count else { throw JSONParseError(description: "unexpected end of JSON input", offset: count) }
      guard isDigit(place) else { throw unexpected(place, "in exponent of numeric literal") }
      while isDigit(place) { place += 1 }
    }
    if isInteger && !fitsInt64(digits: digits..<digitsEnd, isNegative: digits > start) { isInteger = false }
    if !isInteger {
      let text = String(decoding: UnsafeBufferPointer(start: base + start, count: place - start), as: UTF8.self)
      guard let value = Double(text), value.isFinite else {
        throw JSONParseError(
          description: "json: cannot unmarshal number \(text) into Go value of type float64", offset: start)
      }
    }
    try append(start, place - start, isInteger ? .int : .double)
    at = place
  }

  private func fitsInt64(digits: Range<Int>, isNegative: Bool) -> Bool {
    if digits.count < 19 { return true }
    if digits.count > 19 { return false }
    var value: UInt64 = 0
    for i in digits { value = value &* 10 &+ UInt64(base[i] &- 0x30) }  // 19 digits fit 64 bits
    return value <= UInt64(Int64.max) + (isNegative ? 1 : 0)
  }

  private func unexpected(_ at: Int, _ context: String) -> JSONParseError {
    JSONParseError(description: "invalid character \(Self.quoted(base[at])) \(context)", offset: at)
  }

  /// A byte as Go's error texts quote it.
  private static func quoted(_ byte: UInt8) -> String {
    switch byte {
    case UInt8(ascii: "'"): return #"'\''"#
    case UInt8(ascii: "\""): return #"'"'"#
    case UInt8(ascii: "\\"): return #"'\\'"#
    case 0x07: return #"'\a'"#
    case 0x08: return #"'\b'"#
    case 0x0C: return #"'\f'"#
    case 0x0A: return #"'\n'"#
    case 0x0D: return #"'\r'"#
    case 0x09: return #"'\t'"#
    case 0x0B: return #"'\v'"#
    case 0..<0x20, 0x7F: return #"'\x"# + (byte < 16 ? "0" : "") + String(byte, radix: 16) + "'"
    // Go takes the byte for a code point, whatever it is a part of; of these the ones below and the soft hyphen are not
    // printable.
    case 0x80...0xA0, 0xAD: return #"'\u00"# + String(byte, radix: 16) + "'"
    default: return "'\(Character(UnicodeScalar(byte)))'"
    }
  }
}
