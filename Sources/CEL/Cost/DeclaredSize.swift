/// How large what a schema describes can get, and how small it can be written: what prices go by. Without a limit of its
/// own it fills a whole request. (apiserver `pkg/cel/common/schemas.go`)
public enum DeclaredSize {
  /// The shortest that values are in JSON.
  public static let minNumber: Int64 = 1
  public static let minBool: Int64 = 4
  public static let minText: Int64 = 2
  public static let minDuration: Int64 = 3
  public static let minDate: Int64 = 12
  public static let minDateTime: Int64 = 21
  /// Of a list, of a map, and of an object without fields that have to be there.
  public static let minContainer: Int64 = 2

  /// The most characters of a text, by its format and its limit; an enumeration counts where there is no limit. Of
  /// `duration`, `date` and `date-time` the limit does not count.
  /// - Parameters:
  ///   - enumeration: the values that are texts; nil for a schema without enum
  public static func text(format: String?, maxLength: Int64?, enumeration: [String]? = nil) -> Int64 {
    switch format {
    case "duration", "date-time": return 32
    case "date": return minDate
    // Of bytes each character is one.
    case "byte": return maxLength.map { max($0, 0) } ?? CELBudget.requestMax - 2
    default: break
    }
    if let maxLength { return characters(maxLength) }
    guard let enumeration, !enumeration.isEmpty else { return CELBudget.requestMax - 2 }
    return enumeration.reduce(0) { max($0, Int64($1.utf8.count)) }
  }

  /// Of what is a number or a text.
  public static func intOrString(maxLength: Int64?) -> Int64 { maxLength.map(characters) ?? CELBudget.requestMax - 2 }

  /// A character has four bytes at most. Upstream does not look whether that is too large a number.
  private static func characters(_ maxLength: Int64) -> Int64 { max(maxLength, 0) &* 4 }

  /// - Parameter minSize: of an item
  public static func list(maxItems: Int64?, minSize: Int64) -> Int64 {
    maxItems.map { max($0, 0) } ?? (CELBudget.requestMax - 2) / max(minSize &+ 1, 1)
  }

  /// - Parameter minSize: of a value
  public static func map(maxProperties: Int64?, minSize: Int64) -> Int64 {
    maxProperties.map { max($0, 0) } ?? (CELBudget.requestMax - 2) / max(minSize &+ 6, 1)
  }

  /// What a field adds to the shortest form of its object; only those that must be given and have no default do.
  public static func field(_ name: String, minSize: Int64) -> Int64 { Int64(name.utf8.count) &+ minSize &+ 4 }
}
