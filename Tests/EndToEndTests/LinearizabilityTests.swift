import TestSupport
import Testing

/// The checker itself: it must find fault where there is some.
@Suite struct `Linearizability checker` {
  private typealias Operation = ObjectHistory.Operation

  @Test(
    arguments: [
      // One after another.
      [
        .init(.write("a"), began: 0, ended: 1), .init(.read("a"), began: 2, ended: 3),
        .init(.write("b"), began: 4, ended: 5), .init(.read("b"), began: 6, ended: 7),
      ],
      // A read beside a write may see either.
      [
        .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: 9),
        .init(.read("a"), began: 3, ended: 4), .init(.read("b"), began: 5, ended: 6),
      ],
      // A write whose answer never came may be seen late, or never.
      [
        .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: nil),
        .init(.read("a"), began: 3, ended: 4), .init(.read("b"), began: 5, ended: 6),
      ],
      [
        .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: nil),
        .init(.read("a"), began: 3, ended: 4),
      ],
      // Of two swaps from one value, one succeeds; one that nobody knows of may be why another failed.
      [
        .init(.write("a"), began: 0, ended: 1),
        .init(.swap(expected: "a", new: "b", succeeded: true), began: 2, ended: 6),
        .init(.swap(expected: "a", new: "c", succeeded: false), began: 3, ended: 7),
        .init(.read("b"), began: 8, ended: 9),
      ],
      [
        .init(.write("a"), began: 0, ended: 1),
        .init(.swap(expected: "a", new: "b", succeeded: nil), began: 2, ended: nil),
        .init(.swap(expected: "a", new: "c", succeeded: false), began: 3, ended: 7),
        .init(.read("b"), began: 8, ended: 9),
      ],
    ] as [[ObjectHistory.Operation]])
  func `what can have happened passes`(operations: [ObjectHistory.Operation]) {
    #expect(ObjectHistory(operations).isLinearizable)
  }

  @Test(
    arguments: [
      (
        "a stale read",
        [
          .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: 3),
          .init(.read("a"), began: 4, ended: 5),
        ]
      ),
      ("a read from nowhere", [.init(.write("a"), began: 0, ended: 1), .init(.read("x"), began: 2, ended: 3)]),
      (
        "time runs backwards beside a write",
        [
          .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: 9),
          .init(.read("b"), began: 3, ended: 4), .init(.read("a"), began: 5, ended: 6),
        ]
      ),
      (
        "both swaps succeed",
        [
          .init(.write("a"), began: 0, ended: 1),
          .init(.swap(expected: "a", new: "b", succeeded: true), began: 2, ended: 6),
          .init(.swap(expected: "a", new: "c", succeeded: true), began: 3, ended: 7),
        ]
      ),
      (
        "a swap fails without a reason",
        [
          .init(.write("a"), began: 0, ended: 1),
          .init(.swap(expected: "a", new: "c", succeeded: false), began: 3, ended: 7),
        ]
      ),
      (
        "an acknowledged write is lost",
        [
          .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: 3),
          .init(.swap(expected: "a", new: "c", succeeded: true), began: 4, ended: 5),
        ]
      ),
      (
        "an unknown write is applied twice",
        [
          .init(.write("a"), began: 0, ended: 1), .init(.write("b"), began: 2, ended: nil),
          .init(.read("b"), began: 3, ended: 4), .init(.write("c"), began: 5, ended: 6),
          .init(.read("c"), began: 7, ended: 8), .init(.read("b"), began: 9, ended: 10),
        ]
      ),
      ("what was deleted is read", [.init(.read("a"), began: 0, ended: 1)]),
    ] as [(String, [ObjectHistory.Operation])])
  func `what can't have happened does not`(what: String, operations: [ObjectHistory.Operation]) {
    #expect(!ObjectHistory(operations).isLinearizable, "\(what)")
  }

  @Test func `long histories of many clients are checked, and one wrong answer in them is found`() {
    // A register that is served one after another, by clients whose calls and answers take their time.
    var generator = SystemRandomNumberGenerator()
    var value: String?
    var operations: [Operation] = []
    for n in 0..<5_000 {
      let now = Int64(n) * 10
      let (began, ended) = (
        now - Int64.random(in: 1...40, using: &generator), now + Int64.random(in: 1...40, using: &generator)
      )
      if Bool.random(using: &generator) {
        value = "v\(n)"
        operations.append(Operation(.write("v\(n)"), began: began, ended: n % 997 == 0 ? nil : ended))
      } else {
        operations.append(Operation(.read(value), began: began, ended: ended))
      }
    }
    #expect(ObjectHistory(operations).isLinearizable)
    operations.append(Operation(.read("v1-never"), began: 25_000, ended: 25_010))
    #expect(!ObjectHistory(operations).isLinearizable)
  }
}
