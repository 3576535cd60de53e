import ByteBuffers
import CurlHTTP
import EtcdTransport
import JSON
import Storage
import Synchronization

/// All watches of a storage on one stream to one endpoint.
///
/// Home: everything mutable belongs to the HTTP client's thread; others come in through `perform`. Any end of the
/// stream ends every watch with `.watchClosed`: the reader resumes after the last revision it saw, which neither loses
/// nor repeats an event.
final class WatchHub: @unchecked Sendable {  // Sendable: see Home; HTTPStream checks the thread.
  private let client: Etcd3Client
  /// Are progress answers ordered after the events they cover? (semantics 1.5)
  let trustsProgress = Atomic<Bool>(false)
  private let ids = Atomic<Int64>(1)

  private var stream: HTTPStream?
  /// Tells timers of an ended stream from those of the present one.
  private var generation = 0
  private var endpoint = 0
  private var tokenGeneration = 0
  private var watches: [Int64: WatchEntry] = [:]
  private var lastLine = ContinuousClock.now
  /// A watch on nothing, whose confirmation shows that the stream is alive both ways: unlike progress it is always
  /// answered.
  private var knock: (id: Int64, at: ContinuousClock.Instant)?
  private var isClosed = false

  init(client: Etcd3Client) {
    self.client = client
  }

  // MARK: - Doors

  /// Opens a watch and returns when etcd has confirmed it. Throws `.unreachable`, `.refused`, `.compacted`,
  /// `.shutDown`.
  func open(_ range: KeyRange, after: Revision?) async throws -> StorageWatch {
    let id = nextID()
    let sink = StorageWatch(onCancel: { [weak self] in self?.perform { $0.cancel(id) } })
    let outcome: Result<Void, any Error> = await withUnsafeContinuation { continuation in
      let isTaken = perform { hub in
        hub.start(WatchEntry(id: id, range: range, after: after, sink: sink, opening: continuation))
      }
      if !isTaken { continuation.resume(returning: .failure(StorageError.shutDown)) }
    }
    do {
      try outcome.get()
      try Task.checkCancellation()
    } catch {
      sink.cancel()
      throw error
    }
    return sink
  }

  /// Asks for progress on the open stream, if there is one.
  func requestProgress() {
    perform { hub in
      if hub.trustsProgress.load(ordering: .relaxed) { hub.stream?.send(Requests.progress) }
    }
  }

  /// Ends every watch with `.shutDown`. No watch can be opened any more.
  func close() {
    perform { hub in
      hub.isClosed = true
      hub.end(.shutDown)
    }
  }

  @discardableResult
  private func perform(_ job: @escaping @Sendable (WatchHub) -> Void) -> Bool {
    client.http.post { [self] in job(self) }
  }

  private func nextID() -> Int64 { ids.add(1, ordering: .relaxed).newValue }

  // MARK: - Watches

  private func start(_ entry: WatchEntry) {
    if isClosed { return entry.fail(StorageError.shutDown) }
    // A stream is for ever what it was opened as: with an outworn token it takes no new watch.
    if stream != nil, let authenticator = client.authenticator, authenticator.generation != tokenGeneration {
      end(.watchClosed("etcd wants a new token"))
    }
    watches[entry.id] = entry
    if stream == nil { openStream() }
    stream?.send(Requests.watch(entry.id, entry.range, startRevision: entry.after?.next.rawValue ?? 0))
    let id = entry.id
    client.http.schedule(after: client.timing.attempt) { [weak self] in
      guard let self, let entry = watches[id], entry.isOpening else { return }
      // Silence after a create means a stopped server: nobody else on this stream gets anything either.
      client.endpoints.failed(endpoint)
      end(
        .watchClosed(
          "etcd at \(client.endpoints.all[endpoint].base) did not confirm a watch within \(client.timing.attempt)"))
    }
  }

  private func cancel(_ id: Int64) {
    guard watches.removeValue(forKey: id) != nil else { return }
    stream?.send(Requests.cancelWatch(id))
    closeIfIdle()
  }

  /// Takes a watch off the stream with an error. etcd is told even if it cancelled itself: 3.6 sends no progress until
  /// it is.
  private func fail(_ entry: WatchEntry, _ error: StorageError) {
    watches[entry.id] = nil
    stream?.send(Requests.cancelWatch(entry.id))
    entry.fail(error)
    // Not closed here when idle: this may be the answer that a line of the stream is being read for. The next tick does
    // it.
  }

  // MARK: - The stream

  private func openStream() {
    generation += 1
    let current = generation
    endpoint = client.endpoints.choose().index
    lastLine = .now
    knock = nil
    tokenGeneration = client.authenticator?.generation ?? 0
    stream = client.http.openStream(
      url: client.watchURL(endpoint),
      onLine: { [weak self] line in
        guard let self, current == generation else { return }
        received(line)
      },
      onEnd: { [weak self] status, rest, failure in
        guard let self, current == generation else { return }
        streamEnded(status, rest, failure)
      })
    scheduleTick(current)
  }

  private func scheduleTick(_ current: Int) {
    client.http.schedule(after: .milliseconds(500)) { [weak self] in
      guard let self, current == generation, stream != nil, !isClosed else { return }
      tick()
      if stream != nil { scheduleTick(current) }
    }
  }

