import ByteBuffers
import CurlHTTP
import EtcdTransport
public import Storage

/// etcd's v2 API, as Kubernetes up to 1.12 stored in it: etcd 2.3, and 3.x up to 3.5 with `--enable-v2`.
///
/// The revision is etcd2's index: X-Etcd-Index for the store, modifiedIndex for a key. What the v2 API can't give:
/// there is no history but the last 1,000 events of the whole store, so a state can be listed only as it is now (pages
/// of a listing that was begun come from memory), `compact` does nothing, and a watch whose start has fallen out of
/// those events ends with `.compacted`; a key can't have others below it (`/a` beside `/a/b`); and a `refresh` of a TTL
/// by somebody else changes a key's index without an event.
public final class Etcd2Storage: Storage {
  public let versioner: any Versioner = APIObjectVersioner()
  let config: StorageBackend.Config
  let client: Etcd2Client
  let cache: ValueCache
  let feed: WatchFeed
  let shelf = ListingShelf()

  /// Connects to the servers that `config.serverList` names. Throws, with one clear line, `.invalidConfiguration` for
  /// settings that can't work and `.unreachable` when no server has answered within `config.startTimeout`.
  public static func make(_ config: StorageBackend.Config) async throws -> (any Storage, DestroyFunc) {
    let storage = try await open(config)
    return (storage, { await storage.destroy() })
  }

  static func open(_ config: StorageBackend.Config, timing: Etcd2Timing = Etcd2Timing()) async throws -> Etcd2Storage {
    let storage = try Etcd2Storage(config, timing)
    do {
      try await storage.waitForServer()
    } catch {
      await storage.destroy()
      throw error
    }
    return storage
  }

  private init(_ config: StorageBackend.Config, _ timing: Etcd2Timing) throws {
    self.config = config
    var options = HTTPClient.Configuration()
    options.threadName = "etcd2"
    options.contentType = "application/x-www-form-urlencoded"
    options.keptHeaders = [Etcd2Answer.indexHeader, Etcd2Answer.clusterHeader]
    // Polls hang: they must not take the places of calls.
    options.maxInFlight = 64 + WatchFeed.widest * 2
    client = Etcd2Client(transport: try EtcdTransport(config, options: options), timing: timing, quorum: config.quorum)
    cache = ValueCache(capacity: config.deserializationCacheSize)
    feed = WatchFeed(client: client, cache: cache)
  }

  private func waitForServer() async throws {
    let servers = client.transport.endpoints.description
    do {
      _ = try await client.currentIndex(total: config.startTimeout)
    } catch StorageError.unreachable(let reason) {
      throw StorageError.unreachable(
        "no answer from etcd at \(servers) within \(config.startTimeout.wholeSeconds) s (\(reason))")
    } catch StorageError.wrongAnswer(let reason) {
      throw StorageError.invalidConfiguration("\(servers) is no etcd that can be served from: \(reason)")
    } catch StorageError.refused(let reason) {
      throw StorageError.invalidConfiguration("etcd at \(servers) refuses us: \(reason)")
    }
  }

  /// Ends watches, waits for calls in flight, closes every connection, leaves no thread or descriptor. Idempotent.
  func destroy() async {
    client.transport.gate.close()
    await feed.close()
    await client.transport.gate.waitUntilEmpty()
    await client.transport.http.shutDown()
  }

  /// Runs a call that `destroy` waits for.
  func during<R>(_ body: () async throws -> R) async throws -> R { try await client.transport.during(body) }

  public var revisionInProcess: Revision? { nil }
}
