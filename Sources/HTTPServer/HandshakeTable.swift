import ByteBuffers
import Cryptography
import Glibc
import Synchronization

/// TLS handshakes that are not done, of all reactors: at most so many, as each takes memory for somebody who has shown
/// no right to it yet. When there is one more, the oldest of the address that has the most is ended: whoever begins
/// thousands pushes out their own.
final class HandshakeTable: Sendable {
  /// One that is not done.
  final class Place: Sendable {
    fileprivate let group: String
    fileprivate let number: UInt64
    let reactor: Reactor
    let mark: UInt64

    fileprivate init(group: String, number: UInt64, reactor: Reactor, mark: UInt64) {
      (self.group, self.number, self.reactor, self.mark) = (group, number, reactor, mark)
    }
  }

  private struct State {
    /// By address; the oldest first.
    var groups: [String: [Place]] = [:]
    var count = 0
    var last: UInt64 = 0
  }

  /// 0 for no limit.
  private let max: Int
  private let state = Mutex(State())

  /// What OpenSSL holds for a handshake, about.
  static let bytesEach = 32 << 10
  /// The part of a budget that handshakes may take: one in so many.
  static let partOfBudget = 4

  /// `budget`: what clients may make the server hold, in bytes; 0 for no limit.
  init(budget: Int) { max = budget == 0 ? 0 : Swift.max(1, budget / Self.partOfBudget / Self.bytesEach) }

  /// Takes a place. `pushedOut`: who has to go for it.
  func enter(_ address: String, _ reactor: Reactor, mark: UInt64) -> (place: Place, pushedOut: Place?) {
    let group = Self.group(of: address)
    return state.withLock { state in
      state.last += 1
      let place = Place(group: group, number: state.last, reactor: reactor, mark: mark)
      state.groups[group, default: []].append(place)
      state.count += 1
      guard max > 0, state.count > max else { return (place, nil) }
      let most = state.groups.values.max { one, other in
        one.count == other.count ? one[0].number > other[0].number : one.count < other.count
      }
      guard let victim = most?.first else { return (place, nil) }
      Self.remove(victim, &state)
      return (place, victim)
    }
  }

  /// Gives a place back; nothing happens where it was pushed out.
  func leave(_ place: Place) { state.withLock { Self.remove(place, &$0) } }

  private static func remove(_ place: Place, _ state: inout State) {
    guard let at = state.groups[place.group]?.firstIndex(where: { $0 === place }) else { return }
    state.groups[place.group]?.remove(at: at)
    state.count -= 1
    if state.groups[place.group]?.isEmpty == true { state.groups[place.group] = nil }
  }

  /// Whoever has one IPv6 address mostly has all that begin with the same 64 bits.
  static func group(of address: String) -> String {
    guard address.contains(":") else { return address }
    var bytes = [UInt8](repeating: 0, count: 16)
    guard inet_pton(AF_INET6, String(address.prefix { $0 != "%" }), &bytes) == 1 else { return address }
    return Hex.text(bytes.prefix(8), .lower)
  }
}
