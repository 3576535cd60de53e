/// A value of the language, as the libraries see it: they are written for any type that answers these, so that they
/// know nothing of how the engine keeps its values.
protocol LibraryValue: Sendable {
  static var null: Self { get }
  static func bool(_ value: Bool) -> Self
  static func int(_ value: Int64) -> Self
  static func double(_ value: Double) -> Self
  static func string(_ value: String) -> Self
  static func list(_ elements: [Self]) -> Self
  /// With keys that are texts, each once.
  static func texts(by key: [(String, Self)]) -> Self
  static func optional(_ value: Self?) -> Self
  static func object(_ value: LibraryObject) -> Self
  /// 0 of int, uint, double or duration.
  static func zero(of type: String) -> Self

  /// What it is. That of a list or a map costs nothing that grows with it where it is kept as one.
  var view: LibraryView<Self> { get }
  /// Of a list or a map, without making a view of it; nil for others.
  var count: Int? { get }
  /// `int`, `google.protobuf.Duration`, `list`.
  var typeName: String { get }
  /// As the function `string` converts it; nil for what it does not.
  var convertedToString: String? { get }
  /// "", 0, an empty list, what is not there. (cel-go `traits.Zeroer`)
  var isZero: Bool { get }

  /// As `==` finds: across number types, and false for what is not to be compared.
  func isEqual(to other: Self) -> Bool
  /// Is its type one whose values are in an order? (`traits.Comparer`)
  var isComparable: Bool { get }
  /// -1, 0, 1; nil where the two are in none.
  func order(to other: Self) -> Int?
  /// As `+` adds numbers and durations.
  func adding(_ other: Self) throws(LibraryFault) -> Self
}

/// What a value is.
enum LibraryView<Value: LibraryValue> {
  case null
  case bool(Bool)
  case int(Int64)
  case uint(UInt64)
  case double(Double)
  case string(String)
  case bytes([UInt8])
  case list([Value])
  /// Objects too.
  case map([(key: Value, value: Value)])
  case optional(Value?)
  case object(LibraryObject)
  /// A duration, a timestamp, a type.
  case other
}

extension LibraryValue {
  static func texts(_ texts: [String]) -> Self { .list(texts.map { .string($0) }) }
  var elements: [Self]? { if case .list(let elements) = view { elements } else { nil } }
  var entries: [(key: Self, value: Self)]? { if case .map(let entries) = view { entries } else { nil } }
}
