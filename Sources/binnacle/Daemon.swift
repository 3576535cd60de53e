import APIServer
import Access
import AccessJWT
import Admission
import Audit
import ByteBuffers
import Cacher
import Capacity
import Controllers
import Glibc
import HTTPServer
import Logging
import Machinery
import Metrics
import Registry
import Schema
import Storage
import StorageEncryption
import StorageEtcd2
import StorageSQLite

/// The running service: what `serve` builds, in the order in which it must end.
struct Daemon {
  private let settings: Settings
  private let logger: Logger
  private let server: HTTPServer
  /// nil without HTTPS.
  private let credentialWatch: CredentialWatch?
  private let api: APIServer
  /// nil where nothing is audited.
  private let audit: AuditTrail?
  private let parts: SystemParts
  /// nil where the storage is not the embedded one.
  private let control: ControlSocket?
  /// Follow files that may change.
  private let following: [Task<Void, Never>]
  /// nil where systemd does not watch.
  private let watchdog: Task<Void, Never>?
  /// In order: what stands above is destroyed first.
  private let destroys: [DestroyFunc]

  /// Builds everything and begins to serve. Throws `StartFailure` with one line.
  static func start(_ settings: Settings) async throws -> Daemon {
    if let problem = TypeModel.builtin.problems.first {
      throw StartFailure("the facts of built-in types are not whole: \(problem)")
    }
    let logger = Logger(label: "binnacle")
    logger.info(
      "starting",
      metadata: [
        "version": "\(BuildInfo.version)", "storage": "\(settings.summary)", "allocator": "\(BuildInfo.allocator)",
      ])
    for note in settings.notes { logger.warning("\(note)") }
    let rootCertificates = try settings.publishedCertificates()
    let audit = try settings.auditPolicy.map { try settings.options.audit.trail($0, logger) }
    let storage: any Storage
    let destroyStorage: DestroyFunc
    do {
      (storage, destroyStorage) = try await newRawStorage(settings.storage, factory: BackendFactory())
    } catch StorageError.invalidConfiguration(let why) {
      throw StartFailure(why)
    }
    await Self.tellOfSpace(storage, settings, logger)
    let databaseSize = DatabaseSizeMetric(storage, every: settings.storage.dbMetricPollInterval)
    databaseSize.start()
    let budget = MemoryBudget(limit: settings.options.memoryBudgetMB << 20)
    let encodings = EncodingCache(limit: settings.options.encodingCacheMB.map { $0 << 20 })
    let resources = try await ServedResources.start(settings, over: storage, budget, encodings, logger)

    var configuration = APIServer.Configuration(stores: resources.stores)
    configuration.access = settings.access
    if let accounts = settings.accounts, let secure = settings.secure {
      accounts.connect { resources.store($0) }
      configuration.tokenDocuments = accounts.documents(address: secure.url)
      configuration.tokenAudiences = accounts.audiences
    }
    configuration.serves = settings.runtimeConfig.serves
    configuration.admission = BuiltInPlugins.chain(
      settings.admission.names,
      .init(
        store: resources.store, authorizer: settings.access?.authorizer ?? AlwaysAllow(), roles: settings.roles))
    configuration.audit = audit
    let parts = SystemParts(
      settings, resources, SystemClient.Surroundings(admission: configuration.admission, audit: audit),
      rootCertificates: rootCertificates, logger)
    configuration.budget = budget
    let serverMetrics = ServerMetrics(budget, encodings)
    configuration.reactors = HTTPServer.count(ofReactors: settings.options.reactors)
    configuration.metricsSources = [
      { text in resources.write(&text) }, { text in databaseSize.write(&text) },
      { text in (storage as? Etcd2Storage)?.writeMetrics(&text) }, { text in serverMetrics.write(&text) },
      { text in settings.authentication?.write(&text) }, { text in settings.tokenMetrics?.write(&text) },
      { text in parts.write(&text) }, ProcessMetrics.source,
    ]
    configuration.version.gitVersion = "\(BuildInfo.kubernetesVersion)+binnacle"
    configuration.healthChecks = [
      StandardError.healthCheck,
      HealthCheck(name: "etcd", live: { try await storage.livenessCheck() }) { try await storage.readinessCheck() },
    ]
    configuration.readyChecks = [
      HealthCheck(name: "etcd-readiness") { try await storage.readinessCheck() },
      HealthCheck(name: "informer-sync") { try await resources.readinessCheck() },
    ]
    configuration.readyChecks += parts.readyChecks
    configuration.cors = settings.cors
    configuration.plainDoor = settings.plainDoor
    configuration.minRequestTimeout = .seconds(settings.options.minRequestTimeout)
    configuration.maxRequestsInflight = settings.options.maxRequestsInflight
    configuration.maxMutatingRequestsInflight = settings.options.maxMutatingRequestsInflight
    configuration.requestTimeout = settings.options.requestTimeout.duration
    if settings.options.verbosity >= 2 {
      configuration.log = { record in
        logger.debug(
          "HTTP",
          metadata: [
            "verb": "\(record.verb)", "URI": "\(record.target)", "userAgent": "\(record.userAgent)",
            "audit-ID": "\(record.auditID)",
            "srcIP": "\(record.peer)", "resp": "\(record.code)", "latency": "\(record.duration)",
          ])
      }
    }
    let api = APIServer(configuration)
    parts.connect(api.catalog)

    do {
      let credentials = try settings.secure?.credentials()
      var http = HTTPServer.Configuration(endpoints: try endpoints(settings, credentials))
      http.reactors = settings.options.reactors
      http.maxConnections = settings.options.maxConnections
      http.maxConnectionsPerAddress = settings.options.maxConnectionsPerClient
      http.budget = budget
      http.goawayChance = settings.options.goawayChance
      if settings.options.http2MaxStreamsPerConnection > 0 {
        http.limits.maxConcurrentStreams = settings.options.http2MaxStreamsPerConnection
      }
      http.handshakeFailed = { peer, reason in
        logger.debug("TLS handshake error", metadata: ["srcIP": "\(peer)", "why": "\(reason)"])
      }
      let refusals = RefusalLog(logger)
      http.requestRefused = { peer, status, reason in refusals.add(peer: peer, status: status, reason: reason) }
      let server = try HTTPServer(configuration: http, handler: api)
      serverMetrics.follow(server)
      try server.start()
      var watch: CredentialWatch?
      if let credentials, let secure = settings.secure {
        watch = CredentialWatch(credentials, secure, logger)
        watch?.start()
      }
      let addresses = settings.addresses.joined(separator: " ")
      logger.info("serving", metadata: ["address": "\(addresses)", "reactors": "\(server.reactors.count)"])
      parts.start()
      ServiceManager.notify("READY=1\nSTATUS=serving on \(addresses)")
      return Daemon(
        settings: settings, logger: logger, server: server, credentialWatch: watch, api: api, audit: audit,
        parts: parts,
        control: Self.control(settings, storage, logger),
        following: Self.followFiles(settings, logger),
        watchdog: Watchdog(server.reactors).map { watchdog in Task { await watchdog.run() } },
        destroys: [{ await parts.destroy() }, resources.destroy, { await databaseSize.stop() }, destroyStorage])
    } catch {
      await resources.destroy()
      await databaseSize.stop()
      await destroyStorage()
      throw StartFailure("\(error)")
    }
  }

