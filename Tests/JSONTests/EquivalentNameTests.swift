import ByteBuffers
import JSON
import Testing

@Suite struct `Members with equivalent names` {
  private let names = ["K", "\u{212A}", "\u{E9}", "e\u{301}"]

  @Test func `are different members, in few and in many`() throws {
    for filler in [0, 40] {
      let others = (0..<filler).map { JSONObject.Member("m\($0)", .int(Int64($0))) }
      let members = names.enumerated().map { JSONObject.Member($1, .int(Int64($0))) }
      let object = JSONObject(uniquing: others + members)
      #expect(object.count == filler + 4)
      var editor = JSONObjectEditor(object)
      for (place, name) in names.enumerated() {
        #expect(object[name] == .int(Int64(place)) && editor[name] == .int(Int64(place)))
      }
      editor["K"] = nil
      #expect(editor["K"] == nil && editor["\u{212A}"] == 1 && editor.object.count == filler + 3)
      let text = JSONValue.object(object).encoded()
      #expect(try JSONValue(parsing: ByteSlice(text)) == .object(object))
      #expect(try JSONTape.parse(text).root["\u{212A}"]?.int == 1)
    }
  }

  @Test func `are different values`() {
    #expect(JSONValue.string("K") != .string("\u{212A}"))
    #expect(JSONValue.object(["K": 1]) != .object(["\u{212A}": 1]))
    #expect(!JSONValue.object(["K": 1]).isSameValue(as: .object(["\u{212A}": 1])))
    #expect(JSONValue.array(["\u{E9}"]) != .array(["e\u{301}"]))
  }

  @Test func `are sorted by their bytes`() {
    var object = JSONObject(
      uniquing: ["\u{10000}", "\u{FFFF}", "e\u{301}", "\u{E9}", "f"].map { JSONObject.Member($0, .null) })
    object.sortByName()
    #expect(object.members.map(\.name) == ["e\u{301}", "f", "\u{E9}", "\u{FFFF}", "\u{10000}"])
  }
}
