import APIServer
import Controllers
import CustomServing
import Logging
import Machinery
import Metrics
import Registry
import Resources
import Storage
import Synchronization

/// What the server makes sure of by itself: start hooks, always, and the controllers that are switched on.
final class SystemParts: Sendable {
  private let hooks: [any StartHook]
  private let controllers: ControllerSet
  /// nil where this server is alone with its storage.
  private let elector: LeaderElector?
  private let logger: Logger
  private let resources: ServedResources
  /// Serves what clients define; nil where definitions are not served.
  private let custom: CustomServing?
  private let running = Mutex<[Task<Void, Never>]>([])

  /// `rootCertificates`: by which clients know this server; nil where nobody has to.
  init(
    _ settings: Settings, _ resources: ServedResources, _ surroundings: SystemClient.Surroundings,
    rootCertificates: String?, _ logger: Logger
  ) {
    self.logger = logger
    self.resources = resources
    let server = SystemClient.server(surroundings)
    let namespaces: [any StartHook] = [
      resources.store(GroupResource(resource: "namespaces")).map { SystemNamespaces($0, server) }
    ].compactMap(\.self)
    var hooks = namespaces + BootstrapHooks.all(server) { resources.store($0) }
    if let roles = settings.roles.flatMap({ RoleFollower($0) { resources.store($0) } }) { hooks.append(roles) }
    if let services = resources.store(GroupResource(group: "apiregistration.k8s.io", resource: "apiservices")) {
      let known = BuiltInResources.all().flatMap(\.servedInfos) + APIServer.reviews
      let served = (resources.stores.map(\.info) + APIServer.reviews).filter(settings.runtimeConfig.serves)
      hooks.append(
        APIServiceRegistration(
          services, served: served.map(\.groupVersion), known: known.map(\.groupVersion), server))
      hooks.append(LocalAPIServices(services, server))
    }
    hooks.append(
      ClusterServices(
        settings.resources.services, securePort: settings.secure?.port ?? 6443,
        endpoints: settings.advertisedAddress.flatMap { resources.serverEndpoints($0, settings, server) }))
    let custom = resources.customServing(server)
    self.custom = custom
    if let custom { hooks.append(custom) }
    if let definitions = resources.definitions,
      let services = resources.store(GroupResource(group: "apiregistration.k8s.io", resource: "apiservices"))
    {
      hooks.append(CustomAPIServices(services, definitions: definitions, server))
    }
    self.hooks = hooks
    let isAlone = settings.storage.type == StorageBackend.typeSQLite
    var list = ControllerList(settings.controllers, resources, surroundings, custom: custom, logger)
    list.addAll(rootCertificates: rootCertificates, isAlone: isAlone)
    var elector: LeaderElector?
    if !isAlone && !list.controllers.isEmpty {
      if let leases = list.store("the election", "leases", "coordination.k8s.io") {
        let lease = ObjectName("binnacle-controllers", namespace: "kube-system")
        elector = LeaderElector(lease, in: leases, server, logger)
      } else {
        list.controllers = []
      }
    }
    self.elector = elector
    controllers = ControllerSet(list.controllers, logger)
  }

  /// Hold back `/readyz` until all hooks have done their work once.
  var readyChecks: [HealthCheck] { hooks.map { hook in HealthCheck(name: hook.checkName) { try hook.check() } } }

  /// Tells what serves; before it starts.
  func connect(_ catalog: Catalog) { custom?.connect(catalog) }

  /// Destroys what it has made to be served.
  func destroy() async { await custom?.destroy() }

  /// Begins, once the server serves.
  func start() {
    // What they look at first is in the caches.
    var tasks = hooks.map { hook in
      Task { [logger, resources] in
        await resources.filled()
        await hook.run(logger)
      }
    }
    if !controllers.names.isEmpty {
      logger.info("controllers", metadata: ["names": "\(controllers.names.joined(separator: ","))"])
      let (controllers, elector) = (controllers, elector)
      tasks.append(
        Task { [resources] in
          await resources.filled()
          guard let elector else { return await controllers.run() }
          await elector.run { await controllers.run() }
        })
    }
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
    controllers.write(&text)
    custom?.write(&text)
  }
}

