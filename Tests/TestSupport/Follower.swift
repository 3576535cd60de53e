public import Storage

/// Follows a prefix as a Reflector does: resumes a lost watch after the last revision seen.
public struct Follower {
  private let storage: any Storage
  private let prefix: String
  public var position: Revision
  public private(set) var events: [StorageEvent] = []
  public private(set) var resumptions = 0

  public init(_ storage: any Storage, prefix: String, after: Revision) {
    self.storage = storage
    self.prefix = prefix
    position = after
  }

  /// Returns when `isDone` holds of what was seen.
  public mutating func follow(until isDone: ([StorageEvent]) -> Bool) async throws {
    while !isDone(events) {
      do {
        let watch = try await storage.watch(prefix: prefix, after: position)
        defer { watch.cancel() }
        while !isDone(events) {
          for case .events(let batch) in try await watch.nextBatch() {
            events.append(contentsOf: batch)
            position = batch.last?.revision ?? position
          }
        }
      } catch StorageError.watchClosed {
        resumptions += 1
      } catch StorageError.unreachable {
        resumptions += 1
      }
    }
  }
}
