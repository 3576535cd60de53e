import Machinery

/// The text before `.format(…)`: what stands in it, and how it is read. (cel-go `ext/formatting.go`, which versions
/// below 4 of the strings library use)
enum FormatString {
  /// What an argument is written as.
  enum Clause: Equatable {
    case string
    case decimal
    case fixed(places: Int?)
    /// Upstream takes what stands behind the point for a width.
    case scientific(width: Int?)
    case binary
    case hex(isUpper: Bool)
    case octal

    /// What is said of a value that has none of its types.
    func fault(_ type: String) -> String {
      switch self {
      case .string:
        "string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and "
          + "timestamps, was given \(type)"
      case .decimal: "decimal clause can only be used on integers, was given \(type)"
      case .fixed: "fixed-point clause can only be used on doubles, was given \(type)"
      case .scientific: "scientific clause can only be used on doubles, was given \(type)"
      case .binary: "only integers and bools can be formatted as binary, was given \(type)"
      case .hex: "only integers, byte buffers, and strings can be formatted as hex, was given \(type)"
      case .octal: "octal clause can only be used on integers, was given \(type)"
      }
    }
  }

  /// What is wrong, and the number of the argument that is at fault, if one is.
  struct Fault: Error, Equatable {
    let text: String
    var argument: Int?

    init(_ text: String) { self.text = text }

    /// Of a value that cannot be written so.
    init(_ text: String, argument: Int?) {
      self.text = "error during formatting: \(text)"
      self.argument = argument
    }
  }

  /// Writes the text with each clause replaced by what `write` makes of it and of the argument with that number.
  /// - Parameters:
  ///   - count: of the arguments
  ///   - isStatic: when an expression is compiled, an end behind a `%` is told before a missing argument
  /// - Returns: the text, and how many arguments it took
  static func write(
    _ format: String, count: Int, isStatic: Bool, _ write: (Int, Clause) throws(Fault) -> String
  ) throws(Fault) -> (text: String, arguments: Int) {
    let bytes = Array(format.utf8)
    var out: [UInt8] = []
    var taken = 0
    var place = 0
    while place < bytes.count {
      guard bytes[place] == UInt8(ascii: "%") else {
        out.append(bytes[place])
        place += 1
        continue
      }
      let next = place + 1
      if next < bytes.count, bytes[next] == UInt8(ascii: "%") {
        out.append(UInt8(ascii: "%"))
        place += 2
        continue
      }
      if !isStatic, taken >= count { throw Fault("index \(taken) out of range") }
      if next >= bytes.count { throw Fault("unexpected end of string") }
      if taken >= count { throw Fault("index \(taken) out of range") }
      let (clause, end) = try clause(bytes, at: next)
      out += try write(taken, clause).utf8
      if out.count > StringFunctions.sizeMax { throw Fault("the text is too long") }
      place = end
      taken += 1
    }
    return (String(decoding: out, as: UTF8.self), taken)
  }

  private static func clause(_ bytes: [UInt8], at start: Int) throws(Fault) -> (Clause, end: Int) {
    var place = start
    var precision: Int?
    if bytes[place] == UInt8(ascii: ".") {
      place += 1
      let digits = bytes[place...].prefix { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
      place = digits.endIndex
      let fault = "could not parse formatting clause: error while parsing precision: "
      if place >= bytes.count { throw Fault(fault + "could not find end of precision specifier") }
      let text = String(decoding: digits, as: UTF8.self)
      guard let value = Int(text) else {
        let why = text.isEmpty ? "invalid syntax" : "value out of range"
        throw Fault(
          fault + "error while converting precision to integer: strconv.Atoi: parsing \(GoText.quoted(text)): \(why)")
      }
      precision = value
    }
    let clause: Clause
    switch bytes[place] {
    case UInt8(ascii: "s"): clause = .string
    case UInt8(ascii: "d"): clause = .decimal
    case UInt8(ascii: "f"): clause = .fixed(places: precision)
    case UInt8(ascii: "e"): clause = .scientific(width: precision)
    case UInt8(ascii: "b"): clause = .binary
    case UInt8(ascii: "x"): clause = .hex(isUpper: false)
    case UInt8(ascii: "X"): clause = .hex(isUpper: true)
    case UInt8(ascii: "o"): clause = .octal
    case let other:
      throw Fault(
        "could not parse formatting clause: unrecognized formatting clause \"\(Unicode.Scalar(other))\"")
    }
    return (clause, place + 1)
  }
}
