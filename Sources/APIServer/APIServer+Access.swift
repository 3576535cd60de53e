import ByteBuffers
import Access
import Audit
import Capacity
import HTTPServer
import Machinery
import Registry

/// Authentication, impersonation and authorization, in kube-apiserver's order.
extension APIServer {
  /// Whether the hot path may answer a request at once: it came over plain HTTP, or it is known and allowed without
  /// waiting. False: the general path asks again, and says what is wrong.
  func isAllowedAtOnce(_ request: Request, _ read: PlainRead, on reactor: Reactor) -> Bool {
    guard request.isSecure, let access = configuration.access else {
      return request.isSecure || configuration.plainDoor.refusal(request, cors: configuration.cors) == nil
    }
    guard !request.hasHeader(beginningWith: "impersonate-"), let caller = access.caller(of: request) else {
      return false
    }
    guard caller.mayDoEverything || isAllowedAtOnce(caller.user, read, access) else { return false }
    accessMetrics.passed(at: caller.place, on: reactor)
    return true
  }

  /// What is to be said of credentials that are passed over. (bearertoken.go; those whose certificate or proxy says who
  /// they are never come there.)
  func warnings(_ request: Request) -> [ResponseHeader] {
    guard request.isSecure, configuration.access != nil else { return [] }
    switch request.client {
    case .verified, .proxy: return []
    case .none, .unverified: break
    }
    guard request.withHeader("Authorization", BearerToken.hasSpaceBefore) else { return [] }
    return Warnings.headers([
      "the provided Authorization header contains extra space before the bearer token, and is ignored"
    ])
    .map { ResponseHeader("Warning", $0) }
  }

  private func isAllowedAtOnce(_ user: UserInfo, _ read: PlainRead, _ access: AccessControl) -> Bool {
    guard case .now(.allow) = access.authorizer.authorize(read.attributes(of: user)) else { return false }
    return true
  }

  /// Finds out who a request is by and whether they may make it; then goes on with `next`, or answers that they may
  /// not. Reactor thread; `next` runs there too, now or later.
  func admit(_ request: Request, _ context: RequestContext, _ next: @escaping @Sendable (RequestContext) -> Void) {
    guard request.isSecure, let access = configuration.access else {
      if configuration.audit != nil {
        audit(context.asked.info, by: .unsecured, context) {
          AuditRecord.Request(request, auditID: context.reply.auditID)
        }
      }
      if !request.isSecure, let why = configuration.plainDoor.refusal(request, cors: configuration.cors) {
        return context.reply.send(context.error(Status(code: 403, reason: "Forbidden", message: "Forbidden: \(why)")))
      }
      // Whoever comes over plain HTTP is one user like another: all share the limit.
      if begin(context, isPrivileged: false) { next(context) }
      return
    }
    let info = context.asked.info
    let wish: Result<Impersonation?, Status> = Result { () throws(Status) in try Impersonation(request) }
    let told = configuration.audit == nil ? nil : AuditRecord.Request(request, auditID: context.reply.auditID)
    let admission = AccessFilter(server: self, access: access, info: info, wish: wish, context: context, told: told)
    admission.authenticated(access.authenticator.authenticate(access.credentials(request, path: info.path)), next)
  }

  /// From now on the request is audited, as far as the policy says. `user`: nil where nobody was recognized.
  fileprivate func audit(
    _ info: RequestInfo, by user: UserInfo?, _ context: RequestContext, _ request: () -> AuditRecord.Request
  ) {
    context.reply.begin(
      configuration.audit?.begin(info.attributes(of: user ?? UserInfo(name: "")), isKnown: user != nil, request))
  }

