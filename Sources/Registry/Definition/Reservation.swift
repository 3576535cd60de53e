public import JSON
public import Machinery
import Storage
import Synchronization

/// What objects of a resource hold of what there is only so much of: addresses, ports. (Kubernetes: `BeginCreate`,
/// `BeginUpdate` and `AfterDelete` of a `registry.Store`.)
public struct ReservationRule: Sendable {
  /// Takes what a write of the object itself needs, and fills it in; before the object is prepared and its rules are
  /// asked. Throws what the client is told, with nothing taken. A dry run takes nothing, and gets nothing to end.
  /// `old`: what is stored, nil for a creation.
  public typealias Reserve =
    @Sendable (_ new: inout JSONValue, _ old: JSONValue?, _ isDryRun: Bool) async throws(Status) -> Reservation?
  /// Gives back what an object that is gone has held.
  public typealias Release = @Sendable (_ object: JSONValue) async -> Void

  let reserve: Reserve
  let release: Release

  public init(reserve: @escaping Reserve, release: @escaping Release) {
    self.reserve = reserve
    self.release = release
  }
}

/// What one round of a write has taken. Ends once, in one of two ways.
public struct Reservation: Sendable {
  public typealias End = @Sendable () async -> Void
  /// The write is made: what the object held before and holds no more is given back.
  let commit: End
  /// The write is not made: what was taken for it is given back.
  let revert: End

  public init(commit: @escaping End, revert: @escaping End) {
    self.commit = commit
    self.revert = revert
  }
}

/// What the rounds of one write hold. A round that comes to nothing gives back what it took.
final class HeldReservation: Sendable {
  private struct State {
    var reservation: Reservation?
    /// The round's object went to the storage.
    var isSubmitted = false
  }
  private let state = Mutex(State())
  private let rule: ReservationRule
  private let isDryRun: Bool

  init?(_ definition: ResourceDefinition, _ part: Subresource, isDryRun: Bool) {
    guard let rule = definition.reservations, part == .main else { return nil }
    self.rule = rule
    self.isDryRun = isDryRun
  }

  /// Begins a round: the one before it lost its race.
  func reserve(_ new: inout JSONValue, _ old: JSONValue?) async throws(Status) {
    await end(isMade: false)
    let reservation = try await rule.reserve(&new, old, isDryRun)
    state.withLock { $0.reservation = isDryRun ? nil : reservation }
  }

  /// The round's object goes to the storage now.
  func submit() { state.withLock { $0.isSubmitted = true } }

  func commit() async { await end(isMade: true) }

  /// The write failed. Where nobody knows whether it was made after all, what it took stays taken: better that than twice
  /// the same. What is held by nothing is found by whoever repairs.
  func revert(after error: any Error) async {
    let isSubmitted = state.withLock { $0.isSubmitted }
    if isSubmitted && !Self.isCertain(error) { return }
    await end(isMade: false)
  }

  private static func isCertain(_ error: any Error) -> Bool {
    switch error {
    case let status as Status: status.code < 500
    case let error as StorageError:
      switch error {
      case .keyExists, .keyNotFound, .tooLarge, .outOfSpace, .refused, .notReady: true
      default: false
      }
    default: false
    }
  }

  /// In a task of its own: that of a client who went away can't wait for anything.
  private func end(isMade: Bool) async {
    let reservation = state.withLock { state in
      defer { state = State() }
      return state.reservation
    }
    guard let reservation else { return }
    let step = isMade ? reservation.commit : reservation.revert
    await Task { await step() }.value
  }
}
