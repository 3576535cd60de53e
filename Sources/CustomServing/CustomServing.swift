public import APIServer
import Cacher
import CustomResources
import Logging
public import Controllers
import JSON
import Machinery
public import Metrics
public import Registry
import Synchronization
import Webhooks

/// Serves what clients have defined: follows the definitions, accepts or refuses their names, makes and destroys the
/// storage of their objects, and changes what the server serves. A part of the server, whatever `--controllers` says;
/// each replica does it for itself. (apiextensions-apiserver: `crdHandler` and its controllers)
///
/// A definition is told Established only when every reactor serves it.
public final class CustomServing: StartHook, Controller {
  public let name = "start-apiextensions-controllers"
  public let queue = WorkQueue("crd")
  /// One change of what is served at a time.
  public let workers = 1
  private let definitions: Store
  private let client: SystemClient
  private let make: CustomStorage.Maker
  private let resolve: HookClient.Resolver
  private let state = Mutex(State())

  private struct State {
    var claimed = ClaimedNames()
    /// By the names of definitions.
    var served: [ByteString: ServedDefinition] = [:]
    /// All that is not destroyed yet.
    var ends: [ObjectIdentifier: SharedEnd] = [:]
    /// Those that were there when this server began, and are not served yet; nil before they were looked for.
    var awaited: Set<ByteString>?
    var catalog: Catalog?
    var isOver = false
  }

  /// `definitions`: where they are. `services`: finds those that webhooks are at; nil where there are none.
  public init(
    _ definitions: Store, _ client: SystemClient, services: ServiceResolver?, make: @escaping CustomStorage.Maker
  ) {
    resolve = { namespace, name, port throws(HookClient.Failure) in
      guard let services else { throw HookClient.Failure("services are not served") }
      return try await services.endpoint(namespace, name, port)
    }
    self.definitions = definitions
    self.client = client
    self.make = make
  }

  // MARK: life

  /// Tells what serves; before it runs.
  public func connect(_ catalog: Catalog) { state.withLock { $0.catalog = catalog } }

  private struct NothingServes: Error, CustomStringConvertible {
    let description = "nothing serves yet"
  }
  private func catalog() throws -> Catalog {
    guard let catalog = state.withLock({ $0.catalog }) else { throw NothingServes() }
    return catalog
  }

  public func check() throws {
    if state.withLock({ $0.awaited?.isEmpty != true }) { throw NotYet() }
  }
  private struct NotYet: Error, CustomStringConvertible {
    let description = "custom resources are not served yet"
  }

  public var sources: [EventSource] { [EventSource(objectsOf: definitions, deleted: true)] }

  /// Destroys all caches of custom resources.
  public func destroy() async {
    let ends = state.withLock { state in
      state.isOver = true
      defer { state.ends = [:] }
      return Array(state.ends.values)
    }
    for end in ends { await end.endNow() }
  }

  /// The resources that are served now, each in the version that is stored.
  public var contents: [Store] { state.withLock { $0.served.values.compactMap(\.stores.first) } }

  public func write(_ text: inout MetricsText) {
    for store in contents { store.objects.writeMetrics(&text) }
  }

  // MARK: one definition

  /// Stands for no definition: where there is none, that has to be found out, too.
  private static let all = ObjectName("")

  public func begin() { queue.add(Self.all) }

  public func sync(_ key: ObjectName) async throws -> SyncOutcome {
    try await lookAround()
    if key == Self.all { return .done }
    let outcome = try await settle(key)
    state.withLock { _ = $0.awaited?.remove(ByteString(key.name)) }
    return outcome
  }

  /// Finds out what was there before: names that were accepted are nobody else's.
  private func lookAround() async throws {
    if state.withLock({ $0.awaited != nil }) { return }
    let found = try await definitions.readAll(namespace: "")
    state.withLock { state in
      for definition in found { state.claimed.note(definition) }
      state.awaited = Set(found.compactMap { $0["metadata"]?["name"]?.string.map { ByteString($0) } })
    }
  }

  private func settle(_ key: ObjectName) async throws -> SyncOutcome {
    guard let object = try await client.get(key, in: definitions) else {
      // It has freed its names for others.
      let group = state.withLock { $0.claimed.forget(key.name) }
      try await unserve(key.name)
      if let group { reconsider(group, besides: key.name) }
      return .done
    }
    let definition = try definitions.tree(of: object)
    let named = state.withLock { state in
      state.claimed.note(definition)
      return state.claimed.named(definition)
    }
    if let named { return try await accept(named, key) }
    if let approved = DefinitionStatus.approved(definition) {
      try await write(approved)
      return .done
    }
    let isAccepted = DefinitionCondition.isTrue(.namesAccepted, definition)
    guard isAccepted || DefinitionStatus.isServed(definition) else {
      try await unserve(key.name)
      return try await finish(definition, key)
    }
    try await serve(definition, key.name)
    if let established = DefinitionStatus.established(definition) {
      try await write(established)
      return .done
    }
    return try await finish(definition, key)
  }

