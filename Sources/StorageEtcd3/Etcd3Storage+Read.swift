import ByteBuffers
import EtcdTransport
import JSON
public import Storage
import Synchronization

extension Etcd3Storage {
  public func get(key: String, isConsistent: Bool) async throws -> StoredObject {
    try await during {
      var range = Requests.Range(keys: KeyRange(key: key))
      range.isSerializable = mayBeSerializable(isConsistent)
      guard let found = try await client.range(range).values.first else { throw StorageError.keyNotFound(key: key) }
      return object(found)
    }
  }

  /// One member's own state is enough only where the caller and the configuration both say so.
  private func mayBeSerializable(_ isConsistent: Bool) -> Bool { !isConsistent && !config.quorum }

  /// The linearizable state of one key.
  package func current(_ key: String) async throws -> StoredObject? {
    try await client.range(Requests.Range(keys: KeyRange(key: key))).values.first.map(object)
  }

  /// What the caller sees of a stored key.
  func object(_ found: KeyValue) -> StoredObject {
    StoredObject(key: found.key, value: found.value, revision: Revision(found.modRevision), lease: found.lease)
  }

  /// One gateway answer of a long list is kept near this size: a list of everything is read in pieces at one revision.
  private static let pieceBytes = 8 << 20
  private static let firstPiece = 1_000
  private static let largestPiece = 10_000

  public func getList(prefix: String, options: StorageListOptions) async throws -> StorageList {
    try await during {
      var objects: [StoredObject] = []
      var revision = options.exactRevision?.rawValue ?? 0
      var start = options.startKey
      var piece = Self.firstPiece
      while true {
        let left = options.limit > 0 ? options.limit - objects.count : Int.max
        var range = Requests.Range(keys: KeyRange(prefix: prefix, from: start))
        range.revision = revision
        range.limit = min(left, piece)
        range.isSerializable = mayBeSerializable(options.isConsistent)
        if let end = range.keys.end, end != [0], !range.keys.key.lexicographicallyPrecedes(end) {
          // A start behind the prefix. etcd would refuse the range; the list still has a revision.
          let now = try await revision > 0 ? revision : client.range(pulse).header.revision
          return StorageList(objects: objects, revision: Revision(now), hasMore: false, remaining: 0)
        }
        let answer = try await client.range(range, isLarge: true)
        if revision == 0 { revision = answer.header.revision }
        objects.reserveCapacity(objects.count + answer.values.count)
        var bytes = 0
        for found in answer.values {
          bytes += found.value.count + 256
          objects.append(object(found))
        }
        guard answer.hasMore, let last = answer.values.last else {
          return StorageList(objects: objects, revision: Revision(revision), hasMore: false, remaining: 0)
        }
        if objects.count >= options.limit && options.limit > 0 {
          return StorageList(
            objects: objects, revision: Revision(revision), hasMore: true,
            remaining: max(0, answer.count - answer.values.count))
        }
        start = last.key + "\0"
        let average = max(1, bytes / answer.values.count)
        piece = min(max(Self.pieceBytes / average, 1), Self.largestPiece)
      }
    }
  }

  public func count(prefix: String) async throws -> Int {
    try await during {
      var range = Requests.Range(keys: KeyRange(prefix: prefix))
      range.isCountOnly = true
      return try await client.range(range).count
    }
  }

  public func currentRevision() async throws -> Revision {
    try await during { Revision(try await client.range(pulse).header.revision) }
  }

  public func fence(prefix: String) async throws -> StorageFence {
    try await during {
      var range = Requests.Range(keys: KeyRange(prefix: prefix))
      range.isKeysOnly = true
      range.isByNewest = true
      range.limit = 1
      let answer = try await client.range(range, isLarge: true)
      return StorageFence(
        revision: Revision(answer.header.revision), newest: Revision(answer.values.first?.modRevision ?? 0),
        count: answer.count)
    }
  }

  public func readinessCheck() async throws { try await check(within: config.readycheckTimeout) }

  public func livenessCheck() async throws {
    do { try await check(within: config.healthcheckTimeout) } catch StorageError.outOfSpace {}
  }

  private func check(within limit: Duration) async throws {
    try await during {
      _ = try await client.range(pulse, total: limit)
      try await checkAlarms(within: limit)
    }
  }

  /// As the server says that answers: each member has a file of its own.
  public func databaseBytes() async throws -> Int? {
    try await during {
      do {
        let outcome = try await client.call(
          .status, Requests.status, attempt: client.timing.attempt, total: client.timing.call, .always)
        return Int(clamping: try outcome.tape.root.wireObject("the answer")["dbSize"]?.wireInt("dbSize") ?? 0)
      } catch let failure as CallFailure {
        throw failure.storageError()
      }
    }
  }

