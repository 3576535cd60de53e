import JSON
import Machinery
import Registry

/// A kind that is served for a test: with nodes' members, and names, scope and verbs as the test wants them.
struct TestKind: RESTStrategy {
  static let allVerbs = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]

  let info: ResourceInfo

  init(
    _ plural: String, group: String, version: String = "v1", isNamespaced: Bool = false, categories: [String] = [],
    verbs: [String] = allVerbs, subresources: [(name: String, verbs: [String])] = []
  ) {
    let singular = String(plural.dropLast())
    info = ResourceInfo(
      groupVersion: GroupVersion(group: group, version: version), plural: plural, singular: singular,
      kind: singular.prefix(1).uppercased() + singular.dropFirst(), isNamespaced: isNamespaced, categories: categories,
      verbs: verbs, subresources: subresources, storagePath: "\(group)/\(plural)", typeName: "io.k8s.api.core.v1.Node")
  }

  var allowsCreateOnUpdate: Bool { false }
  var allowsUnconditionalUpdate: Bool { true }
  func applyDefaults(_ object: inout JSONValue) {}
  func prepareForCreate(_ object: inout JSONValue) {}
  func prepareForUpdate(_ object: inout JSONValue, old: JSONValue, subresource: Subresource) {}
  func resetFields(_ subresource: Subresource) -> [[String]] { [] }
  func validate(_ object: JSONValue) -> [FieldError] { [] }
  func validateUpdate(
    _ object: JSONValue, old: JSONValue, subresource: Subresource, isMetaGood: Bool
  ) -> [FieldError] { [] }
  func warnings(_ object: JSONValue) -> [String] { [] }
  func selectableFields(_ root: JSONNode) -> [(name: String, value: String)] {
    [("metadata.name", root["metadata"]?["name"]?.string ?? "")]
  }
  var selectableFieldNames: [String] { ["metadata.name"] }
  var columns: [TableColumn] { [] }
  func cells(_ root: JSONNode, now: Int64) -> [JSONValue] { [] }
}
