import Testing

@testable import CEL

/// Prices that kube-apiserver 1.36 refuses rules by.
@Suite struct `Prices of expressions` {
  /// Writes macros out as cel-go's parser does.
  private struct Tree {
    func ident(_ name: String, _ type: CostType) -> CostExpression { CostExpression(.ident(name), type) }
    func int(_ value: Int64) -> CostExpression { CostExpression(.literal(size: 1, int: value), .scalar) }
    func bool() -> CostExpression { CostExpression(.literal(size: 1, int: nil), .scalar) }
    func text(_ text: String) -> CostExpression {
      CostExpression(.literal(size: UInt64(text.unicodeScalars.count), int: nil), .string)
    }
    func call(
      _ function: String, _ overload: String, _ type: CostType = .scalar, _ arguments: CostExpression...
    ) -> CostExpression {
      CostExpression(.call(function: function, overloads: [overload], target: nil, arguments: arguments), type)
    }
    func member(
      _ target: CostExpression, _ function: String, _ overload: String, _ type: CostType = .scalar,
      _ arguments: CostExpression...
    ) -> CostExpression {
      CostExpression(.call(function: function, overloads: [overload], target: target, arguments: arguments), type)
    }
    func accumulator(_ type: CostType = .scalar) -> CostExpression { ident("__result__", type) }

    func all(_ range: CostExpression, _ variable: String, _ condition: CostExpression) -> CostExpression {
      loop(
        range, variable, bool(), call("@not_strictly_false", "not_strictly_false", .scalar, accumulator()),
        call("_&&_", "logical_and", .scalar, accumulator(), condition), .scalar)
    }
    func exists(_ range: CostExpression, _ variable: String, _ condition: CostExpression) -> CostExpression {
      loop(
        range, variable, bool(),
        call(
          "@not_strictly_false", "not_strictly_false", .scalar, call("!_", "logical_not", .scalar, accumulator())),
        call("_||_", "logical_or", .scalar, accumulator(), condition), .scalar)
    }
    func map(_ range: CostExpression, _ variable: String, _ value: CostExpression) -> CostExpression {
      let list = CostType.list(value.type)
      return loop(
        range, variable, CostExpression(.list([]), list), bool(),
        call("_+_", "add_list", list, accumulator(list), CostExpression(.list([value]), list)), list)
    }
    private func loop(
      _ range: CostExpression, _ variable: String, _ start: CostExpression, _ condition: CostExpression,
      _ step: CostExpression, _ type: CostType
    ) -> CostExpression {
      CostExpression(
        .comprehension(
          .init(
            range: range, variable: variable, secondVariable: nil, accumulator: "__result__", start: start,
            condition: condition, step: step, result: accumulator(type), isBinding: false)), type)
    }
  }

  private let tree = Tree()
  private let list = CostType.list(.scalar)

