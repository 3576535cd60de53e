public import JSON
import RegularExpressions

/// Why an expression can't be read, or says nothing.
public struct CELError: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// An expression of the Common Expression Language over JSON: the language's operators, macros and conversions, and
/// Kubernetes' additions for strings and lists. Numbers are 64-bit integers and doubles; values may be optional; there
/// are no timestamps, durations or bytes. (github.com/google/cel-spec; apiserver `cel/environment`.)
public struct CELExpression: Sendable, Equatable {
  private let root: CELNode
  /// Of the patterns that are written out.
  private let regexps: [ByteString: GoRegexp]
  public let text: String

  public static func == (a: CELExpression, b: CELExpression) -> Bool { a.text == b.text }

  /// Reads an expression that may speak of `variables`. Throws for what is no expression, and for names and functions
  /// that there are not.
  public init(_ text: String, variables: Set<String>) throws(CELError) {
    self.text = text
    root = try CELParser.parse(text)
    var regexps: [ByteString: GoRegexp] = [:]
    try Self.check(root, variables, &regexps)
    self.regexps = regexps
    try root.checkOptionals()
    if root.isOptional { throw CELError("the expression comes to an optional: say orValue() of it") }
  }

  private static func check(
    _ node: CELNode, _ known: Set<String>, _ regexps: inout [ByteString: GoRegexp]
  ) throws(CELError) {
    switch node {
    case .identifier(let name) where !known.contains(name):
      throw CELError("undeclared reference to '\(name)' (in container '')")
    case .call(let target, let name, let arguments):
      guard CELFunctions.isKnown(name, isMember: target != nil, count: arguments.count) else {
        throw CELError("undeclared reference to '\(name)' (in container '')")
      }
      // As upstream, whose optimizer compiles them when the expression is read.
      if name == "matches", case .literal(.string(let pattern))? = arguments.first {
        regexps[pattern] = try CELFunctions.regexp(pattern)
      }
    case .comprehension(let target, _, let variable, let filter, let body):
      try check(target, known, &regexps)
      if let filter { try check(filter, known.union([variable]), &regexps) }
      return try check(body, known.union([variable]), &regexps)
    case .optionalMap(let target, let variable, let body, _):
      try check(target, known, &regexps)
      return try check(body, known.union([variable]), &regexps)
    default: break
    }
    for child in node.children { try check(child, known, &regexps) }
  }

  /// Does it read `variable.member`, by a name that is written out?
  public func reads(_ variable: String, _ member: String) -> Bool {
    func isThere(_ node: CELNode) -> Bool {
      if case .select(.identifier(variable), member, _) = node { return true }
      if case .index(.identifier(variable), .literal(.string(member))) = node { return true }
      if case .optionalSelect(.identifier(variable), member) = node { return true }
      if case .optionalIndex(.identifier(variable), .literal(.string(member))) = node { return true }
      return node.children.contains(where: isThere)
    }
    return isThere(root)
  }

  /// What it comes to. Throws where it has no value: a member that is not there, a division by nothing, values that
  /// don't fit.
  public func evaluate(_ variables: [String: JSONValue]) throws(CELError) -> JSONValue {
    var evaluator = CELEvaluator(variables: variables, regexps: regexps)
    return try evaluator.value(of: root)
  }
}

/// One evaluation, bounded in steps.
struct CELEvaluator {
  private var variables: [String: JSONValue]
  private let regexps: [ByteString: GoRegexp]
  private var steps = 0
  private static let stepsMax = 100_000

  init(variables: [String: JSONValue], regexps: [ByteString: GoRegexp]) {
    self.variables = variables
    self.regexps = regexps
  }

  private mutating func step(_ count: Int = 1) throws(CELError) {
    steps += count
    guard steps < Self.stepsMax else { throw CELError("operation cancelled: actual cost limit exceeded") }
  }

  mutating func value(of node: CELNode) throws(CELError) -> JSONValue {
    try step()
    switch node {
    case .literal(let value): return value
    case .identifier(let name):
      guard let value = variables[name] else { throw CELError("no such attribute(s): \(name)") }
      return value
    case .select(let operand, let name, isTest: true) where operand.isOptional:
      guard let object = try optional(of: operand) else { return false }
      guard case .object(let members) = object else { throw CELError("no such overload") }
      return .bool(members[name] != nil)
    case .select(let operand, let name, let isTest):
      let object = try value(of: operand)
      guard case .object(let members) = object else { throw CELError("no such overload") }
      if isTest { return .bool(members[name] != nil) }
      guard let found = members[name] else { throw CELError("no such key: \(name)") }
      return found
    case .index(let operand, let place):
      return try Self.element(try value(of: operand), try value(of: place))
    case .list(let items):
      var all: [JSONValue] = []
      for item in items { if let item = try entry(item) { all.append(item) } }
      return .array(all)
    case .map(let entries):
      var object = JSONObject()
      for entry in entries {
        guard let key = try value(of: entry.key).string else { throw CELError("unsupported key type") }
        if let value = try self.entry(entry.value) { object[key] = value }
      }
      return .object(object)
    case .call(nil, let name, let arguments) where name == "_&&_" || name == "_||_":
      return try logic(arguments, decides: name == "_||_")
    case .call(nil, let name, let arguments) where (name == "_==_" || name == "_!=_") && arguments[0].isOptional:
      let (a, b) = (try optional(of: arguments[0]), try optional(of: arguments[1]))
      let isEqual = if let a, let b { CELFunctions.isEqual(a, b) } else { a == nil && b == nil }
      return .bool(isEqual == (name == "_==_"))
    case .orValue(let operand, let other):
      if let found = try optional(of: operand) { return found }
      return try value(of: other)
    case .hasValue(let operand): return .bool(try optional(of: operand) != nil)
    case .unwrapped(let operand):
      guard let value = try optional(of: operand) else { throw CELError("optional.none() dereference") }
      return value
    // What is optional has no value of its own: `checkOptionals` lets none stand where one is wanted.
    case .optionalSelect, .optionalIndex, .optional, .optionalMap, .or, .entry: throw CELError("no such overload")
    case .call(nil, "_?_:_", let arguments):
      guard let condition = try value(of: arguments[0]).bool else { throw CELError("no such overload") }
      return try value(of: arguments[condition ? 1 : 2])
    case .call(let target, let name, let arguments):
      var given: [JSONValue] = []
      if let target { given.append(try value(of: target)) }
      for argument in arguments { given.append(try value(of: argument)) }
      if name == "matches", given.count == 2, let text = given[0].string, let pattern = given[1].string {
        // What upstream counts for it.
        try step((text.utf8.count / 10 + 1) * (pattern.utf8.count / 4 + 1))
        let regexp = if let known = regexps[pattern] { known } else { try CELFunctions.regexp(pattern) }
        return .bool(regexp.matches(text))
      }
      return try CELFunctions.call(name, given, isMember: target != nil)
    case .comprehension(let target, let macro, let variable, let filter, let body):
      return try comprehension(try value(of: target), macro, variable, filter, body)
    }
  }

