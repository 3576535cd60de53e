import ByteBuffers
public import ArgumentParser
import Controllers
import Machinery
import Registry
import Storage

/// The flags of `serve` that act, under kube-apiserver's names where they mean the same. `KnownFlags` has a line for
/// each.
///
/// A command, so that it can be parsed by itself: a debug build spends a sixth of the time on it that it would spend
/// were it a group of options.
struct ServeOptions: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "serve", shouldDisplay: false)

  // Groups of groups would cost a debug build much: what is in a group is looked at six times.
  @OptionGroup var access: AccessOptions
  @OptionGroup var requestHeader: RequestHeaderOptions
  @OptionGroup var webhooks: WebhookOptions
  @OptionGroup var oidc: OIDCOptions
  @OptionGroup var serviceAccounts: ServiceAccountOptions
  @OptionGroup var audit: AuditOptions

  @Option(help: "YAML file with the same settings, keyed by flag name; flags on the command line win.")
  var config: String?

  @Option(help: "Address to serve plain HTTP on. Anything but loopback needs --allow-insecure-network.")
  var insecureBindAddress = "127.0.0.1"

  @Option(
    help:
      "Port to serve plain HTTP on, 8080 by default; 0 turns it off. Named without --secure-port or a TLS file, it turns HTTPS off."
  )
  var insecurePort: Int?

  @Option(
    help:
      "Comma-separated names, besides IP addresses and localhost, by which clients may call plain HTTP; * for all. Others are refused, as pages in a browser could come by them."
  )
  var insecureAcceptHosts: [String] = []

  @Option(
    help:
      "Address to serve HTTPS on. Anything but loopback needs --allow-insecure-network as long as nobody has to authenticate."
  )
  var bindAddress = "127.0.0.1"

  @Option(help: "Port to serve HTTPS on, 6443 by default; 0 turns it off.")
  var securePort: Int?

  @Option(
    help:
      "Directory of a self-signed certificate, made at the first start without --tls-cert-file. Default: certs in --data-dir."
  )
  var certDir = ""

  @Option(help: "Certificate of the server, PEM, followed by what signed it.")
  var tlsCertFile = ""

  @Option(help: "Private key of --tls-cert-file, PEM.")
  var tlsPrivateKeyFile = ""

  @Option(
    name: .customLong("tls-sni-cert-key"), parsing: .unconditionalSingleValue,
    help: "Another certificate and key, by server name: certificate,key[:name,…]. May be repeated.")
  var tlsSNICertKey: [String] = []

  @Option(help: "Oldest TLS version served: VersionTLS12 (the default) or VersionTLS13.")
  var tlsMinVersion = ""

  @Option(help: "Comma-separated cipher suites for TLS 1.2, by Go's names.")
  var tlsCipherSuites: [String] = []

  @Option(name: .customLong("client-ca-file"), help: "Authorities whose client certificates are verified, PEM.")
  var clientCAFile = ""

  @Flag(help: "Serve without TLS and authentication on a network that others can reach.")
  var allowInsecureNetwork = false

  @Option(help: "etcd3, etcd2 or sqlite. Default: etcd3 when --etcd-servers is given, else sqlite.")
  var storageBackend: String?

  @Option(help: "Comma-separated client URLs of etcd.")
  var etcdServers: [String] = []

  @Option(help: "What every key begins with.")
  var etcdPrefix = "/registry"

  @Option(help: "CA that signed etcd's certificate.")
  var etcdCafile = ""

  @Option(help: "Client certificate for etcd.")
  var etcdCertfile = ""

  @Option(help: "Key of the client certificate for etcd.")
  var etcdKeyfile = ""

  @Option(help: "User of etcd's own authentication, as NAME or, seen by all who list processes, NAME:PASSWORD.")
  var etcdUser = ""

  @Option(help: "File whose first line is the password of --etcd-user.")
  var etcdPasswordFile = ""

  @Option(help: "false lets one etcd member answer plain reads from its own state.")
  var etcdQuorumRead = true

  @Option(
    help:
      "How etcd3 reads from memory are proven fresh: progress (notifications), fence (newest revision and count), or auto, by etcd's version. Before 3.4.31 and 3.5.13 progress can answer too old."
  )
  var etcdConsistentReads = ConsistentReads.auto

  @Option(help: "Decoded values that etcd2 storage keeps between lists.")
  var deserializationCacheSize = 0

  @Option(
    help:
      "How objects are written into storage: application/json or application/vnd.kubernetes.protobuf, which is kube-apiserver's default. Both are read."
  )
  var storageMediaType = StorageMediaType.json

  @Option(help: "Directory of the embedded database.")
  var dataDir = "data"

  @Option(
    name: .customLong("sqlite-reserve-mb"),
    help:
      "Megabytes of disk that the embedded database keeps for removals when all else is full, at most a quarter of what is free; 0 for none. Default: a 64th of the file system, at least 1 and at most 16."
  )
  var sqliteReserveMB: Int?

  @Option(help: "How often history is compacted, such as 5m; 0 for never.", transform: Seconds.init(parsing:))
  var etcdCompactionInterval = Seconds(300)

  @Option(help: "How long a health check of the storage (livez) may take.", transform: Seconds.init(parsing:))
  var etcdHealthcheckTimeout = Seconds(2)

  @Option(help: "How long a readiness check of the storage (readyz) may take.", transform: Seconds.init(parsing:))
  var etcdReadycheckTimeout = Seconds(2)

  @Option(
    help: "How often the objects of a resource without a watch cache are counted for metrics; 0: no such metric.",
    transform: Seconds.init(parsing:))
  var etcdCountMetricPollPeriod = Seconds(60)

  @Option(
    help: "How often the storage is asked for its size for metrics; 0 for never.", transform: Seconds.init(parsing:))
  var etcdDbMetricPollInterval = Seconds(30)

  @Option(help: "Seconds that keys with a time to live, such as events, may share a lease of etcd.")
  var leaseReuseDurationSeconds: Int64 = 60

  @Option(help: "How long the start waits for a storage that does not answer.", transform: Seconds.init(parsing:))
  var etcdStartTimeout = Seconds(10)

  @Option(help: "EncryptionConfiguration file: how values are encrypted in storage, by resource.")
  var encryptionProviderConfig = ""

  @Option(help: "true follows later changes of the file that --encryption-provider-config names.")
  var encryptionProviderConfigAutomaticReload = false

  @Option(help: "Comma-separated name=true|false. Known: \(FeatureGates.help).")
  var featureGates = FeatureGates()

  @Option(help: "false answers every read and watch from storage.")
  var watchCache = true

  @Option(
    help: "Upper bound of events kept a resource, as resource[.group]#size, comma-separated; #0 turns its cache off.")
  var watchCacheSizes: [String] = []

  @Option(
    help:
      "Comma-separated regular expressions of the origins that browsers may ask from, such as '^https://example\\.com(:|$)'."
  )
  var corsAllowedOrigins: [String] = []

  @Option(
    help: "Shortest time after which a watch without timeoutSeconds is ended, in seconds; the longest is twice that.")
  var minRequestTimeout = 1800

  @Option(
    help: "How long events are kept after they were last written, in whole seconds; less than one keeps them for good.",
    transform: Seconds.init(parsing:))
  var eventTtl = Seconds(3600)

  @Option(
    help:
      "Comma-separated key=true|false: which built-in resources are served. Keys are api/all, api/ga, api/beta, api/alpha, VERSION, GROUP/VERSION and GROUP/VERSION/RESOURCE."
  )
  var runtimeConfig: [String] = []

  @Option(
    help:
      "Whether the endpoints of the service kubernetes are kept at the addresses of the servers that are there: lease, or none."
  )
  var endpointReconcilerType = EndpointReconciler.lease

  @Option(
    help:
      "At which address other hosts and pods find this server; without it, the address it is bound to, where that is one of the host's."
  )
  var advertiseAddress = ""

  @Option(
    name: .customLong("service-cluster-ip-range"),
    help:
      "From where services get their addresses: one network, or one of IPv4 and one of IPv6, comma-separated, the first for those that ask for none.",
    transform: ServiceNetworks.init(parsing:))
  var serviceClusterIPRange = ServiceNetworks()

  @Option(
    help: "From where services get ports of nodes, as 30000-32767, 30000+2767 or one port.",
    transform: ServiceNodePorts.init(parsing:))
  var serviceNodePortRange = ServiceNodePorts()

  @Option(help: "How long a list may take.", transform: Seconds.init(parsing:))
  var requestTimeout = Seconds(60)

  @Option(help: "Threads that serve connections; 0 for one a core.")
  var reactors = 0

  @Option(help: "Most connections open at once.")
  var maxConnections = 65_536

  @Option(help: "Most connections open at once from one address; more are closed as they come. 0 for no limit.")
  var maxConnectionsPerClient = 0

  @Option(
    name: .customLong("memory-budget-mb"),
    help:
      "Megabytes that clients may make the server hold in TLS handshakes, in requests, in answers that nobody shares, and in events that only slow watches still need; beyond it requests are answered 429, but for reads of one object and heartbeats of nodes, and slow readers and watches are ended. 0 for no limit."
  )
  var memoryBudgetMB = 256

  @Option(
    name: .customLong("encoding-cache-mb"),
    help:
      "Megabytes that forms of objects may take that are kept beside them for those who ask next: messages of protobuf, compressed pieces, metadata alone, indented text. The least used go first; 0 keeps none. Without this option a quarter of what the objects take, but at least 16."
  )
  var encodingCacheMB: Int?

  @Option(
    help:
      "Most requests at work at once that change nothing; more are answered 429. Watches and what memory answers at once don't count. 0 for no limit."
  )
  var maxRequestsInflight = 400

  @Option(
    help: "The same of requests that change something. A tenth of them is kept for nodes that report their status.")
  var maxMutatingRequestsInflight = 200

  @Option(
    name: .customLong("http2-max-streams-per-connection"),
    help: "Most requests that one HTTP/2 connection may have open; 0 for the default of 100.")
  var http2MaxStreamsPerConnection = 0

  @Option(
    help:
      "Part of the HTTP/2 requests after which the client is told to open another connection, 0 to 0.02: spreads clients over replicas."
  )
  var goawayChance = 0.0

  @Option(
    help:
      "Comma-separated controllers to run, as kube-controller-manager reads it: * for all, foo for foo, -foo for all but foo, -* for none. Default: * with the embedded database, -* over etcd. Known: \(ControllerSelection.built.joined(separator: ", "))."
  )
  var controllers: [String] = []

  @Option(
    name: .customLong("root-ca-file"),
    help:
      "Certificates that pods know this server by, PEM: kube-root-ca.crt of each namespace. Default: who signed the server's own, where HTTPS is on."
  )
  var rootCAFile = ""

  @Option(help: "How long /readyz fails before connections are refused on SIGTERM.", transform: Seconds.init(parsing:))
  var shutdownDelayDuration = Seconds(0)

  @Option(help: "How long requests may take to finish after that.", transform: Seconds.init(parsing:))
  var shutdownTimeout = Seconds(10)

  @Option(help: "text or json.")
  var loggingFormat = LogFormat.text

  @Option(
    name: [.customLong("v")], help: "Verbosity: 0 for events of the daemon's life, 2 for requests, 4 for details.")
  var verbosity = 0
}

/// A duration as Go's flags write it: `90s`, `5m`, `1h30m`, `250ms`.
struct Seconds: CustomStringConvertible {
  let duration: Duration
  init(_ seconds: Int) { duration = .seconds(seconds) }

  /// Says what is wrong in Go's words.
  init(parsing argument: String) throws {
    do { duration = try GoDuration.parse(argument) } catch { throw ValidationError("\(error)") }
    if duration < .zero { throw ValidationError("a duration can't be less than nothing") }
  }

  var description: String { "\(duration.components.seconds)s" }
}

/// How reads that come from memory are proven fresh.
enum ConsistentReads: String, ExpressibleByArgument, CaseIterable { case auto, progress, fence }

extension StorageMediaType: ExpressibleByArgument {}

/// How log lines are written.
enum LogFormat: String, ExpressibleByArgument, CaseIterable { case text, json }
