import JSON
import TestSupport
import Testing

@Suite struct `Object under edits` {
  @Test(arguments: [1, 2, 3, 4] as [UInt64]) func `has what a plain object has after the same edits`(seed: UInt64) {
    var dice = Dice(seed)
    for round in 0..<Repository.rounds(100) {
      var plain = JSONObject(
        unchecked: (0..<dice.number(below: 24)).map { JSONObject.Member("m\($0)", .int(Int64($0))) })
      var editor = JSONObjectEditor(plain)
      for _ in 0..<30 {
        let name = "m\(dice.number(below: 40))"
        switch dice.number(below: 4) {
        case 0:
          plain[name] = nil
          editor[name] = nil
        case 1:
          let taken = editor.take(name)
          #expect(taken == plain[name])
          editor[name] = taken
        case 2 where dice.one(in: 8):
          for member in plain.members where member.name.hasSuffix("3") { plain[member.name] = nil }
          editor.removeAll { $0.hasSuffix("3") }
        default:
          let value = JSONValue.int(Int64(dice.number(below: 9)))
          plain[name] = value
          editor[name] = value
        }
        #expect(editor[name] == plain[name])
      }
      #expect(editor.object == plain, "seed \(seed) round \(round)")
    }
  }

  @Test func `values are the same whatever the order of members`() {
    let many = (0..<40).map { JSONObject.Member("m\($0)", .int(Int64($0))) }
    let turned = JSONValue.object(JSONObject(unchecked: many.reversed()))
    #expect(JSONValue.object(JSONObject(unchecked: many)).isSameValue(as: turned))
    #expect(
      !JSONValue.object(JSONObject(unchecked: many)).isSameValue(
        as: .object(JSONObject(unchecked: many.reversed().dropLast() + [JSONObject.Member("other", 1)]))))
    #expect(
      (["a": [1, ["b": .double(2)]]] as JSONValue).isSameValue(as: ["a": [1, ["b": 2]]])
        && !(["a": 1] as JSONValue).isSameValue(as: ["a": "1"]))
  }
}
