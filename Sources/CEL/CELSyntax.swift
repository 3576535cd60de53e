import JSON

/// What an expression is made of.
enum CELToken: Equatable {
  case identifier(String)
  case string(String)
  case int(Int64)
  case double(Double)
  case symbol(String)
  case end
}

/// Splits a text into tokens. (CEL language definition, section Syntax.)
struct CELLexer {
  private let characters: [Character]
  private var at = 0
  init(_ text: String) { characters = Array(text) }

  private static let symbols = [
    "&&", "||", "<=", ">=", "==", "!=", "(", ")", "[", "]", "{", "}", ".", ",", "?", ":", "+", "-", "*", "/", "%", "!",
    "<", ">",
  ]

  mutating func next() throws(CELError) -> CELToken {
    while at < characters.count {
      if characters[at].isWhitespace {
        at += 1
      } else if characters[at...].starts(with: "//") {
        while at < characters.count && !characters[at].isNewline { at += 1 }
      } else {
        break
      }
    }
    guard at < characters.count else { return .end }
    let first = characters[at]
    if first.isASCII && first.isNumber { return try number() }
    if first == "\"" || first == "'" { return .string(try string(isRaw: false)) }
    if (first == "r" || first == "R"), at + 1 < characters.count,
      characters[at + 1] == "\"" || characters[at + 1] == "'"
    {
      at += 1
      return .string(try string(isRaw: true))
    }
    if first.isASCII && (first.isLetter || first == "_") {
      let start = at
      while at < characters.count, characters[at].isASCII,
        characters[at].isLetter || characters[at].isNumber || characters[at] == "_"
      { at += 1 }
      return .identifier(String(characters[start..<at]))
    }
    guard let symbol = Self.symbols.first(where: { characters[at...].starts(with: $0) }) else {
      throw CELError("Syntax error: token recognition error at: '\(first)'")
    }
    at += symbol.count
    return .symbol(symbol)
  }

  private mutating func number() throws(CELError) -> CELToken {
    let start = at
    if characters[at] == "0", at + 1 < characters.count, characters[at + 1] == "x" {
      at += 2
      while at < characters.count, characters[at].isHexDigit { at += 1 }
      guard let value = Int64(String(characters[(start + 2)..<at]), radix: 16) else {
        throw CELError("Syntax error: invalid int literal")
      }
      return .int(value)
    }
    var isDouble = false
    while at < characters.count {
      let character = characters[at]
      if character.isASCII && character.isNumber {
        at += 1
      } else if character == ".", at + 1 < characters.count, characters[at + 1].isNumber, !isDouble {
        isDouble = true
        at += 1
      } else if character == "e" || character == "E" {
        isDouble = true
        at += 1
        if at < characters.count, characters[at] == "+" || characters[at] == "-" { at += 1 }
      } else {
        break
      }
    }
    let text = String(characters[start..<at])
    if isDouble {
      guard let value = Double(text) else { throw CELError("Syntax error: invalid double literal") }
      return .double(value)
    }
    if at < characters.count, characters[at] == "u" || characters[at] == "U" { at += 1 }
    guard let value = Int64(text) else { throw CELError("Syntax error: invalid int literal") }
    return .int(value)
  }

  private mutating func string(isRaw: Bool) throws(CELError) -> String {
    let quote = characters[at]
    let isLong = at + 2 < characters.count && characters[at + 1] == quote && characters[at + 2] == quote
    at += isLong ? 3 : 1
    var out = ""
    while at < characters.count {
      let character = characters[at]
      if character == quote,
        !isLong || (at + 2 < characters.count && characters[at + 1] == quote && characters[at + 2] == quote)
      {
        at += isLong ? 3 : 1
        return out
      }
      if character.isNewline && !isLong { break }
      at += 1
      guard character == "\\", !isRaw else {
        out.append(character)
        continue
      }
      out.append(try escape())
    }
    throw CELError("Syntax error: a string does not end")
  }

