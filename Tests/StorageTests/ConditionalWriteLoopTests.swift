import ByteBuffers
import Dispatch
import Storage
import Synchronization
import TestSupport
import Testing

/// A backend that answers at once, so that whatever suspends in an update is the loop's own or the caller's.
private final class Shelf: ConditionalWrites, StorageWrapper {
  private struct Content {
    var revision: Int64 = 1
    var object: StoredObject?
    var reads = 0
    var rival: (@Sendable (Int64) -> StoredObject?)?
  }
  private let content = Mutex(Content())
  /// Whatever the loop does not need.
  let storage: any Storage
  init(over storage: any Storage) { self.storage = storage }

  var reads: Int { content.withLock { $0.reads } }
  /// Comes between the next write and what it expects.
  func interfere(_ rival: @escaping @Sendable (Int64) -> StoredObject?) { content.withLock { $0.rival = rival } }

  func current(_ key: String) async throws -> StoredObject? {
    content.withLock {
      $0.reads += 1
      return $0.object
    }
  }

  private func change(
    _ expected: Revision, _ make: (Revision) -> (result: StoredObject, kept: StoredObject?)
  ) -> ConditionalOutcome {
    content.withLock { content in
      if let rival = content.rival {
        content.rival = nil
        content.revision += 1
        content.object = rival(content.revision)
      }
      guard (content.object?.revision ?? .zero) == expected else {
        return .conflict(content.object.map { .object($0) } ?? .absent)
      }
      content.revision += 1
      let (result, kept) = make(Revision(content.revision))
      content.object = kept
      return .done(result)
    }
  }

  func put(_ key: String, _ value: SharedBytes, ttl: Duration?, expected: Revision) async throws -> ConditionalOutcome {
    change(expected) { revision in
      let object = StoredObject(key: key, value: value, revision: revision)
      return (object, object)
    }
  }

  func remove(_ object: StoredObject) async throws -> ConditionalOutcome {
    change(object.revision) { (StoredObject(key: object.key, value: object.value, revision: $0), nil) }
  }

  func guaranteedUpdate(
    key: String, ignoreNotFound: Bool, origin: StoredObject?,
    tryUpdate: @Sendable (StoredObject?) async throws -> UpdateDecision
  ) async throws -> UpdateOutcome {
    try await updateUntilWritten(key, ignoreNotFound: ignoreNotFound, origin: origin, tryUpdate: tryUpdate)
  }

  func delete(
    key: String, origin: StoredObject?, validate: @Sendable (StoredObject) async throws -> Void
  ) async throws -> StoredObject {
    try await removeOnceAccepted(key, origin: origin, validate: validate)
  }

  func create(key: String, value: SharedBytes, ttl: Duration?) async throws -> StoredObject {
    try await createOnce(key, value, ttl: ttl)
  }
}

/// Counts the jobs that it is handed: each is a change of thread that somebody pays for.
private final class CountingExecutor: TaskExecutor {
  private let queue = DispatchQueue(label: "counting")
  private let count = Atomic<Int>(0)
  var jobs: Int { count.load(ordering: .relaxed) }

  func enqueue(_ job: consuming ExecutorJob) {
    count.wrappingAdd(1, ordering: .relaxed)
    let job = UnownedJob(job)
    queue.async { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
  }
}

@Suite struct `The loop of conditional writes` {
  private func shelf(_ body: (Shelf) async throws -> Void) async throws {
    let open = try await Backend.memory.open()
    try await body(Shelf(over: open.storage))
    await open.destroy()
  }

  @Test func `a closure that lost a race is shown what won, without a read`() async throws {
    try await shelf { shelf in
      _ = try await shelf.create("/a", "one")
      shelf.interfere { StoredObject(key: "/a", value: bytes("rival"), revision: Revision($0)) }
      let seen = Mutex<[String]>([])
      let outcome = try await shelf.guaranteedUpdate(key: "/a", ignoreNotFound: false, origin: nil) { shown in
        seen.withLock { $0.append(shown?.value.text ?? "-") }
        return .write(bytes("mine"), ttl: nil)
      }
      #expect(seen.withLock { $0 } == ["one", "rival"] && outcome.object.value.text == "mine" && shelf.reads == 1)
      // Gone in between: not brought back.
      shelf.interfere { _ in nil }
      await #expect(throws: StorageError.keyNotFound(key: "/a")) {
        try await shelf.guaranteedUpdate(key: "/a", ignoreNotFound: false, origin: nil) { _ in
          .write(bytes("x"), ttl: nil)
        }
      }
      await #expect(throws: StorageError.keyNotFound(key: "/a")) {
        try await shelf.delete(key: "/a", origin: outcome.object) { _ in }
      }
    }
  }

  @Test func `an update that is cancelled while its closure waits writes nothing`() async throws {
    try await shelf { shelf in
      let made = try await shelf.create("/a", "one")
      let (entered, enter) = AsyncStream.makeStream(of: Void.self)
      let update = Task {
        try await shelf.guaranteedUpdate(key: "/a", ignoreNotFound: false, origin: nil) { _ in
          enter.yield()
          try await Task.sleep(for: .seconds(600))
          return .write(bytes("two"), ttl: nil)
        }
      }
      for await _ in entered { break }
      update.cancel()
      await #expect(throws: CancellationError.self) { try await update.value }
      #expect(try await shelf.current("/a")?.revision == made.revision)
    }
  }

  @Test func `a closure that never suspends costs no change of thread`() async throws {
    try await shelf { shelf in
      let executor = CountingExecutor()
      try await Task(executorPreference: executor) {
        _ = try await shelf.create("/a", "0")
        let before = executor.jobs
        var origin: StoredObject?
        for number in 1...100 {
          origin =
            try await shelf.guaranteedUpdate(key: "/a", ignoreNotFound: false, origin: origin) { _ in
              .write(bytes("\(number)"), ttl: nil)
            }.object
        }
        _ = try await shelf.delete(key: "/a", origin: origin) { _ in }
        #expect(executor.jobs == before)
        // The other way round it would be seen.
        await Task.yield()
        #expect(executor.jobs > before)
      }.value
    }
  }
}
