/// What all terms of a selector ask together, by key: so that an object is compared with a selector of thousands of
/// terms in no more steps than it has labels, or the selector keys, whichever are fewer.
struct SelectorTable: Sendable {
  /// What is asked of one key's value.
  struct Rule: Sendable {
    var mustExist = false
    var mustNotExist = false
    /// nil: any value will do.
    private(set) var allowed: Set<ByteString>?
    var refused: Set<ByteString> = []
    /// The value must be a number greater than this, or less than that.
    private var above: Int64?
    private var below: Int64?
    /// No value will do.
    private var isImpossible = false

    /// Whoever asks for a value asks for the label.
    mutating func allow(_ values: some Sequence<String>) {
      mustExist = true
      let values = Set(values.map { ByteString($0) })
      allowed = allowed?.intersection(values) ?? values
    }

    mutating func bound(by number: Int64?, isLower: Bool) {
      mustExist = true
      guard let number else { return isImpossible = true }
      if isLower { above = max(above ?? number, number) } else { below = min(below ?? number, number) }
    }

    /// `value`: nil where there is none.
    func holds(_ value: String?) -> Bool {
      guard let value else { return !mustExist }
      if mustNotExist || isImpossible || refused.contains(value) || allowed?.contains(value) == false { return false }
      guard above != nil || below != nil else { return true }
      guard let number = Int64(value) else { return false }
      if let above, number <= above { return false }
      if let below, number >= below { return false }
      return true
    }
  }

  private var rules: [ByteString: Rule] = [:]
  /// Rules that ask for the label.
  private var required = 0

  /// `requirements` are not empty.
  init(_ requirements: [LabelSelector.Requirement]) {
    rules.reserveCapacity(requirements.count)
    for requirement in requirements {
      let values = requirement.values
      switch requirement.op {
      case .equals, .doubleEquals, .in: rules[requirement.key, default: Rule()].allow(values)
      case .notEquals, .notIn: rules[requirement.key, default: Rule()].refused.formUnion(values)
      case .exists: rules[requirement.key, default: Rule()].mustExist = true
      case .doesNotExist: rules[requirement.key, default: Rule()].mustNotExist = true
      case .greaterThan, .lessThan:
        let number = values.first.flatMap { Int64($0) }
        rules[requirement.key, default: Rule()].bound(by: number, isLower: requirement.op == .greaterThan)
      }
    }
    required = rules.values.count { $0.mustExist }
  }

  init(_ terms: [FieldSelector.Term]) {
    for term in terms {
      if term.isEqual {
        rules[term.field, default: Rule()].allow(CollectionOfOne(term.value))
      } else {
        rules[term.field, default: Rule()].refused.insert(term.value)
      }
    }
  }

  /// Labels: what is absent is absent.
  func matches(_ labels: StringMap) -> Bool {
    let count = labels.pairs.count
    if required > count { return false }
    if rules.count <= count { return rules.allSatisfy { $0.value.holds(labels[$0.key.text]) } }
    var found = 0
    for pair in labels.pairs {
      guard let rule = rules[pair.name] else { continue }
      guard rule.holds(pair.value) else { return false }
      if rule.mustExist { found += 1 }
    }
    return found == required
  }

  /// Fields: what is absent is "".
  func matches(fields: StringMap) -> Bool { rules.allSatisfy { $0.value.holds(fields[$0.key.text] ?? "") } }
}
