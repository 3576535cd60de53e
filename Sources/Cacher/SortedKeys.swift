/// Keys in the order of their bytes, in pieces that copies share: an insertion copies one piece and the list of pieces.
enum SortedKeys: Sendable {
  case one(String)
  case pieces(ContiguousArray<ContiguousArray<String>>, count: Int)

  private static let pieceMax = 64

  var count: Int {
    switch self {
    case .one: 1
    case .pieces(_, let count): count
    }
  }

  private var all: ContiguousArray<ContiguousArray<String>> {
    switch self {
    case .one(let key): [[key]]
    case .pieces(let pieces, _): pieces
    }
  }

  /// `key` is not among them.
  mutating func insert(_ key: String) {
    var pieces = all
    let count = count + 1
    // Taken out, so that it changes in place.
    self = .one("")
    let place = Self.piece(of: key, in: pieces)
    pieces[place].insert(key, at: Self.place(of: key, in: pieces[place]))
    if pieces[place].count > Self.pieceMax {
      // Keys that arrive in order fill their pieces.
      let isLast = place == pieces.count - 1 && pieces[place].last == key
      let half = isLast ? Self.pieceMax : Self.pieceMax / 2
      pieces.insert(ContiguousArray(pieces[place][half...]), at: place + 1)
      pieces[place].removeSubrange(half...)
    }
    self = .pieces(pieces, count: count)
  }

  /// Takes a key out; false where none is left.
  mutating func remove(_ key: String) -> Bool {
    var pieces = all
    var count = count
    self = .one("")
    let piece = Self.piece(of: key, in: pieces)
    let place = Self.place(of: key, in: pieces[piece])
    if place < pieces[piece].count, pieces[piece][place] == key {
      pieces[piece].remove(at: place)
      count -= 1
      if pieces[piece].isEmpty { pieces.remove(at: piece) }
    }
    if let only = pieces.first?.first, count == 1 { self = .one(only) } else { self = .pieces(pieces, count: count) }
    return count > 0
  }

  /// Those that begin with `prefix` and are not smaller than `start`.
  func keys(prefix: String, from start: String) -> ContiguousArray<String> {
    var found: ContiguousArray<String> = []
    let pieces = all
    var piece = Self.piece(of: start, in: pieces)
    var place = Self.place(of: start, in: pieces[piece])
    while piece < pieces.count {
      for key in pieces[piece][place...] {
        guard hasKeyPrefix(key, prefix) else { return found }
        found.append(key)
      }
      piece += 1
      place = 0
    }
    return found
  }

  /// The piece where a key is or would be.
  private static func piece(of key: String, in pieces: ContiguousArray<ContiguousArray<String>>) -> Int {
    withKeyBytes(key) { key in
      var low = 1
      var high = pieces.count
      while low < high {
        let middle = (low + high) / 2
        if compareKeys(key, pieces[middle][0]) >= 0 { low = middle + 1 } else { high = middle }
      }
      return low - 1
    }
  }

  private static func place(of key: String, in keys: ContiguousArray<String>) -> Int {
    withKeyBytes(key) { key in
      var low = 0
      var high = keys.count
      while low < high {
        let middle = (low + high) / 2
        if compareKeys(key, keys[middle]) > 0 { low = middle + 1 } else { high = middle }
      }
      return low
    }
  }

  func checkInvariants(report: (String) -> Void) {
    let pieces = all
    let keys = pieces.flatMap { $0 }
    if keys.count != count { report("\(count) keys, found \(keys.count)") }
    for piece in pieces where piece.isEmpty || piece.count > Self.pieceMax { report("a piece of \(piece.count) keys") }
    for (a, b) in zip(keys, keys.dropFirst()) where withKeyBytes(a, { compareKeys($0, b) }) >= 0 {
      report("\(a) stands before \(b) in the index")
    }
  }
}
