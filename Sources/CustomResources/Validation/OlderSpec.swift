import JSON

/// A definition's spec in the shape in which it is checked, that of before v1: what all versions have alike stands
/// once, outside of them, and complaints name it there. (`Convert_v1_CustomResourceDefinitionSpec_To_apiextensions_…`)
struct OlderSpec {
  /// What versions may have alike.
  struct Parts {
    /// `{openAPIV3Schema: …}`; nil where there is none.
    var schema: JSONValue?
    var subresources: JSONValue?
    var columns: [JSONValue] = []
    var selectableFields: [JSONValue] = []

    var openAPISchema: JSONValue? { schema?.there("openAPIV3Schema") }
    var hasStatus: Bool { subresources?.there("status") != nil }
  }

  struct Version {
    let name: String
    let value: JSONValue
    var own: Parts

    var isStorage: Bool { value["storage"]?.bool ?? false }
  }

  let value: JSONValue
  /// What all versions have alike.
  var shared = Parts()
  var versions: [Version]

  init(_ spec: JSONValue) {
    value = spec
    versions = spec.list("versions").map { version in
      Version(
        name: version.text("name"), value: version,
        own: Parts(
          schema: version.there("schema"), subresources: version.there("subresources"),
          columns: version.list("additionalPrinterColumns"), selectableFields: version.list("selectableFields")))
    }
    guard let first = versions.first?.own else { return }
    if versions.allSatisfy({ $0.own.schema == first.schema }) {
      shared.schema = first.schema
      for place in versions.indices { versions[place].own.schema = nil }
    }
    if versions.allSatisfy({ $0.own.subresources == first.subresources }) {
      shared.subresources = first.subresources
      for place in versions.indices { versions[place].own.subresources = nil }
    }
    if versions.allSatisfy({ $0.own.columns == first.columns }) {
      shared.columns = first.columns
      for place in versions.indices { versions[place].own.columns = [] }
    }
    if versions.allSatisfy({ $0.own.selectableFields == first.selectableFields }) {
      shared.selectableFields = first.selectableFields
      for place in versions.indices { versions[place].own.selectableFields = [] }
    }
  }

  /// Every schema: the shared one, then those of versions.
  var schemas: [JSONValue] {
    ([shared.openAPISchema] + versions.map(\.own.openAPISchema)).compactMap { $0 }
  }

  /// The schema of a version, wherever it stands; nil where there is no such version.
  func schema(of version: String) -> JSONValue?? {
    versions.first { $0.name == version }.map { ($0.own.schema ?? shared.schema)?.there("openAPIV3Schema") }
  }
}

extension JSONValue {
  /// A member that is there and not null.
  func there(_ name: String) -> JSONValue? {
    guard let value = self[name], !value.isNull else { return nil }
    return value
  }
  func text(_ name: String) -> String { self[name]?.string ?? "" }
  func list(_ name: String) -> [JSONValue] { self[name]?.array ?? [] }
  func isTrue(_ name: String) -> Bool { self[name]?.bool ?? false }
  /// The members of a map, in the order of their names.
  func map(_ name: String) -> [JSONObject.Member] { self[name]?.object?.members ?? [] }
}
