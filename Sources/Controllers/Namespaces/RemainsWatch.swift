import Cacher
import Registry
import Storage
import Synchronization

/// Looks after what holds namespaces up that go: when the last object of a resource is gone, its namespace is looked at
/// again at once.
final class RemainsWatch: Sendable {
  private let queue: WorkQueue
  private let tasks = Mutex<[ObjectName: Task<Void, Never>]>([:])

  init(_ queue: WorkQueue) { self.queue = queue }

  /// `stores`: where something is left of the namespace.
  func begin(_ namespace: ObjectName, _ stores: [Store]) {
    let sources = stores.map { store in
      EventSource(store, namespace: namespace.name) { event, _ in
        event.kind == .deleted && store.isKnownEmpty(namespace.name) ? [namespace] : []
      }
    }
    let task = Task { [queue] in
      await withTaskGroup(of: Void.self) { group in
        // Where no watch can be had, or it is lost, the time that was set brings the namespace back.
        for source in sources { group.addTask { try? await source.feed(queue) } }
      }
    }
    let old = tasks.withLock { $0.updateValue(task, forKey: namespace) }
    old?.cancel()
  }

  /// Returns when nothing looks after the namespace any more.
  func end(_ namespace: ObjectName) async {
    let task = tasks.withLock { $0.removeValue(forKey: namespace) }
    task?.cancel()
    await task?.value
  }

  func endAll() async {
    for namespace in tasks.withLock({ Array($0.keys) }) { await end(namespace) }
  }
}

extension Store {
  /// Has memory no object of a namespace?
  fileprivate func isKnownEmpty(_ namespace: String) -> Bool {
    let request = ListRequest(prefix: keyFunc.prefix(namespace: namespace), limit: 1, freshness: .any)
    return objects.listNow(request)?.objects.isEmpty ?? true
  }
}
