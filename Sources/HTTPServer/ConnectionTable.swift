/// A reactor's connections by place. A mark holds the place and the generation that the place had: after a close the
/// same place has another one, so what was meant for the old connection finds nothing.
struct ConnectionTable {
  private struct Slot {
    var connection: Connection?
    var generation: UInt32
  }
  private var slots: [Slot] = []
  private var free: [Int] = []

  var all: [Connection] { slots.compactMap(\.connection) }
  var count: Int { slots.count - free.count }

  mutating func insert(_ connection: Connection) -> UInt64 {
    let place: Int
    if let last = free.popLast() {
      place = last
      slots[place].connection = connection
    } else {
      place = slots.count
      slots.append(Slot(connection: connection, generation: 1))
    }
    return UInt64(slots[place].generation) << 32 | UInt64(place)
  }

  func find(_ mark: UInt64) -> Connection? {
    let place = Int(mark & 0xFFFF_FFFF)
    guard place < slots.count, UInt64(slots[place].generation) == mark >> 32 else { return nil }
    return slots[place].connection
  }

  mutating func remove(_ mark: UInt64) {
    let place = Int(mark & 0xFFFF_FFFF)
    guard place < slots.count, UInt64(slots[place].generation) == mark >> 32 else { return }
    slots[place].connection = nil
    // The two largest values would look like the marks of listeners and the mailbox.
    slots[place].generation = slots[place].generation >= 0xFFFF_FFF0 ? 1 : slots[place].generation + 1
    free.append(place)
  }
}
