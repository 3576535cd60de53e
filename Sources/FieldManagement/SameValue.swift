import JSON

extension JSONValue {
  /// Equal as values: whatever the order of members, and 1 equals 1.0.
  func isSameValue(as other: JSONValue) -> Bool {
    switch (self, other) {
    case (.object(let a), .object(let b)):
      guard a.count == b.count else { return false }
      for (place, member) in a.members.enumerated() {
        let match = b.members[place].name == member.name ? b.members[place].value : b[member.name]
        guard let match, member.value.isSameValue(as: match) else { return false }
      }
      return true
    case (.array(let a), .array(let b)): return a.count == b.count && zip(a, b).allSatisfy { $0.isSameValue(as: $1) }
    case (.int(let a), .double(let b)): return Double(a) == b
    case (.double(let a), .int(let b)): return a == Double(b)
    default: return self == other
    }
  }
}
