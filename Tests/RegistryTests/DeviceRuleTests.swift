import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources

@Suite struct `Rules of devices` {
  private static func complaints(kind: String, _ object: JSONValue) throws -> [String] {
    let definition = try #require(BuiltInResources.all().first { $0.kind == kind })
    #expect(definition.problems == [])
    return definition.rules.check(object).map(\.message)
  }

  private static func slice(_ device: JSONValue) throws -> [String] {
    try complaints(
      kind: "ResourceSlice",
      [
        "metadata": ["name": "s"],
        "spec": [
          "driver": "d.example.org", "pool": ["name": "p", "generation": 1, "resourceSliceCount": 1],
          "allNodes": true, "devices": [device],
        ],
      ])
  }

  @Test(
    arguments: [
      ("1.2.3", true), ("0.0.0", true), ("1.2.3-rc.1+build.7", true), ("1.2.3-0a", true), ("1.2.3--", true),
      ("1.2.3+a-b", true), ("", false), ("1.2", false), ("01.2.3", false), ("1.2.3-", false), ("1.2.3-01", false),
      ("1.2.3+", false), ("1.2.3-a..b", false), ("v1.2.3", false), ("1.2.3 ", false), ("1.2.3-ä", false),
    ] as [(String, Bool)])
  func `versions are semantic ones`(text: String, isGood: Bool) {
    #expect(SemanticVersion.isWellFormed(text) == isGood)
  }

  @Test func `what may be asked of a capacity fits what there is`() throws {
    func said(_ policy: JSONValue, shared: Bool = true) throws -> [String] {
      try Self.slice([
        "name": "d", "allowMultipleAllocations": .bool(shared),
        "capacity": ["mem": ["value": "10Gi", "requestPolicy": policy]],
      ])
    }
    let path = "spec.devices[0].capacity[mem].requestPolicy"
    #expect(try said([:]) == [])
    #expect(try said([:], shared: false) == ["\(path): Forbidden: allowMultipleAllocations must be true"])
    #expect(try said(["default": "2Gi", "validValues": ["1Gi", "2Gi"]]) == [])
    #expect(
      try said(["validValues": ["1Gi"]]) == ["\(path).default: Required value: required when validValues is defined"])
    #expect(
      try said(["default": "3Gi", "validValues": ["2Gi", "1Gi", "11Gi", "1Gi"]]) == [
        #"\#(path).validValues[1]: Invalid value: "1Gi": values must be sorted in ascending order"#,
        #"\#(path).validValues[3]: Invalid value: "1Gi": values must be sorted in ascending order"#,
        #"\#(path).validValues[2]: Invalid value: "11Gi": option is larger than capacity value: 10Gi"#,
        #"\#(path).validValues[3]: Duplicate value: "1073741824""#,
        #"\#(path).validValues: Invalid value: "3Gi": default value is not valid according to the requestPolicy"#,
      ])
    #expect(try said(["default": "3Gi", "validRange": ["min": "1Gi", "max": "5Gi", "step": "1Gi"]]) == [])
    #expect(
      try said(["default": "3Gi", "validRange": ["min": "1Gi", "step": "0"]]) == [
        #"\#(path).validRange.step: Invalid value: "3Gi": value is not a multiple of a given step (0) from (1Gi)"#
      ])
    #expect(
      try said(["default": "512Mi", "validRange": ["min": "1Gi", "max": "12Gi", "step": "10Gi"]]) == [
        #"\#(path).validRange.min: Invalid value: "512Mi": default is less than min: 1Gi"#,
        #"\#(path).validRange.max: Invalid value: "12Gi": max is larger than capacity value: 10Gi"#,
        #"\#(path).validRange.step: Invalid value: "10Gi": one step 11Gi is larger than capacity value: 10Gi"#,
        #"\#(path).validRange.step: Invalid value: "512Mi": value is not a multiple of a given step (10Gi) from (1Gi)"#,
        #"\#(path).validRange.step: Invalid value: "12Gi": value is not a multiple of a given step (10Gi) from (1Gi)"#,
      ])
  }

  @Test func `conditions of binding are told apart`() throws {
    let path = "spec.devices[0]"
    #expect(
      try Self.slice(["name": "d", "bindingConditions": ["a", "a"], "bindingFailureConditions": ["a"]]) == [
        #"\#(path).bindingConditions[1]: Duplicate value: "a""#,
        #"\#(path).bindingFailureConditions[0]: Invalid value: "a": bindingFailureConditions must not overlap with "#
          + "bindingConditions",
      ])
    #expect(
      try Self.slice(["name": "d", "bindingConditions": ["a"]]) == [
        "\(path).bindingFailureConditions: Invalid value: null: bindingFailureConditions are required to use "
          + "bindingConditions"
      ])
  }

  @Test func `a type of upstream's own is shown whole, under Go's names`() {
    #expect(
      InternalForm.text(
        of: [
          "devices": ["results": [["request": "r", "shareID": "u"]]], "nodeSelector": ["nodeSelectorTerms": [[:]]],
        ],
        as: "io.k8s.api.resource.v1.AllocationResult")
        == #"{"Devices":{"Results":[{"Request":"r","Driver":"","Pool":"","Device":"","AdminAccess":null,"#
        + #""Tolerations":null,"BindingConditions":null,"BindingFailureConditions":null,"ShareID":"u","#
        + #""ConsumedCapacity":null}],"Config":null},"NodeSelector":{"NodeSelectorTerms":[{"MatchExpressions":null,"#
        + #""MatchFields":null}]},"AllocationTimestamp":null}"#)
  }

  @Test(arguments: [
    ("", "invalid UUID length: 0"), ("x", "invalid UUID length: 1"),
    ("11111111-2222-3333-4444-55555555555g", "invalid UUID format"),
    ("urn:uuid:11111111-2222-3333-4444-55555555555g", "invalid UUID format"),
    ("xrn:uuid:11111111-2222-3333-4444-555555555555", #"invalid urn prefix: "xrn:uuid:""#),
    ("(11111111-2222-3333-4444-555555555555)", "invalid bracketed UUID format"),
    ("1111111122223333444455555555555g", "invalid UUID format"),
  ])
  func `shares are named as Go names what is no UUID`(text: String, why: String) throws {
    var claim: JSONValue = ["metadata": ["name": "c", "namespace": "n"]]
    claim["spec"] = ["devices": ["requests": [["name": "r"]]]]
    let device: JSONValue = ["driver": "d.example.org", "pool": "p", "device": "d", "shareID": .string(text)]
    claim["status"] = [
      "allocation": ["devices": ["results": [["request": "r", "driver": "d.example.org", "pool": "p", "device": "d"]]]]
    ]
    var new = claim
    new["status"]?["devices"] = [device]
    let definition = ResourceDefinition.resourceClaims
    let said = definition.rules.check(new, old: claim, subresource: .status).map(\.message)
    let path = "status.devices[0].shareID"
    #expect(said.contains("\(path): Invalid value: \(GoText.quoted(text)): error validating uid: \(why)"))
  }
}
