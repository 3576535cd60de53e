import ByteBuffers
import JSON
import Machinery
import Schema
import Testing

@testable import Registry

/// Rules about which of several members are there, and about what another member says.
@Suite struct `Choices among members` {
  private func complaints(_ rules: [Rule], _ object: JSONValue) throws -> [String] {
    let type = try #require(TypeModel.builtin.type("io.k8s.api.core.v1.Container"))
    let compiled = CompiledRules(rules, type: type, model: .builtin, isNamespaced: false)
    #expect(compiled.problems.isEmpty)
    return compiled.check(object).map(\.message)
  }

  private let handlers: [Rule] = [
    .at(
      "livenessProbe",
      .firstOf(
        [
          Rule.Choice("exec", [.at("command", .required)]),
          Rule.Choice("httpGet", [.at("path", .required)], path: "get", forbiddenAs: "web"),
        ], others: "only one", none: "one, please"))
  ]

  @Test func `one of several members is looked at, the others are forbidden`() throws {
    #expect(try complaints(handlers, ["livenessProbe": [:]]) == ["livenessProbe: Required value: one, please"])
    #expect(try complaints(handlers, ["name": "x"]).isEmpty)
    #expect(try complaints(handlers, ["livenessProbe": ["exec": ["command": ["a"]]]]).isEmpty)
    #expect(
      try complaints(handlers, ["livenessProbe": ["exec": [:], "httpGet": [:]]]) == [
        "livenessProbe.exec.command: Required value", "livenessProbe.web: Forbidden: only one",
      ])
    #expect(
      try complaints(handlers, ["livenessProbe": ["httpGet": [:]]]) == ["livenessProbe.get.path: Required value"])
  }

  @Test func `rules depend on what another member says`() throws {
    let rules: [Rule] = [
      .if("restartPolicy", is: "Always", [.at("image", .required)], else: [.at("lifecycle", .forbidden)])
    ]
    #expect(try complaints(rules, ["restartPolicy": "Always", "lifecycle": [:]]) == ["image: Required value"])
    #expect(try complaints(rules, ["lifecycle": [:]]) == ["lifecycle: Forbidden"])
  }

  @Test func `what is noted is there for the rules that follow, and complaints can be taken back`() throws {
    final class Note { var text = "" }
    let rules: [Rule] = [
      .custom { context in context.memo = Note() },
      .at("name", .custom { context in (context.memo as? Note)?.text = context.value?.string ?? "" }),
      .custom { context in
        let before = context.complaintCount
        context.invalid("x", "y")
        context.withdraw(to: before)
        context.invalid((context.memo as? Note)?.text ?? "", "was noted")
      },
    ]
    #expect(try complaints(rules, ["name": "a"]) == [#"<nil>: Invalid value: "a": was noted"#])
  }
}
