import Storage

/// Watchers in no order; insertion, removal and iteration cost nothing to speak of.
struct WatcherSet {
  private(set) var all: ContiguousArray<CacheWatcher> = []
  private var places: [ObjectIdentifier: Int] = [:]
  var isEmpty: Bool { all.isEmpty }
  var count: Int { all.count }

  func contains(_ watcher: CacheWatcher) -> Bool { places[ObjectIdentifier(watcher)] != nil }

  mutating func insert(_ watcher: CacheWatcher) {
    guard places[ObjectIdentifier(watcher)] == nil else { return }
    places[ObjectIdentifier(watcher)] = all.count
    all.append(watcher)
  }

  @discardableResult
  mutating func remove(_ watcher: CacheWatcher) -> Bool {
    guard let place = places.removeValue(forKey: ObjectIdentifier(watcher)) else { return false }
    let last = all.removeLast()
    if place < all.count {
      all[place] = last
      places[ObjectIdentifier(last)] = place
    }
    return true
  }

  func checkInvariants(report: (String) -> Void) {
    if places.count != all.count { report("\(places.count) places for \(all.count) watchers") }
    for (place, watcher) in all.enumerated() where places[ObjectIdentifier(watcher)] != place {
      report("watcher at \(place) is noted at \(places[ObjectIdentifier(watcher)] ?? -1)")
    }
  }
}

/// The live watchers by what they can want, so that an event visits no others: those of a trigger value, else those of
/// a scope, else all.
///
/// Invariant: each live watcher stands in exactly one set; no set in a dictionary is empty.
struct WatcherIndex {
  private(set) var unscoped = WatcherSet()
  private(set) var byScope: [KeyScope: WatcherSet] = [:]
  private(set) var byTrigger: [ByteString: WatcherSet] = [:]

  mutating func insert(_ watcher: CacheWatcher) {
    if let value = watcher.triggerValue {
      byTrigger[value, default: WatcherSet()].insert(watcher)
    } else if watcher.scope == KeyScope() {
      unscoped.insert(watcher)
    } else {
      byScope[watcher.scope, default: WatcherSet()].insert(watcher)
    }
  }

  mutating func remove(_ watcher: CacheWatcher) {
    if let value = watcher.triggerValue {
      byTrigger[value]?.remove(watcher)
      if byTrigger[value]?.isEmpty == true { byTrigger[value] = nil }
    } else if watcher.scope == KeyScope() {
      unscoped.remove(watcher)
    } else {
      byScope[watcher.scope]?.remove(watcher)
      if byScope[watcher.scope]?.isEmpty == true { byScope[watcher.scope] = nil }
    }
  }

  var count: Int {
    unscoped.count + byScope.values.reduce(0) { $0 + $1.count } + byTrigger.values.reduce(0) { $0 + $1.count }
  }
  /// Are there watchers that one event must be looked up for?
  var hasScoped: Bool { !byScope.isEmpty || !byTrigger.isEmpty }

  /// Calls `body` for each scoped or triggered watcher that an event about `scope` with these trigger values may
  /// concern.
  func forEachScoped(_ scope: KeyScope, triggers: [String], _ body: (CacheWatcher) -> Void) {
    if !byScope.isEmpty {
      byScope[scope]?.all.forEach(body)
      if !scope.namespace.isEmpty {
        byScope[KeyScope(namespace: scope.namespace)]?.all.forEach(body)
        byScope[KeyScope(name: scope.name)]?.all.forEach(body)
      }
    }
    if !byTrigger.isEmpty {
      for value in triggers { byTrigger[value]?.all.forEach(body) }
    }
  }

  func checkInvariants(report: (String) -> Void) {
    unscoped.checkInvariants(report: report)
    for (scope, set) in byScope {
      if set.isEmpty { report("empty set for \(scope)") }
      set.checkInvariants(report: report)
      for watcher in set.all where watcher.scope != scope { report("\(watcher.scope) stands under \(scope)") }
    }
    for (value, set) in byTrigger {
      if set.isEmpty { report("empty set for trigger \(value)") }
      set.checkInvariants(report: report)
      for watcher in set.all where watcher.triggerValue != value.text {
        report("\(watcher.triggerValue ?? "-") stands under \(value)")
      }
    }
  }
}

/// The threads that watchers live on, each with the watchers that it must be told about after the batch at hand.
struct HomeTable {
  private struct Slot {
    var home: (any WatchHome)?
    var watchers = 0
    var dirty: [CacheWatcher] = []
  }
  private var slots: [Slot] = []
  private var places: [ObjectIdentifier: Int] = [:]

  /// The place of a home, which one more watcher now uses.
  mutating func enter(_ home: any WatchHome) -> Int {
    if let place = places[ObjectIdentifier(home)] {
      slots[place].watchers += 1
      return place
    }
    let place = slots.firstIndex { $0.home == nil } ?? slots.count
    if place == slots.count { slots.append(Slot()) }
    slots[place] = Slot(home: home, watchers: 1)
    places[ObjectIdentifier(home)] = place
    return place
  }

  mutating func leave(_ place: Int) {
    slots[place].watchers -= 1
    if slots[place].watchers == 0, let home = slots[place].home {
      places[ObjectIdentifier(home)] = nil
      slots[place].home = nil
      slots[place].dirty = []
    }
  }

  mutating func mark(_ watcher: CacheWatcher) { slots[watcher.homeSlot].dirty.append(watcher) }

  /// One job a home that has something to hear.
  struct Wake {
    let home: any WatchHome
    let watchers: [CacheWatcher]
    func post() { home.post { [watchers] in for watcher in watchers { watcher.fire() } } }
  }
  mutating func takeWakes() -> [Wake] {
    var wakes: [Wake] = []
    for place in slots.indices {
      guard !slots[place].dirty.isEmpty, let home = slots[place].home else { continue }
      wakes.append(Wake(home: home, watchers: slots[place].dirty))
      slots[place].dirty = []
    }
    return wakes
  }
}
