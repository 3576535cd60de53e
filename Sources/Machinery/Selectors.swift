/// String pairs with unique names, sorted by name: an object's labels, or the fields that selectors may ask for.
public struct StringMap: Sendable, Equatable {
  public private(set) var pairs: [(name: String, value: String)]

  /// `pairs` in any order; of a repeated name the last value stays.
  public init(_ pairs: [(name: String, value: String)] = []) {
    if zip(pairs, pairs.dropFirst()).allSatisfy({ $0.name < $1.name }) {
      self.pairs = pairs
    } else {
      self.pairs = [ByteString: String](pairs.lazy.map { ($0.name, $0.value) })
        .map { (name: $0.key.text, value: $0.value) }.sorted { $0.name < $1.name }
    }
  }

  public var isEmpty: Bool { pairs.isEmpty }

  public subscript(name: String) -> String? {
    var low = 0
    var high = pairs.count
    while low < high {
      let middle = (low + high) / 2
      if pairs[middle].name < name { low = middle + 1 } else { high = middle }
    }
    return low < pairs.count && pairs[low].name == name ? pairs[low].value : nil
  }

  public static func == (a: StringMap, b: StringMap) -> Bool {
    a.pairs.elementsEqual(b.pairs) { $0.name == $1.name && $0.value == $1.value }
  }
}

/// A parsed label selector: all requirements must hold. (`labels.Selector`; the parser is in
/// `LabelSelector+Parse.swift`.)
public struct LabelSelector: Sendable, Equatable {
  public enum Operator: String, Sendable {
    case equals = "=", doubleEquals = "==", notEquals = "!=", `in`, notIn = "notin", exists, doesNotExist = "!"
    case greaterThan = "gt", lessThan = "lt"
  }
  public struct Requirement: Sendable, Equatable {
    public let key: String
    public let op: Operator
    /// Sorted, unique.
    public let values: [String]
    public init(key: String, op: Operator, values: [String]) {
      self.key = key
      self.op = op
      self.values = values
    }

    /// Does a set of labels satisfy this? notin and != also hold where the label is absent. gt and lt compare integers.
    public func matches(_ labels: StringMap) -> Bool {
      let value = labels[key]
      switch op {
      case .equals, .doubleEquals, .in: return value.map { values.contains($0) } ?? false
      case .notEquals, .notIn: return value.map { !values.contains($0) } ?? true
      case .exists: return value != nil
      case .doesNotExist: return value == nil
      case .greaterThan, .lessThan:
        guard let value, let number = Int64(value), let bound = values.first.flatMap({ Int64($0) }) else {
          return false
        }
        return op == .greaterThan ? number > bound : number < bound
      }
    }
  }
  public let requirements: [Requirement]
  /// Only of selectors that ask for much; little is asked faster one after another.
  private let table: SelectorTable?
  private static let scanMax = 8

  public init(_ requirements: [Requirement] = []) {
    self.requirements = requirements
    let isLong = requirements.count > Self.scanMax || requirements.contains { $0.values.count > Self.scanMax }
    table = isLong ? SelectorTable(requirements) : nil
  }

  public static let everything = LabelSelector()
  public var isEverything: Bool { requirements.isEmpty }
  public func matches(_ labels: StringMap) -> Bool {
    table?.matches(labels) ?? requirements.allSatisfy { $0.matches(labels) }
  }
  public static func == (a: LabelSelector, b: LabelSelector) -> Bool { a.requirements == b.requirements }
}

/// A parsed field selector: all terms must hold. (`fields.Selector`; the parser is in `FieldSelector+Parse.swift`.)
public struct FieldSelector: Sendable, Equatable {
  public struct Term: Sendable, Equatable {
    public let field: String
    public let isEqual: Bool
    public let value: String
    public init(field: String, isEqual: Bool, value: String) {
      self.field = field
      self.isEqual = isEqual
      self.value = value
    }
  }
  public let terms: [Term]
  /// Only of selectors with many terms.
  private let table: SelectorTable?
  private static let scanMax = 8

  public init(_ terms: [Term] = []) {
    self.terms = terms
    table = terms.count > Self.scanMax ? SelectorTable(terms) : nil
  }

  public static let everything = FieldSelector()
  public var isEverything: Bool { terms.isEmpty }
  /// An absent field counts as "".
  public func matches(_ fields: StringMap) -> Bool {
    table?.matches(fields: fields) ?? terms.allSatisfy { ((fields[$0.field] ?? "") == $0.value) == $0.isEqual }
  }
  public static func == (a: FieldSelector, b: FieldSelector) -> Bool { a.terms == b.terms }
  /// The value that `field` must have, if a term says so.
  public func requiredValue(of field: String) -> String? { terms.first { $0.isEqual && $0.field == field }?.value }
  /// What is left to ask of objects whose `field` is known to be `value`.
  public func given(_ field: String, _ value: String) -> FieldSelector {
    let left = terms.filter { !($0.isEqual && $0.field == field && $0.value == value) }
    return left.count == terms.count ? self : FieldSelector(left)
  }
}
