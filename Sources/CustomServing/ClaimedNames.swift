import ByteBuffers
import CustomResources
import JSON

/// The names that definitions have, so that not all have to be read to tell what one may have.
struct ClaimedNames {
  /// Of each definition the group and the accepted names, by its own name.
  private var claims: [ByteString: JSONValue] = [:]

  /// What a definition has.
  mutating func note(_ definition: JSONValue) {
    claims[ByteString(definition["metadata"]?["name"]?.string ?? "")] = [
      "spec": ["group": definition["spec"]?["group"] ?? ""],
      "status": ["acceptedNames": definition["status"]?["acceptedNames"] ?? [:]],
    ]
  }

  /// Returns the group of one that is gone.
  mutating func forget(_ name: String) -> String? {
    claims.removeValue(forKey: ByteString(name))?["spec"]?["group"]?.string
  }

  /// The definitions of a group.
  func definitions(of group: String) -> [String] {
    claims.filter { $0.value["spec"]?["group"]?.string == group }.map(\.key.text)
  }

  /// A definition with the names that it may have; nil where it has them.
  func named(_ definition: JSONValue) -> JSONValue? {
    DefinitionStatus.named(definition, among: Array(claims.values))
  }
}
