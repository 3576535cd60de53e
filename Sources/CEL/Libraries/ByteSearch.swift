/// Finds bytes in bytes, in time that is linear in both whatever they are: texts in expressions come from clients.
/// (Knuth, Morris and Pratt)
struct ByteSearch {
  private let wanted: [UInt8]
  /// For each count of bytes that match: how many of them can be the beginning of a match still.
  private let fallback: [Int]

  /// For what is not empty.
  init(for wanted: [UInt8]) {
    self.wanted = wanted
    var fallback = [Int](repeating: 0, count: wanted.count + 1)
    var matched = 0
    for place in wanted.indices.dropFirst() {
      while matched > 0, wanted[place] != wanted[matched] { matched = fallback[matched] }
      if wanted[place] == wanted[matched] { matched += 1 }
      fallback[place + 1] = matched
    }
    self.fallback = fallback
  }

  /// Where it begins, without overlaps; `max` places at most.
  func places(in bytes: [UInt8], max: Int = .max) -> [Int] {
    guard let first = wanted.first else { return [] }
    var found: [Int] = []
    var matched = 0
    var place = 0
    while place < bytes.count, found.count < max {
      if matched == 0, bytes[place] != first {
        place += 1
        continue
      }
      while matched > 0, bytes[place] != wanted[matched] { matched = fallback[matched] }
      if bytes[place] == wanted[matched] { matched += 1 }
      place += 1
      if matched == wanted.count {
        found.append(place - matched)
        matched = 0
      }
    }
    return found
  }
}