/// The controllers that run: those that are switched on, and whose resources are served.
private struct ControllerList {
  var controllers: [any Controller] = []
  private let selection: ControllerSelection
  private let resources: ServedResources
  private let surroundings: SystemClient.Surroundings
  private let logger: Logger
  private let custom: CustomServing?

  /// Before a namespace is emptied that has just begun to go, every server has to know that it does. One that is alone
  /// knows at once; what it has begun to write is there by then. (`namespaceDeletionGracePeriod`)
  private static let graceAlone: Duration = .milliseconds(50)
  private static let graceOfMany: Duration = .seconds(5)

  init(
    _ selection: ControllerSelection, _ resources: ServedResources, _ surroundings: SystemClient.Surroundings,
    custom: CustomServing?, _ logger: Logger
  ) {
    self.custom = custom
    self.selection = selection
    self.resources = resources
    self.surroundings = surroundings
    self.logger = logger
  }

  mutating func addAll(rootCertificates: String?, isAlone: Bool) {
    add(NamespaceController.flagName, as: "namespace-controller") { list, name, client in
      guard let namespaces = list.store(name, "namespaces") else { return nil }
      let (all, custom) = (list.resources.contents, list.custom)
      return NamespaceController(
        namespaces, resources: { all + (custom?.contents ?? []) }, client,
        grace: isAlone ? Self.graceAlone : Self.graceOfMany)
    }
    add(DefaultServiceAccounts.flagName, as: "service-account-controller") { list, name, client in
      guard let accounts = list.store(name, "serviceaccounts"), let namespaces = list.store(name, "namespaces") else {
        return nil
      }
      return DefaultServiceAccounts(accounts: accounts, namespaces: namespaces, client)
    }
    add(RootCAPublisher.flagName, as: "root-ca-cert-publisher") { list, name, client in
      guard let rootCertificates else {
        list.leftOut(name, "there is neither HTTPS nor --root-ca-file")
        return nil
      }
      guard let configMaps = list.store(name, "configmaps"), let namespaces = list.store(name, "namespaces") else {
        return nil
      }
      return RootCAPublisher(rootCertificates, configMaps: configMaps, namespaces: namespaces, client)
    }
    add(RoleAggregation.flagName, as: "clusterrole-aggregation-controller") { list, name, client in
      list.store(name, "clusterroles", "rbac.authorization.k8s.io").map { RoleAggregation(clusterRoles: $0, client) }
    }
    add(ClaimProtection.flagName, as: "pvc-protection-controller") { list, name, client in
      guard let claims = list.store(name, "persistentvolumeclaims") else { return nil }
      return ClaimProtection(claims: claims, pods: list.resources.store(GroupResource(resource: "pods")), client)
    }
    add(VolumeProtection.flagName, as: "pv-protection-controller") { list, name, client in
      list.store(name, "persistentvolumes").map { VolumeProtection(volumes: $0, client) }
    }
    add(AttributesClassProtection.flagName, as: "volumeattributesclass-protection-controller") { list, name, client in
      guard let classes = list.store(name, "volumeattributesclasses", "storage.k8s.io"),
        let claims = list.store(name, "persistentvolumeclaims"), let volumes = list.store(name, "persistentvolumes")
      else { return nil }
      return AttributesClassProtection(classes: classes, claims: claims, volumes: volumes, client)
    }
  }

  /// `account`: the service account under which it writes. `make` returns nil where it can't run.
  private mutating func add(
    _ name: String, as account: String, _ make: (ControllerList, String, SystemClient) -> (any Controller)?
  ) {
    guard selection.isOn(name) else { return }
    if let controller = make(self, name, .controller(account, surroundings)) { controllers.append(controller) }
  }

  /// nil, and a line in the log, where a resource is not served.
  func store(_ name: String, _ plural: String, _ group: String = "") -> Store? {
    let resource = GroupResource(group: group, resource: plural)
    if let store = resources.store(resource) { return store }
    leftOut(name, "\(resource) are not served")
    return nil
  }

  private func leftOut(_ name: String, _ why: String) {
    logger.info("controller left out", metadata: ["controller": "\(name)", "reason": "\(why)"])
  }
}
