public import Admission
public import Audit
import ByteBuffers
import Cacher
public import Capacity
public import HTTPServer
import JSON
import Machinery
public import Metrics
public import Registry
import Synchronization

/// The Kubernetes API over some stores: from an HTTP request to the verb it means and back to bytes.
///
/// Reads that memory can answer are answered inside `handle`, on the reactor. All else goes through `Exchange.perform`.
public final class APIServer: RequestHandler {
  public struct Configuration: Sendable {
    public var stores: [Store]
    public var version = ServerVersion()
    /// What `/healthz`, `/livez` and `/readyz` all look at besides `ping`: the storage (`etcd`, as kube-apiserver calls
    /// it whatever it is).
    public var healthChecks: [HealthCheck] = []
    /// What only `/readyz` looks at: that caches are filled (`informer-sync`).
    public var readyChecks: [HealthCheck] = []
    /// Which origins of browsers are answered; nil for none.
    public var cors: CORS?
    /// Shortest life of a watch that names none; the longest is twice that.
    public var minRequestTimeout: Duration = .seconds(1_800)
    /// Bound of reads and collection deletes.
    public var requestTimeout: Duration = .seconds(60)
    /// Bound of single writes.
    public var writeTimeout: Duration = .seconds(34)
    /// Most requests at work at once that change nothing; 0 for no limit. Watches and what memory answers at once don't
    /// count.
    public var maxRequestsInflight = 400
    /// The same of those that change something.
    public var maxMutatingRequestsInflight = 200
    /// Is a resource served? (`--runtime-config`)
    public var serves: @Sendable (ResourceInfo) -> Bool = { _ in true }
    /// What requests over TLS are asked; nil asks nobody.
    public var access: AccessControl?
    /// Who has a say in writes once their object is known, however they came.
    public var admission = AdmissionChain()
    /// Which requests over plain HTTP are no page's.
    public var plainDoor = PlainDoor()
    /// What is kept of requests; nil for nothing.
    public var audit: AuditTrail?
    /// What clients may make the server hold; the HTTP server's.
    public var budget = MemoryBudget(limit: 0)
    /// Reactors that requests come in on, each of which counts by itself.
    public var reactors = 1
    /// What `/metrics` shows besides the requests: caches, storage, process.
    public var metricsSources: [MetricsSource] = []
    /// Hears of every request that ended; nil for none. Any thread.
    public var log: (@Sendable (RequestRecord) -> Void)?

    /// By which tokens of service accounts are believed elsewhere; nil where none are given.
    public var tokenDocuments: TokenDocuments?
    /// nil where no tokens of service accounts are believed.
    public var tokenAudiences: TokenAudiences?

    public init(stores: [Store]) { self.stores = stores }
  }

  let configuration: Configuration
  /// What is served, and how that is changed.
  public let catalog: Catalog
  let compressedDocuments = CompressedDocuments()
  private let health: [String: HealthEndpoint]
  let metrics: RequestMetrics
  let inflight: InflightLimiter
  let accessMetrics: AccessMetrics

  private let isShuttingDown = Atomic<Bool>(false)

  public init(_ configuration: Configuration) {
    self.configuration = configuration
    catalog = Catalog(
      configuration.stores.map { ServedResource($0) }, version: configuration.version.gitVersion,
      reactors: configuration.reactors, grace: configuration.requestTimeout * 2,
      serves: configuration.serves)
    metrics = RequestMetrics(shards: configuration.reactors)
    accessMetrics = AccessMetrics(shards: configuration.reactors)
    inflight = InflightLimiter(
      readOnly: configuration.maxRequestsInflight, mutating: configuration.maxMutatingRequestsInflight)
    let common = [HealthCheck.ping] + configuration.healthChecks
    health = [
      "healthz": HealthEndpoint(name: "healthz", checks: common),
      "livez": HealthEndpoint(name: "livez", checks: common.map(\.ofLife)),
      "readyz": HealthEndpoint(name: "readyz", checks: common + configuration.readyChecks),
    ]
  }

  // MARK: life

