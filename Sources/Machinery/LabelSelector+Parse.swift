/// Why a selector can't be parsed, in the words of apimachinery's package `labels`.
public struct SelectorError: Error, Equatable, CustomStringConvertible {
  public let description: String
  public init(_ description: String) { self.description = description }
}

extension LabelSelector {
  /// Parses `a=b,c in (d,e),!f`. Errors carry Kubernetes' texts.
  public static func parse(_ text: String) throws(SelectorError) -> LabelSelector {
    var parser = LabelSelectorParser(text)
    return LabelSelector(try parser.parse().sorted { $0.key < $1.key })
  }
}

/// `labels.Parser`: a lexer with one token of look-ahead.
private struct LabelSelectorParser {
  enum Token: Equatable {
    case end, identifier, comma, open, close, equals, doubleEquals, notEquals, doesNotExist, greater, less, `in`, notIn,
      error
  }

  private var tokens: [(Token, String)]
  private var place = 0

  init(_ text: String) {
    tokens = []
    let bytes = Array(text.utf8)
    var at = 0
    func isSpecial(_ byte: UInt8) -> Bool { "=!(),><".utf8.contains(byte) }
    func isSpace(_ byte: UInt8) -> Bool { byte == 0x20 || byte == 0x09 || byte == 0x0D || byte == 0x0A }
    // Upstream's lexer takes a zero byte for the end: of a word, and between words of the text.
    while at < bytes.count, bytes[at] != 0 {
      if isSpace(bytes[at]) {
        at += 1
        continue
      }
      let start = at
      if isSpecial(bytes[at]) {
        // Specials are taken together as long as they make a known operator.
        if at + 1 < bytes.count, bytes[at + 1] == UInt8(ascii: "="),
          bytes[at] == UInt8(ascii: "=") || bytes[at] == UInt8(ascii: "!")
        {
          let isEqual = bytes[at] == UInt8(ascii: "=")
          tokens.append((isEqual ? .doubleEquals : .notEquals, isEqual ? "==" : "!="))
          at += 2
          continue
        }
        let one = String(decoding: bytes[at...at], as: UTF8.self)
        tokens.append((Self.special(bytes[at]), one))
        at += 1
        continue
      }
      while at < bytes.count, !isSpecial(bytes[at]), !isSpace(bytes[at]), bytes[at] != 0 { at += 1 }
      let word = String(decoding: bytes[start..<at], as: UTF8.self)
      if at < bytes.count, bytes[at] == 0 { at += 1 }
      tokens.append((word == "in" ? .in : word == "notin" ? .notIn : .identifier, word))
    }
  }

  private static func special(_ byte: UInt8) -> Token {
    switch byte {
    case UInt8(ascii: ")"): .close
    case UInt8(ascii: ","): .comma
    case UInt8(ascii: "!"): .doesNotExist
    case UInt8(ascii: "="): .equals
    case UInt8(ascii: ">"): .greater
    case UInt8(ascii: "<"): .less
    case UInt8(ascii: "("): .open
    default: .error
    }
  }

  /// The next token; where a value is expected, `in` and `notin` are plain words.
  private func peek(values: Bool = false) -> (Token, String) {
    guard place < tokens.count else { return (.end, "") }
    let token = tokens[place]
    return values && (token.0 == .in || token.0 == .notIn) ? (.identifier, token.1) : token
  }

  private mutating func take(values: Bool = false) -> (Token, String) {
    defer { place += 1 }
    return peek(values: values)
  }

  mutating func parse() throws(SelectorError) -> [LabelSelector.Requirement] {
    var requirements: [LabelSelector.Requirement] = []
    while true {
      let (token, word) = peek()
      switch token {
      case .identifier, .doesNotExist, .in, .notIn:
        do {
          requirements.append(try requirement())
        } catch {
          throw SelectorError("unable to parse requirement: \(error)")
        }
        let (next, text) = take()
        switch next {
        case .end: return requirements
        case .comma:
          let (after, follower) = peek(values: true)
          if after != .identifier && after != .doesNotExist {
            throw SelectorError("found '\(follower)', expected: identifier after ','")
          }
        default: throw SelectorError("found '\(text)', expected: ',' or 'end of string'")
        }
      case .end: return requirements
      default: throw SelectorError("found '\(word)', expected: !, identifier, or 'end of string'")
      }
    }
  }