  /// What the embedded database keeps of the disk, and whether it can be written to.
  private static func tellOfSpace(_ storage: any Storage, _ settings: Settings, _ logger: Logger) async {
    guard let embedded = storage as? SQLiteStorage, !settings.storage.isInMemory else { return }
    let reserve = embedded.reserve
    logger.info(
      "disk space kept in reserve for removals",
      metadata: [
        "database": "\(settings.storage.sqlitePath)", "bytes": "\(reserve.wanted)", "heldBytes": "\(reserve.held)",
        "askedBytes": "\(reserve.asked)",
      ])
    do { try await embedded.readinessCheck() } catch { logger.warning("storage", metadata: ["problem": "\(error)"]) }
  }

  /// Lets the command line ask for what only the one who has the database open can do.
  private static func control(_ settings: Settings, _ storage: any Storage, _ logger: Logger) -> ControlSocket? {
    guard let embedded = storage as? SQLiteStorage, !settings.storage.isInMemory else { return nil }
    let control = ControlSocket(besides: settings.storage.sqlitePath) { request, say in
      StorageSnapshot.answer(request, embedded, say)
    }
    if control == nil {
      logger.warning(
        "no control socket: storage snapshot has to wait until the server is stopped",
        metadata: ["path": "\(ControlSocket.path(besides: settings.storage.sqlitePath))"])
    }
    return control
  }

