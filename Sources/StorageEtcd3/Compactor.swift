import EtcdTransport
import JSON
public import Storage

/// Forgets etcd's history in turns, agreed between all API servers of a cluster through one key (semantics 2.49;
/// upstream's `etcd3/compact.go`): who finds the key at the version it knows may compact to the revision it saw one
/// interval ago.
struct Compactor: Sendable {
  let client: Etcd3Client
  let interval: Duration

  /// At the root, without prefix: shared with kube-apiserver.
  static let key = "compact_rev_key"

  /// The key's version as we know it, and etcd's revision one interval ago.
  struct Position: Sendable, Equatable {
    var version: Int64 = 0
    var revision: Int64 = 0
  }

  /// Returns on cancellation. A turn that fails is tried again after the next interval.
  func run() async {
    var position = Position()
    while true {
      do { try await Task.sleep(for: interval) } catch { return }
      if let next = try? await turn(position) { position = next }
    }
  }

  func turn(_ position: Position) async throws -> Position {
    let body = Requests.put(Compactor.key, String(position.revision), ifVersion: position.version)
    let floor = try client.integrity.newest()
    // Sent twice, the second one loses to the first, and we wait a turn like any loser.
    let outcome = try await client.call(
      .transaction, body, attempt: client.timing.attempt, total: client.timing.call, .conditional)
    let answer = try TransactionAnswer(outcome.tape.root, key: Compactor.key)
    try client.integrity.check(answer.header, floor: floor)
    guard answer.succeeded else {
      return Position(version: answer.current?.version ?? 0, revision: answer.header.revision)
    }
    // Nothing is known of the time before the first turn.
    if position.revision > 0 { try await Compactor.compact(client, through: position.revision) }
    return Position(version: position.version + 1, revision: answer.header.revision)
  }

  static func compact(_ client: Etcd3Client, through revision: Int64) async throws {
    let floor = try client.integrity.newest()
    do {
      let outcome = try await client.call(
        .compaction, Requests.compaction(through: revision), attempt: client.timing.rangeAttempt,
        total: client.timing.rangeCall, .always)
      _ = try outcome.tape.root.wireObject("the answer")
    } catch let failure as CallFailure {
      let error = failure.storageError(requested: revision, current: floor)
      // Somebody was faster.
      if case StorageError.compacted = error { return }
      throw error
    }
  }
}

extension Etcd3Storage {
  public func compact(through revision: Revision) async throws {
    try await during { try await Compactor.compact(client, through: revision.rawValue) }
  }
}
