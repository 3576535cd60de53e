import ByteBuffers
import Access
import Audit
import HTTPServer
import Machinery
import Registry

/// Authentication, impersonation and authorization, in kube-apiserver's order.
extension APIServer {
  /// Whether the hot path may answer a request at once: it came over plain HTTP, or it is known and allowed without waiting. False: the general path
  /// asks again, and says what is wrong.
  func isAllowedAtOnce(_ request: Request, _ path: RequestPath, on reactor: Reactor) -> Bool {
    guard request.isSecure, let access = configuration.access else {
      return request.isSecure || configuration.plainDoor.refusal(request, cors: configuration.cors) == nil
    }
    guard !request.hasHeader(beginningWith: "impersonate-"), let caller = access.caller(of: request) else { return false }
    guard caller.mayDoEverything || isAllowedAtOnce(caller.user, path, access) else { return false }
    accessMetrics.passed(at: caller.place, on: reactor)
    return true
  }

  private func isAllowedAtOnce(_ user: UserInfo, _ path: RequestPath, _ access: AccessControl) -> Bool {
    let resource: Int
    let verb: String
    var object = ""
    var space = ""
    switch path {
    case .item(let place, let namespace, let name): (resource, verb, object, space) = (place, "get", name, namespace)
    case .collection(let place, let namespace): (resource, verb, space) = (place, "list", namespace)
    default: return false
    }
    let info = endpoints[resource].info
    let question = AccessAttributes(
      user, verb, group: info.groupVersion.group, version: info.groupVersion.version, resource: info.plural, namespace: space, name: object)
    guard case .now(.allow) = access.authorizer.authorize(question) else { return false }
    return true
  }

  /// Finds out who a request is by and whether they may make it; then goes on with `next`, or answers that they may not. Reactor thread; `next` runs
  /// there too, now or later.
  func admit(_ request: Request, _ context: RequestContext, _ next: @escaping @Sendable (RequestContext) -> Void) {
    guard request.isSecure, let access = configuration.access else {
      if configuration.audit != nil { audit(RequestInfo(request, context.query), by: .unsecured, context) { AuditRecord.Request(request, auditID: context.reply.auditID) } }
      if !request.isSecure, let why = configuration.plainDoor.refusal(request, cors: configuration.cors) {
        return context.reply.send(context.error(Status(code: 403, reason: "Forbidden", message: "Forbidden: \(why)")))
      }
      // Whoever comes over plain HTTP is one user like another: all share the limit.
      if begin(context, isPrivileged: false) { next(context) }
      return
    }
    let info = RequestInfo(request, context.query)
    let wish: Result<Impersonation?, Status> = Result { () throws(Status) in try Impersonation(request) }
    let told = configuration.audit == nil ? nil : AuditRecord.Request(request, auditID: context.reply.auditID)
    let admission = AccessFilter(server: self, access: access, info: info, wish: wish, context: context, told: told)
    admission.authenticated(access.authenticator.authenticate(access.credentials(request, path: info.path)), next)
  }

  /// From now on the request is audited, as far as the policy says. `user`: nil where nobody was recognized.
  fileprivate func audit(_ info: RequestInfo, by user: UserInfo?, _ context: RequestContext, _ request: () -> AuditRecord.Request) {
    context.reply.begin(configuration.audit?.begin(info.attributes(of: user ?? UserInfo(name: "")), isKnown: user != nil, request))
  }

  /// Answers a request that is refused before anybody was asked who it is by, which its event says too. (apiserver
  /// `withFailedRequestAudit`.)
  func refuseUnasked(_ request: Request, _ context: RequestContext, _ status: Status) {
    audit(RequestInfo(request, context.query), by: nil, context) {
      AuditRecord.Request(request, auditID: context.reply.auditID)
    }
    context.reply.send(context.error(status))
  }

