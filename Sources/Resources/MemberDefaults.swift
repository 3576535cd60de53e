import JSON

extension JSONValue {
  /// Gives members that are not there their values. `order`: all members of the type, in its order.
  mutating func fill(_ defaults: [(name: String, value: JSONValue)], order: [String]) {
    guard let given = object else { return }
    let missing = defaults.filter { given[$0.name]?.isNull ?? true }
    if missing.isEmpty { return }
    var members: [JSONObject.Member] = []
    members.reserveCapacity(given.count + missing.count)
    for name in order {
      if let value = missing.first(where: { $0.name == name })?.value ?? given[name] {
        members.append(JSONObject.Member(name, value))
      }
    }
    members += given.members.filter { !order.contains($0.name) }
    self = .object(JSONObject(unchecked: members))
  }

  /// Changes each element of a list.
  mutating func editEach(_ change: (inout JSONValue) -> Void) {
    guard case .array(var elements) = self else { return }
    self = .null
    for place in elements.indices { change(&elements[place]) }
    self = .array(elements)
  }
}
