public import JSON

/// JSON merge patch, RFC 7386.
public enum MergePatch {
  /// `target` with `patch` laid over it: null removes, objects merge, all else replaces.
  public static func apply(_ patch: JSONValue, to target: JSONValue) -> JSONValue {
    guard case .object(let changes) = patch else { return patch }
    var result = target.object ?? JSONObject()
    for member in changes.members {
      if member.value.isNull {
        result[member.name] = nil
      } else {
        result[member.name] = apply(member.value, to: result[member.name] ?? .null)
      }
    }
    return .object(result)
  }
}
