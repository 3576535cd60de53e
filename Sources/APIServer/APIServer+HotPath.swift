import ByteBuffers
import Cacher
import Capacity
import HTTPServer
import Machinery
import Registry

/// The requests that make up nearly all of a busy server's life: GET of one object and LIST of all, as clients and
/// controllers send them.
extension APIServer {
  private static let cacheControl = ResponseHeader("Cache-Control", "no-cache, private")
  private static let contentType = ResponseHeader("Content-Type", Answer.json)

  /// Answers a plain read of what memory holds, without a task, a parsed query or a parsed header. False: nothing was
  /// done.
  func answerAtOnce(_ request: Request, _ exchange: Exchange, _ served: ServedAPI) -> Bool {
    guard request.method == .get, configuration.log == nil, configuration.audit == nil,
      request.withQuery({ $0.isEmpty }),
      request.withHeader("Accept", Self.isPlainJSON), request.withHeader("User-Agent", { !Self.isPerson($0) }),
      let read = request.withPath({ PlainRead(served, $0) }), isAllowedAtOnce(request, read, on: exchange.reactor),
      read.resource.store.deprecation == nil
    else { return false }
    let started = ContinuousClock.now
    var body: [ByteSlice]
    var kept: ObjectSlices?
    let resource = read.resource
    if read.isList {
      guard !resource.store.isConverted, !configuration.budget.isUsedUp,
        let prepared = try? resource.store.prepareList(.everything, namespace: read.namespace),
        let list = resource.store.listNow(prepared)
      else { return false }
      body = resource.listDocument(list, isLine: true)
      kept = resource.objectSlices(list)
    } else {
      // What is not there is told by the general path.
      guard let object = (try? resource.store.getNow(read.name, namespace: read.namespace)) ?? nil else { return false }
      if resource.store.isConverted, object.object.count > WorkThreads.inlineBytesMax { return false }
      body = [resource.store.shown(object).object, Bytes.newline]
    }
    let audit = ResponseHeader("Audit-Id", request.header("Audit-Id") ?? AuditID.next())
    var headers = [audit, Self.cacheControl, Self.contentType]
    var size = body.reduce(0) { $0 + $1.count }
    if size > ContentEncoding.threshold, request.withHeader("Accept-Encoding", ContentEncoding.acceptsGzip) {
      // What takes longer, the general path does elsewhere.
      guard let kept, let compressed = GzipFile.make(body, kept, compressingAtMost: 4) else { return false }
      body = compressed
      size = body.reduce(0) { $0 + $1.count }
      headers += Answer.gzipHeaders
    }
    var response = Response(status: 200, headers: headers, body: body)
    if kept != nil { response.ownBytes = body.count * 64 }
    exchange.respond(response)
    let scope: RequestSeries.Scope = !read.isList ? .resource : read.namespace.isEmpty ? .cluster : .namespace
    resource.metrics.answered(
      read.isList ? .list : .get, scope, on: exchange.reactor, code: 200, duration: .now - started, bytes: size)
    return true
  }

  /// Accept headers that mean JSON without being looked at closely.
  private static func isPlainJSON(_ value: UnsafeRawBufferPointer?) -> Bool {
    guard let value else { return true }
    return equals(value, "application/json") || equals(value, "*/*") || equals(value, "application/json, */*")
  }

  /// Those who get indented answers unasked.
  private static func isPerson(_ agent: UnsafeRawBufferPointer?) -> Bool {
    guard let agent else { return false }
    return begins(agent, "curl") || begins(agent, "Wget") || begins(agent, "Mozilla/5.0")
  }

  private static func equals(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    bytes.count == text.utf8CodeUnitCount && begins(bytes, text)
  }

  private static func begins(_ bytes: UnsafeRawBufferPointer, _ text: StaticString) -> Bool {
    let count = text.utf8CodeUnitCount
    guard bytes.count >= count else { return false }
    for place in 0..<count where bytes[place] != text.utf8Start[place] { return false }
    return true
  }
}