  /// From now on `/readyz` fails, so that load balancers look elsewhere. Watches end when the HTTP server drains.
  /// Idempotent.
  public func beginShutdown() { isShuttingDown.store(true, ordering: .relaxed) }

  /// Watches that are open now, of what is served now.
  var openWatches: Int { catalog.served.endpoints.reduce(0) { $0 + $1.metrics.openWatches } }

  /// A request was answered, with `bytes` of body where that is known at once.
  func finished(_ record: RequestRecord, code: Int, bytes: Int, on reactor: Reactor) {
    let duration = .now - record.started
    metrics.answered(record.series, on: reactor, code: code, duration: duration, bytes: bytes, received: record.bytes)
    guard let log = configuration.log else { return }
    var record = record
    record.code = code
    record.duration = duration
    log(record)
  }

  // MARK: requests

  public func handle(_ request: Request, _ exchange: Exchange) {
    let served = catalog.seat(of: exchange.reactor).served
    let cors = configuration.cors.map { $0.headers(origin: request.header("Origin")) } ?? []
    if cors.isEmpty, answerAtOnce(request, exchange, served) { return }
    let query = request.withQuery { $0.isEmpty ? Query.empty : Query($0) }
    let auditID = request.header("Audit-Id") ?? AuditID.next()
    let asked = ResourceRequest(served, request, query)
    let series = RequestSeries(
      asked, isApply: request.method == .patch && request.withHeader("Content-Type", Self.isApply),
      isDryRun: !query.isEmpty && query["dryRun"] == "All")
    let record = RequestRecord(
      verb: asked.verb, target: configuration.log == nil ? "" : request.target,
      userAgent: request.header("User-Agent") ?? "", peer: configuration.log == nil ? "" : request.peerAddress,
      auditID: auditID, started: .now,
      bytes: request.body.count, series: series)
    var context = RequestContext(
      asked: asked, query: query, accept: request.header("Accept"), userAgent: record.userAgent,
      contentType: request.header("Content-Type"),
      host: request.header("Host"), ifNoneMatch: request.header("If-None-Match"),
      webSocket: WebSocketHandshake(request), body: request.body, exceededBodyLimit: request.exceededBodyLimit,
      pretty: Negotiation.isPretty(query: query, userAgent: record.userAgent),
      reply: Reply(
        exchange, auditID: auditID, acceptsGzip: request.withHeader("Accept-Encoding", ContentEncoding.acceptsGzip),
        added: cors + warnings(request), record: record, server: self))
    // Asking whether one may ask needs no more than that (`WithCORS`).
    if !cors.isEmpty, request.method == .options {
      return context.reply.send(Answer(code: 204, contentType: "", body: []))
    }
    // To act on a part of what was asked would be worse than not to act.
    if query.isExcessive {
      return refuseUnasked(request, context, .badRequest("number of URL query parameters exceeded limit"))
    }
    if let text = query["timeout"], !text.isEmpty, record.verb != "watch" {
      do { _ = try GoDuration.parse(text) } catch {
        return refuseUnasked(request, context, .badRequest("invalid timeout specified in the request URL - \(error)"))
      }
    }
    if asked.isTargetTold { context.target = request.target }
    admit(request, context) { self.route($0, served) }
  }

  public func refusal(_ refused: RefusedRequest) -> Response? {
    let auditID = refused.request?.header("Audit-Id") ?? AuditID.next()
    audit(refused, auditID: auditID)
    guard refused.status == 429 else { return nil }
    let answer = Answer.tooMany
    let headers = [ResponseHeader("Audit-Id", auditID), ResponseHeader("Content-Type", answer.contentType)]
    return Response(status: 429, headers: headers + answer.headers, body: answer.body)
  }