  /// Tells of a request that is not served, where it is known what was asked for: who asked is told too, if that is
  /// known without waiting. Upstream's requests of this kind come to no handler, and so to no event.
  func audit(_ refused: RefusedRequest, auditID: String) {
    guard let trail = configuration.audit, let request = refused.request else { return }
    let info = RequestInfo(request, request.withQuery { $0.isEmpty ? Query.empty : Query($0) })
    let user: UserInfo?
    if request.isSecure, let access = configuration.access {
      user = refused.isHeadKnown ? access.caller(of: request)?.user : nil
    } else {
      user = .unsecured
    }
    let attributes = info.attributes(of: user ?? UserInfo(name: ""))
    let record = trail.begin(attributes, isKnown: user != nil) { AuditRecord.Request(request, auditID: auditID) }
    guard let record else { return }
    if !record.isStranger { record.reached(.requestReceived) }
    let status = Status(code: refused.status, reason: Self.reason(of: refused.status), message: refused.reason)
    let stage = record.isStranger ? AuditStage.responseStarted : .responseComplete
    record.answered(refused.status, status, object: nil, stage: stage)
  }

  private static func reason(of code: Int) -> String {
    switch code {
    case 400: "BadRequest"
    case 429: "TooManyRequests"
    default: ""
    }
  }

  /// Takes a place among the requests at work, or says that there is none.
  fileprivate func begin(_ context: RequestContext, isPrivileged: Bool) -> Bool {
    let kind: InflightLimiter.Kind
    let isHeartbeat: Bool
    // Heard even when others have used the memory up: a read that is no list takes hardly any, and a heartbeat that is not heard costs a node its work. Bodies, and answers that are
    // made for one client, ask for their room themselves.
    let isAlwaysHeard: Bool
    switch context.load {
    case .exempt: return true
    case .readOnly(let isList):
      kind = .readOnly
      isHeartbeat = false
      isAlwaysHeard = isPrivileged || !isList
    case .mutating(let beats):
      kind = .mutating
      isHeartbeat = beats && (context.user.nodeName != nil || context.user == .unsecured)
      isAlwaysHeard = isPrivileged || isHeartbeat
    }
    if configuration.budget.isUsedUp && !isAlwaysHeard {
      configuration.budget.requestRefused()
      context.reply.send(.tooMany)
      return false
    }
    guard let place = inflight.enter(kind, user: context.user.name, isHeartbeat: isHeartbeat, isPrivileged: isPrivileged) else {
      context.reply.send(.tooMany)
      return false
    }
    context.reply.hold(place)
    return true
  }
}

/// One request on its way through the questions.
private struct AccessFilter: Sendable {
  let server: APIServer
  let access: AccessControl
  let info: RequestInfo
  let wish: Result<Impersonation?, Status>
  let context: RequestContext
  /// nil where nobody audits.
  let told: AuditRecord.Request?
  typealias Next = @Sendable (RequestContext) -> Void
  private var metrics: AccessMetrics { server.accessMetrics }
  private var reactor: Reactor { context.reply.exchange.reactor }

  func authenticated(_ verdict: AuthenticationVerdict, _ next: @escaping Next) {
    switch verdict {
    case .user(let user):
      metrics.recognized(user.name, on: reactor)
      audit(user)
      impersonated(by: user, next)
    case .absent:
      metrics.unrecognized(.failure, on: reactor)
      audit(nil)
      refuse(Self.unauthorized)
    case .invalid:
      metrics.unrecognized(.error, on: reactor)
      audit(nil)
      refuse(Self.unauthorized)
    case .later(let work): context.reply.exchange.perform { authenticated(await work(), next) }
    }
  }

  /// `user`: nil where nobody was recognized.
  private func audit(_ user: UserInfo?) {
    if let told { server.audit(info, by: user, context) { told } }
  }

  /// The text of kube-apiserver's 401, which says nothing of what was wrong.
  private static let unauthorized = Status(code: 401, reason: "Unauthorized", message: "Unauthorized")

