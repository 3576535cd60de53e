/// An expression as its price sees it: macros are written out, each operator is a call, each call knows which of its
/// overloads it may be. Beside each stands what the estimator finds of it.
final class CostExpression {
  indirect enum Kind {
    /// `size` as `computeExprSize` counts it, nil for one without; `int` for a whole number.
    case literal(size: UInt64?, int: Int64?)
    case ident(String)
    case select(CostExpression, field: String, isTest: Bool)
    case call(function: String, overloads: [String], target: CostExpression?, arguments: [CostExpression])
    case list([CostExpression])
    case map([(key: CostExpression, value: CostExpression)])
    case structure([CostExpression])
    case comprehension(Comprehension)
  }

  /// (cel-go `ast.ComprehensionExpr`)
  struct Comprehension {
    let range: CostExpression
    let variable: String
    let secondVariable: String?
    let accumulator: String
    let start: CostExpression
    let condition: CostExpression
    let step: CostExpression
    let result: CostExpression
    /// A variable for a value, not a loop: what `sortBy` and `optMap` make.
    let isBinding: Bool
  }

  let kind: Kind
  let type: CostType

  // What the estimator finds.
  var path = CostPath()
  var size: CELRange?
  var entries: CostEntries?

  init(_ kind: Kind, _ type: CostType) {
    self.kind = kind
    self.type = type
  }

  var isIdent: String? { if case .ident(let name) = kind { name } else { nil } }
}

/// What of a type its price depends on.
indirect enum CostType: Equatable {
  /// Of a size that is known: bool, int, uint, double, duration, timestamp.
  case scalar
  case string
  case bytes
  case list(CostType)
  case map(CostType, CostType)
  /// An object, by the name of its type.
  case structure(String)
  case parameter
  /// A type that is no object, by its name, with its parameters.
  case opaque(String, [CostType])
  /// dyn, null, types.
  case other

  /// (`isScalar`)
  var isScalar: Bool {
    switch self {
    case .scalar: true
    case .opaque("optional_type", let parameters): parameters.first?.isScalar ?? false
    default: false
    }
  }

  var parameters: [CostType] {
    switch self {
    case .list(let element): [element]
    case .map(let key, let value): [key, value]
    case .opaque(_, let parameters): parameters
    default: []
    }
  }
}

/// The sizes of what is in a list or a map. (`entrySizeEstimate`)
struct CostEntries {
  let isList: Bool
  let key: CELRange
  let value: CELRange

  static func union(_ a: CostEntries?, _ b: CostEntries?) -> CostEntries? {
    guard let a, let b else { return nil }
    return CostEntries(isList: a.isList, key: a.key.union(b.key), value: a.value.union(b.value))
  }
}

/// A way through the declared types: a variable, then fields, `@items`, `@values`, `@keys`, `@indices`.
///
/// It is one of Go's slices, with what they are known for: paths that grow from the same one may share their memory, and
/// then the last one to grow writes over the others. `xs.all(x, x.m[x.k] == "")` is priced by what stands at `k` for
/// that. Definitions are accepted and refused by it, so it is kept.
struct CostPath {
  private final class Memory {
    var names: [String]
    let capacity: Int
    init(_ names: [String], capacity: Int) {
      self.names = names
      self.capacity = capacity
    }
  }

  private var memory: Memory?
  private(set) var count = 0

  init() {}
  init(_ name: String) {
    memory = Memory([name], capacity: 1)
    count = 1
  }

  var isEmpty: Bool { count == 0 }
  var names: ArraySlice<String> { memory?.names.prefix(count) ?? [] }

  func appending(_ name: String) -> CostPath {
    var path = self
    path.count += 1
    if let memory, count < memory.capacity {
      if count < memory.names.count { memory.names[count] = name } else { memory.names.append(name) }
    } else {
      path.memory = Memory(Array(names) + [name], capacity: max(1, (memory?.capacity ?? 0) * 2))
    }
    return path
  }

  /// With memory of its own.
  func copied(appending name: String) -> CostPath {
    var path = CostPath()
    path.memory = Memory(Array(names) + [name], capacity: count + 1)
    path.count = count + 1
    return path
  }
}