  private mutating func escape() throws(CELError) -> Character {
    guard at < characters.count else { throw CELError("Syntax error: a string does not end") }
    let kind = characters[at]
    at += 1
    switch kind {
    case "n": return "\n"
    case "t": return "\t"
    case "r": return "\r"
    case "a": return "\u{7}"
    case "b": return "\u{8}"
    case "f": return "\u{c}"
    case "v": return "\u{b}"
    case "\\", "\"", "'", "`", "?": return kind
    case "x", "X", "u", "U":
      let count = kind == "u" ? 4 : kind == "U" ? 8 : 2
      guard at + count <= characters.count, let code = UInt32(String(characters[at..<(at + count)]), radix: 16),
        let scalar = Unicode.Scalar(code)
      else { break }
      at += count
      return Character(scalar)
    default: break
    }
    throw CELError("Syntax error: a string holds an escape that there is not")
  }
}

/// Reads an expression by its grammar, bounded in depth.
struct CELParser {
  private var lexer: CELLexer
  private var token = CELToken.end
  private var depth = 0
  private static let depthMax = 250

  static func parse(_ text: String) throws(CELError) -> CELNode {
    guard text.utf8.count <= 10 << 10 else { throw CELError("the expression is longer than 10240 bytes") }
    var parser = CELParser(lexer: CELLexer(text))
    try parser.advance()
    let node = try parser.expression()
    guard parser.token == .end else { throw CELError("Syntax error: extraneous input \(parser.shown)") }
    return node
  }

  private init(lexer: CELLexer) { self.lexer = lexer }

  private var shown: String {
    switch token {
    case .identifier(let text), .symbol(let text): "'\(text)'"
    case .string(let text): "'\"\(text)\"'"
    case .int(let number): "'\(number)'"
    case .double(let number): "'\(number)'"
    case .end: "'<EOF>'"
    }
  }

  private mutating func advance() throws(CELError) { token = try lexer.next() }

  private mutating func take(_ symbol: String) throws(CELError) -> Bool {
    guard token == .symbol(symbol) else { return false }
    try advance()
    return true
  }

  private mutating func expect(_ symbol: String) throws(CELError) {
    guard try take(symbol) else { throw CELError("Syntax error: mismatched input \(shown) expecting '\(symbol)'") }
  }

  private mutating func expression() throws(CELError) -> CELNode {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthMax else { throw CELError("expression recursion limit exceeded: \(Self.depthMax)") }
    let condition = try binary(0)
    guard try take("?") else { return condition }
    let yes = try binary(0)
    try expect(":")
    return .call(target: nil, name: "_?_:_", arguments: [condition, yes, try expression()])
  }

  /// Weakest first.
  private static let levels: [[String]] = [
    ["||"], ["&&"], ["<", "<=", ">", ">=", "==", "!=", "in"], ["+", "-"], ["*", "/", "%"],
  ]

  private mutating func binary(_ level: Int) throws(CELError) -> CELNode {
    guard level < Self.levels.count else { return try unary() }
    var left = try binary(level + 1)
    while true {
      let name: String
      switch token {
      case .symbol(let text) where Self.levels[level].contains(text): name = text
      case .identifier("in") where level == 2: name = "in"
      default: return left
      }
      try advance()
      left = .call(target: nil, name: "_\(name)_", arguments: [left, try binary(level + 1)])
    }
  }

  private mutating func unary() throws(CELError) -> CELNode {
    depth += 1
    defer { depth -= 1 }
    guard depth < Self.depthMax else { throw CELError("expression recursion limit exceeded: \(Self.depthMax)") }
    if try take("!") { return .call(target: nil, name: "!_", arguments: [try unary()]) }
    if try take("-") {
      let operand = try unary()
      if case .literal(.int(let number)) = operand { return .literal(.int(0 &- number)) }
      if case .literal(.double(let number)) = operand { return .literal(.double(-number)) }
      return .call(target: nil, name: "-_", arguments: [operand])
    }
    return try member()
  }

  private mutating func member() throws(CELError) -> CELNode {
    var node = try primary()
    while true {
      if try take(".") {
        let isOptional = try take("?")
        guard case .identifier(let name) = token else {
          throw CELError("Syntax error: no viable alternative at input '.'")
        }
        try advance()
        if isOptional {
          node = .optionalSelect(node, name)
          continue
        }
        node = try take("(") ? try called(node, name, try arguments(")")) : .select(node, name, isTest: false)
      } else if try take("[") {
        let isOptional = try take("?")
        let place = try expression()
        try expect("]")
        node = isOptional ? .optionalIndex(node, place) : .index(node, place)
      } else {
        return node
      }
    }
  }

