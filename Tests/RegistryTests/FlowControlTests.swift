import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources

extension ResourceDefinition {
  /// What is wrong with an object that is created, or changed.
  func complaints(about object: JSONValue, old: JSONValue? = nil) -> [String] {
    rules.check(object, old: old).map(\.message)
  }
}

@Suite struct `Flow schemas and priority levels` {
  @Test(
    arguments: [
      ("/", nil), ("/healthz", nil), ("/a/*", nil), ("", "must not be empty"), ("healthz", "must start with slash"),
      ("/a b", "must not contain white-space"), ("/a//b", "must not contain double slash"),
      ("/a*", "wildcard can only do suffix matching"), ("/*/b", "wildcard can only do suffix matching"),
      ("/*/*", "wildcard can only do suffix matching"), ("/*", nil),
    ] as [(String, String?)])
  func `a path may end in a star, and has no doubled slash`(_ url: String, _ problem: String?) {
    #expect(FlowSchemaRules.problem(withURL: url) == problem)
  }

  private static func level(queues: Int64, hand: Int64) -> JSONValue {
    [
      "metadata": ["name": "x"],
      "spec": [
        "type": "Limited",
        "limited": [
          "nominalConcurrencyShares": 1,
          "limitResponse": [
            "type": "Queue", "queuing": ["queues": .int(queues), "handSize": .int(hand), "queueLengthLimit": 1],
          ],
        ],
      ],
    ]
  }

  @Test func `a hand needs no more chance than there is`() {
    let definition = ResourceDefinition.priorityLevelConfigurations
    let path = "spec.limited.limitResponse.queuing"
    #expect(definition.complaints(about: Self.level(queues: 64, hand: 10)) == [])
    #expect(
      definition.complaints(about: Self.level(queues: 64, hand: 11)) == [
        "\(path).handSize: Invalid value: 11: required entropy bits of deckSize 64 and handSize 11 should not be "
          + "greater than 60"
      ])
    #expect(definition.complaints(about: Self.level(queues: 1, hand: 1)) == [])
    #expect(
      definition.complaints(about: Self.level(queues: 10_000_001, hand: 2)) == [
        "\(path).queues: Invalid value: 10000001: must not be greater than 10000000"
      ])
  }

  @Test func `upstream's messages show what is not there, and take an empty list for none`() {
    let type = BootstrapFlowControl.schemaSpec
    let spec: JSONValue = ["priorityLevelConfiguration": ["name": "p"], "matchingPrecedence": 7]
    #expect(
      InternalForm.text(of: spec, as: type)
        == #"{"PriorityLevelConfiguration":{"Name":"p"},"MatchingPrecedence":7,"DistinguisherMethod":null,"Rules":null}"#
    )
    var other = spec
    other["rules"] = []
    #expect(InternalForm.areSame(spec, other, as: type))
    other["distinguisherMethod"] = ["type": ""]
    #expect(!InternalForm.areSame(spec, other, as: type))
  }

  @Test func `of the exempt level the shares may be changed, and nothing else`() throws {
    let definition = ResourceDefinition.priorityLevelConfigurations
    var exempt = try #require(BootstrapFlowControl.mandatoryPriorityLevels.last)
    exempt["spec"]?["exempt"]?["nominalConcurrencyShares"] = 9
    #expect(definition.complaints(about: exempt) == [])
    var rest = try #require(BootstrapFlowControl.mandatoryPriorityLevels.first)
    rest["spec"]?["limited"]?["nominalConcurrencyShares"] = 9
    #expect(
      definition.complaints(about: rest).map { $0.hasSuffix("spec of 'catch-all' must equal the fixed value") }
        == [true])
  }
}

@Suite struct `Roles` {
  @Test func `what is no selector is told twice`() {
    let definition = ResourceDefinition.clusterRoles
    func role(_ selector: JSONValue) -> JSONValue {
      ["metadata": ["name": "a:b c"], "aggregationRule": ["clusterRoleSelectors": [selector]]]
    }
    #expect(definition.complaints(about: role(["matchLabels": ["a": "b"]])) == [])
    #expect(definition.complaints(about: role([:])) == [])
    let path = "aggregationRule.clusterRoleSelectors[0]"
    #expect(
      definition.complaints(about: role(["matchExpressions": [["key": "a", "operator": "Exists", "values": ["x"]]]]))
        == [
          "\(path).matchExpressions[0].values: Forbidden: may not be specified when `operator` is 'Exists' or "
            + "'DoesNotExist'",
          "\(path): Invalid value: null: invalid label selector.",
        ])
    #expect(
      definition.complaints(about: ["metadata": ["name": "x"], "aggregationRule": [:]]) == [
        "aggregationRule.clusterRoleSelectors: Required value: at least one clusterRoleSelector required if "
          + "aggregationRule is non-nil"
      ])
  }
}
