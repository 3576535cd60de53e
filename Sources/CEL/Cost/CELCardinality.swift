/// How often a place of a schema can occur in one object, by the limits of the lists and maps that it is in. (apiextensions
/// `CELSchemaContext.MaxCardinality`)
public struct CELCardinality: Sendable, Equatable {
  /// nil where a list or a map on the way has no limit.
  private let count: UInt64?

  /// The schema itself.
  public static let root = CELCardinality(count: 1)

  private init(count: UInt64?) { self.count = count }

  /// The fields of an object.
  public var field: CELCardinality { self }

  /// The items of a list; a limit below 0 counts as 0.
  public func item(maxItems: Int64?) -> CELCardinality { times(maxItems) }

  /// The values of a map, which is what has `additionalProperties`, be there properties beside them or not.
  public func value(maxProperties: Int64?) -> CELCardinality { times(maxProperties) }

  private func times(_ limit: Int64?) -> CELCardinality {
    guard let count, let limit else { return CELCardinality(count: nil) }
    return CELCardinality(count: count.times(UInt64(max(limit, 0))))
  }

  /// What an expression costs here in the worst case: what it costs once, times how often the place can occur. Without
  /// a limit that is as often as its values fit into one request. (`getExpressionCost`)
  /// - Parameter minSize: bytes that a value of the place takes at least, in JSON
  public func cost(of one: UInt64, minSize: Int64) -> UInt64 {
    one.times(count ?? CELBudget.cardinality(ofMinSize: minSize))
  }
}
