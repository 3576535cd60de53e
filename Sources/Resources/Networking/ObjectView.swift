import JSON
import Schema

/// Reads a struct as Go would hold it: what is not there has its zero value.
struct ObjectView {
  let value: JSONValue?

  init(_ value: JSONValue?) { self.value = value }

  /// A member that somebody has set.
  func given(_ name: String) -> JSONValue? {
    guard let member = value?[name], !member.isNull else { return nil }
    return member
  }
  func text(_ name: String) -> String { value?[name]?.string ?? "" }
  func number(_ name: String) -> Int64 { value?[name]?.int ?? 0 }
  func at(_ name: String) -> ObjectView { ObjectView(value?[name]) }
  func list(_ name: String) -> [ObjectView] { (value?[name]?.array ?? []).map { ObjectView($0) } }
  func texts(_ name: String) -> [String] { (value?[name]?.array ?? []).map { $0.string ?? "" } }
  func count(_ name: String) -> Int { value?[name]?.array?.count ?? 0 }
}

/// A struct as messages show those that Go has for itself, by the names of its members there.
enum GoStruct {
  static func text(_ members: [(name: String, value: JSONValue)]) -> String {
    JSONValue.object(JSONObject(unchecked: members.map { JSONObject.Member($0.name, $0.value) })).encoded().text
  }
}

/// The members of a struct in the order of its type, for those who set some of them.
struct MemberOrder: Sendable {
  private let names: [String]

  /// `type`: as the model names it.
  init(_ type: String) {
    names = TypeModel.builtin.structures.first { $0.name == type }?.fields.map(\.name) ?? []
  }

  func restore(_ value: inout JSONValue) {
    guard let members = value.object?.members else { return }
    let places = members.map { names.firstIndex(of: $0.name) ?? .max }
    if zip(places, places.dropFirst()).allSatisfy({ $0 <= $1 }) { return }
    let sorted = members.indices.sorted { (places[$0], $0) < (places[$1], $1) }
    value = .object(JSONObject(unchecked: sorted.map { members[$0] }))
  }
}
