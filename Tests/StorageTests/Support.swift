import ByteBuffers
import Storage
import TestSupport

func bytes(_ text: String) -> SharedBytes { SharedBytes(text) }

extension Storage {
  /// Short forms of what most tests ask.
  func create(_ key: String, _ text: String) async throws -> StoredObject {
    try await create(key: key, value: bytes(text), ttl: nil)
  }
  func get(_ key: String) async throws -> StoredObject { try await get(key: key, isConsistent: true) }
  func put(_ key: String, _ text: String, origin: StoredObject? = nil) async throws -> StoredObject {
    try await guaranteedUpdate(key: key, ignoreNotFound: true, origin: origin) { _ in .write(bytes(text), ttl: nil) }
      .object
  }
  func remove(_ key: String) async throws -> StoredObject { try await delete(key: key, origin: nil) { _ in } }
  func list(
    _ prefix: String, at revision: Revision? = nil, limit: Int = 0, from start: String? = nil
  ) async throws -> StorageList {
    try await getList(
      prefix: prefix, options: StorageListOptions(startKey: start, limit: limit, exactRevision: revision))
  }
}

extension StorageList {
  var keys: [String] { objects.map(\.key) }
  var texts: [String] { objects.map(\.value.text) }
}

/// An event in short: `+key=text@revision` or `-key@revision`.
func short(_ event: StorageEvent) -> String {
  event.kind == .put
    ? "+\(event.key)=\(event.value?.text ?? "nothing")@\(event.revision)" : "-\(event.key)@\(event.revision)"
}

/// Reads a watch until `isEnough`; progress is looked past.
func collect(
  _ watch: StorageWatch, until isEnough: @escaping @Sendable ([StorageEvent]) -> Bool
) async throws -> [StorageEvent] {
  try await within(.seconds(30), "the watch's events") {
    var events: [StorageEvent] = []
    while !isEnough(events) {
      for case .events(let more) in try await watch.nextBatch() { events += more }
    }
    return events
  }
}

func collect(_ watch: StorageWatch, count: Int) async throws -> [StorageEvent] {
  try await collect(watch) { $0.count >= count }
}

/// The error with which a watch ends; everything before it is thrown away.
func end(of watch: StorageWatch) async throws -> any Error {
  try await within(.seconds(30), "the end of the watch") {
    do {
      while true { _ = try await watch.nextBatch() }
    } catch {
      return error
    }
  }
}

func isCompacted(_ error: any Error) -> Bool {
  if case StorageError.compacted = error { true } else { false }
}

func isFutureRevision(_ error: any Error) -> Bool {
  if case StorageError.futureRevision = error { true } else { false }
}

/// What a test's own closures throw.
struct Refused: Error, Equatable {
  let why: String
  init(_ why: String) { self.why = why }
}
