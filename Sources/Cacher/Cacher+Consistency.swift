import Storage
import Synchronization

/// The cache held against the storage from time to time: what it shows at a revision must be what is stored at that
/// revision. (Kubernetes: `cacher.consistencyChecker`; semantics 1.19.)
extension Cacher {
  enum ConsistencyCheck: Equatable {
    case passed
    /// The first difference.
    case failed(String)
    /// There was nothing to compare with: not ready, or that revision's history is gone.
    case impossible(String)
  }

  /// Runs until cancelled. Periods differ, so that resources and replicas do not all list at once.
  func checkConsistencyRepeatedly() async {
    guard let period = config.consistencyCheckPeriod else { return }
    while !Task.isCancelled {
      do { try await config.clock.sleep(period * Double.random(in: 1...1.5)) } catch { return }
      await checkConsistency()
    }
  }

  /// One check and what follows from it: after a failure older states are not kept, and exact reads ask the storage,
  /// until a check passes again.
  @discardableResult
  func checkConsistency() async -> ConsistencyCheck {
    // A copy of the tree costs nothing, and stays as it is while pages come.
    let (isReady, tree, revision) = state.withLock { s in
      // Where progress may overtake events, only an event proves what was before it (docs/internals/cacher.md).
      (s.isReady, s.tree, s.proof == .newestAndCount ? s.lastEvent : s.revision)
    }
    let result = isReady ? await compare(tree, at: revision) : .impossible("the cache is not ready")
    state.withLock { s in
      switch result {
      case .passed:
        s.statistics.consistencyChecksPassed += 1
        s.isConsistent = true
      case .failed:
        s.statistics.consistencyChecksFailed += 1
        s.isConsistent = false
        s.shelf = SnapshotShelf()
      case .impossible: s.statistics.consistencyChecksImpossible += 1
      }
    }
    if case .failed(let difference) = result { config.report(.inconsistent(at: revision, difference: difference)) }
    return result
  }

  private func compare(_ tree: ObjectTree, at revision: Revision) async -> ConsistencyCheck {
    var options = StorageListOptions(limit: StorageLister.pageSize, exactRevision: revision)
    var place = 0
    while true {
      let page: StorageList
      do { page = try await storage.getList(prefix: config.resourcePrefix, options: options) } catch {
        return .impossible("\(error)")
      }
      // What can't be read stands beside the tree.
      let readable =
        tree.unreadable.isEmpty
        ? page.objects : page.objects.filter { tree.unreadable[$0.key]?.revision != $0.revision }
      let cached = tree.objects(place..<min(tree.count, place + readable.count))
      for (index, stored) in readable.enumerated() {
        guard index < cached.count else { return .failed("\(stored.key) at \(stored.revision) is not cached") }
        let object = cached[index]
        if object.key != stored.key { return .failed("\(stored.key) is stored where \(object.key) is cached") }
        if object.revision != stored.revision {
          return .failed("\(stored.key) is stored at \(stored.revision) and cached at \(object.revision)")
        }
      }
      place += readable.count
      guard page.hasMore, let last = page.objects.last else { break }
      options.startKey = last.key + "\0"
    }
    if place < tree.count, let more = tree.objects(place..<place + 1).first {
      return .failed("\(more.key) at \(more.revision) is cached and not stored")
    }
    return .passed
  }
}
