extension JSONValue {
  /// With the members of all objects in it by the bytes of their names, as Go writes maps. What is sorted already is
  /// not copied. What was left unread stays so.
  public var sortedByName: JSONValue {
    var sorted = self
    sorted.sortByName()
    return sorted
  }

  /// The same in place.
  public mutating func sortByName() {
    if isSortedByName { return }
    switch self {
    case .object(var object):
      self = .null
      for place in object.members.indices { object.edit(at: place) { $0.sortByName() } }
      object.sortByName()
      self = .object(object)
    case .array(var items):
      self = .null
      for place in items.indices { items[place].sortByName() }
      self = .array(items)
    default: return
    }
  }

  private var isSortedByName: Bool {
    switch self {
    case .object(let object):
      var last: String?
      for member in object.members {
        if let last, !last.utf8.lexicographicallyPrecedes(member.name.utf8) { return false }
        guard member.value.isSortedByName else { return false }
        last = member.name
      }
      return true
    case .array(let items): return items.allSatisfy(\.isSortedByName)
    default: return true
    }
  }
}