  private func impersonated(by user: UserInfo, _ next: @escaping Next) {
    let impersonation: Impersonation?
    do throws(Status) { impersonation = try wish.get() } catch { return refuse(error) }
    guard let impersonation else { return authorized(user, next) }
    allAllowed(impersonation.questions(by: user)[...], isCounted: false) {
      context.reply.audit?.impersonated(impersonation.user)
      authorized(impersonation.user, next)
    }
  }

  private func authorized(_ user: UserInfo, _ next: @escaping Next) {
    var context = context
    context.user = user
    guard server.begin(context, isPrivileged: user.isIn(UserInfo.privilegedGroup)) else { return }
    context.admission = access.admission(of: user)
    allAllowed([info.attributes(of: user)], isCounted: true) { [context] in next(context) }
  }

  private static let questionsInOneGo = 64

  /// Asks one question after another; `then` once all are allowed. `isCounted`: they are about the request itself.
  private func allAllowed(_ questions: ArraySlice<AccessAttributes>, isCounted: Bool, _ then: @escaping @Sendable () -> Void) {
    @Sendable func count(_ result: AccessMetrics.Authorization) { if isCounted { metrics.decided(result, on: reactor) } }
    @Sendable func refuse(_ question: AccessAttributes, _ decision: AccessDecision) {
      guard let why = decision.refusal else { return }
      annotate("forbid", why)
      count(decision.isDenial ? .denied : .noOpinion)
      self.refuse(question.forbidden(why))
    }
    @Sendable func annotate(_ decision: String, _ reason: String) {
      guard isCounted || decision != "allow", let audit = context.reply.audit else { return }
      audit.annotate("authorization.k8s.io/decision", decision)
      audit.annotate("authorization.k8s.io/reason", reason)
    }
    var rest = questions
    let end = rest.count - Self.questionsInOneGo
    while let question = rest.popFirst() {
      switch access.authorizer.authorize(question) {
      case .now(.allow):
        count(.allowed)
        annotate("allow", "")
        // Whoever impersonates somebody in many groups lets others have their turn.
        guard rest.isEmpty || rest.count > end else {
          return context.reply.exchange.perform { [rest] in
            await Task.yield()
            allAllowed(rest, isCounted: isCounted, then)
          }
        }
      case .now(let decision): return refuse(question, decision)
      case .later(let work):
        return context.reply.exchange.perform { [rest] in
          do {
            let decision = try await work()
            guard decision == .allow else { return refuse(question, decision) }
            count(.allowed)
            annotate("allow", "")
            allAllowed(rest, isCounted: isCounted, then)
          } catch {
            count(.error)
            if isCounted { context.reply.audit?.annotate("authorization.k8s.io/reason", "internal error") }
            self.refuse(.internalError("\(error)"))
          }
        }
      }
    }
    then()
  }

  private func refuse(_ status: Status) {
    var answer = context.error(status)
    if status.code == 403 { answer.headers.append(ResponseHeader("X-Content-Type-Options", "nosniff")) }
    context.reply.send(answer)
  }
}

extension AccessDecision {
  /// Why not; nil where it is allowed.
  fileprivate var refusal: String? {
    switch self {
    case .allow: nil
    case .deny(let why), .noOpinion(let why): why
    }
  }

  fileprivate var isDenial: Bool {
    if case .deny = self { return true }
    return false
  }
}

extension AuditRecord.Request {
  init(_ request: Request, auditID: String) {
    self.init(
      auditID: auditID, uri: request.target, userAgent: request.header("User-Agent") ?? "", sourceIPs: SourceAddresses.of(request),
      received: .now())
  }
}

extension RequestInfo {
  fileprivate init(_ request: Request, _ query: Query) {
    self.init(method: request.methodName, path: request.withPath { PercentEncoding.decode($0, plusIsSpace: false) } ?? "") { query[$0] }
  }
}

extension Request {
  /// Path and query as the client sent them.
  var target: String { path + (query.map { "?" + $0 } ?? "") }
}