  /// Writes what names a definition gets.
  private func accept(_ changed: JSONValue, _ key: ObjectName) async throws -> SyncOutcome {
    guard try await write(changed) else { return .done }
    state.withLock { $0.claimed.note(changed) }
    // It may have freed a name.
    reconsider(changed["spec"]?["group"]?.string ?? "", besides: key.name)
    return .done
  }

  private func reconsider(_ group: String, besides name: String) {
    let others = state.withLock { $0.claimed.definitions(of: group) }
    for other in others where other != name { queue.add(ObjectName(other)) }
  }

  /// Writes a status. False where the definition has changed or gone meanwhile: then it is looked at again.
  @discardableResult
  private func write(_ definition: JSONValue) async throws -> Bool {
    do throws(Status) {
      try await client.update(definition, in: definitions, subresource: .status)
      return true
    } catch {
      if error.code == 404 || error.code == 409 { return false }
      throw error
    }
  }

  // MARK: serving

  /// Serves a definition as it is now; returns when all reactors do.
  private func serve(_ definition: JSONValue, _ name: String) async throws {
    let key = ByteString(name)
    let isTerminating = DefinitionCondition.isTrue(.terminating, definition)
    let known = state.withLock { $0.served[key] }
    let fingerprint = ServedDefinition.fingerprint(of: definition)
    known?.isTerminating.store(isTerminating, ordering: .relaxed)
    if let known, known.fingerprint == fingerprint { return }
    let next = try await ServedDefinition.make(
      definition, fingerprint, isTerminating: isTerminating, make, resolve: resolve)
    let isOver = state.withLock { state in
      state.ends[ObjectIdentifier(next.end)] = next.end
      return state.isOver
    }
    if isOver { return await next.end.endNow() }
    if let failure = await replace(known, by: next) {
      await next.end.endNow()
      forget(next.end)
      throw failure
    }
    state.withLock { $0.served[key] = next }
    // What is served in no version is stored all the same.
    if let known, known.stores.isEmpty { await released(known.end) }
  }

  /// Serves one in the place of another; returns why it can't. (By itself, since the compiler of Swift 6.3 does not get
  /// through the two in one when it optimizes.)
  private func replace(_ known: ServedDefinition?, by next: ServedDefinition) async -> (any Error)? {
    let gone = Set((known?.stores ?? []).map { ObjectIdentifier($0) })
    let resources = next.stores.map { store in
      ServedResource(store) { [weak self] in await self?.released(next.end) }
    }
    guard let catalog = state.withLock({ $0.catalog }) else { return NothingServes() }
    do throws(DuplicateResource) {
      try await catalog.update { $0.filter { !gone.contains(ObjectIdentifier($0.store)) } + resources }
      return nil
    } catch { return error }
  }

  /// Serves a definition no more.
  private func unserve(_ name: String) async throws {
    guard let known = state.withLock({ $0.served.removeValue(forKey: ByteString(name)) }) else { return }
    let gone = Set(known.stores.map { ObjectIdentifier($0) })
    try await catalog().update { $0.filter { !gone.contains(ObjectIdentifier($0.store)) } }
    if known.stores.isEmpty { await released(known.end) }
  }

  /// One version of what is served no more is not in use any more.
  private func released(_ end: SharedEnd) async {
    if await end.release() { forget(end) }
  }

  private func forget(_ end: SharedEnd) { state.withLock { $0.ends[ObjectIdentifier(end)] = nil } }

  // MARK: the end of a definition

  /// How soon it is looked whether objects that are held are gone.
  private static let pause: Duration = .seconds(1)

  /// Deletes all objects of a definition that goes, and lets it go when they are gone.
  /// (`pkg/controller/finalizer/crd_finalizer.go`)
  private func finish(_ definition: JSONValue, _ key: ObjectName) async throws -> SyncOutcome {
    guard DefinitionStatus.needsCleanup(definition) else { return .done }
    if let begun = DefinitionStatus.cleaned(definition, .inProgress) {
      // The change brings it back here.
      try await write(begun)
      return .done
    }
    var step = DefinitionStatus.Cleanup.neverEstablished
    if DefinitionStatus.isServed(definition) {
      guard let store = state.withLock({ $0.served[ByteString(key.name)]?.contents }) else { return .done }
      guard try await isEmptied(store) else { return .again(after: Self.pause) }
      step = .completed
    }
    if let cleaned = DefinitionStatus.cleaned(definition, step) { try await write(cleaned) }
    return .done
  }

  /// Deletes what there is, nobody else being asked; false while something is held.
  private func isEmptied(_ store: Store) async throws -> Bool {
    let found = try await store.list(try store.prepareList(ListOptions(), namespace: "")).objects
    for object in found where !Self.isGoing(object) {
      let name = store.objectName(of: object.key)
      do throws(Status) {
        _ = try await store.delete(name.name, namespace: name.namespace, options: DeleteOptions())
      } catch {
        if error.code != 404 { throw error }
      }
    }
    if found.isEmpty { return true }
    return try await store.list(try store.prepareList(ListOptions(), namespace: "")).objects.isEmpty
  }

  private static func isGoing(_ object: CachedObject) -> Bool {
    (try? JSONTape.parse(object.object).root["metadata"]?["deletionTimestamp"]) != nil
  }
}
