import ByteBuffers
import APIServer
import Access
import AccessRBAC
import AccessJWT
import ArgumentParser
import Audit
import Controllers
import EtcdTransport
import HTTPServer
import Machinery
import Registry
import Resources
import Storage
import StorageEncryption

/// Options that have been checked against one another; what the daemon is built from.
struct Settings {
  let options: ServeOptions
  let storage: StorageBackend.Config
  /// Ring bounds by resource (`nodes`, `deployments.apps`); 0 turns the cache off.
  let watchCacheSizes: [String: Int]
  /// What is set of built-in resources.
  var resources = BuiltInResources.Settings()
  /// Where the service `kubernetes` finds this server; nil where nobody is told.
  var advertisedAddress: IPAddress?
  /// Where plain HTTP is served; nil when it is off.
  let insecure: (address: String, port: Int)?
  /// Where HTTPS is served; nil when it is off.
  let secure: SecureServing?
  /// Which requests over plain HTTP are no page's.
  let plainDoor: PlainDoor
  /// Which origins of browsers are answered; nil for none.
  let cors: CORS?
  /// What requests over HTTPS are asked.
  let access: AccessControl?
  /// Who holds which roles; nil where nobody is asked for any.
  let roles: RoleIndex?
  /// nil where nobody is asked who they are.
  let accounts: ServiceAccountAccess?
  /// Who has a say in writes, over HTTPS and plain HTTP.
  let admission: AdmissionPlugins
  /// Which controllers run.
  let controllers: ControllerSelection
  /// Certificates of `--root-ca-file`, PEM; nil where it was not given.
  let rootCertificates: String?
  /// What of it a file says that may change.
  let authentication: StructuredAuthentication?
  let tokenMetrics: JWTMetrics?
  /// Which resources are served.
  let runtimeConfig: RuntimeConfig
  /// Which requests are audited; nil for none.
  let auditPolicy: AuditPolicy?

  /// What is served, as URLs.
  var addresses: [String] {
    (secure.map { ["https://\(HostPort.text($0.address, $0.port))"] } ?? [])
      + (insecure.map { ["http://\(HostPort.text($0.address, $0.port))"] } ?? [])
  }
  /// What the start should say of flags that were given, a line each.
  var notes: [String] = []
  /// nil: values are stored as they are.
  let encryption: EncryptionProviders?

  /// The database file, or the servers.
  var storagePlace: String {
    storage.type == StorageBackend.typeSQLite ? storage.sqlitePath : storage.serverList.joined(separator: ",")
  }

  var summary: String {
    "\(storage.type) at \(storagePlace), \(addresses.joined(separator: " and "))"
  }
}

extension ServeOptions {
  /// Turns flags into the settings of a server: checked against one another, and everything that they name looked at,
  /// so that what is wrong is told in the same line by the start and by `check-config`. Throws `StartFailure` with the
  /// flag to change.
  func checkedForServing(_ given: GivenFlags) throws -> Settings {
    var settings = try checked()
    settings.notes = given.notes + (try notes(on: given, settings))
    if settings.storage.type == StorageBackend.typeSQLite {
      if let problem = TextFile.problemMaking(folder: dataDir) {
        throw StartFailure("--data-dir: can't make \(dataDir): \(problem)")
      }
    } else {
      do throws(StorageError) { _ = try EtcdTransport.check(settings.storage) } catch {
        guard case .invalidConfiguration(let why) = error else { throw StartFailure("\(error)") }
        throw StartFailure(why)
      }
    }
    let secure = settings.secure.map { ("--bind-address", $0.address, $0.port) }
    let insecure = settings.insecure.map { ("--insecure-bind-address", $0.address, $0.port) }
    for (flag, host, port) in [secure, insecure].compactMap(\.self) {
      do { try HTTPServer.checkAddress(host: host, port: port) } catch { throw StartFailure("\(flag): \(error)") }
    }
    try refuseOverrides(given.values["etcd-servers-overrides"] ?? [])
    try audit.checkPlaces()
    try settings.secure?.check()
    return settings
  }

