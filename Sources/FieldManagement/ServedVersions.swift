import JSON

/// The versions in which objects of a kind are served: what is owned in each of them, and how an object gets from one
/// to another.
///
/// Managers own fields of the version in which they wrote. Those of a version that is not served (any more) are
/// forgotten at the next write, as kube-apiserver does: nobody can say what their fields are.
struct ServedVersions: Sendable {
  struct Version: Sendable {
    let schema: MergeSchema
    let cache: FieldSetCache
    init(_ schema: MergeSchema) {
      self.schema = schema
      cache = FieldSetCache(schema)
    }
  }

  /// The version of the request, which the objects at hand have.
  let current: String
  let schema: MergeSchema
  private let versions: [ByteString: Version]
  private let convert: @Sendable (JSONValue, String) -> JSONValue?
  /// Reads what is owned in versions that are not served: whether it can be read at all still counts.
  private let foreign = FieldSetCache(nil)

  /// `convert` gives an object in another version; nil where it can't.
  init(
    current: String, _ schema: MergeSchema, others: [ByteString: MergeSchema],
    convert: @escaping @Sendable (JSONValue, String) -> JSONValue?
  ) {
    self.current = current
    self.schema = schema
    var versions = others.mapValues(Version.init)
    versions[current] = Version(schema)
    self.versions = versions
    self.convert = convert
  }

  subscript(version: String) -> MergeSchema? { version == current ? schema : versions[version]?.schema }

  func cache(for version: String) -> FieldSetCache { versions[version]?.cache ?? foreign }

  /// An object of any served version in another; nil where that version is not served.
  func object(_ object: JSONValue, in version: String) -> JSONValue? {
    if object["apiVersion"]?.string == version { return object }
    return self[version] == nil ? nil : convert(object, version)
  }
}
