/// The cost of an expression before it runs, from the sizes that its types allow. (cel-go `checker/cost.go` with the
/// options of Kubernetes' environment)
struct CostEstimator {
  /// The most elements or characters at the end of a path; nil for a path that the types do not have.
  let size: (ArraySlice<String>) -> UInt64?
  private var locals: [String: [Local]] = [:]

  private struct Local {
    let path: CostPath
    let size: CELRange?
    let entries: CostEntries?
  }

  init(size: @escaping (ArraySlice<String>) -> UInt64?) { self.size = size }

  private static let accumulators = ["__result__", "@result"]

  // MARK: expressions

  mutating func cost(_ expression: CostExpression) -> CELRange {
    switch expression.kind {
    case .literal: return .zero
    case .ident(let name):
      expression.path = locals[name]?.last?.path ?? CostPath(name)
      return .one
    case .select(let operand, let field, let isTest):
      let sum = cost(operand)
      // A test costs nothing, and is no path.
      if isTest { return sum }
      expression.path = path(of: operand).appending(field)
      return switch operand.type {
      case .map, .structure, .parameter: sum + .one
      default: sum
      }
    case .call(let function, let overloads, let target, let arguments):
      return cost(of: expression, function, overloads, target, arguments)
    case .list(let elements): return cost(ofList: elements, expression)
    case .map(let entries): return cost(ofMap: entries, expression)
    case .structure(let values): return values.reduce(CELRange(CELPrice.structure)) { $0 + cost($1) }
    case .comprehension(let loop): return loop.isBinding ? cost(binding: loop, expression) : cost(loop, expression)
    }
  }

  private mutating func cost(ofList elements: [CostExpression], _ expression: CostExpression) -> CELRange {
    var sum = CELRange(CELPrice.list)
    var item = CELRange(elements.isEmpty ? 0 : .max, 0)
    for element in elements {
      sum += cost(element)
      item = item.union(sizeOrUnknown(element))
    }
    expression.entries = CostEntries(isList: true, key: .one, value: item)
    return sum
  }

  private mutating func cost(
    ofMap entries: [(key: CostExpression, value: CostExpression)], _ expression: CostExpression
  ) -> CELRange {
    var sum = CELRange(CELPrice.map)
    var key = CELRange(entries.isEmpty ? 0 : .max, 0)
    var value = key
    for entry in entries {
      sum += cost(entry.key)
      sum += cost(entry.value)
      key = key.union(sizeOrUnknown(entry.key))
      value = value.union(sizeOrUnknown(entry.value))
    }
    expression.entries = CostEntries(isList: false, key: key, value: value)
    return sum
  }

  private mutating func cost(_ loop: CostExpression.Comprehension, _ expression: CostExpression) -> CELRange {
    var sum = cost(loop.range)
    sum += cost(loop.start)
    push(loop.accumulator, value: loop.start)
    if let second = loop.secondVariable {
      push(loop.variable, of: loop.range, isKey: true)
      push(second, of: loop.range, isKey: false)
    } else {
      push(loop.variable, of: loop.range, isKey: !isList(loop.range))
    }
    let condition = cost(loop.condition)
    let step = cost(loop.step)
    pop(loop.variable)
    if let second = loop.secondVariable { pop(second) }
    sum += cost(loop.result)
    pop(loop.accumulator)
    let count = sizeOrUnknown(loop.range)
    sum += count * (step + condition)
    switch loop.start.kind {
    case .literal: expression.size = size(of: loop.start) ?? expression.size
    case .list, .map:
      expression.size = count
      expression.entries = entries(of: loop.step) ?? expression.entries
    default: break
    }
    return sum
  }

  private mutating func cost(binding: CostExpression.Comprehension, _ expression: CostExpression) -> CELRange {
    var sum = cost(binding.range)
    sum += cost(binding.start)
    push(binding.accumulator, value: binding.start)
    sum += cost(binding.result)
    pop(binding.accumulator)
    copySizes(to: expression, from: binding.result)
    return sum
  }

