public import Logging
public import Resources
import Registry
import Synchronization

/// Keeps the network of services, the service `kubernetes` with what leads to it, and what services hold in order.
/// (kube-apiserver: `start-kubernetes-service-cidr-controller`, `start-service-ip-repair-controllers` and
/// `bootstrap-controller`)
public final class ClusterServices: StartHook {
  public let name = "start-service-ip-repair-controllers"
  private let work: Work

  /// `securePort`: where pods find this server. `endpoints`: who says at which addresses; nil for nobody.
  public init(_ allocation: ServiceAllocation, securePort: Int, endpoints: ServerEndpoints?) {
    work = Work(allocation, securePort: securePort, endpoints: endpoints)
  }

  public func check() throws {
    if !work.isDone { throw NotYet() }
  }
  private struct NotYet: Error, CustomStringConvertible {
    let description = "the service kubernetes and the addresses of services were not looked after yet"
  }

  public func run(_ logger: Logger) async {
    work.logger.withLock { $0 = logger }
    await work.run(logger)
    // It ends in a cancelled task, which can't wait for anything.
    if let endpoints = work.endpoints { await Task { await endpoints.leave() }.value }
  }

  private final class Work: Controller {
    let name = "cluster_services"
    let queue = WorkQueue("cluster_services")
    let workers = 1
    let sources: [EventSource] = []
    let endpoints: ServerEndpoints?
    let logger = Mutex<Logger?>(nil)
    private let allocation: ServiceAllocation
    private let securePort: Int
    private let done = Mutex(Set<ByteString>())

    init(_ allocation: ServiceAllocation, securePort: Int, endpoints: ServerEndpoints?) {
      self.allocation = allocation
      self.securePort = securePort
      self.endpoints = endpoints
    }

    private static let defaults = ObjectName("defaults")
    private static let repair = ObjectName("repair")
    private static let addresses = ObjectName("endpoints")

    var isDone: Bool { done.withLock { $0.isSuperset(of: ["defaults", "repair"]) } }

    func begin() {
      queue.add(Self.defaults)
      queue.add(Self.repair)
      if endpoints != nil { queue.add(Self.addresses) }
    }

    func sync(_ key: ObjectName) async throws -> SyncOutcome {
      let isFirst = !done.withLock { $0.contains(ByteString(key.name)) }
      var pause = Duration.seconds(10)
      switch key {
      case Self.defaults: try await allocation.makeDefaults(securePort: securePort)
      case Self.repair:
        for problem in try await allocation.repair().problems {
          logger.withLock { $0 }?.warning("services", metadata: ["repaired": "\(problem)"])
        }
        // What a dead process left behind is known as such after a minute.
        pause = .seconds(isFirst ? 65 : 180)
      default: try await endpoints?.reconcile()
      }
      done.withLock { _ = $0.insert(ByteString(key.name)) }
      return .again(after: pause)
    }
  }
}
