import Access
import HTTPServer
import Machinery
import Registry

/// Where a request goes.
enum RequestTarget: Sendable {
  case resource(Endpoint, ResourceForm)
  /// `/`.
  case root
  /// `/healthz`, `/livez`, `/readyz`, with the name of a single check.
  case health(String, check: String?)
  case version
  case metrics
  case tokenDocument(TokenDocuments.Kind)
  /// `/api` or `/apis`.
  case coreVersions
  case groups
  case group(String)
  /// `/api/v1`, `/apis/GROUP/VERSION`.
  case resources(String)
  /// `/openapi/v2`.
  case swagger
  /// `/openapi/v3`.
  case openAPIIndex
  /// `/openapi/v3/…`: what follows.
  case openAPI(String)
  /// `/api/v1/watch` and nothing after it: kube-apiserver fails before it routes.
  case incompleteWatch
  /// A path under an API prefix that nothing serves: answered with a Status.
  case unknownResource
  /// A part of an object of a custom kind that objects of it don't have.
  case unknownPart(Endpoint)
  /// Any other: answered with text.
  case notFound
}

/// A request line, understood: what router, authorizers, limits, audit and metrics all go by.
struct ResourceRequest: Sendable {
  let target: RequestTarget
  /// What authorizers and the audit hear of it.
  let info: RequestInfo
  let method: HTTPMethod

  /// `path`: as it came, still escaped. `query` gives a parameter's first value.
  init(
    _ served: ServedAPI, _ method: HTTPMethod, named name: String, path: UnsafeRawBufferPointer,
    query: (String) -> String?
  ) {
    self.method = method
    var place = ResourcePath(path)
    guard place.hasPercent else {
      target = served.target(place, path)
      info = RequestInfo(method: name, path, place, query: query)
      return
    }
    guard var text = PercentEncoding.decode(path, plusIsSpace: false) else {
      target = .notFound
      info = RequestInfo(method: name, path: "", query: query)
      return
    }
    (target, info) = text.withUTF8 { bytes in
      let bytes = UnsafeRawBufferPointer(bytes)
      place = ResourcePath(bytes)
      return (served.target(place, bytes), RequestInfo(method: name, bytes, place, query: query))
    }
  }

  init(_ served: ServedAPI, _ request: Request, _ query: Query) {
    self = request.withPath { path in
      ResourceRequest(served, request.method, named: request.methodName, path: path) { query[$0] }
    }
  }

  /// As in upstream's `RequestInfo`.
  var verb: String { info.verb }

  /// What stores take for the namespace: a namespace's own name is none.
  var namespace: String {
    if case .resource(let endpoint, _) = target, endpoint.isNamespaced { info.namespace } else { "" }
  }

  /// Of one object; a collection's is empty, even if its selector names one.
  var name: String {
    switch target {
    case .resource(_, let form) where form.isItem: info.name
    case .unknownPart: info.name
    default: ""
    }
  }

  /// May the answer repeat what stands in the request line?
  var isTargetTold: Bool {
    switch target {
    case .incompleteWatch: true
    case .resource(let endpoint, .subresource(let place)): endpoint.subresources[place].isProxy
    default: false
    }
  }

  /// What it is to the limits of requests at work.
  var load: InflightLimiter.Load {
    if case .health = target { return .exempt }
    switch verb {
    case "watch": return .exempt
    case "get", "list": return .readOnly(isList: verb == "list")
    default: break
    }
    guard case .resource(let endpoint, let form) = target else { return .mutating(isHeartbeat: false) }
    switch form {
    case .item: return .mutating(isHeartbeat: endpoint.info.heartbeat == .main)
    case .subresource(let place):
      return .mutating(isHeartbeat: endpoint.info.heartbeat == endpoint.subresources[place].subresource)
    default: return .mutating(isHeartbeat: false)
    }
  }
}

/// A read of one object or of all, whose path says all there is to say.
struct PlainRead {
  let endpoint: Endpoint
  let resource: ResourceEndpoint
  let isList: Bool
  /// As the path has it, which of a namespace is its own: who may is asked so.
  private let askedNamespace: String
  /// Empty for a list.
  let name: String

  /// What a GET of this path, which may be escaped, means if it has no query; nil means "look closer". Allocates name
  /// and namespace and nothing else.
  init?(_ served: ServedAPI, _ path: UnsafeRawBufferPointer) {
    let place = ResourcePath(path)
    guard !place.hasPercent, case .resource(let endpoint, let form) = served.target(place, path),
      case .stored(let resource) = endpoint.service
    else { return nil }
    switch form {
    case .everywhere, .collection: isList = true
    case .item: isList = false
    case .subresource, .watchCollection, .watchItem: return nil
    }
    guard endpoint.allows(.get, form), !endpoint.needsCloserLook else { return nil }
    self.endpoint = endpoint
    self.resource = resource
    askedNamespace = path.text(place.namespace)
    name = path.text(place.name)
  }

  /// What stores take for the namespace.
  var namespace: String { endpoint.isNamespaced ? askedNamespace : "" }

  /// What an authorizer is asked.
  func attributes(of user: UserInfo) -> AccessAttributes {
    let info = endpoint.info
    return AccessAttributes(
      user, isList ? "list" : "get", group: info.groupVersion.group, version: info.groupVersion.version,
      resource: info.plural, namespace: askedNamespace, name: name)
  }
}
