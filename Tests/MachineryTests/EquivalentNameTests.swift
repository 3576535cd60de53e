import ByteBuffers
import JSON
import Machinery
import Testing

@Suite struct `Equivalent labels and names` {
  @Test func `are different to maps and selectors`() throws {
    let labels = StringMap([("\u{212A}", "1"), ("K", "2"), ("e\u{301}", "3"), ("\u{E9}", "4"), ("v", "\u{212A}")])
    #expect(
      labels.pairs.count == 5 && labels["K"] == "2" && labels["\u{212A}"] == "1" && labels["e\u{301}"] == "3"
        && labels["\u{E9}"] == "4")
    func holds(_ key: String, _ op: LabelSelector.Operator, _ values: [String]) -> Bool {
      LabelSelector([.init(key: key, op: op, values: values)]).matches(labels)
    }
    #expect(
      !holds("v", .equals, ["K"]) && holds("v", .notEquals, ["K"]) && !holds("v", .in, ["K", "x"])
        && holds("v", .notIn, ["K"]))
    let fields = StringMap([("spec.nodeName", "\u{212A}")])
    for (text, isMatch) in [("spec.nodeName=K", false), ("spec.nodeName!=K", true), ("spec.nodeName=\u{212A}", true)] {
      #expect(try FieldSelector.parse(text).matches(fields) == isMatch, "\(text)")
    }
    #expect(try FieldSelector.parse("a=\u{E9},a=e\u{301}").terms.map(\.value) == ["e\u{301}", "\u{E9}"])
  }

  @Test func `are different versions, resources and finalizers`() {
    #expect(GroupVersion(group: "K", version: "v1") != GroupVersion(group: "\u{212A}", version: "v1"))
    #expect(Set([GroupResource(group: "", resource: "K"), GroupResource(group: "", resource: "\u{212A}")]).count == 2)
    let old: JSONObject = ["deletionTimestamp": "2026-01-01T00:00:00Z", "resourceVersion": "1", "finalizers": ["x/K"]]
    var new = old
    new["finalizers"] = ["x/\u{212A}"]
    #expect(MetaValidation.validateUpdate(new, old).contains { "\($0)".contains("no new finalizers can be added") })
  }

  @Test func `are different in patches`() throws {
    let merged = MergePatch.apply(["\u{212A}": .null, "e\u{301}": 2], to: ["K": 1, "\u{E9}": 1])
    #expect(merged == ["K": 1, "\u{E9}": 1, "e\u{301}": 2])
  }
}