  /// Throws when etcd has raised an alarm: reads go on then, but it refuses writes (NOSPACE) or trusts its data no more
  /// (CORRUPT).
  private func checkAlarms(within limit: Duration) async throws {
    let outcome: Etcd3Client.Outcome
    do {
      outcome = try await client.call(
        .alarm, Requests.alarms, attempt: limit, total: limit, .always)
    } catch let failure as CallFailure where failure.kind == .final {
      // Asking takes a permission that serving does not.
      return
    } catch let failure as CallFailure {
      throw failure.storageError()
    }
    // etcd 3.4 without alarms says no more than {}.
    _ = try outcome.tape.root.wireObject("the answer")
    var raised: [String] = []
    if let alarms = outcome.tape.root["alarms"] {
      for alarm in try alarms.wireList("alarms") {
        let member = String(try alarm.wireObject("an alarm")["memberID"]?.wireUnsigned("memberID") ?? 0, radix: 16)
        // etcd leaves out what is zero, and alarm 0 is none.
        raised.append("\(try alarm["alarm"]?.wireText("alarm") ?? "unknown") on member \(member)")
      }
    }
    if !raised.isEmpty { throw StorageError.outOfSpace("etcd: alarm \(raised.joined(separator: ", "))") }
  }

  public func freshnessProof() async throws -> FreshnessProofKind {
    try await during {
      if let forced = config.freshnessProof, forced != .inProcess {
        hub.trustsProgress.store(forced == .progress, ordering: .relaxed)
        return forced
      }
      if let known = proofs.fresh { return known }
      // One server that is too old, or that does not say, spoils it: the stream may move there at any time (semantics
      // 1.5).
      let versions = await withTaskGroup(of: Etcd3Version?.self) { group in
        for index in client.endpoints.all.indices {
          group.addTask { [client, config] in
            let tape = try? await client.send(
              .version, nil, to: index, timeout: config.healthcheckTimeout, isReplayable: true)
            return tape?.root["etcdserver"]?.string.flatMap(Etcd3Version.init)
          }
        }
        var all: [Etcd3Version?] = []
        for await version in group { all.append(version) }
        return all
      }
      let isTrusted = versions.allSatisfy { $0?.hasOrderedProgress ?? false }
      let kind: FreshnessProofKind = isTrusted ? .progress : .newestAndCount
      hub.trustsProgress.store(isTrusted, ordering: .relaxed)
      proofs.remember(kind, isComplete: versions.allSatisfy { $0 != nil })
      return kind
    }
  }

  public func oldestWatchableRevision(atMostBack revisions: Int64) async throws -> Revision {
    let call = oldest.withLock { known -> SharedCall<Revision> in
      if let known, known.revisions == revisions { return known.call }
      let call = SharedCall { [weak self] in
        guard let self else { throw CancellationError() }
        return try await self.findOldest(atMostBack: revisions)
      }
      known = (revisions, call)
      return call
    }
    return try await during { try await call.value() }
  }

  private func findOldest(atMostBack revisions: Int64) async throws -> Revision {
    try await during {
      let newest = try await client.range(pulse).header.revision
      let (back, overflow) = newest.subtractingReportingOverflow(max(0, revisions))
      let wanted = overflow ? 1 : max(1, back)
      var range = pulse
      range.revision = wanted
      do {
        _ = try await client.range(range)
        return Revision(wanted)
      } catch StorageError.compacted {
        // Only a watch is told where history begins.
        return try await compactedRevision(probingFrom: wanted) ?? Revision(newest)
      }
    }
  }

  private func compactedRevision(probingFrom revision: Int64) async throws -> Revision? {
    let probe = try await hub.open(KeyRange(key: config.prefix + "/"), after: Revision(max(0, revision - 1)))
    defer { probe.cancel() }
    let give = Task {
      try await Task.sleep(for: client.timing.attempt)
      probe.cancel()
    }
    defer { give.cancel() }
    do {
      while true { _ = try await probe.nextBatch() }
    } catch StorageError.compacted(_, let compacted) {
      return compacted > .zero ? compacted : nil
    } catch { return nil }
  }
}

/// A version of etcd as far as it decides anything.
struct Etcd3Version: Sendable, Equatable, Comparable {
  let major: Int
  let minor: Int
  let patch: Int

  /// `3.5.13`, with or without something behind it (`3.6.0-rc.1`).
  init?(_ text: String) {
    let parts = text.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count == 3, let major = Int(parts[0]), let minor = Int(parts[1]), let patch = Int(parts[2]) else {
      return nil
    }
    (self.major, self.minor, self.patch) = (major, minor, patch)
  }

  static func < (a: Etcd3Version, b: Etcd3Version) -> Bool { (a.major, a.minor, a.patch) < (b.major, b.minor, b.patch) }

  /// etcd issues 15220 and 17507: before 3.4.31 of 3.4 and 3.5.13 of 3.5 a progress answer can overtake the events it
  /// covers.
  var hasOrderedProgress: Bool {
    switch (major, minor) {
    case (3, 4): patch >= 31
    case (3, 5): patch >= 13
    default: major > 3 || (major == 3 && minor >= 6)
    }
  }
}

/// What the servers' versions were, for a while: a rolling upgrade changes them under us.
final class VersionMemory: Sendable {
  private let memory = Mutex<(kind: FreshnessProofKind, until: ContinuousClock.Instant)?>(nil)

  var fresh: FreshnessProofKind? { memory.withLock { $0.flatMap { $0.until > .now ? $0.kind : nil } } }

  /// A server that did not answer is asked again soon.
  func remember(_ kind: FreshnessProofKind, isComplete: Bool) {
    memory.withLock { $0 = (kind, .now + (isComplete ? .seconds(60) : .seconds(2))) }
  }
}
