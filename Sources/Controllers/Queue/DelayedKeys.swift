/// Keys that are queued later, each once, the earliest last. A value: its owner keeps it behind its own lock.
struct DelayedKeys {
  private struct Entry {
    let due: ContinuousClock.Instant
    let key: ObjectName
  }
  private var entries: [Entry] = []
  private var dues: [ObjectName: ContinuousClock.Instant] = [:]

  var count: Int { dues.count }
  /// When the next is due; nil where none waits.
  var next: ContinuousClock.Instant? { entries.last?.due }

  /// A key that waits already waits for the earlier of both times.
  mutating func add(_ key: ObjectName, due: ContinuousClock.Instant) {
    if let known = dues[key] {
      guard due < known else { return }
      let place = place(of: known)
      if let found = entries[place...].firstIndex(where: { $0.key == key }) { entries.remove(at: found) }
    }
    dues[key] = due
    entries.insert(Entry(due: due, key: key), at: place(of: due))
  }

  /// Those whose time has come, the earliest first.
  mutating func take(dueBy now: ContinuousClock.Instant) -> [ObjectName] {
    var due: [ObjectName] = []
    while let last = entries.last, last.due <= now {
      entries.removeLast()
      dues[last.key] = nil
      due.append(last.key)
    }
    return due
  }

  /// The first place whose entry is not due later.
  private func place(of due: ContinuousClock.Instant) -> Int {
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].due > due { low = middle + 1 } else { high = middle }
    }
    return low
  }
}
