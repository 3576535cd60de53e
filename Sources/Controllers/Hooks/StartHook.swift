public import Logging

/// What a server makes sure of by itself as soon as it serves, whatever `--controllers` says. (kube-apiserver: a
/// `PostStartHook`.)
///
/// One that has to be kept so is a `Controller` too, which has `run`: its `begin` queues what has to be there.
public protocol StartHook: Sendable {
  /// As kube-apiserver calls it, without `poststarthook/`.
  var name: String { get }
  /// Throws, with the reason, until it was done once: so long `/readyz` says no.
  func check() throws
  /// Does it, and keeps it so, until the task is cancelled.
  func run(_ logger: Logger) async
}

extension StartHook {
  /// The name of its check.
  public var checkName: String { "poststarthook/\(name)" }
}
