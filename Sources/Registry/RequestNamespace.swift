public import JSON
public import Machinery

extension ResourceInfo {
  /// Throws 400 where a body names another namespace than the request. (`EnsureObjectNamespaceMatchesRequestNamespace`)
  public func checkNamespace(_ metadata: JSONValue?, _ namespace: String) throws(Status) {
    guard isNamespaced, let given = metadata?["namespace"]?.string, !given.isEmpty, given != namespace else { return }
    throw .badRequest("the namespace of the provided object does not match the namespace sent on the request")
  }

  /// Puts an object into the namespace of its request, or into none. Throws as `checkNamespace`.
  func place(_ metadata: inout JSONObject, in namespace: String) throws(Status) {
    try checkNamespace(.object(metadata), namespace)
    metadata["namespace"] = isNamespaced ? .string(namespace) : nil
  }
}
