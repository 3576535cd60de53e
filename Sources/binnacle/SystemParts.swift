import APIServer
import Controllers
import Logging
import Machinery
import Metrics
import Registry
import Resources
import Synchronization

/// What the server makes sure of by itself: start hooks, always, and the controllers that are switched on.
final class SystemParts: Sendable {
  private let hooks: [any StartHook]
  private let logger: Logger
  private let running = Mutex<[Task<Void, Never>]>([])

  init(
    _ settings: Settings, _ resources: ServedResources, _ surroundings: SystemClient.Surroundings, _ logger: Logger
  ) {
    self.logger = logger
    let server = SystemClient.server(surroundings)
    var hooks: [any StartHook] = []
    if let namespaces = resources.store(GroupResource(resource: "namespaces")) {
      hooks.append(SystemNamespaces(namespaces, server))
    }
    hooks.append(
      ClusterServices(
        settings.resources.services, securePort: settings.secure?.port ?? 6443,
        endpoints: settings.advertisedAddress.flatMap { resources.serverEndpoints($0, settings, server) }))
    self.hooks = hooks
  }

  /// Hold back `/readyz` until all hooks have done their work once.
  var readyChecks: [HealthCheck] { hooks.map { hook in HealthCheck(name: hook.checkName) { try hook.check() } } }

  /// Begins, once the server serves.
  func start() {
    let tasks = hooks.map { hook in Task { [logger] in await hook.run(logger) } }
    running.withLock { $0 += tasks }
  }

  /// Ends all, and returns when what is at work has ended.
  func stop() async {
    let tasks = running.withLock { tasks in
      defer { tasks = [] }
      return tasks
    }
    for task in tasks { task.cancel() }
    for task in tasks { await task.value }
  }

  func write(_ text: inout MetricsText) {
  }
}
