import Foundation
import Synchronization
import TestSupport

/// What the daemon stores in.
enum Backend: CaseIterable, Sendable, CustomStringConvertible {
  case sqlite, etcd34, etcd35, etcd34TLS, etcd35TLS, etcd2

  var description: String {
    switch self {
    case .sqlite: "SQLite"
    case .etcd34: "etcd 3.4.23"
    case .etcd35: "etcd 3.5.1"
    case .etcd34TLS: "etcd 3.4.23 over TLS"
    case .etcd35TLS: "etcd 3.5.1 over TLS"
    case .etcd2: "the v2 API of etcd 3.4.23"
    }
  }

  static var all: [Backend] { allCases }
}

/// The real daemon, as built beside these tests, with a database or an etcd of its own.
final class Daemon: Sendable {
  let port: Int
  let etcd: EtcdServer?
  private let backend: Backend
  private let folder: TemporaryFolder
  /// Flags of a storage that somebody else has made.
  private let given: [String]?
  private let process = Mutex<ChildProcess?>(nil)

  var url: String { "http://127.0.0.1:\(port)" }
  var pid: pid_t { process.withLock { $0?.pid ?? 0 } }
  var log: String { process.withLock { $0?.output ?? "" } }

  /// The program, which stands beside the tests' own.
  static let program = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath().deletingLastPathComponent().appending(
    path: "binnacle"
  ).path

  private init(_ backend: Backend, etcd: EtcdServer?, storage given: [String]? = nil) throws {
    self.backend = backend
    self.given = given
    port = try Ports.free()
    folder = try TemporaryFolder()
    self.etcd = etcd
  }

  /// Starts a daemon on an empty storage and waits until it is ready.
  static func start(on backend: Backend, arguments: [String] = []) async throws -> Daemon {
    let etcd: EtcdServer? =
      switch backend {
      case .sqlite: nil
      case .etcd34: try await EtcdServer.start(.v3_4)
      case .etcd35: try await EtcdServer.start(.v3_5)
      case .etcd34TLS: try await EtcdServer.start(.v3_4, certificates: TestCertificates())
      case .etcd35TLS: try await EtcdServer.start(.v3_5, certificates: TestCertificates())
      case .etcd2: try await EtcdServer.startWithV2()
      }
    let daemon = try Daemon(backend, etcd: etcd)
    try await daemon.launch(arguments: arguments)
    return daemon
  }

  /// Over a storage that is there already; to be launched.
  static func over(database: String) throws -> Daemon {
    try Daemon(.sqlite, etcd: nil, storage: ["--data-dir", database])
  }
  static func over(servers: String) throws -> Daemon {
    try Daemon(.etcd34, etcd: nil, storage: ["--etcd-servers", servers])
  }
  static func over(etcd: EtcdServer, v2: Bool = false) throws -> Daemon {
    try Daemon(v2 ? .etcd2 : .etcd34, etcd: etcd)
  }

  /// Flags that name its storage.
  var storageArguments: [String] {
    if let given { return given }
    let type = backend == .etcd2 ? ["--storage-backend", "etcd2", "--deserialization-cache-size", "1000"] : []
    let tls =
      etcd?.certificates.map {
        ["--etcd-cafile", $0.ca, "--etcd-certfile", $0.client.certificate, "--etcd-keyfile", $0.client.key]
      } ?? []
    return etcd.map { ["--etcd-servers", $0.url] + tls + type } ?? ["--data-dir", folder.file("data")]
  }

  /// Starts the process again on what it stored, without controllers unless `arguments` name them: what it does is
  /// compared with what was recorded of a kube-apiserver alone.
  /// `prefix`: a command that runs it.
  func launch(arguments: [String] = [], prefix: [String] = []) async throws {
    let controllers = arguments.contains { $0.hasPrefix("--controllers") } ? [] : ["--controllers=-*"]
    let child = try ChildProcess(
      prefix + [Self.program, "serve", "--insecure-port", String(port)] + storageArguments + controllers + arguments,
      outputFile: folder.file("log-\(UInt32.random(in: 0...UInt32.max))"))
    process.withLock { $0 = child }
    try await eventually("the daemon to be ready", within: .seconds(90)) {
      HTTPProbe.request(port: self.port, path: "/readyz")?.status == 200 || !child.isRunning
    }
    guard child.isRunning else { throw Ended(status: child.exitStatus ?? -1, output: child.output) }
  }

  struct Ended: Error, CustomStringConvertible {
    let status: CInt
    let output: String
    var description: String { "the daemon ended with \(status): \(output)" }
  }

  /// An orderly end; returns the exit status.
  @discardableResult
  func end() async throws -> CInt? {
    let child = process.withLock { $0 }
    child?.signal(SIGTERM)
    return try await child?.wait()
  }

  /// Freezes the process, as a machine that swaps or a hypervisor that pauses would.
  func pause() { process.withLock { $0 }?.freeze() }
  func resume() { process.withLock { $0 }?.signal(SIGCONT) }

  /// As the kernel or a power cut would.
  func kill() async throws {
    let child = process.withLock { $0 }
    child?.signal(SIGKILL)
    _ = try await child?.wait()
  }

  /// Whatever still runs; for `defer`.
  func stop() {
    process.withLock { $0 }?.signal(SIGKILL)
    if let etcd { Task { try? await etcd.kill() } }
  }

  /// Resident memory in bytes.
  var residentBytes: Int {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS") }
    return (line?.split(whereSeparator: { $0 == " " || $0 == "\t" }).dropFirst().first.flatMap { Int($0) } ?? 0) * 1_024
  }

  var descriptorCount: Int { (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").count) ?? 0 }
}
