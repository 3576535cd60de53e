public import Machinery
import Cacher
import Storage

/// What upstream's feature gate AllowUnsafeMalformedObjectDeletion adds: errors that name every object which can't be
/// read, and a DELETE option that removes one without looking at it. (apiserver `corrupt_obj_deleter.go`, in the
/// packages `etcd3` and `registry`.)
extension Store {
  /// Removes an object that can't be read; anything else is refused. Preconditions and finalizers have no say, as
  /// nobody can read them.
  public func deleteUnreadable(_ name: String, namespace: String, options: DeleteOptions) async throws(Status) -> Status
  {
    try await options.admission?.admit(admission(.delete, name, namespace: namespace))
    let key = key(name, namespace: namespace)
    let info = info
    let codec = codec
    let refusal = Status.invalid(
      info.plural, group: info.groupVersion.group, name: name,
      [
        .invalid(
          DeleteOptions.ignoreReadErrorField, bare: "true",
          "is exclusively used to delete corrupt object(s), try again by removing this option")
      ])
    @Sendable func checkUnreadable(_ stored: StoredObject) throws {
      do { _ = try codec.decode(stored) } catch { return }
      throw refusal
    }
    do {
      do { try checkUnreadable(try await objects.get(key: key, isConsistent: true)) } catch StorageError.keyNotFound {
        throw refusal
      }
      let removed = try await objects.delete(key: key, origin: nil, validate: checkUnreadable)
      noteWrite(removed.revision)
    } catch StorageError.keyNotFound {
      // Somebody was faster, which is as good.
    } catch { throw status(error, name: name, verb: "delete") }
    return Status(
      code: 200, reason: "", message: "", details: Status.Details(name: name, kind: info.kind), isSuccess: true)
  }
}

extension StorageError {
  /// The answer to a read of what can't be read, where such objects may be deleted; nil for other errors.
  func unreadableStatus(_ resource: GroupResource, verb: String) -> Status? {
    switch self {
    case .corruptObject, .untransformable:
      verb == "get" || verb == "delete" ? .internalError(corruptionText) : .internalError(why)
    case .unreadableObjects(let all):
      Status(
        code: 500, reason: "StorageReadError", message: "failed to read one or more \(resource) from the storage",
        details: Status.Details(
          name: "list", group: resource.group, kind: resource.resource,
          causes: all.map {
            Status.Cause(reason: "UnexpectedServerResponse", message: $0.corruptionText, field: $0.key)
          }
            + (all.count < Self.unreadableMax
              ? []
              : [
                Status.Cause(reason: "FieldValueTooMany", message: "too many errors, the list is truncated", field: "")
              ])))
    default: nil
    }
  }

  private var key: String {
    switch self {
    case .corruptObject(let key, _), .untransformable(let key, _): key
    default: ""
    }
  }

  /// Without the revision, which upstream does not know either where the transformer fails.
  private var why: String {
    switch self {
    case .untransformable(_, let reason): "data from the storage is not transformable revision=0: \(reason)"
    case .corruptObject(_, let reason): "object not decodable revision=0: \(reason)"
    default: "\(self)"
    }
  }

  private var corruptionText: String {
    "StorageError: corrupt object, Code: 7, Key: \(key), ResourceVersion: 0, AdditionalErrorMsg: \(why)"
  }
}
