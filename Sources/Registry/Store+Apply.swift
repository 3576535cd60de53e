public import JSON
public import Machinery
import FieldManagement
import Schema
import Storage

extension Store {
  /// Applies a configuration: creates what is missing, else lays it over what is there (semantics 2.41 to 2.43). Throws
  /// 409 with every conflict.
  public func apply(
    _ name: String, namespace: String, config: JSONValue, subresource: Subresource = .main, options: WriteOptions,
    warnings: [String] = []
  ) async throws(Status) -> WriteResult {
    try options.validate(isApply: true)
    let writer = writer(options, subresource)
    let kind = spoken(at: subresource)
    @Sendable func applied(to live: JSONValue?) throws(Status) -> ReadObject {
      let merged = try kind.fields.apply(
        live: live, config: config, writer: writer, force: options.force ?? false, now: Timestamp.now)
      if let why = kind.view?.refusals.application, !Self.isSame(merged, live) {
        throw Self.unconverted(config, kind.info, why)
      }
      return try Self.converted(merged, config, kind)
    }
    while true {
      do throws(Status) {
        return try await change(
          name, namespace: namespace, subresource: subresource, options: options, warnings: warnings,
          mayLoseOwners: false
        ) { existing throws(Status) in
          var new = try applied(to: existing)
          try self.checkName(new.object, name)
          let found = OwnerReferences.deduplicate(&new.object, inPatch: true)
          return Made(object: new.object, warnings: found, traces: new.traces)
        }
      } catch {
        // A status belongs to something that is there.
        guard error.code == 404, subresource == .main else { throw error }
      }
      let new = try applied(to: nil)
      var object = new.object
      if let uid = object["metadata"]?["uid"]?.string, !uid.isEmpty {
        throw .conflict(
          info.groupResource, name,
          "uid mismatch: the provided object specified uid \(uid), and no existing object was found")
      }
      try checkName(object, name)
      // A resourceVersion has nothing to be compared with; only whether it is one is looked at.
      _ = try namedRevision(object)
      if !options.isDryRun { object["metadata"]?["resourceVersion"] = nil }
      do throws(Status) {
        return try await create(
          tracked: object, namespace: namespace, options: options, warnings: warnings, traces: new.traces)
      } catch {
        // Somebody was faster: what they made is there to be applied to.
        guard error.reason == "AlreadyExists", !Task.isCancelled else { throw error.after(warnings) }
      }
    }
  }

  /// A merged tree as the type holds it. What it can't hold (a quantity that is none) is a 500 without a reason, as
  /// upstream has it.
  private static func converted(
    _ merged: JSONValue, _ config: JSONValue, _ spoken: SpokenKind
  ) throws(Status) -> ReadObject {
    let (model, type) = (spoken.model, spoken.type)
    let merged = TypeModel.hasOddNumbers(config) ? model.fittingNumbers(merged, as: type) : merged
    do throws(Status) { return try spoken.reader.decode(tree: merged, validation: .ignore, sortsRaw: true) } catch {
      guard error.code == 400 else { throw error }
      let kind = "\(spoken.info.groupVersion.group)/\(spoken.info.groupVersion.version), Kind=\(spoken.info.kind)"
      let why = model.conversionProblem(merged, as: type) ?? Self.reason(error)
      throw unconverted(config, spoken.info, "unable to convert unstructured object to \(kind): \(why)")
    }
  }

  private static func unconverted(_ config: JSONValue, _ info: ResourceInfo, _ why: String) -> Status {
    let kind = "\(info.groupVersion.group)/\(info.groupVersion.version), Kind=\(info.kind)"
    let name = "\(config["metadata"]?["namespace"]?.string ?? "")/\(config["metadata"]?["name"]?.string ?? "")"
    return .plain(500, "failed to convert new object (\(name); \(kind)) to proper version: \(why)")
  }

  /// Does nothing change but who owns what?
  private static func isSame(_ merged: JSONValue, _ live: JSONValue?) -> Bool {
    guard var live else { return false }
    var merged = merged
    merged["metadata"]?["managedFields"] = nil
    live["metadata"]?["managedFields"] = nil
    return merged == live
  }
}
