import JSON
import Schema

/// Sets members of a struct where its type has them.
struct TypeOrder {
  private let names: [String]

  init(_ type: String) {
    let model = TypeModel.builtin
    names = model.type(type).map { model[$0].fields.map(\.name) } ?? []
  }

  /// Sets a member that was there or not.
  func set(_ name: String, _ value: JSONValue, in object: inout JSONValue) {
    guard var members = object.object?.members else { return object = [name: value] }
    if let place = members.firstIndex(where: { $0.name == name }) {
      members[place].value = value
    } else {
      let rank = names.firstIndex(of: name) ?? .max
      let place = members.firstIndex { (names.firstIndex(of: $0.name) ?? .max) > rank } ?? members.count
      members.insert(JSONObject.Member(name, value), at: place)
    }
    object = .object(JSONObject(unchecked: members))
  }

  /// Sets a text that is not there, or empty.
  func fill(_ name: String, _ value: String, in object: inout JSONValue) {
    if object.string(at: name).isEmpty { set(name, .string(value), in: &object) }
  }

  /// Sets a number that is not there, or zero.
  func fill(_ name: String, _ value: Int64, in object: inout JSONValue) {
    if object.int(at: name) == 0 { set(name, .int(value), in: &object) }
  }

  /// Sets a pointer that is not set.
  func fillPointer(_ name: String, _ value: JSONValue, in object: inout JSONValue) {
    if !object.isSet(name) { set(name, value, in: &object) }
  }
}

extension JSONValue {
  /// Lends a member that is there for editing.
  mutating func edit(_ name: String, _ change: (inout JSONValue) -> Void) {
    guard isSet(name), var value = self[name] else { return }
    // Uniquely held while it is edited.
    self[name] = .null
    change(&value)
    self[name] = value
  }

  /// Lends the elements of a list for editing.
  mutating func editEach(_ name: String, _ change: (inout JSONValue) -> Void) {
    guard case .array(var elements)? = self[name] else { return }
    self[name] = .null
    for place in elements.indices { change(&elements[place]) }
    self[name] = .array(elements)
  }
}
