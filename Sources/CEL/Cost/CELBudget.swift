/// What the rules of one definition cost in the worst case, and what is said when that is too much.
///
/// One is made for each schema that is validated; each rule and each message expression of it is counted once.
/// (apiextensions `TotalCost`, `getCostErrorMessage`)
public struct CELBudget: Sendable {
  /// A rule, or the expression of its message, may cost this much at most. (`StaticEstimatedCostLimit`)
  public static let expressionMax: UInt64 = 10_000_000
  /// All rules of a schema together. (`StaticEstimatedCRDCostLimit`)
  public static let schemaMax: UInt64 = 100_000_000

  /// Which expression a text is about.
  public enum Subject: String, Sendable {
    case rule = "estimated rule cost"
    case messageExpression = "estimated messageExpression cost"
    case schema = "x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema"
  }

  /// The sum so far.
  public private(set) var total: UInt64 = 0
  /// The paths of the most expensive expressions, the dearest first: four at most, each with one percent of
  /// `schemaMax` or more.
  public var mostExpensive: [String] { dearest.map(\.path) }
  private var dearest: [(path: String, cost: UInt64)] = []

  public init() {}

  /// Counts an expression.
  /// - Parameters:
  ///   - cost: in the worst case: for a rule what `CELCardinality.cost` says, for a message's expression what it costs
  ///     once
  ///   - path: the field that a fault stands under
  public mutating func count(_ cost: UInt64, at path: String) {
    total = total.adding(cost)
    if cost < Self.schemaMax / 100 { return }
    let place = dearest.firstIndex { $0.cost < cost } ?? dearest.count
    dearest.insert((path, cost), at: place)
    if dearest.count > 4 { dearest.removeLast() }
  }

  /// The causes of type Forbidden for a schema whose rules are too expensive together: a field and a text each, that of
  /// the schema last; none where they are not.
  public func faults(schema: String) -> [(field: String, text: String)] {
    guard let text = Self.fault(.schema, total) else { return [] }
    return mostExpensive.map { ($0, Self.contribution) } + [(schema, text)]
  }

  private static let contribution =
    "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema"

  /// How often what takes `minSize` bytes of JSON can stand in one request: that is the cardinality of a place under a
  /// list or a map without bounds. (`maxCardinality`)
  static func cardinality(ofMinSize minSize: Int64) -> UInt64 {
    UInt64(clamping: CELBudget.requestMax / Swift.max(minSize.addingReportingOverflow(1).partialValue, 1))
  }

  /// Bytes of the largest request that is taken. (`MaxRequestSizeBytes`)
  public static let requestMax: Int64 = 3 * 1_024 * 1_024

  /// The text of a cause of type Forbidden; nil for a cost within its limit.
  public static func fault(_ subject: Subject, _ cost: UInt64) -> String? {
    let limit = subject == .schema ? schemaMax : expressionMax
    guard cost > limit else { return nil }
    let factor = Double(cost) / Double(limit)
    let shown =
      if factor > 100 { "more than 100x" } else {
        // Not "1.0x".
        "\(GoNumber.fixed(factor, places: factor < 1.5 ? 6 : 1))x"
      }
    return "\(subject.rawValue) exceeds budget by factor of \(shown) (try simplifying the rule, or adding maxItems, "
      + "maxProperties, and maxLength where arrays, maps, and strings are declared)"
  }
}
