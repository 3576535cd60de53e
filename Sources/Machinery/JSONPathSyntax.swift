/// Holds templates of JSONPath against the language that kubectl and kube-apiserver have. Nothing is evaluated.
/// (Kubernetes: client-go/util/jsonpath, `Parser`)
public struct JSONPathSyntax {
  /// What is wrong: `unclosed action`.
  public struct Failure: Error, CustomStringConvertible {
    public let description: String
    init(_ description: String) { self.description = description }
  }

  /// Throws what is wrong with a template: `{.spec.x}`.
  public static func check(_ template: String) throws(Failure) {
    _ = try check(Array(template.unicodeScalars), depth: 0)
  }

  private let input: [Unicode.Scalar]
  private let depth: Int
  private var place = 0
  private var start = 0
  /// Has the last thing of this action been `..`?
  private var endsRecursive = false

  private init(_ input: [Unicode.Scalar], depth: Int) {
    self.input = input
    self.depth = depth
  }

  /// Does the first action end with `..`?
  private static func check(_ input: [Unicode.Scalar], depth: Int) throws(Failure) -> Bool {
    // The language can't nest so deep; should that be wrong, the stack is not at stake.
    if depth > 64 { throw Failure("too deeply nested") }
    var parser = JSONPathSyntax(input, depth: depth)
    var first: Bool?
    while true {
      while let scalar = parser.peek, scalar != "{" { parser.place += 1 }
      if parser.next() == nil { return first ?? false }
      parser.start = parser.place
      parser.endsRecursive = false
      try parser.action()
      first = first ?? parser.endsRecursive
    }
  }

  /// As if it stood between braces.
  private func checkAction(_ text: some Sequence<Unicode.Scalar>) throws(Failure) -> Bool {
    try Self.check(["{"] + text + ["}"], depth: depth + 1)
  }

  // MARK: reading

  private var peek: Unicode.Scalar? { place < input.count ? input[place] : nil }

  private mutating func next() -> Unicode.Scalar? {
    guard let scalar = peek else { return nil }
    place += 1
    return scalar
  }

  private func isNext(_ text: String) -> Bool { input[place...].starts(with: text.unicodeScalars) }

  private mutating func consume() -> [Unicode.Scalar] {
    defer { start = place }
    return Array(input[start..<place])
  }