  /// Looks whether the server still lives: one that is stopped keeps its connections and shows nothing.
  private func tick() {
    if watches.isEmpty { return closeIfIdle() }
    let now = ContinuousClock.now
    if let knock {
      if now - knock.at > client.timing.giveUpAfter {
        client.endpoints.failed(endpoint)
        end(.watchClosed("etcd at \(client.endpoints.all[endpoint].base) shows no sign of life"))
      }
    } else if now - lastLine > client.timing.knockAfter {
      let id = nextID()
      knock = (id, now)
      // Some key of a watch, so that the permissions that suffice for the watch suffice here.
      guard let range = watches.values.first?.range else { return }
      stream?.send(
        Requests.watch(id, KeyRange(key: String(decoding: range.key, as: UTF8.self) + "\0"), startRevision: 0))
      stream?.send(Requests.cancelWatch(id))
    }
  }

  private func closeIfIdle() {
    guard watches.isEmpty, let open = stream else { return }
    generation += 1
    stream = nil
    open.close()
  }

  /// Ends the stream and every watch on it.
  private func end(_ error: StorageError) {
    generation += 1
    let open = stream
    stream = nil
    open?.close()
    let ended = watches
    watches = [:]
    for entry in ended.values { entry.fail(error) }
  }

  private func streamEnded(_ status: Int, _ rest: SharedBytes, _ failure: HTTPFailure?) {
    stream = nil
    if failure?.reason == .shutDown { return end(.shutDown) }
    client.endpoints.failed(endpoint)
    // What follows the last newline may be the reason.
    let told = (try? JSONTape.parse(rest)).flatMap { explanation($0.root) }
    let reason =
      told?.text ?? failure?.description
      ?? "etcd ended the watch stream\(status == 200 || status == 0 ? "" : " with HTTP status \(status)")"
    if let told, told.kind == .final, case let refused as StorageError = told.storageError() { return end(refused) }
    end(.watchClosed(reason))
  }

  /// The error in `{"error":{"grpc_code":…,"message":…}}`, or in the plain form of other answers.
  private func explanation(_ root: JSONNode) -> CallFailure? {
    guard let error = root["error"] else { return nil }
    if error.kind == .object {
      return CallFailure(
        code: Int(clamping: error["grpc_code"]?.int ?? error["code"]?.int ?? 2),
        text: error["message"]?.string ?? "error on the watch stream")
    }
    return CallFailure(
      code: Int(clamping: root["code"]?.int ?? 2),
      text: (root["message"] ?? error).string ?? "error on the watch stream")
  }

  // MARK: - Lines

  private func received(_ line: SharedBytes) {
    lastLine = .now
    knock = nil
    do {
      let tape = try JSONTape.parse(line)
      guard let result = tape.root["result"] else {
        client.endpoints.failed(endpoint)
        let told = explanation(tape.root)
        return end(.watchClosed(told?.text ?? "etcd sent something else than a watch answer"))
      }
      try handle(try WatchAnswer(result))
    } catch StorageError.wrongAnswer(let text) {
      // What it meant to tell is not known: every watch begins again behind the last revision that it saw.
      client.endpoints.failed(endpoint)
      end(.watchClosed(text))
    } catch let error as StorageError {
      end(error)
    } catch {
      client.endpoints.failed(endpoint)
      end(.watchClosed("etcd sent something that is not JSON"))
    }
  }

  /// Throws what must end all watches.
  private func handle(_ answer: WatchAnswer) throws {
    try client.integrity.check(cluster: answer.header.cluster)
    if answer.id == -1 {
      if trustsProgress.load(ordering: .relaxed) {
        for entry in watches.values { entry.progress(answer.header.revision) }
      }
      return
    }
    // Unknown: a knock, or a watch that was cancelled while this was under way.
    guard let entry = watches[answer.id] else { return }
    if answer.isCreated && !answer.isCanceled { entry.opened() }
    if answer.isCanceled {
      if answer.compactRevision > 0 {
        entry.opened()
        fail(entry, .compacted(requested: Revision(entry.last), compacted: Revision(answer.compactRevision)))
      } else if answer.isCreated || entry.isOpening {
        fail(entry, .refused(answer.reason ?? "etcd refused the watch"))
      } else {
        fail(entry, .watchClosed(answer.reason ?? "etcd cancelled the watch"))
      }
      return
    }
    guard let events = answer.events else {
      if !answer.isCreated && trustsProgress.load(ordering: .relaxed) { entry.progress(answer.header.revision) }
      return
    }
    do {
      let newest = try entry.add(events, isFragment: answer.isFragment)
      client.integrity.saw(newest)
    } catch let error as WatchEntry.Regression {
      throw StorageError.watchClosed("etcd sent revision \(error.revision) after \(error.last)")
    } catch let error as StorageError {
      if case .wrongAnswer = error { throw error }
      // One value that can't be read ends only its watch.
      return fail(entry, error)
    } catch is WatchEntry.ReaderIsGone {
      watches[entry.id] = nil
      stream?.send(Requests.cancelWatch(entry.id))
    }
  }
}