  private mutating func cost(
    of expression: CostExpression, _ function: String, _ overloads: [String], _ target: CostExpression?,
    _ arguments: [CostExpression]
  ) -> CELRange {
    if function == "dyn", let argument = arguments.first {
      let sum = cost(argument)
      copySizes(to: expression, from: argument)
      return sum + .one
    }
    var nodes: [CostNode] = []
    var costs: [CELRange] = []
    for argument in arguments {
      costs.append(cost(argument))
      nodes.append(node(argument))
    }
    if overloads.isEmpty { return .zero }
    var sum = CELRange.zero
    var receiver: CostNode?
    if let target {
      sum += cost(target)
      receiver = node(target)
    }
    var price = CELRange(.max, 0)
    var resultSize: CELRange?
    for overload in overloads {
      let call = CostCall(
        expression: expression, function: function, overload: overload, target: receiver, arguments: nodes, costs: costs
      )
      let estimate = estimate(call)
      price = price.union(estimate.cost)
      if let size = estimate.size { resultSize = resultSize?.union(size) ?? size }
      if overload == "index_list" || overload == "index_map", let container = arguments.first {
        resultSize = entries(of: container)?.value
        expression.path = path(of: container).appending(overload == "index_list" ? "@items" : "@values")
      }
      if resultSize == nil { resultSize = size(of: expression) }
    }
    if let resultSize { expression.size = resultSize }
    return sum + price
  }

  // MARK: variables

  private func isList(_ range: CostExpression) -> Bool {
    if let entries = entries(of: range) { return entries.isList }
    return if case .list = range.type { true } else { false }
  }

  private mutating func push(_ name: String, of range: CostExpression, isKey: Bool) {
    let entries = entries(of: range)
    let step =
      switch (isKey, isList(range)) {
      case (true, true): "@indices"
      case (true, false): "@keys"
      case (false, true): "@items"
      case (false, false): "@values"
      }
    let size = isKey ? entries?.key : entries?.value
    locals[name, default: []].append(Local(path: path(of: range).appending(step), size: size, entries: nil))
  }

  private mutating func push(_ name: String, value: CostExpression) {
    locals[name, default: []].append(Local(path: path(of: value), size: size(of: value), entries: entries(of: value)))
  }

  private mutating func pop(_ name: String) { _ = locals[name]?.popLast() }

  private func local(_ expression: CostExpression) -> Local? { expression.isIdent.flatMap { locals[$0]?.last } }

  // MARK: sizes

  private func path(of expression: CostExpression) -> CostPath { local(expression)?.path ?? expression.path }

  /// As a function's price sees it: variables of macros have no path.
  private func node(_ expression: CostExpression) -> CostNode {
    let path = path(of: expression)
    let isAccumulator = path.names.first.map { Self.accumulators.contains($0) } ?? false
    return CostNode(
      path: isAccumulator ? nil : path.isEmpty ? nil : path, type: expression.type, expression: expression,
      size: size(of: expression))
  }

  func sizeOrUnknown(_ expression: CostExpression) -> CELRange { size(of: expression) ?? .unknown }

  /// (`computeSize`)
  func size(of expression: CostExpression) -> CELRange? {
    if let size = expression.size { return size }
    switch expression.kind {
    case .literal(let size?, _): return CELRange(size)
    case .list(let elements): return CELRange(UInt64(elements.count))
    case .map(let entries): return CELRange(UInt64(entries.count))
    default: break
    }
    let path = path(of: expression)
    if !path.isEmpty, let most = size(path.names) {
      expression.size = CELRange(0, most)
      return expression.size
    }
    if expression.type.isScalar { return .one }
    return local(expression)?.size
  }

  func entries(of expression: CostExpression) -> CostEntries? { expression.entries ?? local(expression)?.entries }

  private func copySizes(to expression: CostExpression, from other: CostExpression) {
    if let size = size(of: other) { expression.size = size }
    if let entries = entries(of: other) { expression.entries = entries }
  }
}

/// What the price of a call knows of its target or an argument. (`checker.AstNode`)
struct CostNode {
  let path: CostPath?
  let type: CostType
  /// nil for the elements of a list.
  let expression: CostExpression?
  let size: CELRange?
}

/// A call that is to be priced, with what its arguments cost.
struct CostCall {
  let expression: CostExpression
  let function: String
  let overload: String
  let target: CostNode?
  let arguments: [CostNode]
  let costs: [CELRange]
}

/// The cost of a call, and the size of what it answers where that is known.
struct CallEstimate {
  var cost: CELRange
  var size: CELRange?

  init(_ cost: CELRange, size: CELRange? = nil) {
    self.cost = cost
    self.size = size
  }

  static let one = CallEstimate(.one)
}
