import ByteBuffers
import EtcdTransport
import Storage

/// Writes whose answer got lost: what happened is read from etcd's history, or the caller is told that nobody knows.
///
/// Update and delete are simply sent again: their condition is a mod revision, which no later state of the key ever
/// has, so at most one of the sendings succeeds. If the one that is answered fails, an earlier one may have been it;
/// the key's first change behind the expected revision tells. That change has our bytes (an object carries its uid, and
/// ciphers a nonce): it is ours, or one that nobody can tell from it. It has others: ours was not carried out and never
/// will be.
///
/// A create is not sent again. If the key now exists, and its present life began behind every revision we had seen
/// before sending, with our bytes, it was ours. If it began otherwise, the key exists, which is what a refused create
/// is told. If there is no key, the create may never have happened, may have been deleted again, or may still be on its
/// way (a stopped etcd reads it from its socket when it goes on, long after we closed our end): only `.unreachable` is
/// true.
extension Etcd3Storage {
  enum CreateResolution {
    case created(Int64)
    case exists(KeyValue)
  }

  func resolveCreate(
    _ key: String, _ stored: SharedBytes, floor: Int64, _ unknown: Etcd3Client.Unknown
  ) async throws -> CreateResolution {
    guard let found = try? await client.range(Requests.Range(keys: KeyRange(key: key))).values.first else {
      throw unknown.asStorageError
    }
    if found.createRevision <= floor { return .exists(found) }
    if found.version == 1 { return found.value.hasSameBytes(as: stored) ? .created(found.modRevision) : .exists(found) }
    var first = Requests.Range(keys: KeyRange(key: key))
    first.revision = found.createRevision
    guard let born = try? await client.range(first).values.first else { throw unknown.asStorageError }
    return born.value.hasSameBytes(as: stored) ? .created(born.modRevision) : .exists(found)
  }

  /// One change in a key's history, its value still as stored.
  struct Change {
    let isPut: Bool
    let revision: Int64
    let value: SharedBytes?
  }

  /// The first change of `key` behind `revision`, known to have one. Throws `.unreachable` if history does not tell any
  /// more.
  func firstChange(of key: String, after revision: Int64) async throws -> Change? {
    let history = try await hub.open(KeyRange(key: key), after: Revision(revision))
    defer { history.cancel() }
    let give = Task {
      try await Task.sleep(for: client.timing.attempt)
      history.finish(
        StorageError.unreachable("etcd did not show the history of \(key): the outcome of a write is unknown"))
    }
    defer { give.cancel() }
    do {
      while true {
        for case .events(let events) in try await history.nextBatch() {
          if let event = events.first {
            return Change(isPut: event.kind == .put, revision: event.revision.rawValue, value: event.value)
          }
        }
      }
    } catch StorageError.compacted {
      throw StorageError.unreachable("the history of \(key) is compacted: the outcome of a write is unknown")
    } catch StorageError.watchClosed(let reason) {
      throw StorageError.unreachable("\(reason): the outcome of a write is unknown")
    }
  }
}

extension Etcd3Client.Unknown {
  var asStorageError: StorageError { .unreachable("etcd: \(text): the outcome of a write is unknown") }
}
