import HTTPServer
import Machinery
public import Registry
import Synchronization

/// A stored resource that is served, or is to be.
public struct ServedResource: Sendable {
  public let store: Store
  /// Called once, when the resource is served no more and no request is at work on it: what belongs to the store can be
  /// destroyed.
  public let retired: (@Sendable () async -> Void)?

  public init(_ store: Store, retired: (@Sendable () async -> Void)? = nil) {
    self.store = store
    self.retired = retired
  }
}

/// Two resources of the same group, version and plural can't both be served.
public struct DuplicateResource: Error, CustomStringConvertible {
  public let name: String
  public var description: String { "\(name) is served twice" }
}

/// What is served, and the only one who changes it: as a whole, while requests run.
///
/// Each reactor has a plain reference to what it serves (`ReactorSeat`) and is sent the next one through its mailbox,
/// so that a request pays nothing for the possibility. A request keeps what it began with to its end.
public final class Catalog: Sendable {
  private struct State {
    var resources: [ServedResource]
    var served: ServedAPI
    /// Counts the changes.
    var generation = 0
    var seats: [ReactorSeat] = []
    /// What is being taken down.
    var retirements: [Int: Task<Void, Never>] = [:]
    var retirementsBegun = 0
    /// By their names, what was replaced and still has watches: one of each, the newest.
    var replaced: [ByteString: ResourceLifetime] = [:]
  }

  private let state: Mutex<State>
  private let reviews: [Endpoint]
  private let version: String
  private let reactors: Int
  private let grace: Duration

  /// `version`: the server's. `reactors`: how many count by themselves. `grace`: how long requests at work may use what
  /// is served no more.
  /// `serves`: whether a resource is, where an operator may choose.
  init(
    _ resources: [ServedResource], version: String, reactors: Int, grace: Duration,
    serves: (ResourceInfo) -> Bool = { _ in true }
  ) {
    self.version = version
    self.reactors = reactors
    self.grace = grace
    let resources = resources.filter { serves($0.store.info) }
    let reviews = ReviewKind.allCases.filter { serves($0.resource.info) }.map { kind in
      Endpoint(kind, metrics: EndpointMetrics(kind.resource.info, shards: reactors))
    }
    self.reviews = reviews
    let stored = resources.map { Endpoint($0.store, metrics: EndpointMetrics($0.store.info, shards: reactors)) }
    state = Mutex(State(resources: resources, served: ServedAPI(stored + reviews, version: version)))
  }

  /// What is served now. Reactors have it, or will in a moment.
  var served: ServedAPI { state.withLock { $0.served } }

  /// The seat of a reactor; its thread only.
  func seat(of reactor: Reactor) -> ReactorSeat {
    if let seat = reactor.companion as? ReactorSeat { return seat }
    let seat = state.withLock { state in
      let seat = ReactorSeat(reactor, state.served)
      state.seats.append(seat)
      return seat
    }
    reactor.companion = seat
    return seat
  }

  // MARK: changes

  /// Serves these, and nothing else that is stored. Returns when every reactor does: what is told after that is true
  /// for every request that comes then. What is served no more then ends its watches, and is retired when no request is
  /// at work on it. Throws where two have the same name; then nothing has changed.
  public func swap(to resources: [ServedResource]) async throws(DuplicateResource) {
    try await update { _ in resources }
  }

  /// The same, of what is served when the change is made; `change` may be called several times.
  public func update(
    _ change: @Sendable ([ServedResource]) -> [ServedResource]
  ) async throws(DuplicateResource) {
    while true {
      let (before, served, generation) = state.withLock { ($0.resources, $0.served, $0.generation) }
      let after = change(before)
      // Documents are made here, where nobody waits.
      let next = try make(after, from: served)
      if await publish(next, after, instead: generation) {
        let kept = Set(after.map { ObjectIdentifier($0.store) })
        let names = Set(after.map { ByteString($0.store.info.servedName) })
        return retire(before.filter { !kept.contains(ObjectIdentifier($0.store)) }, of: served, replaced: names)
      }
    }
  }

  /// Waits until all that is served no more is retired.
  public func settle() async {
    while let task = state.withLock({ $0.retirements.first?.value }) { await task.value }
  }

  /// What stays, stays the same endpoint; what comes back counts on.
  private func make(_ resources: [ServedResource], from served: ServedAPI) throws(DuplicateResource) -> ServedAPI {
    var names: Set<ByteString> = []
    var known: [ObjectIdentifier: Endpoint] = [:]
    var counts: [ByteString: EndpointMetrics] = [:]
    for endpoint in served.endpoints {
      guard case .stored(let resource) = endpoint.service else {
        names.insert(ByteString(endpoint.info.servedName))
        continue
      }
      known[ObjectIdentifier(resource.store)] = endpoint
      counts[ByteString(endpoint.info.servedName)] = endpoint.metrics
    }
    var endpoints: [Endpoint] = []
    for resource in resources {
      let info = resource.store.info
      let name = ByteString(info.servedName)
      guard names.insert(name).inserted else { throw DuplicateResource(name: name.text) }
      if let endpoint = known[ObjectIdentifier(resource.store)] {
        endpoints.append(endpoint)
        continue
      }
      let metrics = counts[name].flatMap { $0.fits(info) ? $0 : nil } ?? EndpointMetrics(info, shards: reactors)
      endpoints.append(Endpoint(resource.store, metrics: metrics))
    }
    return ServedAPI(endpoints + reviews, version: version, after: served)
  }

