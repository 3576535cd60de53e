package import Storage
import Synchronization

/// Notices that etcd lost data or became another cluster: a revision that was answered can't be ahead of a later
/// linearizable answer.
///
/// From then on nothing is served until the process is started again, since every cached object and every
/// resourceVersion that a client holds may be from a history that does not exist any more.
package final class Integrity: Sendable {
  private struct State {
    var cluster: UInt64 = 0
    var newest: Int64 = 0
    var fault: String?
  }
  private let state = Mutex(State())

  package init() {}

  /// The newest revision that etcd told of; to be taken before a call is sent. Throws once a fault was found.
  package func newest() throws(StorageError) -> Int64 {
    let (newest, fault) = state.withLock { ($0.newest, $0.fault) }
    if let fault { throw .refused(fault) }
    return newest
  }

  /// Looks at the cluster's id (0: not told) and the revision of a linearizable answer; `floor` is what `newest()` said
  /// before its call was sent.
  package func check(cluster: UInt64, revision: Int64, floor: Int64) throws(StorageError) {
    let fault: String? = state.withLock { state in
      if state.fault == nil {
        if state.cluster != 0 && cluster != 0 && cluster != state.cluster {
          state.fault =
            "etcd is another cluster than at the start (\(hex(cluster)) instead of \(hex(state.cluster))); restart to serve it"
        } else if revision < floor {
          state.fault =
            "etcd went back from revision \(floor) to \(revision): it lost data or was restored; restart to serve it"
        } else {
          if cluster != 0 { state.cluster = cluster }
          state.newest = max(state.newest, revision)
        }
      }
      return state.fault
    }
    if let fault { throw .refused(fault) }
  }

  /// Looks at an answer that may come from a member that lags behind: only its cluster counts.
  package func check(cluster: UInt64) throws(StorageError) { try check(cluster: cluster, revision: 0, floor: 0) }

  /// A revision that etcd certainly has: one that came with an event.
  package func saw(_ revision: Int64) {
    state.withLock { $0.newest = max($0.newest, revision) }
  }

  private func hex(_ id: UInt64) -> String { String(id, radix: 16) }
}
