import HTTPServer

/// One request, for whoever keeps the log.
public struct RequestRecord: Sendable {
  /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; for other paths the method in
  /// small letters. (As in upstream's `RequestInfo`.)
  public let verb: String
  /// Path and query as the client sent them; empty when nobody listens.
  public let target: String
  public let userAgent: String
  public let peer: String
  public let auditID: String
  public let started: ContinuousClock.Instant
  /// Of the body.
  let bytes: Int
  /// What metrics count it as.
  let series: RequestSeries
  /// The answer's HTTP status; 0 while there is none.
  public var code = 0
  public var duration: Duration = .zero
}
