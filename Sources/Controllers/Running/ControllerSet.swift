public import Logging
public import Metrics
import Synchronization

/// The controllers of a server, which all run, or none.
public final class ControllerSet: Sendable {
  private enum Life {
    case idle
    case running(Task<Void, Never>)
  }
  private let controllers: [any Controller]
  private let logger: Logger
  private let life = Mutex(Life.idle)

  public init(_ controllers: [any Controller], _ logger: Logger) {
    self.controllers = controllers
    self.logger = logger
  }

  public var names: [String] { controllers.map(\.name) }

  /// Begins to work. Idempotent.
  public func start() {
    life.withLock { life in
      guard case .idle = life else { return }
      life = .running(Task { [self] in await run() })
    }
  }

  /// Works until the task is cancelled; then returns when what is at work has ended.
  public func run() async {
    await withTaskGroup(of: Void.self) { group in
      for controller in controllers { group.addTask { [logger] in await controller.run(logger) } }
    }
  }

  /// Ends, and returns when what is at work has ended; may be started again then. Idempotent.
  public func stop() async {
    let task: Task<Void, Never>? = life.withLock { life in
      guard case .running(let task) = life else { return nil }
      return task
    }
    guard let task else { return }
    task.cancel()
    await task.value
    life.withLock { life in
      if case .running(task) = life { life = .idle }
    }
  }

  /// Writes the figures of all queues.
  public func write(_ text: inout MetricsText) {
    for controller in controllers { controller.queue.write(&text) }
  }
}