  /// Sends all reactors what they serve from now on, and waits until they do. False: somebody else was first.
  private func publish(_ next: ServedAPI, _ resources: [ServedResource], instead generation: Int) async -> Bool {
    await withCheckedContinuation { (done: CheckedContinuation<Bool, Never>) in
      let isFirst = state.withLock { state in
        guard state.generation == generation else { return false }
        state.generation += 1
        state.served = next
        state.resources = resources
        // Posted under the lock, so that all reactors go through the same changes in the same order.
        let latch = Latch(state.seats.count) { done.resume(returning: true) }
        for seat in state.seats {
          let isPosted = seat.reactor?.offer {
            seat.take(next)
            latch.arrive()
          }
          // A reactor that has ended serves nobody.
          if isPosted != true { latch.arrive() }
        }
        return true
      }
      if !isFirst { done.resume(returning: false) }
    }
  }

  // MARK: what goes

  /// `replaced`: what is served again under the same name, by another store. Its watches go on with what they began
  /// with; only when that is replaced once more they end, so that what changes again and again costs no more than twice.
  private func retire(_ gone: [ServedResource], of served: ServedAPI, replaced names: Set<ByteString>) {
    guard !gone.isEmpty else { return }
    let old = Dictionary(gone.map { (ObjectIdentifier($0.store), $0) }, uniquingKeysWith: { first, _ in first })
    for endpoint in served.endpoints {
      guard case .stored(let resource) = endpoint.service, let old = old[ObjectIdentifier(resource.store)] else {
        continue
      }
      let name = ByteString(endpoint.info.servedName)
      // Whoever waits must not hold the endpoint.
      let (lifetime, hook) = (resource.lifetime, old.retired)
      let isReplaced = names.contains(name)
      let before = state.withLock { state in
        defer { state.replaced[name] = isReplaced ? lifetime : nil }
        return state.replaced[name]
      }
      before?.retire()
      if isReplaced {
        Task {
          await lifetime.ended(within: nil)
          await hook?()
        }
      } else {
        lifetime.retire()
        wait(for: lifetime, hook)
      }
    }
    for seat in state.withLock({ $0.seats }) { seat.reactor?.post { seat.endRetiredWatches() } }
  }

  /// Calls `hook` when nobody uses a resource any more.
  private func wait(for lifetime: ResourceLifetime, _ hook: (@Sendable () async -> Void)?) {
    state.withLock { state in
      state.retirementsBegun += 1
      let number = state.retirementsBegun
      state.retirements[number] = Task { [self] in
        await lifetime.ended(within: grace)
        await hook?()
        self.state.withLock { $0.retirements[number] = nil }
      }
    }
  }
}

/// Calls back when as many have arrived as were expected.
private final class Latch: Sendable {
  private let left: Mutex<Int>
  private let done: @Sendable () -> Void

  init(_ count: Int, _ done: @escaping @Sendable () -> Void) {
    left = Mutex(count)
    self.done = done
    if count == 0 { done() }
  }

  func arrive() {
    let isLast = left.withLock { left in
      left -= 1
      return left == 0
    }
    if isLast { done() }
  }
}

/// How long a stored resource is in use: its `ResourceEndpoint` has this, and every request that is at work on it has
/// the endpoint, so that the end of the one is the end of the others.
final class ResourceLifetime: Sendable {
  private struct State {
    var isOver = false
    var waiting: [CheckedContinuation<Void, Never>] = []
  }
  private let state = Mutex(State())
  private let retired = Atomic<Bool>(false)

  /// Is it served no more?
  var isRetired: Bool { retired.load(ordering: .acquiring) }
  func retire() { retired.store(true, ordering: .releasing) }

  func end() {
    let waiting = state.withLock { state in
      state.isOver = true
      defer { state.waiting = [] }
      return state.waiting
    }
    for one in waiting { one.resume() }
  }

  /// Waits until nobody uses the resource, at most for `grace`; nil: however long that takes.
  func ended(within grace: Duration?) async {
    let timer = grace.map { grace in
      Task {
        try? await Task.sleep(for: grace)
        end()
      }
    }
    await withCheckedContinuation { (done: CheckedContinuation<Void, Never>) in
      let isOver = state.withLock { state in
        if !state.isOver { state.waiting.append(done) }
        return state.isOver
      }
      if isOver { done.resume() }
    }
    timer?.cancel()
  }
}