  /// Turns flags into settings; throws `StartFailure` with the flag to change.
  func checked() throws -> Settings {
    var storage = try StoragePlace(
      type: ("--storage-backend", storageBackend), etcdServers: etcdServers.joined(separator: ","), dataDir: dataDir,
      caFile: etcdCafile, certFile: etcdCertfile, keyFile: etcdKeyfile,
      prefix: etcdPrefix
    ).config()
    let plainPort = insecurePort ?? 8080
    guard (0...65_535).contains(plainPort) else {
      throw StartFailure("--insecure-port: \(plainPort) is not a port between 1 and 65535, or 0 to turn plain HTTP off")
    }
    let secure = try secureServing()
    if plainPort == 0 && secure == nil {
      throw StartFailure("--insecure-port 0 leaves nothing to serve on: name --secure-port, such as 6443")
    }
    let insecure = plainPort == 0 ? nil : (address: insecureBindAddress, port: plainPort)
    if let insecure { try refuseOpenNetwork("--insecure-bind-address", insecure.address, isAuthenticated: false) }
    // Read, and so checked, without HTTPS too.
    let accounts = try serviceAccounts.made(
      folder: secure?.certificateFolder?.path ?? (certDir.isEmpty ? "\(dataDir)/certs" : certDir))
    let made = try access.control(requestHeader, webhooks, oidc, accounts.authenticator)
    if let secure {
      try refuseOpenNetwork("--bind-address", secure.address, isAuthenticated: access.asksSomething(made.anonymous))
      // What may not be so at the start may not become so.
      if !allowInsecureNetwork, !Self.isLoopback(secure.address), !access.asksSomething(.everywhere) {
        made.structured?.keepClosed()
      }
    }
    let auditPolicy = try audit.policy()
    guard (0...1_024).contains(reactors) else {
      throw StartFailure("--reactors: \(reactors) is not between 0 and 1024")
    }
    guard (0...1_000_000).contains(maxConnectionsPerClient) else {
      throw StartFailure(
        "--max-connections-per-client: \(maxConnectionsPerClient) is not between 0 (no limit) and 1000000")
    }
    // The largest body takes four times its size.
    guard memoryBudgetMB == 0 || (16...1 << 24).contains(memoryBudgetMB) else {
      throw StartFailure("--memory-budget-mb: \(memoryBudgetMB) is not 0 (no limit) or at least 16")
    }
    if let encodingCacheMB, !(0...1 << 24).contains(encodingCacheMB) {
      throw StartFailure("--encoding-cache-mb: \(encodingCacheMB) is not between 0 and \(1 << 24)")
    }
    guard maxConnections > 0 else { throw StartFailure("--max-connections: \(maxConnections) must be above 0") }
    for (flag, count) in [
      ("--max-requests-inflight", maxRequestsInflight),
      ("--max-mutating-requests-inflight", maxMutatingRequestsInflight),
    ]
    where !(0...1_000_000).contains(count) {
      throw StartFailure("\(flag): \(count) is not between 0 (no limit) and 1000000")
    }
    guard (0...100_000).contains(http2MaxStreamsPerConnection) else {
      throw StartFailure(
        "--http2-max-streams-per-connection: \(http2MaxStreamsPerConnection) is not between 0 and 100000")
    }
    guard (0...0.02).contains(goawayChance) else {
      throw StartFailure("--goaway-chance: \(goawayChance) is not between 0 and 0.02")
    }
    guard (1...1_000_000).contains(minRequestTimeout) else {
      throw StartFailure("--min-request-timeout: \(minRequestTimeout) is not between 1 and 1000000 seconds")
    }
    (storage.userName, storage.password) = try etcdCredentials(storage.type)
    storage.quorum = etcdQuorumRead
    storage.freshnessProof =
      switch etcdConsistentReads {
      case .auto: nil
      case .progress: .progress
      case .fence: .newestAndCount
      }
    guard (0...10_000_000).contains(deserializationCacheSize) else {
      throw StartFailure("--deserialization-cache-size: \(deserializationCacheSize) is not between 0 and 10000000")
    }
    storage.deserializationCacheSize = deserializationCacheSize
    if let megabytes = sqliteReserveMB {
      guard (0...1 << 20).contains(megabytes) else {
        throw StartFailure("--sqlite-reserve-mb: \(megabytes) is not between 0 (no reserve) and 1048576")
      }
      storage.sqliteReserveBytes = UInt64(megabytes) << 20
    }
    storage.compactionInterval = etcdCompactionInterval.duration
    storage.healthcheckTimeout = etcdHealthcheckTimeout.duration
    storage.readycheckTimeout = etcdReadycheckTimeout.duration
    storage.countMetricPollPeriod = etcdCountMetricPollPeriod.duration
    storage.dbMetricPollInterval = etcdDbMetricPollInterval.duration
    guard (0...86_400).contains(leaseReuseDurationSeconds) else {
      throw StartFailure("--lease-reuse-duration-seconds: \(leaseReuseDurationSeconds) is not between 0 and 86400")
    }
    storage.leaseManagerConfig.reuseDurationSeconds = leaseReuseDurationSeconds
    storage.startTimeout = etcdStartTimeout.duration
    var settings = Settings(
      options: self, storage: storage, watchCacheSizes: try parsedWatchCacheSizes(), insecure: insecure, secure: secure,
      plainDoor: PlainDoor(names: try parsedAcceptHosts()), cors: try parsedOrigins(),
      access: secure == nil ? nil : made.control, roles: secure == nil ? nil : made.roles,
      accounts: secure == nil ? nil : accounts, admission: made.admission,
      controllers: try selectedControllers(storage.type), rootCertificates: try rootCertificates(),
      authentication: secure == nil ? nil : made.structured,
      tokenMetrics: secure == nil ? nil : made.tokenMetrics, runtimeConfig: try parsedRuntimeConfig(),
      auditPolicy: auditPolicy,
      encryption: try encryptionProviders())
    // Upstream counts whole seconds too.
    let eventSeconds = eventTtl.duration.components.seconds
    settings.resources.eventTimeToLive = eventSeconds == 0 ? nil : .seconds(eventSeconds)
    settings.resources.tokens = settings.accounts?.issuer
    settings.advertisedAddress = try parsedAdvertisedAddress()
    settings.resources.services = ServiceAllocation(
      ServiceAllocation.Settings(
        networks: serviceClusterIPRange.networks, nodePorts: serviceNodePortRange.ports))
    return settings
  }

