public import JSON
public import Machinery
import ByteBuffers
import FieldManagement

extension Store {
  /// Applies a configuration: creates what is missing, else lays it over what is there (SEMANTICS 2.41 to 2.43). Throws 409 with every conflict.
  public func apply(
    _ name: String, namespace: String, config: JSONValue, subresource: Subresource = .main, options: WriteOptions, warnings: [String] = []
  ) async throws(Status) -> WriteResult {
    try options.validate(isApply: true)
    let writer = writer(options, subresource)
    @Sendable func applied(to live: JSONValue?) throws(Status) -> JSONValue {
      let merged = try self.fields.apply(live: live, config: config, writer: writer, force: options.force ?? false, now: Timestamp.now)
      let object = try self.reread(merged, validation: .ignore).object
      try self.checkName(object, name)
      return object
    }
    while true {
      do throws(Status) {
        let found = WarningBox()
        let result = try await change(
          name, namespace: namespace, subresource: subresource, options: options, warnings: warnings, mayLoseOwners: false
        ) { existing throws(Status) in
          var new = try applied(to: existing)
          found.set(OwnerReferences.deduplicate(&new, inPatch: true))
          return new
        }
        return WriteResult(object: result.object, code: result.code, warnings: result.warnings + found.get())
      } catch {
        // A status belongs to something that is there.
        guard error.code == 404, subresource == .main else { throw error }
      }
      let object = try applied(to: nil)
      if let uid = config["metadata"]?["uid"]?.string, !uid.isEmpty {
        throw .conflict(info.groupResource, name, "uid mismatch: the provided object specified uid \(uid), and no existing object was found")
      }
      do throws(Status) { return try await create(tracked: object, namespace: namespace, options: options, warnings: warnings) } catch {
        // Somebody was faster: what they made is there to be applied to.
        guard error.reason == "AlreadyExists", !Task.isCancelled else { throw error }
      }
    }
  }
}
