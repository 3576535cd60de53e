import ByteBuffers
import Cacher
import HTTPServer

/// What one reactor keeps for the requests that come in on it: what is served, as a plain reference that no other
/// thread touches, its open watches, and room for their deliveries.
// Sendable: touched on its reactor only, but for `reactor`, which never changes.
final class ReactorSeat: @unchecked Sendable {
  weak let reactor: Reactor?
  @exclusivity(unchecked) private(set) var served: ServedAPI
  private var watches: [WatchPump] = []

  // Where a delivery is made, one for all watches of a reactor: so it allocates nothing, and is in the processor's
  // caches already. Empty but while pumping.
  @exclusivity(unchecked) var events: [WatchEvent] = []
  @exclusivity(unchecked) var slices: [ByteSlice] = []
  @exclusivity(unchecked) var sizes: [Int] = []

  init(_ reactor: Reactor, _ served: ServedAPI) {
    self.reactor = reactor
    self.served = served
  }

  /// From now on requests are served by this.
  func take(_ served: ServedAPI) {
    assert(reactor?.isCurrent ?? true, "what a reactor serves is changed on its thread")
    self.served = served
  }

  /// A watch was opened; gives its place.
  func add(_ watch: WatchPump) -> Int {
    watches.append(watch)
    return watches.count - 1
  }

  /// A watch is over; its place goes to the last one. Nothing happens if it was never added.
  func remove(_ watch: WatchPump) {
    let place = watch.place
    guard place < watches.count, watches[place] === watch, let last = watches.popLast(), last !== watch else { return }
    watches[place] = last
    last.place = place
  }

  /// Ends the watches of what is not served any more, as if their time was up.
  func endRetiredWatches() {
    for watch in watches where watch.isRetired { watch.end() }
  }
}
