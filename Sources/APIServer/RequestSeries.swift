import HTTPServer

/// Which requests are counted together: the labels of `apiserver_request_total` and its siblings, as small numbers.
struct RequestSeries: Sendable {
  /// As metrics tell verbs apart. (apiserver `metrics.CleanVerb`: a LIST is told from a GET, a WATCH from both, an
  /// APPLY from a PATCH.)
  enum Verb: Int, Sendable, CaseIterable {
    case get, list, watch, post, put, patch, apply, delete, other
    var label: String { self == .other ? "other" : "\(self)".uppercased() }
  }
  /// What a request is about. (apiserver `metrics.CleanScope`.)
  enum Scope: Int, Sendable, CaseIterable {
    case cluster, namespace, resource
    var label: String { "\(self)" }
  }

  let verb: Verb
  /// Of a resource; nil for paths that are none.
  let endpoint: EndpointMetrics?
  /// 0 for the object itself, else one more than the place among the endpoint's sub-resources.
  let part: Int
  let scope: Scope
  let isDryRun: Bool
  /// For what is no resource: the path, if it is one that is served, so that clients can't make up series.
  let path: StaticString

  /// A request for a resource.
  init(_ verb: Verb, _ endpoint: EndpointMetrics, part: Int = 0, scope: Scope, isDryRun: Bool = false) {
    self.verb = verb
    self.endpoint = endpoint
    self.part = part
    self.scope = scope
    self.isDryRun = isDryRun
    path = ""
  }

  /// A request for something else.
  init(_ verb: Verb, path: StaticString) {
    self.verb = verb
    endpoint = nil
    part = 0
    scope = .cluster
    isDryRun = false
    self.path = path
  }

  /// Place in the table of a resource's series.
  var slot: Int { Self.slot(verb, part: part, scope: scope, isDryRun: isDryRun) }

  static func slot(_ verb: Verb, part: Int, scope: Scope, isDryRun: Bool) -> Int {
    ((part * Verb.allCases.count + verb.rawValue) * Scope.allCases.count + scope.rawValue) * 2 + (isDryRun ? 1 : 0)
  }

  /// Series that a resource with so many sub-resources may have.
  static func slots(subresources: Int) -> Int { (subresources + 1) * Verb.allCases.count * Scope.allCases.count * 2 }

  /// What a request is counted as.
  init(_ request: ResourceRequest, isApply: Bool, isDryRun: Bool) {
    func named(_ plain: Verb) -> Verb {
      switch request.method {
      case .get, .head: plain
      case .post: .post
      case .put: .put
      case .patch: isApply ? .apply : .patch
      case .delete: .delete
      case .options, .other: .other
      }
    }
    switch request.target {
    case .resource(let endpoint, let form):
      let isWatch = request.verb == "watch"
      let all: Scope = request.namespace.isEmpty ? .cluster : .namespace
      let metrics = endpoint.metrics
      switch form {
      case .everywhere, .collection:
        let scope = request.method == .post ? .resource : all
        self.init(named(isWatch ? .watch : .list), metrics, scope: scope, isDryRun: isDryRun)
      case .item: self.init(named(.get), metrics, scope: .resource, isDryRun: isDryRun)
      case .subresource(let place):
        self.init(named(.get), metrics, part: place + 1, scope: .resource, isDryRun: isDryRun)
      case .watchCollection: self.init(named(.watch), metrics, scope: all)
      case .watchItem: self.init(named(.watch), metrics, scope: .resource)
      }
    case .root: self.init(named(.get), path: "/")
    case .health(let name, _):
      self.init(named(.get), path: name == "livez" ? "/livez" : name == "readyz" ? "/readyz" : "/healthz")
    case .version: self.init(named(.get), path: "/version")
    case .tokenDocument(.discovery): self.init(named(.get), path: "/.well-known/openid-configuration")
    case .tokenDocument(.keySet): self.init(named(.get), path: "/openid/v1/jwks")
    case .metrics: self.init(named(.get), path: "/metrics")
    case .coreVersions: self.init(named(.get), path: "/api")
    case .groups, .group: self.init(named(.get), path: "/apis")
    default: self.init(named(.get), path: "")
    }
  }
}
