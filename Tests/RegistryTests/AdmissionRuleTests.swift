import ByteBuffers
import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources
@testable import Schema

/// What webhooks and policies may be, beside what recorded conversations show.
@Suite struct `Rules for webhooks and policies` {
  private static func webhook(_ members: [(String, JSONValue)]) -> JSONValue {
    var webhook: JSONValue = [
      "name": "a.example.org", "clientConfig": ["url": "https://h/x"], "sideEffects": "None",
      "admissionReviewVersions": ["v1"],
    ]
    for (name, value) in members { webhook[name] = value }
    return webhook
  }

  private static func configuration(_ webhooks: JSONValue...) -> JSONValue {
    var object: JSONValue = ["metadata": ["name": "x", "resourceVersion": "1"], "webhooks": .array(webhooks)]
    ResourceDefinition.validatingWebhookConfigurations.defaults(&object)
    return object
  }

  private static func problems(_ object: JSONValue, old: JSONValue? = nil) -> [String] {
    ResourceDefinition.validatingWebhookConfigurations.rules.check(object, old: old).map(\.message)
  }

  private static let once: [JSONValue] = [
    ["sideEffects": "Some"], ["admissionReviewVersions": ["v9"]],
    ["objectSelector": ["matchExpressions": [["key": "a", "operator": "In", "values": ["b c"]]]]],
    ["matchConditions": [["name": "", "expression": ""]]],
  ]

  @Test(arguments: once)
  func `what was let in once may stay`(members: JSONValue) {
    let bad = Self.configuration(Self.webhook((members.object?.members ?? []).map { ($0.name, $0.value) }))
    let good = Self.configuration(Self.webhook([]))
    #expect(!Self.problems(bad).isEmpty)
    #expect(!Self.problems(bad, old: good).isEmpty)
    #expect(Self.problems(bad, old: bad) == [])
  }

  @Test func `names that were not unique need not be`() {
    let twice = Self.configuration(Self.webhook([]), Self.webhook([]))
    let duplicate = [#"webhooks[1].name: Duplicate value: "a.example.org""#]
    #expect(Self.problems(twice) == duplicate)
    #expect(Self.problems(twice, old: Self.configuration(Self.webhook([]))) == duplicate)
    #expect(Self.problems(twice, old: twice) == [])
  }

  @Test(arguments: [
    (
      "https://h/x?y#z",
      [
        #"Invalid value: "z": fragments are not permitted in the URL"#,
        #"Invalid value: "y": query parameters are not permitted in the URL"#,
      ]
    ),
    (
      "http:x",
      [
        #"Invalid value: "http": 'https' is the only allowed URL scheme; desired format: https://host[/path]"#,
        #"Invalid value: "": host must be specified; desired format: https://host[/path]"#,
      ]
    ),
    ("https://a:b@h", [#"Invalid value: "a:b": user information is not permitted in the URL"#]),
    (
      ":",
      [
        #"Required value: url must be a valid URL: parse ":": missing protocol scheme"#
          + "; desired format: https://host[/path]"
      ]
    ),
  ])
  func `where a webhook may be`(url: String, problems: [String]) {
    let object = Self.configuration(Self.webhook([("clientConfig", ["url": .string(url)])]))
    #expect(Self.problems(object) == problems.map { "webhooks[0].clientConfig.url: \($0)" })
  }

  @Test(arguments: [
    ("/", []), ("", []), ("/a/b/", []), ("//", ["segment[0] may not be empty"]),
    ("/a//b", ["segment[1] may not be empty"]),
  ])
  func `paths at a service`(path: String, problems: [String]) {
    let service: JSONValue = ["namespace": "n", "name": "s", "path": .string(path)]
    let object = Self.configuration(Self.webhook([("clientConfig", ["service": service])]))
    let shown = GoText.quoted(path)
    #expect(
      Self.problems(object) == problems.map { "webhooks[0].clientConfig.service.path: Invalid value: \(shown): \($0)" })
  }

  @Test(arguments: [
    (["pods", "pods/status"], []), (["*", "pods/*"], []), (["*/*"], []),
    (
      ["*", "pods"],
      [
        #"resources: Invalid value: ["*","pods"]: if '*' is present, must not specify "#
          + "other resources without subresources"
      ]
    ),
    // The last decides, as upstream has it.
    (["pods", "*"], []),
    (
      ["*/*", "pods"],
      [#"resources: Invalid value: ["*/*","pods"]: if '*/*' is present, must not specify other resources"#]
    ),
    (
      ["*/status", "pods/status"],
      [#"resources[1]: Invalid value: "pods/status": if '*/status' is present, must not specify pods/status"#]
    ),
  ])
  func `resources that cover each other`(resources: [String], problems: [String]) {
    let rule: JSONValue = [
      "operations": ["*"], "apiGroups": [""], "apiVersions": ["v1"], "resources": .array(resources.map { .string($0) }),
    ]
    let object = Self.configuration(Self.webhook([("rules", [rule])]))
    #expect(Self.problems(object) == problems.map { "webhooks[0].rules[0].\($0)" })
  }

  @Test func `mutating policies are stored as the release before reads them`() throws {
    let definition = ResourceDefinition.mutatingAdmissionPolicyBindings
    let object: JSONValue = ["kind": "MutatingAdmissionPolicyBinding", "metadata": ["name": "x"], "spec": [:]]
    let storage = try #require(VersionConverter(definition, version: 1, model: .builtin))
    let stored = String(
      decoding: ResourceCodec(definition).encode(storage.toStored(object)).value.withUnsafeBytes { Array($0) },
      as: UTF8.self)
    #expect(
      stored.hasPrefix(
        #"{"kind":"MutatingAdmissionPolicyBinding","apiVersion":"admissionregistration.k8s.io/v1beta1","#))
    #expect(definition.versions.filter(\.isServed).map(\.version) == ["v1"])
  }
}
