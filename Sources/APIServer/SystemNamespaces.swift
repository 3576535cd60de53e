public import Logging
public import Registry
import ByteBuffers
import JSON
import Machinery
import Synchronization

/// Keeps the namespaces that a cluster can't be without. (kube-apiserver's hook
/// `start-system-namespaces-controller`.)
public final class SystemNamespaces: Sendable {
  private static let names = ["kube-system", "kube-public", "kube-node-lease", "default"]
  /// How often they are looked for, as upstream.
  private static let interval: Duration = .seconds(60)
  /// How soon again while the storage has not let them be made.
  private static let retryInterval: Duration = .seconds(1)

  private let store: Store
  private let logger: Logger
  private let wereThere = Atomic<Bool>(false)

  /// `store`: that of namespaces.
  public init(_ store: Store, _ logger: Logger) {
    self.store = store
    self.logger = logger
  }

  /// Holds back `/readyz` until they were there once.
  public var readyCheck: HealthCheck {
    HealthCheck(name: "poststarthook/start-system-namespaces-controller") {
      if !self.wereThere.load(ordering: .relaxed) { throw Missing() }
    }
  }
  private struct Missing: Error, CustomStringConvertible {
    var description: String { "the system's namespaces are not there yet" }
  }

  /// Makes them, and makes them again should one go, until cancelled.
  public func keep() async {
    while !Task.isCancelled {
      let isWhole = await make()
      if isWhole { wereThere.store(true, ordering: .relaxed) }
      let pause = wereThere.load(ordering: .relaxed) ? Self.interval : Self.retryInterval
      do { try await Task.sleep(for: pause) } catch { return }
    }
  }

  /// Makes those that are missing, all at once, so that the storage writes them in one go. False where one could not
  /// be made.
  func make() async -> Bool {
    await withTaskGroup(of: Bool.self) { group in
      for name in Self.names { group.addTask { await self.make(name) } }
      return await group.reduce(true) { $0 && $1 }
    }
  }

  private func make(_ name: String) async -> Bool {
    do throws(Status) {
      do throws(Status) {
        _ = try await store.get(name, namespace: "", resourceVersion: "0")
        return true
      } catch {
        if error.code != 404 { throw error }
      }
      let wanted: JSONValue = ["metadata": ["name": .string(name)]]
      let body = try store.decodeBody(ByteSlice(wanted.encoded()), validation: .strict).object
      var options = WriteOptions(.create)
      // As which upstream's owns them.
      options.fieldManager = "kube-apiserver"
      _ = try await store.create(body, namespace: "", options: options)
    } catch {
      // Another replica was faster, which is as good.
      if error.reason == "AlreadyExists" { return true }
      if !Task.isCancelled {
        logger.warning(
          "unable to create required namespace", metadata: ["name": "\(name)", "problem": "\(error.message)"])
      }
      return false
    }
    return true
  }
}
