public import JSON

/// The versions of OpenAPI in which the API is described.
public enum OpenAPIDialect: Sendable, CaseIterable {
  /// Swagger 2.0: one document for everything, for clients before Kubernetes 1.27 or so.
  case v2
  /// OpenAPI 3.0: one document a group version.
  case v3

  /// Where schemas stand in a document.
  public var schemaPrefix: String { self == .v2 ? "#/definitions/" : "#/components/schemas/" }

  /// A reference to a schema of the same document.
  public func reference(_ name: String) -> JSONValue { ["$ref": .string(schemaPrefix + name)] }
}