  private func route(_ context: RequestContext, _ served: ServedAPI) {
    let reply = context.reply
    switch context.asked.target {
    case .resource(let endpoint, let form): resource(endpoint, form, context)
    case .unknownResource: reply.send(context.error(.unknownResource))
    case .unknownPart(let endpoint):
      reply.send(context.error(.notFound(endpoint.info.groupResource, context.asked.name)))
    case .notFound: reply.send(.pathNotFound)
    case .incompleteWatch:
      let why = "failed to create RequestInfo: unable to determine kind and namespace from url, \(context.target)"
      reply.send(.text("Internal Server Error: \(GoText.quoted(context.target)): \(why)\n", code: 500, isError: true))
    case .health(let name, let check): answerHealth(name, check, context)
    case .root: reply.send(.rawJSON(["paths": .array(paths(served.discovery).map { .string($0) })]))
    case .metrics: answerMetrics(context)
    case .version: version(context)
    case .tokenDocument(let kind): tokenDocument(kind, context)
    case .coreVersions where aggregated(served.discovery.aggregatedCore, isRouted: true, context): break
    case .groups where aggregated(served.discovery.aggregatedGroups, isRouted: false, context): break
    case .coreVersions: document(context) { Discovery.coreVersions(serverAddress: context.host ?? "") }
    case .groups: document(context, isRouted: false) { served.discovery.groupList }
    case .group(let name): document(context, isRouted: false) { served.discovery.groups[name] }
    case .resources(let root): document(context) { served.discovery.resourceLists[root] }
    case .swagger: swagger(served.openAPI, context)
    case .openAPIIndex: openAPIIndex(served.openAPI, context)
    case .openAPI(let name): openAPIDocument(name, served.openAPI, context)
    }
  }

  /// What `/` lists.
  private func paths(_ discovery: Discovery) -> [String] {
    var paths: Set<String> = [
      "/api", "/apis", "/healthz", "/livez", "/readyz", "/metrics", "/openapi/v2", "/openapi/v3", "/openapi/v3/",
      "/version",
    ]
    if configuration.tokenDocuments != nil {
      paths.formUnion(["/.well-known/openid-configuration", "/openid/v1/jwks"])
    }
    for (name, endpoint) in health { paths.formUnion(endpoint.checks.map { "/\(name)/\($0.name)" }) }
    paths.formUnion(discovery.resourceLists.keys)
    paths.formUnion(discovery.groups.keys.map { "/apis/\($0)" })
    return paths.sorted()
  }

  // MARK: what is no resource

  private func answerHealth(_ name: String, _ check: String?, _ context: RequestContext) {
    guard let endpoint = health[name] else { return context.reply.send(.pathNotFound) }
    let isLeaving = name == "readyz" && isShuttingDown.load(ordering: .relaxed)
    perform(context, limit: configuration.requestTimeout) {
      if let check {
        guard let answer = await endpoint.single(check) else { return .pathNotFound }
        return .text(answer.text, code: answer.code, isError: answer.code != 200)
      }
      var checks = endpoint.checks
      if name == "readyz" { checks.append(HealthCheck(name: "shutdown") { if isLeaving { throw ShuttingDown() } }) }
      let answer = await HealthEndpoint(name: name, checks: checks).all(context.query)
      return .text(answer.text, code: answer.code, isError: true)
    }
  }
  private struct ShuttingDown: Error {}

  /// A scrape, written off the reactor.
  private func answerMetrics(_ context: RequestContext) {
    guard context.method == .get else { return context.reply.send(context.error(.methodNotAllowed)) }
    perform(context, limit: configuration.requestTimeout) {
      await withTaskExecutorPreference(globalConcurrentExecutor) {
        var text = MetricsText()
        self.metrics.write(&text, self.catalog.served.endpoints.map(\.metrics))
        self.inflight.write(&text)
        if self.configuration.access != nil { self.accessMetrics.write(&text) }
        self.configuration.audit?.write(&text)
        for source in self.configuration.metricsSources { source(&text) }
        return Answer(code: 200, contentType: MetricsText.contentType, body: [ByteSlice(SharedBytes(text.text))])
      }
    }
  }

  private static func isApply(_ contentType: UnsafeRawBufferPointer?) -> Bool {
    let name = MediaType.applyPatch.utf8
    return contentType.map { $0.count >= name.count && $0.prefix(name.count).elementsEqual(name) } ?? false
  }

