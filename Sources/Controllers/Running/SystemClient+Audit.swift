import Access
import Audit
import Cacher
import JSON
import Machinery
import Registry

extension SystemClient {
  /// Makes a write, and tells the audit of it as of a request. `sent`: its body, where it has one.
  func audited<Result: Sendable>(
    _ verb: String, _ name: ObjectName, _ store: Store, _ subresource: Subresource = .main, sent: JSONValue?,
    _ write: () async throws(Status) -> Result
  ) async throws(Status) -> Result {
    guard let record = record(verb, name, store, subresource) else { return try await write() }
    record.reached(.requestReceived)
    record.annotate("authorization.k8s.io/decision", "allow")
    record.annotate("authorization.k8s.io/reason", "")
    if let sent { record.sent(sent) }
    do throws(Status) {
      let result = try await write()
      let written = result as? WriteResult
      record.answered(
        written?.code ?? 200, nil, object: written.map { [store.shown($0.object).object] })
      return result
    } catch {
      record.answered(error.code, error, object: [ByteSlice(error.json.encoded())])
      throw error
    }
  }

  /// nil where nothing of it is kept.
  private func record(
    _ verb: String, _ name: ObjectName, _ store: Store, _ subresource: Subresource
  ) -> AuditRecord? {
    guard let audit = surroundings.audit else { return nil }
    let info = store.info
    var path = info.groupVersion.rootPath
    if !name.namespace.isEmpty { path += "/namespaces/\(name.namespace)" }
    path += "/\(info.plural)"
    if !name.name.isEmpty && verb != "create" { path += "/\(name.name)" }
    if subresource != .main { path += "/\(subresource.name)" }
    let attributes = AccessAttributes(
      user, verb, group: info.groupVersion.group, version: info.groupVersion.version, resource: info.plural,
      subresource: subresource == .main ? "" : subresource.name, namespace: name.namespace,
      name: verb == "create" ? "" : name.name, path: path)
    return audit.begin(attributes) {
      AuditRecord.Request(
        auditID: Identity.uid(), uri: path, userAgent: manager, sourceIPs: ["::1"], received: .now())
    }
  }
}
