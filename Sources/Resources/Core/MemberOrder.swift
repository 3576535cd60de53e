import JSON

extension JSONValue {
  /// Sets a member that may not be there yet, in front of those that the type has behind it.
  mutating func set(_ name: String, _ value: JSONValue, before later: String...) {
    var members = object?.members ?? []
    if let place = members.firstIndex(where: { $0.name == name }) {
      members[place].value = value
    } else {
      let place = members.firstIndex { later.contains($0.name) } ?? members.endIndex
      members.insert(JSONObject.Member(name, value), at: place)
    }
    self = .object(JSONObject(unchecked: members))
  }
}
