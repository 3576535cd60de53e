import Cacher
import JSON
import Machinery
import Registry

/// What the controllers have in common that let an object go only when nobody uses it: a finalizer that they put on and
/// take away. (Kubernetes: pkg/controller/util/protectionutil)
struct ProtectedObjects: Sendable {
  let store: Store
  let client: SystemClient
  let finalizer: String

  /// Those that lack the finalizer, and those that want to go.
  var source: EventSource {
    EventSource(store) { [self] event, object in
      guard event.kind != .deleted, let tree = try? store.tree(of: object) else { return [] }
      return isToGo(tree) || needsFinalizer(tree) ? [store.objectName(of: object.key)] : []
    }
  }

  private func hasFinalizer(_ object: JSONValue) -> Bool {
    (object["metadata"]?["finalizers"]?.array ?? []).contains(.string(finalizer))
  }

  private func isGoing(_ object: JSONValue) -> Bool {
    object["metadata"]?["deletionTimestamp"].map { !$0.isNull } ?? false
  }

  func isToGo(_ object: JSONValue) -> Bool { isGoing(object) && hasFinalizer(object) }
  private func needsFinalizer(_ object: JSONValue) -> Bool { !isGoing(object) && !hasFinalizer(object) }

  /// Puts the finalizer on an object that was made while nobody did, and takes it from one that goes and that nobody
  /// uses.
  func sync(_ key: ObjectName, isUsed: (JSONValue) async throws -> Bool) async throws -> SyncOutcome {
    guard let found = try await client.get(key, in: store) else { return .done }
    var object = try store.tree(of: found)
    var finalizers = object["metadata"]?["finalizers"]?.array ?? []
    if isToGo(object) {
      if try await isUsed(object) { return .done }
      finalizers.removeAll { $0 == .string(finalizer) }
    } else if needsFinalizer(object) {
      finalizers.append(.string(finalizer))
    } else {
      return .done
    }
    object["metadata"]?["finalizers"] = .array(finalizers)
    do throws(Status) {
      try await client.update(object, in: store)
    } catch {
      if error.code != 404 { throw error }
    }
    return .done
  }

  /// Those that want to go, as memory has them: few, if any.
  func toGo() async throws -> [ObjectName] {
    try await store.all().filter { isToGo(try store.tree(of: $0)) }.map { store.objectName(of: $0.key) }
  }
}

extension Store {
  /// All objects of a namespace, or of all, with all that was acknowledged by any server.
  func all(in namespace: String = "") async throws(Status) -> [CachedObject] {
    try await list(try prepareList(ListOptions(), namespace: namespace)).objects
  }
}
