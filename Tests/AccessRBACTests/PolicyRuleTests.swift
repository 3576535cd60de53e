import AccessRBAC
import JSON
import Testing

@Suite("Rules of roles")
struct PolicyRuleTests {
  /// What `owner` does not allow of `wanted`.
  private static func missing(_ owner: String, _ wanted: String) throws -> [String] {
    try PolicyRule.missing(
      from: [PolicyRule(JSONValue(parsing: owner))], of: [PolicyRule(JSONValue(parsing: wanted))]
    ).map { $0.object.encoded().text }
  }

  @Test func `a rule covers another part by part`() throws {
    let owner = #"{"verbs":["get","list"],"apiGroups":["","apps"],"resources":["pods","*/scale"]}"#
    #expect(try Self.missing(owner, #"{"verbs":["get"],"apiGroups":["apps"],"resources":["pods","x/scale"]}"#) == [])
    #expect(
      try Self.missing(owner, #"{"verbs":["get","watch"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}"#)
        == [#"{"verbs":["watch"],"apiGroups":[""],"resources":["pods"],"resourceNames":["a"]}"#])
    #expect(try Self.missing(owner, #"{"verbs":["get"],"apiGroups":[""],"resources":["pods/log"]}"#).count == 1)
    let named = #"{"verbs":["*"],"apiGroups":["*"],"resources":["*"],"resourceNames":["a"]}"#
    #expect(try Self.missing(named, #"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#).count == 1)
  }

  @Test func `a path covers those that a star at its end stands for`() throws {
    let owner = #"{"verbs":["get"],"nonResourceURLs":["/api/*","/version"]}"#
    #expect(try Self.missing(owner, #"{"verbs":["get"],"nonResourceURLs":["/api/v1","/api/*","/version"]}"#) == [])
    #expect(
      try Self.missing(owner, #"{"verbs":["get"],"nonResourceURLs":["/version/","/api"]}"#)
        == [
          #"{"verbs":["get"],"nonResourceURLs":["/version/"]}"#, #"{"verbs":["get"],"nonResourceURLs":["/api"]}"#,
        ])
    #expect(try Self.missing(owner, #"{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}"#).count == 1)
  }
}
