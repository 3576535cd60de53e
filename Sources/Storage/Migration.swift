internal import ByteBuffers

/// Copies everything under a prefix from one storage to another, bytes as they are (encrypted values stay encrypted,
/// under the same keys), and compares both.
///
/// It can be run again at any time: what is there already and equal is left alone, so an interrupted run is continued
/// by another. Nobody else should write meanwhile; if somebody does, the comparison tells.
public struct Migration: Sendable {
  /// What stands in the way of a copy that would be honest.
  public struct Refusal: Error, Equatable, CustomStringConvertible {
    public let description: String
  }

  /// What a copy did, in keys.
  public struct Outcome: Sendable, Equatable {
    public var copied = 0
    public var present = 0
    /// Keys with a time to live: they are events and the like, and go by themselves.
    public var leftOut = 0
  }

  /// Transactions in flight.
  private static let writersMax = 32
  private static let pageSize = 500

  private let source: any Storage
  private let target: any Storage
  private let prefix: String

  /// `prefix`: whole key prefix, ending in "/".
  public init(from source: any Storage, to target: any Storage, prefix: String) {
    self.source = source
    self.target = target
    self.prefix = prefix
  }

  /// Keys to copy.
  public func count() async throws -> Int { try await source.count(prefix: prefix) }

  /// Throws `Refusal` where clients would be misled: a target that holds something already (unless a run is resumed),
  /// or whose revisions are lower than those that clients of the source have seen (unless that is accepted: they have
  /// to list anew).
  public func check(isResumed: Bool, resetsRevisions: Bool) async throws {
    let (ours, theirs) = (try await source.currentRevision(), try await target.currentRevision())
    if theirs < ours && !resetsRevisions {
      throw Refusal(
        description:
          "the target is at revision \(theirs) and the source at \(ours): to clients, time would go backwards. With --reset-revisions it is copied all the same; then every client must list anew"
      )
    }
    let there = try await target.count(prefix: prefix)
    if there > 0 && !isResumed {
      throw Refusal(
        description:
          "the target holds \(there) keys under \(prefix) already: name an empty one, or give --resume to go on with an interrupted migration"
      )
    }
  }

  /// Copies; `progress` hears of each key. With `isResumed`, values that differ are written over.
  public func copy(isResumed: Bool, progress: (String) -> Void) async throws -> Outcome {
    var outcome = Outcome()
    try await forEachPage(of: source) { page in
      try await withThrowingTaskGroup(of: Bool.self) { group in
        var running = 0
        func next() async throws {
          guard let copied = try await group.next() else { return }
          running -= 1
          if copied { outcome.copied += 1 } else { outcome.present += 1 }
        }
        for object in page {
          progress(object.key)
          if object.lease != 0 {
            outcome.leftOut += 1
            continue
          }
          if running == Self.writersMax { try await next() }
          group.addTask { try await put(object, isResumed: isResumed) }
          running += 1
        }
        while running > 0 { try await next() }
      }
    }
    return outcome
  }

  /// True if it had to be written.
  private func put(_ object: StoredObject, isResumed: Bool) async throws -> Bool {
    do {
      _ = try await target.create(key: object.key, value: object.value, ttl: nil)
      return true
    } catch StorageError.keyExists {
      let outcome = try await target.guaranteedUpdate(key: object.key, ignoreNotFound: true, origin: nil) { found in
        if let found {
          if found.value.hasSameBytes(as: object.value) { return .keep }
          guard isResumed else {
            throw Refusal(description: "\(object.key) was written to the target by somebody else")
          }
        }
        return .write(object.value, ttl: nil)
      }
      return outcome.wasWritten
    }
  }

  /// Compares every key and value of both; returns what differs, at most `limit` lines of it.
  public func differences(limit: Int = 100, progress: (String) -> Void) async throws -> [String] {
    var found: [String] = []
    var (left, right) = (PageReader(source, prefix), PageReader(target, prefix))
    var (a, b) = (try await left.next(), try await right.next())
    while a != nil || b != nil {
      if found.count >= limit { return found }
      if let one = a, one.lease != 0 {
        a = try await left.next()
        continue
      }
      if let one = a, let other = b, one.key == other.key {
        progress(one.key)
        if !one.value.hasSameBytes(as: other.value) { found.append("\(one.key): the values differ") }
        (a, b) = (try await left.next(), try await right.next())
      } else if let one = a, b.map({ Self.precedes(one.key, $0.key) }) ?? true {
        found.append("\(one.key): missing in the target")
        a = try await left.next()
      } else if let other = b {
        found.append("\(other.key): not in the source")
        b = try await right.next()
      }
    }
    return found
  }

  /// Storage orders keys by their bytes.
  private static func precedes(_ a: String, _ b: String) -> Bool { a.utf8.lexicographicallyPrecedes(b.utf8) }

  private func forEachPage(of storage: any Storage, _ body: ([StoredObject]) async throws -> Void) async throws {
    var reader = PageReader(storage, prefix)
    while let page = try await reader.nextPage() { try await body(page) }
  }

  /// Walks the keys as of one revision, a page at a time, so that memory stays flat.
  private struct PageReader {
    private let storage: any Storage
    private let prefix: String
    private var options = StorageListOptions(limit: Migration.pageSize)
    private var isOver = false
    private var page: ArraySlice<StoredObject> = []

    init(_ storage: any Storage, _ prefix: String) {
      self.storage = storage
      self.prefix = prefix
    }

    mutating func nextPage() async throws -> [StoredObject]? {
      if isOver { return nil }
      let list = try await storage.getList(prefix: prefix, options: options)
      if list.hasMore, let last = list.objects.last {
        options.startKey = last.key + "\0"
        options.exactRevision = list.revision
      } else {
        isOver = true
      }
      return list.objects
    }

    mutating func next() async throws -> StoredObject? {
      while page.isEmpty {
        guard let more = try await nextPage() else { return nil }
        page = more[...]
      }
      return page.popFirst()
    }
  }
}
