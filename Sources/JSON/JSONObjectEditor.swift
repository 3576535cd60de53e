/// An object under many edits by name: each costs a look-up in a table once there are many members, where `JSONObject`
/// would scan.
///
/// Members keep their places; a new name goes to the end. Invariant: `places`, where it is there, has exactly the names
/// of `members` that are not nil.
public struct JSONObjectEditor {
  private var members: [JSONObject.Member?]
  /// Only of objects with more than `scanMax` members.
  private var places: [ByteString: Int]?
  private static let scanMax = 16

  public init(_ object: JSONObject) {
    members = object.members
    if members.count > Self.scanMax { index() }
  }

  private mutating func index() {
    var places: [ByteString: Int] = [:]
    places.reserveCapacity(members.count)
    for (place, member) in members.enumerated() { if let member { places[member.name] = place } }
    self.places = places
  }

  private func place(of name: String) -> Int? {
    if let places { return places[name] }
    return members.firstIndex { $0?.name == name }
  }

  /// The member's value; setting `nil` removes it.
  public subscript(name: String) -> JSONValue? {
    get { place(of: name).flatMap { members[$0]?.value } }
    set {
      switch (place(of: name), newValue) {
      case (let place?, let value?): members[place]?.value = value
      case (let place?, nil):
        members[place] = nil
        places?[name] = nil
      case (nil, let value?):
        members.append(JSONObject.Member(name, value))
        if places != nil { places?[name] = members.count - 1 } else if members.count > Self.scanMax { index() }
      case (nil, nil): break
      }
    }
  }

  /// Takes a member's value out, so that it can be edited without a copy; null stands in its place.
  public mutating func take(_ name: String) -> JSONValue? {
    guard let place = place(of: name), let value = members[place]?.value else { return nil }
    members[place]?.value = .null
    return value
  }

  /// Removes the members for which `isGone` holds.
  public mutating func removeAll(where isGone: (String) -> Bool) {
    for (place, member) in members.enumerated() {
      guard let member, isGone(member.name) else { continue }
      members[place] = nil
      places?[member.name] = nil
    }
  }

  public var object: JSONObject { JSONObject(unchecked: members.compactMap { $0 }) }
}
