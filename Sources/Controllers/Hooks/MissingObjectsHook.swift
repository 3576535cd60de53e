public import JSON
public import Logging
import Machinery
public import Registry
import Synchronization

/// Makes objects that have to be there when a server starts, and leaves those alone that are. (kube-apiserver's
/// `scheduling/bootstrap-system-priority-classes`.)
public final class MissingObjectsHook: StartHook {
  public let name: String
  private let objects: [JSONValue]
  private let store: Store
  private let client: SystemClient
  private let isDone = Atomic<Bool>(false)

  /// `objects`: in no namespace, as a client would send them.
  public init(_ name: String, _ objects: [JSONValue], in store: Store, _ client: SystemClient) {
    self.name = name
    self.objects = objects
    self.store = store
    self.client = client
  }

  public func check() throws {
    if !isDone.load(ordering: .relaxed) { throw Missing(resource: store.info.plural) }
  }
  private struct Missing: Error, CustomStringConvertible {
    let resource: String
    var description: String { "\(resource) that have to be there are not there yet" }
  }

  /// How soon again while something could not be made.
  private static let pause: Duration = .seconds(1)

  public func run(_ logger: Logger) async {
    while !Task.isCancelled {
      guard let problem = await make() else { return isDone.store(true, ordering: .relaxed) }
      logger.warning("unable to create required object", metadata: ["hook": "\(name)", "problem": "\(problem)"])
      do { try await Task.sleep(for: Self.pause) } catch { return }
    }
  }

  /// All at once, so that the storage writes them in one go; returns what went wrong, of one of them.
  private func make() async -> String? {
    await withTaskGroup(of: String?.self) { group in
      for object in objects {
        group.addTask {
          do throws(Status) {
            try await self.client.createIfMissing(object, in: self.store)
            return nil
          } catch { return error.message }
        }
      }
      return await group.reduce(nil) { $0 ?? $1 }
    }
  }
}