  /// (`custom/update/cost` of the recorded conversations)
  @Test func `a loop in a loop over 1200 numbers is too expensive`() {
    func cost(_ count: UInt64) -> CELRange {
      let inner = tree.exists(
        tree.ident("self", list), "b",
        tree.call(
          "_==_", "equals", .scalar, tree.ident("b", .scalar),
          tree.call("_+_", "add_int64", .scalar, tree.ident("a", .scalar), tree.int(1))))
      var estimator = CostEstimator { $0.count == 1 ? count : 0 }
      return estimator.cost(tree.all(tree.ident("self", list), "a", inner))
    }
    #expect(CELBudget.fault(.rule, cost(1_180).max) == nil)
    #expect(
      CELBudget.fault(.rule, cost(1_200).max)?.hasPrefix(
        "estimated rule cost exceeds budget by factor of 1.008600x (try")
        == true)
    #expect(CELBudget.fault(.rule, cost(100_000).max)?.contains("more than 100x") == true)
  }

  @Test func `a list that is written down has elements of unknown length`() {
    let strings = CostType.list(.string)
    var estimator = CostEstimator { _ in nil }
    let written = CostExpression(.list([tree.text("a"), tree.text("b")]), strings)
    #expect(estimator.cost(tree.member(written, "join", "list_join", .string)).max > 1_000 * CELBudget.expressionMax)
    let declared = tree.member(
      CostExpression(.select(tree.ident("self", .structure("o")), field: "ls", isTest: false), strings), "join",
      "list_join_string", .string, tree.text("+"))
    estimator = CostEstimator { $0.last == "ls" ? 5 : $0.last == "@items" ? 160 : 0 }
    // 5 times 160 and 4 separators; the variable and its field.
    #expect(estimator.cost(declared) == CELRange(2, 81 + 2))
  }

  @Test func `sizes go through maps and loops`() {
    var estimator = CostEstimator { $0.last == "@items" ? 10 : $0.count == 1 ? 3 : nil }
    let upper = tree.member(tree.ident("s", .string), "upperAscii", "string_upper_ascii", .string)
    let mapped = tree.map(tree.ident("self", .list(.string)), "s", upper)
    let nested = tree.all(
      mapped, "t", tree.member(tree.ident("t", .string), "contains", "contains_string", .scalar, tree.text("x")))
    let cost = estimator.cost(nested)
    // Each step of the map: a list of 10, a sum, two variables and one character; of the loop: 1 of 10 and 1.
    #expect(cost.max == (1 + 10 + 1 + 3 * (10 + 1 + 1 + 1 + 1)) + (0 + 1 + 3 * (1 + 1 + 1 + 1 + 1)))
  }

  @Test func `paths that grow from one share what they point to`() {
    let base = CostPath("self").appending("list").appending("@items")
    let map = base.appending("m")
    let key = base.appending("k")
    #expect(Array(map.names) == ["self", "list", "@items", "k"] && Array(key.names) == Array(map.names))
    #expect(Array(map.copied(appending: "x").names) == ["self", "list", "@items", "k", "x"])
    let short = CostPath("self")
    #expect(Array(short.appending("a").names) != Array(short.appending("b").names))
  }

  @Test func `what all rules cost together`() {
    var budget = CELBudget()
    budget.count(999_999, at: "small")
    for (path, cost) in [("a", 50_000_000), ("b", 70_000_000), ("c", 1_000_000), ("d", 2_000_000), ("e", 3_000_000)] {
      budget.count(UInt64(cost), at: path)
    }
    #expect(budget.total == 126_999_999 && budget.mostExpensive == ["b", "a", "e", "d"])
    #expect(budget.faults(schema: "s").map(\.field) == ["b", "a", "e", "d", "s"])
    #expect(budget.faults(schema: "s").last?.text.contains("by factor of 1.270000x") == true)
    budget.count(.max, at: "z")
    #expect(budget.total == .max && CELBudget().faults(schema: "s").isEmpty)
  }

  @Test func `how often a place can occur`() {
    #expect(CELBudget.cardinality(ofMinSize: 2) == 1_048_576 && CELBudget.cardinality(ofMinSize: 1) == 1_572_864)
    let items = CELCardinality.root.field.item(maxItems: 10)
    #expect(items.value(maxProperties: 3).cost(of: 7, minSize: 2) == 210 && items.cost(of: .max, minSize: 2) == .max)
    #expect(items.value(maxProperties: nil).item(maxItems: 2).cost(of: 2, minSize: 2) == 2_097_152)
    #expect(items.item(maxItems: -1).cost(of: 2, minSize: 2) == 0)
    #expect(CELBudget.fault(.rule, 10_000_000) == nil && CELBudget.fault(.messageExpression, 15_000_000) != nil)
    #expect(CELBudget.fault(.rule, 15_000_000)?.contains("factor of 1.5x") == true)
    #expect(CELBudget.fault(.rule, 14_900_000)?.contains("factor of 1.490000x") == true)
  }

  @Test func `how large what a schema describes can get`() {
    #expect(DeclaredSize.text(format: nil, maxLength: nil) == 3_145_726)
    #expect(
      DeclaredSize.text(format: "uuid", maxLength: 40) == 160 && DeclaredSize.text(format: nil, maxLength: -1) == 0)
    #expect(DeclaredSize.text(format: "byte", maxLength: 40) == 40)
    #expect(
      DeclaredSize.text(format: "date-time", maxLength: 4) == 32
        && DeclaredSize.text(format: "date", maxLength: nil) == 12)
    #expect(DeclaredSize.text(format: nil, maxLength: nil, enumeration: ["a", "bbb"]) == 3)
    #expect(DeclaredSize.text(format: nil, maxLength: nil, enumeration: []) == 3_145_726)
    #expect(
      DeclaredSize.list(maxItems: nil, minSize: 2) == 1_048_575 && DeclaredSize.list(maxItems: -3, minSize: 2) == 0)
    #expect(DeclaredSize.map(maxProperties: nil, minSize: 1) == 449_389 && DeclaredSize.field("abc", minSize: 2) == 9)
    #expect(DeclaredSize.text(format: nil, maxLength: .max) == -4)
  }
}