  /// What is asked for and is not there would be missed by those who were promised it.
  private func parsedRuntimeConfig() throws -> RuntimeConfig {
    let infos = BuiltInResources.all().flatMap(\.servedInfos) + APIServer.reviews
    let config: RuntimeConfig
    do throws(RuntimeConfig.Malformed) { config = try RuntimeConfig(runtimeConfig.ofList, served: infos) } catch {
      throw StartFailure("--runtime-config: \(error)")
    }
    if let missing = config.unserved.first {
      throw StartFailure("--runtime-config: \(missing) is not there to be served: leave it out")
    }
    return config
  }

  /// `--etcd-servers-overrides` is taken as long as it speaks of what is not served: what is would be stored elsewhere
  /// than it says.
  private func refuseOverrides(_ entries: [String]) throws {
    for entry in entries where entries != [""] {
      let halves = entry.split(separator: "#", omittingEmptySubsequences: false)
      let resource = halves[0].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
      guard halves.count == 2, resource.count == 2 else {
        throw StartFailure(
          "--etcd-servers-overrides invalid, must be of format: group/resource#servers, where servers are URLs, semicolon separated"
        )
      }
      if BuiltInResources.all().contains(where: {
        $0.groupResource == GroupResource(group: resource[0], resource: resource[1])
      }) {
        throw StartFailure(
          "--etcd-servers-overrides: \(resource[1]) are stored with everything else, other servers for them are not served yet: leave them out"
        )
      }
    }
  }

  private func parsedAcceptHosts() throws -> [String] {
    if insecureAcceptHosts.isEmpty || insecureAcceptHosts == [""] { return [] }
    for name in insecureAcceptHosts
    where name != "*" && !name.utf8.allSatisfy({ $0 > 0x20 && $0 != UInt8(ascii: ":") && $0 < 0x7F }) || name.isEmpty {
      throw StartFailure(
        "--insecure-accept-hosts: \"\(name)\" is not a host name, such as binnacle.example, without port")
    }
    return insecureAcceptHosts
  }

