import Storage
import Synchronization

/// Notices that etcd lost data or became another cluster: a revision that was answered can't be ahead of a later linearizable answer.
///
/// From then on nothing is served until the process is started again, since every cached object and every resourceVersion that a client
/// holds may be from a history that does not exist any more.
final class Integrity: Sendable {
  private struct State {
    var cluster: UInt64 = 0
    var newest: Int64 = 0
    var fault: String?
  }
  private let state = Mutex(State())

  /// The newest revision that etcd told of; to be taken before a call is sent. Throws once a fault was found.
  func newest() throws(StorageError) -> Int64 {
    let (newest, fault) = state.withLock { ($0.newest, $0.fault) }
    if let fault { throw .refused(fault) }
    return newest
  }

  /// Looks at the header of a linearizable answer; `floor` is what `newest()` said before its call was sent.
  func check(_ header: Header, floor: Int64) throws(StorageError) {
    let fault: String? = state.withLock { state in
      if state.fault == nil {
        if state.cluster != 0 && header.cluster != 0 && header.cluster != state.cluster {
          state.fault = "etcd is another cluster than at the start (\(hex(header.cluster)) instead of \(hex(state.cluster))); restart to serve it"
        } else if header.revision < floor {
          state.fault = "etcd went back from revision \(floor) to \(header.revision): it lost data or was restored; restart to serve it"
        } else {
          if header.cluster != 0 { state.cluster = header.cluster }
          state.newest = max(state.newest, header.revision)
        }
      }
      return state.fault
    }
    if let fault { throw .refused(fault) }
  }

  /// Looks at a header that may come from a member that lags behind: only its cluster counts.
  func checkCluster(_ header: Header) throws(StorageError) {
    var known = Header()
    known.cluster = header.cluster
    try check(known, floor: 0)
  }

  /// A revision that etcd certainly has: one that came with an event.
  func saw(_ revision: Int64) {
    state.withLock { $0.newest = max($0.newest, revision) }
  }

  private func hex(_ id: UInt64) -> String { String(id, radix: 16) }
}