  /// An entry of a list or a map; nil for one that is left out.
  private mutating func entry(_ node: CELNode) throws(CELError) -> JSONValue? {
    if case .entry(let operand) = node { return try optional(of: operand) }
    return try value(of: node)
  }

  /// What an optional holds; nil for nothing.
  private mutating func optional(of node: CELNode) throws(CELError) -> JSONValue? {
    try step()
    switch node {
    case .optionalSelect(let operand, let name), .select(let operand, let name, isTest: _):
      return try part(of: operand, .string(name))
    case .optionalIndex(let operand, let place), .index(let operand, let place):
      return try part(of: operand, try value(of: place))
    case .optional(let operand, let isNonZero):
      guard let operand else { return nil }
      let value = try value(of: operand)
      return isNonZero && CELFunctions.isZero(value) ? nil : value
    case .optionalMap(let operand, let variable, let body, let isFlat):
      guard let value = try optional(of: operand) else { return nil }
      let outer = variables[variable]
      defer { variables[variable] = outer }
      variables[variable] = value
      return isFlat ? try optional(of: body) : try self.value(of: body)
    case .or(let operand, let other):
      if let found = try optional(of: operand) { return found }
      return try optional(of: other)
    case .call(nil, "_?_:_", let arguments):
      guard let condition = try value(of: arguments[0]).bool else { throw CELError("no such overload") }
      return try optional(of: arguments[condition ? 1 : 2])
    default: throw CELError("no such overload")
    }
  }

  /// A member or an element, if it is there.
  private mutating func part(of operand: CELNode, _ place: JSONValue) throws(CELError) -> JSONValue? {
    guard let container = operand.isOptional ? try optional(of: operand) : try value(of: operand) else { return nil }
    return try Self.part(of: container, place)
  }

  private static func part(of container: JSONValue, _ place: JSONValue) throws(CELError) -> JSONValue? {
    switch (container, place) {
    case (.array(let items), .int(let index)): index >= 0 && index < items.count ? items[Int(index)] : nil
    case (.object(let members), .string(let key)): members[key]
    default: throw CELError("no such overload")
    }
  }

  /// An error on one side is forgotten where the other side decides. `decides`: the value that does.
  private mutating func logic(_ arguments: [CELNode], decides: Bool) throws(CELError) -> JSONValue {
    var failure: CELError?
    for argument in arguments {
      do throws(CELError) {
        guard let isTrue = try value(of: argument).bool else { throw CELError("no such overload") }
        if isTrue == decides { return .bool(decides) }
      } catch { failure = error }
    }
    if let failure { throw failure }
    return .bool(!decides)
  }

  private static func element(_ container: JSONValue, _ place: JSONValue) throws(CELError) -> JSONValue {
    if let found = try part(of: container, place) { return found }
    if case .int(let index) = place { throw CELError("index out of bounds: \(index)") }
    throw CELError("no such key: \(place.string ?? "")")
  }

  private mutating func comprehension(
    _ target: JSONValue, _ macro: CELNode.Macro, _ variable: String, _ filter: CELNode?, _ body: CELNode
  ) throws(CELError) -> JSONValue {
    let items: [JSONValue]
    switch target {
    case .array(let all): items = all
    // Of a map its keys are gone through.
    case .object(let object): items = object.members.map { .string($0.name) }
    default: throw CELError("expression of type '\(target)' cannot be range of a comprehension")
    }
    let outer = variables[variable]
    defer { variables[variable] = outer }
    var out: [JSONValue] = []
    var count = 0
    var failure: CELError?
    for item in items {
      variables[variable] = item
      if let filter {
        guard let isWanted = try value(of: filter).bool else { throw CELError("no such overload") }
        if !isWanted { continue }
      }
      if macro == .map {
        out.append(try value(of: body))
        continue
      }
      do throws(CELError) {
        guard let isTrue = try value(of: body).bool else { throw CELError("no such overload") }
        switch macro {
        case .all: if !isTrue { return false }
        case .exists: if isTrue { return true }
        case .existsOne, .filter:
          if isTrue {
            count += 1
            out.append(item)
          }
        case .map: break
        }
      } catch {
        guard macro == .all || macro == .exists, steps < Self.stepsMax else { throw error }
        failure = error
      }
    }
    if let failure { throw failure }
    switch macro {
    case .all: return true
    case .exists: return false
    case .existsOne: return .bool(count == 1)
    case .map, .filter: return .array(out)
    }
  }
}
