import ByteBuffers
import JSON
import Machinery
import Storage
import Synchronization

/// What one round of a write has come to.
struct Draft: Sendable {
  /// What is stored; nil for a creation.
  var old: JSONValue?
  /// What shall be, as it is stored.
  var new: JSONValue
  /// See `ReadObject`; in the served version.
  var traces: JSONValue?
  /// What the client hears of its request.
  var warnings: [String] = []
  /// What the client hears of the object.
  var notes: [String] = []
  /// The bytes of `new`.
  var encoded = EncodedObject(value: .empty, outline: nil)
  /// The revision of what is stored.
  var revision = Revision.zero
  /// The object goes: its last finalizer did.
  var isRemoved = false

  /// That of what shall be.
  var name: String { new["metadata"]?["name"]?.string ?? "" }

  /// What shall be, under the revision that it replaces.
  func submitted(_ key: String) -> StoredObject { StoredObject(key: key, value: encoded.value, revision: revision) }
}

/// A write that failed, with what its last round had found, as far as it came.
struct FailedUpdate<Found: Sendable>: Error {
  let reason: any Error
  let found: Found?
}

extension Storage {
  /// `guaranteedUpdate` whose closure returns, beside its decision, what it has found; the last round's is handed out.
  /// Throws `FailedUpdate`.
  func update<Found: Sendable>(
    key: String, ignoreNotFound: Bool = false,
    _ tryUpdate: @Sendable (StoredObject?) async throws -> (UpdateDecision, Found)
  ) async throws(FailedUpdate<Found>) -> (outcome: UpdateOutcome, found: Found) {
    let last = Mutex<Found?>(nil)
    do {
      let outcome = try await guaranteedUpdate(key: key, ignoreNotFound: ignoreNotFound, origin: nil) { stored in
        last.withLock { $0 = nil }
        let (decision, found) = try await tryUpdate(stored)
        last.withLock { $0 = found }
        return decision
      }
      guard let found = last.withLock({ $0 }) else { throw StorageError.keyNotFound(key: key) }
      return (outcome, found)
    } catch { throw FailedUpdate(reason: error, found: last.withLock { $0 }) }
  }
}
