import Access
import Audit
import HTTPServer
import JSON
import Machinery
import Registry

extension APIServer {
  /// `/apis/authorization.k8s.io/v1/subjectaccessreviews` and its siblings: a POST that is answered and leaves nothing
  /// behind.
  func review(_ kind: ReviewKind, _ resource: VirtualResource, _ namespace: String, _ context: RequestContext) {
    guard accepts(MediaType.all, context) else { return }
    perform(context, limit: configuration.writeTimeout) { [self] () async throws(Status) in
      guard let negotiated = Negotiation.negotiate(accept: context.accept, .none) else {
        throw Status.notAcceptable(
          "only the following media types are accepted: \(MediaType.all.joined(separator: ", "))")
      }
      let body = try await RequestBody.read(context, resource.reader)
      let options = try context.writeOptions(.create)
      try options.validate()
      let validation = options.fieldValidationKind
      let read = try resource.reader.decode(
        body.json, validation: validation, problems: body.problems(validation))
      let (decoded, warnings) = (read.object, read.warnings)
      context.reply.audit?.sent(decoded)
      do throws(Status) {
        let object = try resource.received(decoded, namespace: namespace, options: options)
        let answer = try await self.answer(kind, object, context)
        let pretty = context.pretty || negotiated.pretty
        return Answer.document(Document(answer), negotiated.media, pretty: pretty, code: 201).warning(warnings)
      } catch { throw error.after(warnings) }
    }
  }

  private func answer(
    _ kind: ReviewKind, _ object: JSONValue, _ context: RequestContext
  ) async throws(Status) -> JSONValue {
    let authorizer = configuration.access?.authorizer ?? AlwaysAllow()
    return switch kind {
    case .selfSubject: IdentityReview.answer(object, for: context.user)
    case .token:
      try await IdentityReview.answer(
        token: object, by: configuration.access?.authenticator, configuration.tokenAudiences)
    case .selfSubjectAccess, .subjectAccess, .localSubjectAccess:
      try await AccessReview(kind: kind, object: object).answered(by: authorizer, for: context.user)
    case .selfSubjectRules: try RulesReview.answer(object, by: authorizer, for: context.user)
    }
  }
}
