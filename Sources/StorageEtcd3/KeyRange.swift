/// Keys as etcd ranges them: from `key` (inclusive) to `end` (exclusive); nil for the one key.
struct KeyRange: Sendable, Equatable {
  let key: [UInt8]
  let end: [UInt8]?

  /// One key.
  init(key: String) {
    self.key = Array(key.utf8)
    end = nil
  }

  /// Every key that begins with `prefix`, from `start` on.
  init(prefix: String, from start: String? = nil) {
    let first = Array(prefix.utf8)
    let wanted = start.map { Array($0.utf8) } ?? first
    // A start before the prefix would bring in strangers.
    key = wanted.lexicographicallyPrecedes(first) ? first : wanted.isEmpty ? [0] : wanted
    end = KeyRange.end(ofPrefix: first)
  }

  /// Is `name` one of them?
  func contains(_ name: String) -> Bool {
    guard let end else { return name.utf8.elementsEqual(key) }
    return !name.utf8.lexicographicallyPrecedes(key) && (end == [0] || name.utf8.lexicographicallyPrecedes(end))
  }

  /// The first key behind those with the prefix; etcd takes a lone zero byte as "to the end".
  static func end(ofPrefix prefix: [UInt8]) -> [UInt8] {
    var end = prefix
    while let last = end.last {
      if last < 0xFF {
        end[end.count - 1] = last + 1
        return end
      }
      end.removeLast()
    }
    return [0]
  }
}
