import ByteBuffers
import JSON
import Machinery
import TestSupport
import Testing

@testable import FieldManagement

/// Ownership that a client made as bad as it can be.
@Suite struct `The work of field ownership is bounded` {
  private static let count = Tools.isFullRun ? 60_000 : 15_000

  @Test(.timeLimit(.minutes(3)))
  func `fields out of order, and elements that are there in several spellings, are sorted and joined`() throws {
    let names = (0..<Self.count).map { #""f:m\#($0)":{}"# }.reversed()
    let set = try FieldSet(fieldsV1: try JSONValue(parsing: "{\(names.joined(separator: ","))}"))
    set.checkInvariants { Issue.record("\($0)") }
    #expect(set.entries.count == Self.count)
    let spelled = (0..<Self.count).map {
      #""v:1\#($0 == 0 ? "" : "." + String(repeating: "0", count: $0 % 300 + 1))":{"f:m\#($0)":{}}"#
    }
    let joined = try FieldSet(fieldsV1: try JSONValue(parsing: "{\(Set(spelled).joined(separator: ","))}"))
    joined.checkInvariants { Issue.record("\($0)") }
    #expect(joined.entries.count == 1)
  }

  @Test(.timeLimit(.minutes(3))) func `thousands of managers cost no more than what they own`() throws {
    let count = Self.count / 5
    let entries = (0..<count).map { place in
      #"{"manager":"m\#(place)","operation":"\#(place % 2 == 0 ? "Update" : "Apply")","apiVersion":"v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{"f:labels":{"f:k\#(place)":{}}}}}"#
    }
    let labels = (0..<count).map { #""k\#($0)":"v""# }.joined(separator: ",")
    var bench = try Bench(
      #"{"metadata":{"name":"a","labels":{\#(labels)},"managedFields":[\#(entries.joined(separator: ","))]}}"#)
    try bench.update("writer") { node in
      node["metadata"]?["labels"] = .object(
        JSONObject(unchecked: (0..<count).map { JSONObject.Member("k\($0)", $0 % 4 < 2 ? "w" : "v") }))
    }
    let left = bench.live?["metadata"]?["managedFields"]?.array ?? []
    // Half of those who applied still own their field; of those who updated ten are told apart.
    #expect(left.count { $0["operation"] == "Apply" } == count / 4 && left.count { $0["operation"] == "Update" } <= 11)
  }

  @Test(arguments: 0..<4 as Range<UInt64>) func `sets of very different size are cut as sets of the same size are`(
    seed: UInt64
  ) {
    var dice = Dice(seed)
    for _ in 0..<Repository.rounds(150) {
      func set(_ count: Int) -> FieldSet {
        FieldSet(
          (0..<count).map { _ in
            (0...dice.number(below: 2)).map { _ in PathElement.field("m\(dice.number(below: 60))") }
          })
      }
      let (small, large) = (set(1 + dice.number(below: 4)), set(200))
      func paths(_ set: FieldSet) -> Set<[PathElement]> {
        var all: Set<[PathElement]> = []
        set.forEach { all.insert($0) }
        return all
      }
      for (a, b) in [(small, large), (large, small)] {
        for cut in [a.intersection(b), a.subtracting(b)] { cut.checkInvariants { Issue.record("\($0)") } }
        #expect(paths(a.intersection(b)) == paths(a).intersection(paths(b)))
        #expect(paths(a.subtracting(b)) == paths(a).subtracting(paths(b)))
      }
      let parts = (0..<dice.number(below: 9)).map { _ in set(5) }
      #expect(paths(FieldSet.union(of: parts)) == parts.reduce(into: []) { $0.formUnion(paths($1)) })
    }
  }

  @Test(.timeLimit(.minutes(3))) func `items whose keys are lists are told apart by what is in them`() throws {
    let items = (0..<Self.count).map { #"{"type":[\#($0)],"status":"True"}"# }.joined(separator: ",")
    let config = try Fixture.config(#"{"metadata":{"name":"a"},"status":{"conditions":[\#(items)]}}"#)
    #expect(try Fixture.schema().problems(config)?.contains("expected string") == true)
    let elements = Set((0..<Self.count).map { PathElement.key([PathElement.Key("type", [.int(Int64($0))])]) })
    #expect(elements.count == Self.count)
  }
}
