/// How much of a request is kept. (audit.k8s.io/v1 `Level`.)
public enum AuditLevel: String, Sendable, CaseIterable, Comparable {
  case none = "None"
  /// Who, what, when and how it ended.
  case metadata = "Metadata"
  /// Also what was sent.
  case request = "Request"
  /// Also what was answered.
  case requestResponse = "RequestResponse"

  var place: Int { Self.allCases.firstIndex(of: self) ?? 0 }
  public static func < (a: AuditLevel, b: AuditLevel) -> Bool { a.place < b.place }
}

/// When in a request's life an event is made. (audit.k8s.io/v1 `Stage`.)
public enum AuditStage: String, Sendable, CaseIterable {
  case requestReceived = "RequestReceived"
  /// Of a watch: its head was sent.
  case responseStarted = "ResponseStarted"
  case responseComplete = "ResponseComplete"
  /// An answer was broken off, because the rest of it could not be made.
  case panic = "Panic"
}
