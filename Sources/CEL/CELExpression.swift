public import JSON

/// Why an expression can't be read, or says nothing.
public struct CELError: Error, Equatable, CustomStringConvertible {
  public let description: String
  init(_ description: String) { self.description = description }
}

/// An expression of the Common Expression Language over JSON: the language's operators, macros and conversions, and Kubernetes' additions for strings and lists. Numbers
/// are 64-bit integers and doubles; there are no timestamps, durations, bytes or optional values. (github.com/google/cel-spec; apiserver `cel/environment`.)
public struct CELExpression: Sendable, Equatable {
  private let root: CELNode
  public let text: String

  public static func == (a: CELExpression, b: CELExpression) -> Bool { a.text == b.text }

  /// Reads an expression that may speak of `variables`. Throws for what is no expression, and for names and functions that there are not.
  public init(_ text: String, variables: Set<String>) throws(CELError) {
    self.text = text
    root = try CELParser.parse(text)
    try Self.check(root, variables)
  }

  private static func check(_ node: CELNode, _ known: Set<String>) throws(CELError) {
    switch node {
    case .identifier(let name) where !known.contains(name): throw CELError("undeclared reference to '\(name)' (in container '')")
    case .call(let target, let name, let arguments):
      guard CELFunctions.isKnown(name, isMember: target != nil, count: arguments.count) else { throw CELError("undeclared reference to '\(name)' (in container '')") }
    case .comprehension(let target, _, let variable, let filter, let body):
      try check(target, known)
      if let filter { try check(filter, known.union([variable])) }
      return try check(body, known.union([variable]))
    default: break
    }
    for child in node.children { try check(child, known) }
  }

  /// Does it read `variable.member`, by a name that is written out?
  public func reads(_ variable: String, _ member: String) -> Bool {
    func isThere(_ node: CELNode) -> Bool {
      if case .select(.identifier(variable), member, _) = node { return true }
      if case .index(.identifier(variable), .literal(.string(member))) = node { return true }
      return node.children.contains(where: isThere)
    }
    return isThere(root)
  }

  /// What it comes to. Throws where it has no value: a member that is not there, a division by nothing, values that don't fit.
  public func evaluate(_ variables: [String: JSONValue]) throws(CELError) -> JSONValue {
    var evaluator = CELEvaluator(variables: variables)
    return try evaluator.value(of: root)
  }
}

/// One evaluation, bounded in steps.
struct CELEvaluator {
  private var variables: [String: JSONValue]
  private var steps = 0
  private static let stepsMax = 100_000

  init(variables: [String: JSONValue]) { self.variables = variables }

  mutating func value(of node: CELNode) throws(CELError) -> JSONValue {
    steps += 1
    guard steps < Self.stepsMax else { throw CELError("operation cancelled: actual cost limit exceeded") }
    switch node {
    case .literal(let value): return value
    case .identifier(let name):
      guard let value = variables[name] else { throw CELError("no such attribute(s): \(name)") }
      return value
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
      for item in items { all.append(try value(of: item)) }
      return .array(all)
    case .map(let entries):
      var object = JSONObject()
      for entry in entries {
        guard let key = try value(of: entry.key).string else { throw CELError("unsupported key type") }
        object[key] = try value(of: entry.value)
      }
      return .object(object)
    case .call(nil, let name, let arguments) where name == "_&&_" || name == "_||_": return try logic(arguments, decides: name == "_||_")
    case .call(nil, "_?_:_", let arguments):
      guard let condition = try value(of: arguments[0]).bool else { throw CELError("no such overload") }
      return try value(of: arguments[condition ? 1 : 2])
    case .call(let target, let name, let arguments):
      var given: [JSONValue] = []
      if let target { given.append(try value(of: target)) }
      for argument in arguments { given.append(try value(of: argument)) }
      return try CELFunctions.call(name, given, isMember: target != nil)
    case .comprehension(let target, let macro, let variable, let filter, let body): return try comprehension(try value(of: target), macro, variable, filter, body)
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
    switch (container, place) {
    case (.array(let items), .int(let index)):
      guard index >= 0, index < items.count else { throw CELError("index out of bounds: \(index)") }
      return items[Int(index)]
    case (.object(let members), .string(let key)):
      guard let found = members[key] else { throw CELError("no such key: \(key)") }
      return found
    default: throw CELError("no such overload")
    }
  }

  private mutating func comprehension(_ target: JSONValue, _ macro: CELNode.Macro, _ variable: String, _ filter: CELNode?, _ body: CELNode) throws(CELError) -> JSONValue {
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
