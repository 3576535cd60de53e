/// Whether what clients saw of one object can have happened one operation after another, each at some moment between
/// its call and its answer.
///
/// The search is Wing and Gong's, with Lowe's memory of what was tried: it takes operations in every order that their
/// times allow, remembers each set of operations with the value that they lead to, and goes back where an answer can't
/// be explained.
public struct ObjectHistory: Sendable {
  public enum Kind: Sendable, Equatable {
    /// nil: there was none.
    case read(String?)
    case write(String)
    /// A write that holds only if `expected` is still there; `succeeded` nil where nobody knows.
    case swap(expected: String?, new: String, succeeded: Bool?)
  }

  public struct Operation: Sendable {
    public var kind: Kind
    public var began: Int64
    /// nil: the answer never came, so it may take effect at any time, or never.
    public var ended: Int64?
    public init(_ kind: Kind, began: Int64, ended: Int64?) {
      self.kind = kind
      self.began = began
      self.ended = ended
    }
  }

  private let operations: [Operation]
  private let initial: String?

  public init(_ operations: [Operation], initial: String? = nil) {
    self.operations = operations
    self.initial = initial
  }

  /// What an operation makes of a value; nil if it can't have been answered so.
  private static func step(_ kind: Kind, _ value: String?) -> String?? {
    switch kind {
    case .read(let seen): seen == value ? .some(value) : nil
    case .write(let new): .some(new)
    case .swap(let expected, let new, true): expected == value ? .some(new) : nil
    case .swap(let expected, _, false): expected != value ? .some(value) : nil
    case .swap(let expected, let new, nil): .some(expected == value ? new : value)
    }
  }

  private struct Tried: Hashable {
    let done: [UInt64]
    let value: String?
  }

  public var isLinearizable: Bool {
    // Calls and returns in the order of time, as a list from which pairs are taken out and put back. Place 0 is its
    // head.
    struct Entry {
      let operation: Int
      /// Of a call, the place of its return; nil for a return.
      var match: Int?
      var previous = 0
      var next: Int?
    }
    var events: [(time: Int64, isReturn: Bool, operation: Int)] = []
    for (place, operation) in operations.enumerated() {
      events.append((operation.began, false, place))
      events.append((operation.ended ?? .max, true, place))
    }
    // A call at the moment of a return comes first: that allows more, never less.
    events.sort { ($0.time, $0.isReturn ? 1 : 0) < ($1.time, $1.isReturn ? 1 : 0) }
    var entries = [Entry(operation: -1, next: events.isEmpty ? nil : 1)]
    var calls: [Int: Int] = [:]
    for (place, event) in events.enumerated() {
      entries.append(
        Entry(operation: event.operation, previous: place, next: place + 2 <= events.count ? place + 2 : nil))
      if event.isReturn {
        entries[calls[event.operation] ?? 0].match = place + 1
      } else {
        calls[event.operation] = place + 1
      }
    }
    func take(_ place: Int) {
      let (previous, next) = (entries[place].previous, entries[place].next)
      entries[previous].next = next
      if let next { entries[next].previous = previous }
    }
    func putBack(_ place: Int) {
      entries[entries[place].previous].next = place
      if let next = entries[place].next { entries[next].previous = place }
    }

    var value = initial
    var done = [UInt64](repeating: 0, count: operations.count / 64 + 1)
    var tried: Set<Tried> = []
    var taken: [(place: Int, value: String?)] = []
    var place = entries[0].next
    while let current = place {
      let entry = entries[current]
      if let match = entry.match {
        if let after = Self.step(operations[entry.operation].kind, value) {
          done[entry.operation / 64] |= 1 << UInt64(entry.operation % 64)
          if tried.insert(Tried(done: done, value: after)).inserted {
            taken.append((current, value))
            value = after
            take(current)
            take(match)
            place = entries[0].next
            continue
          }
          done[entry.operation / 64] &= ~(1 << UInt64(entry.operation % 64))
        }
        place = entry.next
      } else {
        // Its answer came before it could take effect: one of those taken before was taken too early.
        guard let last = taken.popLast(), let match = entries[last.place].match else { return false }
        value = last.value
        let operation = entries[last.place].operation
        done[operation / 64] &= ~(1 << UInt64(operation % 64))
        putBack(match)
        putBack(last.place)
        place = entries[last.place].next
      }
    }
    return true
  }
}
