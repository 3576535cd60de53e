import JSON

/// An expression as it was parsed.
indirect enum CELNode: Sendable {
  case literal(JSONValue)
  case identifier(String)
  /// `isTest`: `has(operand.name)`.
  case select(CELNode, String, isTest: Bool)
  case index(CELNode, CELNode)
  case list([CELNode])
  case map([(key: CELNode, value: CELNode)])
  case call(target: CELNode?, name: String, arguments: [CELNode])
  /// `target.all(variable, body)` and its siblings; `filter` is the first of two bodies of `map`.
  case comprehension(CELNode, Macro, variable: String, filter: CELNode?, body: CELNode)

  /// Of these a value may be there or not, and what is selected in one that is not is not there either.
  /// `operand.?name` and `operand[?place]`; the operand may be an optional itself.
  case optionalSelect(CELNode, String)
  case optionalIndex(CELNode, CELNode)
  /// `optional.of(value)`; `isNonZero`: `optional.ofNonZeroValue(value)`; nil: `optional.none()`.
  case optional(CELNode?, isNonZero: Bool)
  /// `operand.optMap(variable, body)`; `isFlat`: `optFlatMap`, whose body is an optional.
  case optionalMap(CELNode, variable: String, body: CELNode, isFlat: Bool)
  case or(CELNode, CELNode)
  /// What is made of an optional: `orValue`, `hasValue`, `value`, and an entry of a list or map that is left out with
  /// it (`?` before it).
  case orValue(CELNode, CELNode)
  case hasValue(CELNode)
  case unwrapped(CELNode)
  case entry(CELNode)

  enum Macro: String, Sendable { case all, exists, existsOne = "exists_one", map, filter }

  /// Those right below.
  var children: [CELNode] {
    switch self {
    case .literal, .identifier: []
    case .select(let operand, _, _): [operand]
    case .index(let a, let b), .optionalIndex(let a, let b), .or(let a, let b), .orValue(let a, let b): [a, b]
    case .optionalSelect(let operand, _), .hasValue(let operand), .unwrapped(let operand), .entry(let operand):
      [operand]
    case .optional(let operand, _): operand.map { [$0] } ?? []
    case .optionalMap(let target, _, let body, _): [target, body]
    case .list(let items): items
    case .map(let entries): entries.flatMap { [$0.key, $0.value] }
    case .call(let target, _, let arguments): (target.map { [$0] } ?? []) + arguments
    case .comprehension(let target, _, _, let filter, let body): [target] + (filter.map { [$0] } ?? []) + [body]
    }
  }
}

extension CELNode {
  /// Is it a value that may not be there?
  var isOptional: Bool {
    switch self {
    case .optionalSelect, .optionalIndex, .optional, .optionalMap, .or: true
    case .select(let operand, _, isTest: false), .index(let operand, _): operand.isOptional
    case .call(nil, "_?_:_", let arguments): arguments[1].isOptional
    default: false
    }
  }

  /// Throws where an optional stands in place of a value, or the other way round.
  func checkOptionals() throws(CELError) {
    func require(_ isOptional: Bool, _ nodes: CELNode...) throws(CELError) {
      for node in nodes where node.isOptional != isOptional {
        throw CELError(
          "found no matching overload for \(isOptional ? "a value in place of an optional" : "an optional in place of a value")"
        )
      }
    }
    switch self {
    case .literal, .identifier: break
    // These take either.
    case .select, .optionalSelect: break
    case .index(_, let place), .optionalIndex(_, let place): try require(false, place)
    case .call(nil, "_==_", let arguments), .call(nil, "_!=_", let arguments):
      try require(arguments[0].isOptional, arguments[1])
    case .call(nil, "_?_:_", let arguments):
      try require(false, arguments[0])
      try require(arguments[1].isOptional, arguments[2])
    case .optional(let operand, _): if let operand { try require(false, operand) }
    case .optionalMap(let target, _, let body, let isFlat):
      try require(true, target)
      try require(isFlat, body)
    case .or(let a, let b): try require(true, a, b)
    case .orValue(let a, let b):
      try require(true, a)
      try require(false, b)
    case .hasValue(let operand), .unwrapped(let operand), .entry(let operand): try require(true, operand)
    case .list, .map, .call, .comprehension:
      for child in children { try require(false, child) }
    }
    for child in children { try child.checkOptionals() }
  }
}
