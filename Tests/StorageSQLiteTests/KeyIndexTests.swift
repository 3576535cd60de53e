import Testing

@testable import StorageSQLite

@Suite struct `The index over keys` {
  /// What the index must agree with: a plain list of changes.
  private struct Model {
    var changes: [(key: String, revision: Int64, isTombstone: Bool)] = []
    var compacted: Int64 = 0

    func state(at revision: Int64) -> [String: Int64] {
      var state: [String: Int64] = [:]
      for change in changes where change.revision <= revision {
        state[change.key] = change.isTombstone ? nil : change.revision
      }
      return state
    }
  }

  @Test(arguments: [1, 2, 3, 4])
  func `agrees with a plain list of changes at every revision, whatever is compacted`(seed: UInt64) {
    var random = SplitMix(state: seed)
    var index = KeyIndex()
    var model = Model()
    var revision: Int64 = 1
    for round in 0..<4_000 {
      let key = StorageKey("/\(["a", "b", "a/b"][Int(random.next() % 3)])/\(random.next() % (seed == 1 ? 30 : 3_000))")
      let newest = index.find(key.text)?.newest
      let isTombstone = newest.map { !$0.isTombstone } ?? false && random.next() % 3 == 0
      revision += 1
      index.record(
        key, KeyVersion(revision: revision, created: revision, version: 1, lease: 0, isTombstone: isTombstone))
      model.changes.append((key.text, revision, isTombstone))
      if round % 500 == 499 {
        let target = model.compacted + (revision - model.compacted) / 2
        for change in model.changes where change.revision > model.compacted && change.revision <= target {
          index.compact(StorageKey(change.key), at: change.revision, isTombstone: change.isTombstone)
        }
        model.compacted = target
        index.checkInvariants { Issue.record("\($0)") }
        for at in [target, target + 1, (target + revision) / 2, revision] {
          let expected = model.state(at: at)
          for prefix in ["/", "/a/", "/a", "/b/", "/a/b/", "/c"] {
            let keys = expected.filter { $0.key.utf8.starts(with: prefix.utf8) }
            let sorted = keys.sorted { StorageKey($0.key) < StorageKey($1.key) }
            var found: [(key: String, revision: Int64)] = []
            var next: String?
            repeat {
              let step = index.step(prefix, from: next, at: at, room: .max, visits: 97)
              found += step.found
              next = step.next
            } while next != nil
            #expect(found.map(\.key) == sorted.map(\.key))
            #expect(found.map(\.revision) == sorted.map(\.value))
          }
        }
      }
    }
    #expect(index.find("/zzz") == nil)
    #expect(index.find("") == nil)
  }

  @Test func `keys are bytes, not characters`() {
    var index = KeyIndex()
    // One letter and its two spellings in Unicode: Swift's strings call them equal.
    for (place, key) in ["/\u{e9}", "/e\u{301}"].enumerated() {
      index.record(
        StorageKey(key), KeyVersion(revision: Int64(place + 2), created: 2, version: 1, lease: 0, isTombstone: false))
    }
    #expect(index.count == 2)
    #expect(index.find("/\u{e9}")?.newest.revision == 2)
    #expect(index.find("/e\u{301}")?.newest.revision == 3)
  }
}

/// A small generator whose seed is a test argument (Steele, Lea, Flood 2014).
struct SplitMix: RandomNumberGenerator {
  var state: UInt64
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
