import CustomResources
import JSON
import Machinery
import Testing

/// What the controllers of definitions decide.
@Suite struct `Statuses of definitions` {
  static func definition(
    _ plural: String, kind: String, listKind: String? = nil, shortNames: [JSONValue] = [],
    group: String = "a.example.org"
  ) -> JSONValue {
    [
      "metadata": ["name": .string("\(plural).\(group)")],
      "spec": [
        "group": .string(group),
        "names": [
          "plural": .string(plural), "singular": .string(kind.lowercased()), "shortNames": .array(shortNames),
          "kind": .string(kind), "listKind": .string(listKind ?? "\(kind)List"),
        ],
      ],
      "status": ["conditions": .null, "acceptedNames": ["plural": "", "kind": ""], "storedVersions": ["v1"]],
    ]
  }

  static func reason(_ kind: DefinitionCondition.Kind, _ definition: JSONValue?) -> String? {
    definition.flatMap { DefinitionCondition(kind, of: $0) }.map { "\($0.status) \($0.reason): \($0.message)" }
  }

  @Test func `names that nobody has are accepted, and then it is established`() throws {
    let new = Self.definition("widgets", kind: "Widget", shortNames: ["wi"])
    let named = try #require(DefinitionStatus.named(new, among: [new], now: 0))
    #expect(Self.reason(.namesAccepted, named) == "True NoConflicts: no conflicts found")
    #expect(Self.reason(.established, named) == "False Installing: the initial names have been accepted")
    #expect(DefinitionNames(named["status"]?["acceptedNames"]) == DefinitionNames(new["spec"]?["names"]))
    #expect(DefinitionStatus.named(named, among: [named]) == nil)
    let established = try #require(DefinitionStatus.established(named, now: 60))
    #expect(
      Self.reason(.established, established) == "True InitialNamesAccepted: the initial names have been accepted")
    let times = established["status"]?["conditions"]?.array?.map { $0["lastTransitionTime"]?.string }
    #expect(times == ["1970-01-01T00:00:00Z", "1970-01-01T00:01:00Z"])
    #expect(DefinitionStatus.established(established) == nil)
    #expect(DefinitionStatus.isServed(established))
  }

  @Test(
    arguments: [
      ("widgets", "Other", "OtherList", [], "PluralConflict: \"widgets\" is already in use"),
      ("others", "Widget", "OtherList", [], "KindConflict: \"Widget\" is already in use"),
      ("others", "Other", "Widget", [], "ListKindConflict: \"Widget\" is already in use"),
      ("others", "Other", "OtherList", ["wi"], "ShortNamesConflict: \"wi\" is already in use"),
      (
        "others", "Other", "OtherList", ["wi", "widgets"],
        "ShortNamesConflict: [\"wi\" is already in use, \"widgets\" is already in use]"
      ),
    ] as [(String, String, String, [JSONValue], String)])
  func `a name that another one has is refused`(
    _ plural: String, _ kind: String, _ listKind: String, _ shortNames: [JSONValue], _ told: String
  ) throws {
    let first = Self.definition("widgets", kind: "Widget", shortNames: ["wi"])
    let winner = try #require(DefinitionStatus.named(first, among: [first]))
    let second = Self.definition(plural, kind: kind, listKind: listKind, shortNames: shortNames)
    let loser = try #require(DefinitionStatus.named(second, among: [winner, second]))
    #expect(Self.reason(.namesAccepted, loser) == "False \(told)")
    #expect(Self.reason(.established, loser) == "False NotAccepted: not all names are accepted")
    #expect(DefinitionStatus.established(loser) == nil)
    // It has its turn when the other one is gone.
    let again = try #require(DefinitionStatus.named(loser, among: [loser]))
    #expect(Self.reason(.namesAccepted, again) == "True NoConflicts: no conflicts found")
    // In another group nobody minds.
    let elsewhere = Self.definition("widgets", kind: "Widget", group: "b.example.org")
    let free = try #require(DefinitionStatus.named(elsewhere, among: [winner, elsewhere]))
    #expect(Self.reason(.namesAccepted, free) == "True NoConflicts: no conflicts found")
  }

  @Test func `groups of Kubernetes tell whether they are approved`() throws {
    #expect(DefinitionStatus.approved(Self.definition("widgets", kind: "Widget")) == nil)
    var own = Self.definition("widgets", kind: "Widget", group: "x.k8s.io")
    #expect(Self.reason(.approvalConformant, DefinitionStatus.approved(own))?.hasPrefix("False MissingA") == true)
    own["metadata"]?["annotations"] = ["api-approved.kubernetes.io": "https://example.org/1"]
    let approved = try #require(DefinitionStatus.approved(own))
    #expect(
      Self.reason(.approvalConformant, approved) == "True ApprovedAnnotation: approved in https://example.org/1")
    #expect(DefinitionStatus.approved(approved) == nil)
  }

  @Test func `a definition goes when its instances are gone`() throws {
    var marked = Self.definition("widgets", kind: "Widget")
    #expect(DefinitionStatus.cleaned(marked, .completed) == nil)
    marked["metadata"]?["deletionTimestamp"] = "2026-01-01T00:00:00Z"
    marked["metadata"]?["finalizers"] = ["example.org/mine", .string(DefinitionStatus.finalizer)]
    let begun = try #require(DefinitionStatus.cleaned(marked, .inProgress))
    #expect(
      Self.reason(.terminating, begun) == "True InstanceDeletionInProgress: CustomResource deletion is in progress")
    let done = try #require(DefinitionStatus.cleaned(begun, .completed))
    #expect(Self.reason(.terminating, done) == "False InstanceDeletionCompleted: removed all instances")
    #expect(done["metadata"]?["finalizers"] == ["example.org/mine"])
    #expect(!DefinitionStatus.needsCleanup(done))
  }
}
