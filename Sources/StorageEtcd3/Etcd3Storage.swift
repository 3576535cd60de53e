import ByteBuffers
import CurlHTTP
import EtcdTransport
public import Storage
import Synchronization

/// etcd 3.4 and later, through its JSON gateway.
///
/// Calls go over up to 64 kept connections to one endpoint at a time and move on when it fails; all watches share one
/// stream. Every condition on the wire is the key's mod revision. The files of this type: reading, writing, unknown
/// outcomes, watching, compaction.
public final class Etcd3Storage: Storage {
  public let versioner: any Versioner = APIObjectVersioner()
  let config: StorageBackend.Config
  let client: Etcd3Client
  let hub: WatchHub
  let leases: LeaseManager
  let proofs = VersionMemory()
  /// The revision as of now, and where history begins: all caches begin at the same time, and ask for the same.
  let newest: SharedCall<Int64>
  let oldest = Mutex<(revisions: Int64, call: SharedCall<Revision>)?>(nil)
  private let compaction = Mutex<Task<Void, Never>?>(nil)

  /// Connects to the servers that `config.serverList` names. Throws, with one clear line, `.invalidConfiguration` for
  /// settings that can't work and `.unreachable` when no server has answered within `config.startTimeout`.
  public static func make(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
    let storage = try await open(config)
    return (storage, { await storage.destroy() })
  }

  static func open(_ config: StorageBackend.Config, timing: Etcd3Timing = Etcd3Timing()) async throws -> Etcd3Storage {
    let storage = try Etcd3Storage(config, timing)
    do {
      try await storage.waitForServer()
    } catch {
      await storage.destroy()
      throw error
    }
    storage.startCompaction()
    return storage
  }

  private init(_ config: StorageBackend.Config, _ timing: Etcd3Timing) throws {
    self.config = config
    var options = HTTPClient.Configuration()
    options.threadName = "etcd3"
    guard config.userName.isEmpty == config.password.exposed.isEmpty else {
      throw StorageError.invalidConfiguration("etcd3 storage needs etcd's user and the password together, or neither")
    }
    client = Etcd3Client(
      transport: try EtcdTransport(config, options: options), timing: timing, userName: config.userName,
      password: config.password)
    hub = WatchHub(client: client)
    leases = LeaseManager(client: client, config: config.leaseManagerConfig)
    newest = SharedCall { [client, pulse = Self.pulse(config)] in
      try await client.transport.during { try await client.range(pulse).header.revision }
    }
  }

  private func waitForServer() async throws {
    do {
      _ = try await client.range(pulse, total: config.startTimeout)
    } catch StorageError.unreachable(let reason) {
      throw StorageError.unreachable(
        "no answer from etcd at \(client.endpoints.description) within \(config.startTimeout.wholeSeconds) s (\(reason))"
      )
    } catch StorageError.wrongAnswer(let reason) {
      throw StorageError.invalidConfiguration(
        "\(client.endpoints.description) is no etcd that can be served from: \(reason)")
    } catch StorageError.refused(let reason) {
      throw StorageError.invalidConfiguration("etcd at \(client.endpoints.description) refuses us: \(reason)")
    }
    _ = try? await freshnessProof()
  }

  /// The cheapest linearizable call: counts one key, which never exists.
  var pulse: Requests.Range { Self.pulse(config) }

  private static func pulse(_ config: StorageBackend.Config) -> Requests.Range {
    Requests.Range(keys: KeyRange(key: config.prefix + "/"), isCountOnly: true)
  }

  private func startCompaction() {
    guard config.compactionInterval > .zero else { return }
    let compactor = Compactor(client: client, interval: config.compactionInterval)
    let task = Task { await compactor.run() }
    compaction.withLock { $0 = task }
  }

  /// Ends watches, waits for calls in flight, leaves no thread or descriptor. Idempotent.
  func destroy() async {
    client.gate.close()
    let task = compaction.withLock { $0 }
    task?.cancel()
    hub.close()
    await client.gate.waitUntilEmpty()
    await task?.value
    await client.http.shutDown()
  }

  /// Runs a call that `destroy` waits for.
  func during<R>(_ body: () async throws -> R) async throws -> R { try await client.transport.during(body) }

  public var revisionInProcess: Revision? { nil }
}