  private mutating func requirement() throws(SelectorError) -> LabelSelector.Requirement {
    var (token, key) = take(values: true)
    var op: LabelSelector.Operator?
    if token == .doesNotExist {
      op = .doesNotExist
      (token, key) = take(values: true)
    }
    guard token == .identifier else { throw SelectorError("found '\(key)', expected: identifier") }
    try checkKey(key)
    if peek().0 == .end || peek().0 == .comma { return try made(key, op ?? .exists, []) }
    if op == .doesNotExist { return try made(key, .doesNotExist, []) }

    let (sign, text) = take()
    switch sign {
    case .in, .notIn:
      let values = try list()
      return try made(key, sign == .in ? .in : .notIn, values)
    case .equals, .doubleEquals, .notEquals, .greater, .less:
      let known: [Token: LabelSelector.Operator] = [
        .equals: .equals, .doubleEquals: .doubleEquals, .notEquals: .notEquals, .greater: .greaterThan,
        .less: .lessThan,
      ]
      return try made(key, known[sign] ?? .equals, [try exact()])
    default: throw SelectorError("found '\(text)', expected: in, notin, =, ==, !=, gt, lt")
    }
  }

  private mutating func exact() throws(SelectorError) -> String {
    let (token, _) = peek(values: true)
    if token == .end || token == .comma { return "" }
    let (next, text) = take(values: true)
    guard next == .identifier else { throw SelectorError("found '\(text)', expected: identifier") }
    return text
  }

  private mutating func list() throws(SelectorError) -> [String] {
    let (token, text) = take(values: true)
    guard token == .open else { throw SelectorError("found '\(text)' expected: '('") }
    var values = Set<ByteString>()
    let (first, word) = peek(values: true)
    switch first {
    case .identifier, .comma:
      while true {
        let (item, text) = take(values: true)
        switch item {
        case .identifier:
          values.insert(text)
          let (next, follower) = peek(values: true)
          if next == .comma { continue }
          if next == .close {
            place += 1
            return values.map(\.text).sorted()
          }
          throw SelectorError("found '\(follower)', expected: ',' or ')'")
        case .comma:
          if values.isEmpty { values.insert("") }
          let (next, _) = peek(values: true)
          if next == .close {
            values.insert("")
            place += 1
            return values.map(\.text).sorted()
          }
          if next == .comma { values.insert("") }
        default: throw SelectorError("found '\(text)', expected: ',', or identifier")
        }
      }
    case .close:
      place += 1
      return [""]
    default: throw SelectorError("found '\(word)', expected: ',', ')' or identifier")
    }
  }

  private func checkKey(_ key: String) throws(SelectorError) {
    let problems = NameValidation.qualifiedName(key)
    // Upstream names no path here, and Go prints a nil path so.
    if !problems.isEmpty {
      throw SelectorError("<nil>: Invalid value: \(GoText.quoted(key)): \(problems.joined(separator: "; "))")
    }
  }

  private func made(
    _ key: String, _ op: LabelSelector.Operator, _ values: [String]
  ) throws(SelectorError) -> LabelSelector.Requirement {
    let path = FieldPath("values")
    var errors: [FieldError] = []
    if op == .greaterThan || op == .lessThan {
      for (place, value) in values.enumerated() where Int64(value) == nil {
        errors.append(
          .invalid(path.index(place).description, value, "for 'Gt', 'Lt' operators, the value must be an integer"))
      }
    }
    for (place, value) in values.enumerated() {
      let problems = NameValidation.labelValue(value)
      if !problems.isEmpty {
        errors.append(.invalid(path.index(place).key(key).description, value, problems.joined(separator: "; ")))
      }
    }
    if !errors.isEmpty { throw SelectorError(FieldError.aggregate(errors.map(\.message))) }
    return LabelSelector.Requirement(key: key, op: op, values: values)
  }
}