  private func parsedOrigins() throws -> CORS? {
    if corsAllowedOrigins.isEmpty || corsAllowedOrigins == [""] { return nil }
    do { return try CORS(allowedOrigins: corsAllowedOrigins) } catch {
      throw StartFailure("--cors-allowed-origins: \(error)")
    }
  }

  /// User and password of etcd; both empty for none. `NAME:PASSWORD` is etcdctl's form.
  private func etcdCredentials(_ type: String) throws -> (String, Secret) {
    if etcdUser.isEmpty {
      if !etcdPasswordFile.isEmpty { throw StartFailure("--etcd-password-file is of no use without --etcd-user") }
      return ("", Secret(""))
    }
    guard type == StorageBackend.typeETCD3 else {
      throw StartFailure("--etcd-user is for --storage-backend etcd3 only")
    }
    let parts = etcdUser.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    if parts.count == 2 {
      guard etcdPasswordFile.isEmpty else {
        throw StartFailure("--etcd-user names a password, and so does --etcd-password-file: leave one of them out")
      }
      guard !parts[0].isEmpty, !parts[1].isEmpty else {
        throw StartFailure("--etcd-user: a name or a password is empty")
      }
      return (String(parts[0]), Secret(String(parts[1])))
    }
    guard !etcdPasswordFile.isEmpty else {
      throw StartFailure("--etcd-user needs --etcd-password-file, or a password behind a colon")
    }
    let line = try TextFile.contents(of: etcdPasswordFile, flag: "--etcd-password-file").prefix { $0 != 10 && $0 != 13 }
    guard !line.isEmpty else {
      throw StartFailure("--etcd-password-file: the first line of \"\(etcdPasswordFile)\" is empty")
    }
    return (etcdUser, Secret(String(decoding: line, as: UTF8.self)))
  }

  private func encryptionProviders() throws -> EncryptionProviders? {
    if encryptionProviderConfig.isEmpty {
      if encryptionProviderConfigAutomaticReload {
        throw StartFailure(
          "--encryption-provider-config-automatic-reload must be set with --encryption-provider-config")
      }
      return nil
    }
    do throws(StorageError) {
      return try EncryptionProviders(file: encryptionProviderConfig, reloads: encryptionProviderConfigAutomaticReload)
    } catch {
      guard case .invalidConfiguration(let why) = error else {
        throw StartFailure("--encryption-provider-config: \(error)")
      }
      throw StartFailure("--encryption-provider-config \(encryptionProviderConfig): \(why)")
    }
  }

  private func parsedWatchCacheSizes() throws -> [String: Int] {
    var sizes: [String: Int] = [:]
    for entry in watchCacheSizes where watchCacheSizes != [""] {
      let parts = entry.split(separator: "#", omittingEmptySubsequences: false)
      guard parts.count == 2, !parts[0].isEmpty, let size = Int(parts[1]), size >= 0 else {
        throw StartFailure("--watch-cache-sizes: \"\(entry)\" is not resource[.group]#size, such as nodes#1000")
      }
      sizes[String(parts[0])] = size
    }
    return sizes
  }

  /// The one place that decides who may be let in unasked: others reach only what asks them something. Plain HTTP is
  /// refused even then, as tokens would be overheard.
  private func refuseOpenNetwork(_ flag: String, _ address: String, isAuthenticated: Bool) throws {
    if isAuthenticated || allowInsecureNetwork || Self.isLoopback(address) { return }
    let (missing, way) =
      flag == "--bind-address"
      ? ("authentication", "--anonymous-auth=false, --authorization-mode") : ("TLS or authentication", "127.0.0.1")
    throw StartFailure(
      "\(flag) \(address) can be reached by others without \(missing): use \(way), or give --allow-insecure-network")
  }

  private static func isLoopback(_ address: String) -> Bool {
    address == "localhost" || address == "::1" || address == "[::1]"
      || (address.hasPrefix("127.") && address.allSatisfy { $0.isNumber || $0 == "." })
  }
}