  private static func text(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: scalars)
    return String(text)
  }

  // MARK: the language

  /// What stands between braces, and the brace behind it.
  private mutating func action() throws(Failure) {
    while true {
      if isNext("}") {
        place += 1
        start = place
        return
      }
      if isNext("[?(") {
        try filter()
        continue
      }
      if isNext("..") {
        try recursion()
        continue
      }
      guard let scalar = next(), !Self.isEndOfLine(scalar) else { throw Failure("unclosed action") }
      switch scalar {
      case " ", "@", "$": start = place
      case "[": try array()
      case "\"", "'": try quotation(scalar)
      case ".": field()
      case _ where scalar == "+" || scalar == "-" || Self.isDigit(scalar):
        place -= 1
        try number()
      case _ where Self.isAlphanumeric(scalar):
        skipToTerminator()
        start = place
        endsRecursive = false
      default: throw Failure("unrecognized character in action: \(GoText.codePoint(scalar))")
      }
    }
  }

  private mutating func recursion() throws(Failure) {
    if endsRecursive { throw Failure("invalid multiple recursive descent") }
    place += 2
    start = place
    endsRecursive = true
    if let scalar = peek, Self.isAlphanumeric(scalar) { field() }
  }

  private mutating func skipToTerminator() {
    while let scalar = peek, !Self.isTerminator(scalar) { place += 1 }
  }

  private mutating func field() {
    while let scalar = peek, !Self.isTerminator(scalar) {
      // What is escaped ends nothing.
      place = min(place + (scalar == "\\" ? 2 : 1), input.count)
    }
    start = place
    endsRecursive = false
  }

  private mutating func number() throws(Failure) {
    if peek == "+" || peek == "-" { place += 1 }
    while let scalar = peek, scalar == "." || Self.isDigit(scalar) { place += 1 }
    let text = Self.text(consume())
    endsRecursive = false
    if !Self.isNumber(text) { throw Failure("cannot parse number \(text)") }
  }

  private mutating func array() throws(Failure) {
    while true {
      guard let scalar = next(), scalar != "\n" else { throw Failure("unterminated array") }
      if scalar == "]" { break }
    }
    var text = Array(consume().dropFirst().dropLast())
    if text == ["*"] { text = [":"] }
    let parts = text.split(separator: ",", omittingEmptySubsequences: false)
    if parts.count > 1 {
      for part in parts {
        let trimmed = part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
        _ = try checkAction(["["] + trimmed + ["]"])
      }
      endsRecursive = false
      return
    }
    if text.count >= 2, text.first == "'", text.last == "'", !text.dropFirst().dropLast().contains("'") {
      endsRecursive = try checkAction(["."] + text.dropFirst().dropLast())
      return
    }
    try Self.checkIndex(text)
    endsRecursive = false
  }

  /// `1`, `-1`, `0:2`, `::2`
  private static func checkIndex(_ text: [Unicode.Scalar]) throws(Failure) {
    let parts = text.split(separator: ":", omittingEmptySubsequences: false).map { Self.text($0) }
    let isGood =
      parts.count <= 3
      && parts.allSatisfy { part in
        (part.utf8.first == UInt8(ascii: "-") ? part.utf8.dropFirst() : part.utf8[...]).allSatisfy(isASCIIDigit)
      }
    if !isGood { throw Failure("invalid array index \(Self.text(text))") }
    for part in parts where !part.isEmpty && Int(part) == nil { throw Failure("array index \(part) is not a number") }
  }

  private mutating func filter() throws(Failure) {
    place += 3
    start = place
    var pair: Unicode.Scalar?
    var isClosed = false
    scan: while true {
      guard let scalar = next(), scalar != "\n" else { throw Failure("unterminated filter") }
      switch scalar {
      case "\"", "'":
        if pair == nil {
          pair = scalar
        } else if scalar == pair, input[place - 2] != "\\" {
          isClosed = true
        }
      case ")": if (pair != nil) == isClosed { break scan }
      default: break
      }
    }
    guard next() == "]" else { throw Failure("unclosed array expect ]") }
    let text = Array(consume().dropLast(2))
    let left = text.prefix { !Self.isOperator($0) }
    let sign = text[left.endIndex...].prefix(while: Self.isOperator)
    let right = text[sign.endIndex...]
    if let (sign, right) = Self.sides(sign, right), !left.isEmpty, !sign.isEmpty {
      _ = try checkAction(left)
      _ = try checkAction(right)
    } else {
      _ = try checkAction(text)
    }
    endsRecursive = false
  }

  /// The right side needs something: where there is nothing, the operator leaves it its last sign. Nil where that is
  /// not enough, or the text has several lines, which the pattern does not read.
  private static func sides(
    _ sign: ArraySlice<Unicode.Scalar>, _ right: ArraySlice<Unicode.Scalar>
  ) -> (ArraySlice<Unicode.Scalar>, ArraySlice<Unicode.Scalar>)? {
    if right.contains("\n") { return nil }
    if !right.isEmpty { return (sign, right) }
    return sign.count > 1 ? (sign.dropLast(), sign.suffix(1)) : nil
  }

  private mutating func quotation(_ quote: Unicode.Scalar) throws(Failure) {
    while true {
      guard let scalar = next(), scalar != "\n" else { throw Failure("unterminated quoted string") }
      if scalar == quote, input[place - 2] != "\\" { break }
    }
    let text = consume()
    endsRecursive = false
    if !Self.isQuotation(text.dropFirst().dropLast()[...], quote) {
      throw Failure("unquote string \(Self.text(text)) error invalid syntax")
    }
  }

  // MARK: scalars

  private static func isOperator(_ scalar: Unicode.Scalar) -> Bool {
    scalar == "!" || scalar == "<" || scalar == ">" || scalar == "="
  }

  private static func isEndOfLine(_ scalar: Unicode.Scalar) -> Bool { scalar == "\r" || scalar == "\n" }

  private static func isTerminator(_ scalar: Unicode.Scalar) -> Bool {
    switch scalar {
    case " ", "\t", "\r", "\n", ".", ",", "[", "]", "$", "@", "{", "}": true
    default: false
    }
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.generalCategory == .decimalNumber
  }

  private static func isASCIIDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  private static func isAlphanumeric(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == "_" || isDigit(scalar) { return true }
    switch scalar.properties.generalCategory {
    case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter: return true
    default: return false
    }
  }

  /// As Go's `ParseFloat` reads digits with a dot.
  private static func isNumber(_ text: String) -> Bool {
    let bytes = text.utf8.drop { $0 == UInt8(ascii: "+") || $0 == UInt8(ascii: "-") }
    let whole = bytes.prefix(while: isASCIIDigit)
    let fraction = bytes[whole.endIndex...].dropFirst()
    guard bytes.count == whole.count || bytes[whole.endIndex] == UInt8(ascii: "."),
      fraction.allSatisfy(isASCIIDigit), !whole.isEmpty || !fraction.isEmpty
    else { return false }
    return Double("0" + String(decoding: whole, as: UTF8.self))?.isFinite ?? false
  }

  /// Are the escapes between quotes Go's? (`UnquoteExtend`)
  private static func isQuotation(_ text: ArraySlice<Unicode.Scalar>, _ quote: Unicode.Scalar) -> Bool {
    var rest = text
    func digits(_ count: Int, radix: UInt32, max: UInt32) -> Bool {
      let given = rest.prefix(count)
      guard given.count == count, given.allSatisfy({ $0.isASCII }),
        !given.contains("+"), !given.contains("-"), let value = UInt32(Self.text(given), radix: Int(radix))
      else { return false }
      rest = rest.dropFirst(count)
      return value <= max && (radix == 8 || count == 2 || Unicode.Scalar(value) != nil)
    }
    while let scalar = rest.popFirst() {
      if scalar == quote { return false }
      if scalar != "\\" { continue }
      switch rest.popFirst() {
      case "a", "b", "f", "n", "r", "t", "v", "\\": continue
      case "x": if !digits(2, radix: 16, max: 255) { return false }
      case "u": if !digits(4, radix: 16, max: 0x10FFFF) { return false }
      case "U": if !digits(8, radix: 16, max: 0x10FFFF) { return false }
      case let digit? where ("0"..."7").contains(digit):
        rest = text[(rest.startIndex - 1)...]
        if !digits(3, radix: 8, max: 255) { return false }
      case quote?: continue
      default: return false
      }
    }
    return true
  }
}