  /// Where to listen: on what systemd has handed over, else where the settings say.
  private static func endpoints(_ settings: Settings, _ credentials: TLSCredentials?) throws -> [HTTPServer.Endpoint] {
    let inherited = try InheritedSockets.take(securePort: settings.secure?.port, insecurePort: settings.insecure?.port)
    var endpoints =
      inherited.https.map { HTTPServer.Endpoint.descriptor($0, tls: credentials) }
      + inherited.http.map { .descriptor($0) }
    if inherited.https.isEmpty, let secure = settings.secure {
      endpoints.append(.address(host: secure.address, port: secure.port, tls: credentials))
    }
    if inherited.http.isEmpty, let insecure = settings.insecure {
      endpoints.append(.address(host: insecure.address, port: insecure.port))
    }
    return endpoints
  }

  /// How often files are looked at that are read again when they change.
  private static let filePoll: Duration = .seconds(5)

  private static func followFiles(_ settings: Settings, _ logger: Logger) -> [Task<Void, Never>] {
    let authentication = settings.authentication.map { authentication in
      Task { await authentication.follow(every: filePoll, logger) }
    }
    return [followEncryptionConfig(settings, logger), authentication].compactMap(\.self)
  }

  private static func followEncryptionConfig(_ settings: Settings, _ logger: Logger) -> Task<Void, Never>? {
    guard let encryption = settings.encryption, settings.options.encryptionProviderConfigAutomaticReload else {
      return nil
    }
    return Task {
      await encryption.followChanges(every: filePoll) { problem in
        if let problem {
          logger.error(
            "encryption config not reloaded",
            metadata: ["file": "\(settings.options.encryptionProviderConfig)", "problem": "\(problem)"])
        } else {
          logger.info("encryption config reloaded", metadata: ["file": "\(settings.options.encryptionProviderConfig)"])
        }
      }
    }
  }

  /// Reads again at once what is read again on change: certificates and their authorities, the
  /// AuthenticationConfiguration, the EncryptionConfiguration. (SIGHUP.)
  func reload() async {
    logger.info("reloading", metadata: ["signal": "\(SIGHUP)"])
    credentialWatch?.look()
    // Not waited for: an issuer may take its time, and the next signal may be the last.
    if let authentication = settings.authentication { Task { [logger] in await authentication.look(logger) } }
    if let encryption = settings.encryption, settings.options.encryptionProviderConfigAutomaticReload {
      if let problem = await encryption.reloadIfChanged() {
        logger.error(
          "encryption config not reloaded",
          metadata: ["file": "\(settings.options.encryptionProviderConfig)", "problem": "\(problem)"])
      }
    }
  }

  /// The orderly end: readyz fails, requests finish, watches end, caches stop, storage closes.
  func stop(because signal: Int32) async {
    logger.info("stopping", metadata: ["signal": "\(signal)"])
    ServiceManager.notify("STOPPING=1")
    credentialWatch?.stop()
    api.beginShutdown()
    for task in following { task.cancel() }
    watchdog?.cancel()
    if settings.options.shutdownDelayDuration.duration > .zero {
      try? await Task.sleep(for: settings.options.shutdownDelayDuration.duration)
    }
    async let partsEnded: Void = parts.stop()
    await server.drain(deadline: settings.options.shutdownTimeout.duration)
    control?.close()
    await partsEnded
    await audit?.flush(within: settings.options.shutdownTimeout.duration)
    for destroy in destroys { await destroy() }
    logger.info("stopped")
  }
}
