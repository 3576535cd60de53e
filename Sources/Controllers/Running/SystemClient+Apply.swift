import Admission
public import JSON
public import Machinery
public import Registry

extension SystemClient {
  /// The same, known by another name to those who ask who owns a field.
  public func managing(as manager: String) -> SystemClient {
    var client = self
    client.manager = manager
    return client
  }

  /// Lays a configuration over what is there, whoever owns its fields so far. Throws 404 where a sub-resource's object is
  /// not there.
  @discardableResult
  public func apply(
    _ config: JSONValue, in store: Store, subresource: Subresource = .main
  ) async throws(Status) -> WriteResult {
    let meta = config["metadata"]
    let name = ObjectName(meta?["name"]?.string ?? "", namespace: meta?["namespace"]?.string ?? "")
    var options = WriteOptions(.patch)
    options.fieldManager = manager
    options.force = true
    options.user = user
    options.admission = surroundings.admission.admission(of: user, on: store.info)
    return try await audited("patch", name, store, subresource, sent: config) {
      [options] () async throws(Status) in
      try await store.apply(
        name.name, namespace: name.namespace, config: config, subresource: subresource, options: options)
    }
  }
}