  /// Answers a request that is refused before anybody was asked who it is by, which its event says too. (apiserver
  /// `withFailedRequestAudit`.)
  func refuseUnasked(_ request: Request, _ context: RequestContext, _ status: Status) {
    audit(context.asked.info, by: nil, context) {
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
    // Heard even when others have used the memory up: a read that is no list takes hardly any, and a heartbeat that is
    // not heard costs a node its work. Bodies, and answers that are made for one client, ask for their room themselves.
    let isAlwaysHeard: Bool
    switch context.asked.load {
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
    guard
      let place = inflight.enter(kind, user: context.user.name, isHeartbeat: isHeartbeat, isPrivileged: isPrivileged)
    else {
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
    attempt(impersonation.modes(for: info.attributes(of: user))[...], refused: nil, next)
  }

  /// Tries one way after another. `refused`: why the first of them was none; the client hears that.
  private func attempt(
    _ modes: ArraySlice<Impersonation.Mode>, refused: (status: Status, why: String)?, _ next: @escaping Next
  ) {
    guard let mode = modes.first else {
      if let refused { context.reply.audit?.refused(refused.why) }
      return refuse(refused?.status ?? .internalError("all impersonation modes failed"))
    }
    check(mode.steps[...]) { fault in
      guard fault == nil else { return attempt(modes.dropFirst(), refused: refused ?? fault, next) }
      context.reply.audit?.impersonated(mode.user, constraint: mode.constraint)
      authorized(mode.user, next)
    }
  }

  /// Goes through the steps of one way; `then` hears what is not allowed, or nil.
  private func check(
    _ steps: ArraySlice<Impersonation.Mode.Step>, _ then: @escaping @Sendable ((status: Status, why: String)?) -> Void
  ) {
    var rest = steps
    while let step = rest.popFirst() {
      guard case .ask(let question) = step else {
        if case .refuse(let status) = step { then((status, status.message)) }
        return
      }
      switch access.authorizer.authorize(question) {
      case .now(let decision):
        if let why = decision.refusal { return then((question.forbidden(why), why)) }
      case .later(let work):
        return context.reply.exchange.perform { [rest] in
          do {
            if let why = try await work().refusal { return then((question.forbidden(why), why)) }
            check(rest, then)
          } catch {
            then((question.forbidden("\(error)"), "\(error)"))
          }
        }
      }
    }
    then(nil)
  }

  private func authorized(_ user: UserInfo, _ next: @escaping Next) {
    var context = context
    context.user = user
    if info.verb == "update" || info.verb == "patch" {
      var question = info.attributes(of: user)
      question.verb = "create"
      context.authorizeCreate = { [access, question] () async throws(Status) in try await access.demand(question) }
    }
    guard server.begin(context, isPrivileged: user.isIn(UserInfo.privilegedGroup)) else { return }
    decide(info.attributes(of: user)) { [context] in next(context) }
  }

  /// Asks whether the request may be made; `then` if so.
  private func decide(_ question: AccessAttributes, _ then: @escaping @Sendable () -> Void) {
    switch access.authorizer.authorize(question) {
    case .now(let decision): conclude(question, decision, then)
    case .later(let work):
      context.reply.exchange.perform {
        do { conclude(question, try await work(), then) } catch {
          metrics.decided(.error, on: reactor)
          context.reply.audit?.annotate("authorization.k8s.io/reason", "internal error")
          refuse(.internalError("\(error)"))
        }
      }
    }
  }

  private func conclude(
    _ question: AccessAttributes, _ decision: AccessDecision, _ then: @escaping @Sendable () -> Void
  ) {
    context.reply.audit?.annotate("authorization.k8s.io/decision", decision == .allow ? "allow" : "forbid")
    context.reply.audit?.annotate(
      "authorization.k8s.io/reason", decision.refusal ?? access.authorizer.reason(ofAllowing: question))
    metrics.decided(decision == .allow ? .allowed : decision.isDenial ? .denied : .noOpinion, on: reactor)
    if let why = decision.refusal { refuse(question.forbidden(why)) } else { then() }
  }

  private func refuse(_ status: Status) {
    var answer = context.error(status)
    if status.code == 403 { answer.headers.append(ResponseHeader("X-Content-Type-Options", "nosniff")) }
    context.reply.send(answer)
  }
}

extension AccessControl {
  /// Throws 403 where something may not be done.
  fileprivate func demand(_ question: AccessAttributes) async throws(Status) {
    let decision: AccessDecision
    do {
      switch authorizer.authorize(question) {
      case .now(let known): decision = known
      case .later(let work): decision = try await work()
      }
    } catch { throw .internalError("\(error)") }
    if let why = decision.refusal { throw question.forbidden(why) }
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
      auditID: auditID, uri: request.target, userAgent: request.header("User-Agent") ?? "",
      sourceIPs: SourceAddresses.of(request),
      received: .now())
  }
}

extension RequestInfo {
  fileprivate init(_ request: Request, _ query: Query) {
    self.init(
      method: request.methodName, path: request.withPath { PercentEncoding.decode($0, plusIsSpace: false) } ?? ""
    ) { query[$0] }
  }
}

extension Request {
  /// Path and query as the client sent them.
  var target: String { path + (query.map { "?" + $0 } ?? "") }
}
