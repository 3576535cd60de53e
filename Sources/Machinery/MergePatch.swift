public import JSON

/// JSON merge patch, RFC 7386, as evanphx/json-patch reads it, which kube-apiserver uses.
public enum MergePatch {
  /// `target` with `patch` laid over it: null removes, objects merge, all else replaces.
  public static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
    guard let changes = patch.object else { return patch }
    guard let object = target.object else { return withoutNulls(patch) }
    var result = JSONObjectEditor(object)
    for member in changes.members {
      if member.value.isNull {
        result[member.name] = nil
        continue
      }
      switch result.take(member.name) {
      // The library looks for nulls to take out only where it finds no object to merge with, and then even in the
      // objects of lists.
      case nil, .null?: result[member.name] = withoutNulls(member.value)
      case let old?:
        if old.object != nil {
          result[member.name] = apply(member.value, to: old)
        } else {
          result[member.name] = withoutNulls(member.value)
        }
      }
    }
    return .object(result.object)
  }

  /// Without members that are null; elements of lists stay.
  private static func withoutNulls(_ value: JSONValue) -> JSONValue {
    switch value {
    case .array(let elements): return .array(elements.map(withoutNulls))
    case .object, .unread:
      return .object(
        JSONObject(
          unchecked: (value.object?.members ?? []).compactMap { member in
            member.value.isNull ? nil : JSONObject.Member(member.name, withoutNulls(member.value))
          }))
    default: return value
    }
  }
}
