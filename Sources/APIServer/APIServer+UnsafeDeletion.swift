import Access
import Machinery
import Registry

extension APIServer {
  /// To delete an object unseen takes a right of its own beside `delete`. (apiserver `authorizeUnsafeDelete`.) Throws
  /// 403.
  func checkUnsafeDeletion(
    _ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ context: RequestContext
  ) async throws(Status) {
    guard let access = configuration.access else { return }
    let info = endpoint.info
    let verb = "unsafe-delete-ignore-read-errors"
    let question = AccessAttributes(
      context.user, verb, group: info.groupVersion.group, version: info.groupVersion.version, resource: info.plural,
      namespace: namespace, name: name)
    let why: String
    do {
      switch try await access.authorizer.decide(question) {
      case .allow: return
      case .deny(let reason), .noOpinion(let reason):
        why = "not permitted to do \(GoText.quoted(verb)), reason: \(reason)"
      }
    } catch { why = "error while checking permission for \(GoText.quoted(verb)), \(error)" }
    throw .forbidden(info.groupResource, name: name, why)
  }
}
