import JSON
import Testing

@testable import Controllers

@Suite struct `Roles that are brought up to date` {
  private static func rule(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

  @Test func `what a role gathers is added to, and taken away where none is expected`() throws {
    let existing = try Self.rule(#"{"metadata":{"name":"r"},"aggregationRule":{"clusterRoleSelectors":[{"a":1}]}}"#)
    let expected = try Self.rule(#"{"metadata":{"name":"r"},"aggregationRule":{"clusterRoleSelectors":[{"b":1}]}}"#)
    guard case .update(let role) = RoleReconciliation.role(existing, expected: expected) else {
      Issue.record("nothing is done")
      return
    }
    #expect(role["aggregationRule"]?.encoded().text == #"{"clusterRoleSelectors":[{"a":1},{"b":1}]}"#)
    let plain = try Self.rule(#"{"metadata":{"name":"r"}}"#)
    #expect(RoleReconciliation.role(existing, expected: plain) == .update(plain))
    #expect(RoleReconciliation.role(plain, expected: plain) == .nothing)
  }

  @Test(
    arguments: [
      // The note, the generation, whether it is mandatory; what becomes of a spec that is another, and of the note.
      (nil, 1, false, true, "true"), (nil, 2, false, false, "false"), ("no", 2, false, false, "false"),
      ("false", 1, false, false, nil), ("true", 5, false, true, nil), ("false", 5, true, true, "true"),
    ] as [(String?, Int64, Bool, Bool, String?)])
  func `a spec is set right unless somebody else looks after it`(
    _ note: String?, _ generation: Int64, _ isMandatory: Bool, _ isSet: Bool, _ newNote: String?
  ) throws {
    let name = "apf.kubernetes.io/autoupdate-spec"
    var object: JSONValue = [
      "metadata": ["name": "x", "generation": .int(generation), "annotations": [:]],
      "spec": ["priorityLevelConfiguration": ["name": "other"]],
    ]
    if let note { object["metadata"]?["annotations"]?[name] = .string(note) }
    let wanted: JSONValue = ["spec": ["priorityLevelConfiguration": ["name": "wanted"]]]
    let revised = FlowControlProducer.revised(object, wanted, isMandatory: isMandatory)
    if !isSet && newNote == nil {
      #expect(revised == nil)
      return
    }
    #expect(revised?["spec"] == (isSet ? wanted["spec"] : object["spec"]))
    #expect(revised?["metadata"]?["annotations"]?[name]?.string == newNote ?? note)
  }
}
