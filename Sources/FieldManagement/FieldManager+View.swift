public import JSON
public import Machinery
import ByteBuffers

/// Which field of an object a view of it shows, and where. Whoever owns the one owns the other. (apimachinery:
/// `managedfields.ResourcePathMappings`)
public struct FieldMapping: Sendable {
  /// Where the field is in objects, by apiVersion; nothing where that version has no such view.
  let fields: [ByteString: [PathElement]]
  /// Where it is in the view.
  let own: [PathElement]
  /// That of the view.
  let apiVersion: String

  /// `fields`: paths by apiVersion; an empty one for a version in which the objects have no such view. Who owns
  /// something in a version that is not named is forgotten.
  public init(_ fields: [String: [String]], as own: [String], in apiVersion: String) {
    self.fields = Dictionary(
      uniqueKeysWithValues: fields.map { (ByteString($0.key), $0.value.map(PathElement.field)) })
    self.own = own.map(PathElement.field)
    self.apiVersion = apiVersion
  }
}

/// Ownership of an object and of a view of it. (apimachinery: `managedfields.ScaleHandler`)
extension FieldManager {
  /// The owners of a view, as the object's managedFields tell: those of the one field. Throws 500 for what can't be
  /// read.
  public func owners(ofView mapping: FieldMapping, _ entries: JSONValue?) throws(Status) -> JSONValue? {
    let managed = try read(entries)
    var shown = ManagedFields()
    for (id, owned) in managed.sets {
      guard let field = mapping.fields[ByteString(owned.apiVersion)], !field.isEmpty, owned.set.has(field[...]) else {
        continue
      }
      shown.sets[id] = VersionedSet(set: FieldSet([mapping.own]), apiVersion: mapping.apiVersion)
      shown.times[id] = managed.times[id]
    }
    return shown.entries
  }

  /// The owners of an object after those of its view have become `shown`: who is none there any more loses the field,
  /// and who is new gets it, without a time, as upstream has it.
  public func owners(
    _ entries: JSONValue?, afterView mapping: FieldMapping, _ shown: JSONValue?
  ) throws(Status) -> JSONValue? {
    let managed = try read(entries)
    var left = try read(shown).sets
    var after = ManagedFields()
    for (id, owned) in managed.sets {
      guard let field = mapping.fields[ByteString(owned.apiVersion)] else { continue }
      var kept = owned
      if !field.isEmpty, owned.set.has(field[...]), left.removeValue(forKey: id) == nil {
        kept.set = owned.set.subtracting(FieldSet([field]))
        if kept.set.isEmpty { continue }
      }
      after.sets[id] = kept
      after.times[id] = managed.times[id]
    }
    let version = kind.groupVersion.description
    guard let field = mapping.fields[ByteString(version)], !field.isEmpty else { return after.entries }
    for (id, owned) in left where owned.set.has(mapping.own[...]) {
      after.sets[id] = VersionedSet(set: FieldSet([field]), apiVersion: version)
      after.times[id] = managed.times[id]
    }
    return after.entries
  }

  private func read(_ entries: JSONValue?) throws(Status) -> ManagedFields {
    do { return try ManagedFields(entries, versions) } catch { throw .plain(500, "\(error)") }
  }
}
