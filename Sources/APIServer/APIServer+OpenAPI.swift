import ByteBuffers
import Glibc
import HTTPServer
import Machinery

/// `/openapi/v2` and `/openapi/v3`. Like kube-apiserver's handlers these look at the path and the headers alone: every
/// method is answered as GET. (kube-openapi pkg/handler and pkg/handler3; semantics 2.47.)
extension APIServer {
  /// The forms of a document.
  private enum Form { case json, protobuf }

  /// The documents are made on a thread of their own at the first request, and so is what is made of them.
  func swagger(_ openAPI: OpenAPI, _ context: RequestContext) {
    guard let form = form(version: "v2", context) else { return context.reply.send(Self.notAcceptable) }
    performApart(context) { Self.answer(openAPI.v2, form, version: "v2", [], context) }
  }

  func openAPIIndex(_ openAPI: OpenAPI, _ context: RequestContext) {
    performApart(context) { Self.answer(openAPI.v3.index, .json, version: "v3", [], context) }
  }

  /// `name`: `api/v1`, `apis/apps/v1`.
  func openAPIDocument(_ name: String, _ openAPI: OpenAPI, _ context: RequestContext) {
    let form = form(version: "v3", context)
    performApart(context) {
      guard let page = openAPI.v3.documents[name] else { return Answer(code: 404, contentType: "", body: []) }
      guard let form else { return Self.notAcceptable }
      var headers: [ResponseHeader] = []
      if let hash = context.query["hash"], !hash.isEmpty {
        guard hash == page.hash else {
          let headers = [
            ResponseHeader("Etag", "\"\(page.hash)\""), ResponseHeader("Vary", "Accept"),
            ResponseHeader("Location", OpenAPI.url(name, page)),
          ]
          return Answer(code: 301, contentType: Self.type(form, version: "v3"), body: [], headers: headers)
        }
        headers = [ResponseHeader("Cache-Control", "public, immutable"), ResponseHeader("Expires", Self.yearAhead)]
      }
      return Self.answer(page, form, version: "v3", headers, context)
    }
  }

  private static let notAcceptable = Answer(
    code: 406, contentType: "", body: [], headers: [ResponseHeader("Vary", "Accept")])

  /// The form that the first clause means which means any.
  private func form(version: String, _ context: RequestContext) -> Form? {
    let accept = context.accept ?? ""
    for clause in AcceptClause.parse(accept.isEmpty ? "*/*" : accept)
    where clause.type == "application" || clause.type == "*" {
      switch clause.subtype {
      case "json", "*": return .json
      case "com.github.proto-openapi.spec.\(version)@v1.0+protobuf",
        "com.github.proto-openapi.spec.\(version).v1.0+protobuf":
        return .protobuf
      default: continue
      }
    }
    return nil
  }

  /// When what never changes may be asked for again.
  private static var yearAhead: String { HTTPDate.text(time(nil) + 365 * 86_400) }

  /// What is asked for with an at sign is named with a dot.
  private static func type(_ form: Form, version: String) -> String {
    form == .json ? Answer.json : "application/com.github.proto-openapi.spec.\(version).v1.0+protobuf"
  }

  private static func answer(
    _ page: OpenAPI.Page, _ form: Form, version: String, _ headers: [ResponseHeader], _ context: RequestContext
  ) -> Answer {
    let etag = "\"\(page.hash)\""
    let headers = [ResponseHeader("Etag", etag), ResponseHeader("Vary", "Accept")] + headers
    if let wanted = context.ifNoneMatch, EntityTag.matches(wanted, etag) {
      // Go's ServeContent, which also leaves out the type.
      let isRead = context.method == .get || context.method == .head
      return Answer(code: isRead ? 304 : 412, contentType: "", body: [], headers: headers)
    }
    return Answer(
      code: 200, contentType: type(form, version: version),
      body: [ByteSlice(form == .json ? page.json : page.protobuf)], headers: headers,
      isLasting: true)
  }

  /// Runs `work` on a thread that may take its time.
  private func performApart(_ context: RequestContext, _ work: @escaping @Sendable () -> Answer) {
    perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
      await withTaskExecutorPreference(globalConcurrentExecutor) { work() }
    }
  }
}

/// ETags in conditions. (RFC 9110, section 13.1.2.)
enum EntityTag {
  /// Does an `If-None-Match` header name this tag? Weak and strong ones are the same to it.
  static func matches(_ header: String, _ tag: String) -> Bool {
    header.split(separator: ",").contains { part in
      let asked = AcceptClause.trimmed(part)
      return asked == "*" || asked == tag || asked == "W/" + tag
    }
  }
}
