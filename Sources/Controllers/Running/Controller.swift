/// Keeps something so, object by object: it is told of what may have changed, and looks at each of these as it is then.
public protocol Controller: Sendable {
  /// As `--controllers` names it.
  var name: String { get }
  var queue: WorkQueue { get }
  /// What it follows. Where one of these watches is lost all of them begin anew with what there is, so that nothing is
  /// missed.
  var sources: [EventSource] { get }
  /// Queues what has to be looked at whatever the sources tell. Called before they begin, and before they begin anew.
  func begin()
  /// How many keys it works on at a time.
  var workers: Int { get }
  /// Looks at one key. What it throws is tried again, later the more often it fails.
  func sync(_ key: ObjectName) async throws -> SyncOutcome
}

extension Controller {
  public var workers: Int { 5 }
  public func begin() {}
}

/// What has become of a key.
public enum SyncOutcome: Sendable, Equatable {
  case done
  /// It has to be looked at again when the time is over.
  case again(after: Duration)
}