  private mutating func arguments(_ end: String) throws(CELError) -> [CELNode] {
    var all: [CELNode] = []
    if try take(end) { return all }
    repeat { all.append(try end == "]" ? entry() : expression()) } while try take(",")
    try expect(end)
    return all
  }

  /// Of a list; `?` says that it may not be there.
  private mutating func entry() throws(CELError) -> CELNode {
    try take("?") ? .entry(try expression()) : try expression()
  }

  /// Calls that make an optional, or something of one; nil for others.
  private func ofOptional(_ target: CELNode, _ name: String, _ arguments: [CELNode]) throws(CELError) -> CELNode? {
    if case .identifier("optional") = target {
      switch (name, arguments.count) {
      case ("of", 1): return .optional(arguments[0], isNonZero: false)
      case ("ofNonZeroValue", 1): return .optional(arguments[0], isNonZero: true)
      case ("none", 0): return .optional(nil, isNonZero: false)
      default: return nil
      }
    }
    guard target.isOptional else { return nil }
    switch (name, arguments.count) {
    case ("hasValue", 0): return .hasValue(target)
    case ("value", 0): return .unwrapped(target)
    case ("or", 1): return .or(target, arguments[0])
    case ("orValue", 1): return .orValue(target, arguments[0])
    case ("optMap", 2), ("optFlatMap", 2):
      guard case .identifier(let variable) = arguments[0] else { throw CELError("argument must be a simple name") }
      return .optionalMap(target, variable: variable, body: arguments[1], isFlat: name == "optFlatMap")
    default: return nil
    }
  }

  /// Macros are calls whose arguments are not evaluated first.
  private func called(_ target: CELNode, _ name: String, _ arguments: [CELNode]) throws(CELError) -> CELNode {
    if let made = try ofOptional(target, name, arguments) { return made }
    guard let macro = CELNode.Macro(rawValue: name), arguments.count == 2 || macro == .map && arguments.count == 3
    else { return .call(target: target, name: name, arguments: arguments) }
    guard case .identifier(let variable) = arguments[0] else { throw CELError("argument must be a simple name") }
    let isFiltered = arguments.count == 3
    return .comprehension(
      target, macro, variable: variable, filter: isFiltered ? arguments[1] : nil, body: arguments[isFiltered ? 2 : 1])
  }

  private mutating func primary() throws(CELError) -> CELNode {
    let now = token
    switch now {
    case .string(let text):
      try advance()
      return .literal(.string(text))
    case .int(let number):
      try advance()
      return .literal(.int(number))
    case .double(let number):
      try advance()
      return .literal(.double(number))
    case .symbol("("):
      try advance()
      let node = try expression()
      try expect(")")
      return node
    case .symbol("["):
      try advance()
      return .list(try arguments("]"))
    case .symbol("{"):
      try advance()
      var entries: [(key: CELNode, value: CELNode)] = []
      if try take("}") { return .map(entries) }
      repeat {
        let isOptional = try take("?")
        let key = try expression()
        try expect(":")
        let value = try expression()
        entries.append((key, isOptional ? .entry(value) : value))
      } while try take(",")
      try expect("}")
      return .map(entries)
    case .identifier(let name):
      try advance()
      switch name {
      case "true": return .literal(true)
      case "false": return .literal(false)
      case "null": return .literal(.null)
      case "in": throw CELError("Syntax error: mismatched input 'in'")
      default: break
      }
      guard try take("(") else { return .identifier(name) }
      let given = try arguments(")")
      if name == "has" {
        guard given.count == 1, case .select(let operand, let member, _) = given[0] else {
          throw CELError("invalid argument to has() macro")
        }
        return .select(operand, member, isTest: true)
      }
      return .call(target: nil, name: name, arguments: given)
    default: throw CELError("Syntax error: mismatched input \(shown)")
    }
  }
}
