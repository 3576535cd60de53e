public import JSON

/// The names of a definition, as it asks for them and as it has them. (`CustomResourceDefinitionNames`)
public struct DefinitionNames: Sendable, Equatable {
  public var plural = ""
  public var singular = ""
  public var shortNames: [String] = []
  public var kind = ""
  public var listKind = ""
  public var categories: [String] = []

  /// `names`: `spec.names` or `status.acceptedNames`; nil for none.
  public init(_ names: JSONValue?) {
    guard let names else { return }
    func list(_ member: String) -> [String] { (names[member]?.array ?? []).compactMap(\.string) }
    plural = names["plural"]?.string ?? ""
    singular = names["singular"]?.string ?? ""
    shortNames = list("shortNames")
    kind = names["kind"]?.string ?? ""
    listKind = names["listKind"]?.string ?? ""
    categories = list("categories")
  }

  /// As an answer has them: a list or an optional name that is empty is not there.
  public var value: JSONValue {
    var members: [JSONObject.Member] = [JSONObject.Member("plural", .string(plural))]
    func add(_ name: String, _ text: String) {
      if !text.isEmpty { members.append(JSONObject.Member(name, .string(text))) }
    }
    func add(_ name: String, _ texts: [String]) {
      if !texts.isEmpty { members.append(JSONObject.Member(name, .array(texts.map(JSONValue.string)))) }
    }
    add("singular", singular)
    add("shortNames", shortNames)
    members.append(JSONObject.Member("kind", .string(kind)))
    add("listKind", listKind)
    add("categories", categories)
    return .object(JSONObject(unchecked: members))
  }
}
