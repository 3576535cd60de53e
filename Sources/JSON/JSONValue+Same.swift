extension JSONValue {
  /// Equal as values: whatever the order of members, and 1 equals 1.0. What is kept as it was written equals only what
  /// would be written so.
  public func isSameValue(as other: JSONValue) -> Bool {
    switch (self, other) {
    case (.unread, _), (_, .unread): return self == other || Self.areSame(object, other.object)
    case (.object(let a), .object(let b)): return Self.areSame(a, b)
    case (.array(let a), .array(let b)):
      return a.count == b.count && (Self.isOne(a, b) || zip(a, b).allSatisfy { $0.isSameValue(as: $1) })
    case (.int(let a), .double(let b)): return Double(a) == b
    case (.double(let a), .int(let b)): return a == Double(b)
    case (.number(let a), .double(let b)): return a == GoNumber.text(b)
    case (.double(let a), .number(let b)): return GoNumber.text(a) == b
    default: return self == other
    }
  }

  /// Do both have one storage? What an edit left alone is still shared with what it was made from.
  private static func isOne<Element>(_ a: [Element], _ b: [Element]) -> Bool {
    a.withUnsafeBufferPointer { x in b.withUnsafeBufferPointer { y in x.baseAddress == y.baseAddress } }
  }

  private static func areSame(_ a: JSONObject?, _ b: JSONObject?) -> Bool {
    guard let a, let b, a.count == b.count else { return false }
    if isOne(a.members, b.members) { return true }
    // Mostly both have the same order; where they have not, a table is made once, so that a large object costs no more
    // than its size.
    var table: JSONObjectEditor?
    for (place, member) in a.members.enumerated() {
      if b.members[place].name == member.name {
        guard member.value.isSameValue(as: b.members[place].value) else { return false }
        continue
      }
      if table == nil { table = JSONObjectEditor(b) }
      guard let match = table?[member.name], member.value.isSameValue(as: match) else { return false }
    }
    return true
  }
}