  /// go-restful's route lets GET through, and who accepts what it produces.
  func isThroughRoute(_ context: RequestContext, producing types: [String] = MediaType.all) -> Bool {
    var refusal: Status?
    if context.method != .get {
      refusal = .methodNotAllowed
    } else if !Negotiation.routeProduces(types, accept: context.accept) {
      refusal = .routeNotAcceptable(types)
    }
    if let refusal { context.reply.send(context.error(refusal)) }
    return refusal == nil
  }

  private func version(_ context: RequestContext) {
    if isThroughRoute(context, producing: [Answer.json]) { context.reply.send(.rawJSON(configuration.version.json)) }
  }

  /// A document that is no resource: its media type is negotiated, transforms are not. `isRouted`: go-restful's route
  /// comes first. kube-aggregator's documents of groups have none, so that any method will do.
  private func document(_ context: RequestContext, isRouted: Bool = true, _ make: () -> JSONValue?) {
    if isRouted && !isThroughRoute(context) { return }
    guard let value = make() else { return context.reply.send(context.error(.unknownResource)) }
    guard let negotiated = Negotiation.negotiate(accept: context.accept, .none) else {
      let status = Status.notAcceptable(
        "only the following media types are accepted: \(MediaType.all.joined(separator: ", "))")
      return context.reply.send(.rawJSON(status.json, code: status.httpCode))
    }
    context.reply.send(.document(Document(value), negotiated.media, pretty: context.pretty || negotiated.pretty))
  }

  /// Answers with all of discovery in one document, if that is what the client wants.
  private func aggregated(_ discovery: AggregatedDiscovery, isRouted: Bool, _ context: RequestContext) -> Bool {
    guard let negotiated = Negotiation.aggregatedDiscovery(accept: context.accept) else { return false }
    if isRouted && !isThroughRoute(context) { return true }
    let headers = [
      ResponseHeader("Etag", discovery.etag), ResponseHeader("Vary", "Accept"),
      ResponseHeader("Cache-Control", "public"),
    ]
    var answer: Answer
    if negotiated.media == .protobuf {
      answer = Answer(code: 200, contentType: negotiated.media.rawValue, body: discovery.message)
    } else {
      answer = .document(Document(discovery.document), negotiated.media, pretty: context.pretty || negotiated.pretty)
    }
    answer.contentType += ";" + Negotiation.aggregatedDiscovery
    answer.headers = headers
    if context.ifNoneMatch == discovery.etag {
      answer = Answer(code: 304, contentType: answer.contentType, body: [], headers: headers)
    }
    context.reply.send(answer)
    return true
  }

  // MARK: deferred work

  /// Runs `work` on the request's reactor, or apart from it where the body is long or the work is known to be long
  /// (`isLong`), and sends its answer, or a 504 when `limit` (which `timeout=` may lower) passes first.
  func perform(
    _ context: RequestContext, limit: Duration, isLong: Bool = false,
    _ work: @escaping @Sendable () async throws(Status) -> Answer
  ) {
    let isLong = isLong || context.isBodyLong
    let asked = context.query["timeout"].flatMap { try? GoDuration.parse($0) } ?? .zero
    let limit = asked > .zero ? min(limit, asked) : limit
    let reply = context.reply
    let timer = reply.exchange.reactor.schedule(after: limit) { [metrics] in
      metrics.terminations.add()
      reply.send(
        context.error(.timeout("request did not complete within requested timeout - context deadline exceeded")))
    }
    reply.exchange.perform {
      let answer: Answer
      if isLong {
        answer = await onWorkThreads { () async -> Answer in
          // Its turn may come when nobody waits any more.
          if reply.isAnswered { return .pathNotFound }
          do throws(Status) { return try await work() } catch { return context.error(error) }
        }
      } else {
        do throws(Status) { answer = try await work() } catch { answer = context.error(error) }
      }
      timer.cancel()
      reply.send(answer)
    }
  }
}

extension Status {
  /// go-restful's 406.
  static func routeNotAcceptable(_ types: [String]) -> Status {
    .notAcceptable(
      "406: Not Acceptable\n\nAvailable representations: \(types.joined(separator: ", "))", details: Details())
  }
  /// go-restful's 415.
  static let routeUnsupportedMediaType = Status(
    code: 415, reason: "UnsupportedMediaType", message: "415: Unsupported Media Type", details: Details())
}
