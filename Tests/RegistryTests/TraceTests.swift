import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
@testable import Resources
import Schema
import TestSupport
import Testing

/// What of a body can't be seen in what is made of it, and who asks for it.
@Suite struct `What was given and does not show` {
  private static func traces(_ text: String) throws -> JSONValue? {
    let model = TypeModel.builtin
    let id = try #require(model.type("io.k8s.api.core.v1.Pod"))
    return try model.decode(JSONTape.parse(ByteSlice(SharedBytes(text))).root, as: id).traces
  }

  @Test(arguments: [
    (#"{"spec":{"containers":[{"name":"a"}]}}"#, "null"),
    (#"{"metadata":{"labels":{}}}"#, #"{"metadata":{"labels":{}}}"#),
    (#"{"metadata":{"labels":null}}"#, "null"),
    (
      #"{"spec":{"containers":[{"name":"a"},{"name":"b","env":[]}]}}"#, #"{"spec":{"containers":[null,{"env":[]}]}}"#
    ),
    // Out of the type's order.
    (#"{"spec":{"tolerations":[],"nodeSelector":{}}}"#, #"{"spec":{"nodeSelector":{},"tolerations":[]}}"#),
  ])
  func `empty lists and maps are remembered by their place`(_ text: String, _ expected: String) throws {
    let found = try Self.traces(text) ?? .null
    #expect(found.isSameValue(as: try JSONValue(parsing: expected)), "\(found.encoded().text)")
  }

  @Test func `no body makes paths without end`() throws {
    let containers = Array(repeating: #"{"env":[],"args":[]}"#, count: 100_000).joined(separator: ",")
    let found = try #require(try Self.traces(#"{"spec":{"containers":[\#(containers)]}}"#))
    #expect(found["spec"]?["containers"]?.array.map { $0.count < 20_000 } == true)
  }

  @Test(arguments: [
    (#"{"a":1}"#, false), (#"{"a": 1}"#, true), (#"{"a":"b c"}"#, false), (#"{"a":"\" "}"#, false),
    (#"{"a":"<"}"#, true), ("[]", false), ("[ ]", true), (#"" ""#, false),
  ])
  func `raw JSON that is not written as it will be stored is remembered`(_ data: String, _ isLoose: Bool) throws {
    let model = TypeModel.builtin
    let id = try #require(model.type("io.k8s.api.apps.v1.ControllerRevision"))
    let tape = try JSONTape.parse(ByteSlice(SharedBytes(#"{"data":\#(data),"revision":1}"#)))
    let decoded = try model.decode(tape.root, as: id, leavesRawUnread: true)
    #expect(decoded.traces == (isLoose ? ["data": true] : nil))
    #expect(decoded.value["data"] != nil)
  }

  @Test func `a tree that Go makes of an object has raw JSON sorted`() throws {
    let model = TypeModel.builtin
    let id = try #require(model.type("io.k8s.api.apps.v1.ControllerRevision"))
    let tree: JSONValue = ["data": ["b": 1, "a": 2], "revision": 1]
    #expect(try model.decode(tree: tree, as: id).value["data"]?.encoded().text == #"{"b":1,"a":2}"#)
    #expect(try model.decode(tree: tree, as: id, sortsRaw: true).value["data"]?.encoded().text == #"{"a":2,"b":1}"#)
  }

  // MARK: who asks

  /// Creates an object and replaces it, and tells what the update came to.
  private static func replaced(
    _ definition: ResourceDefinition, _ first: String, by second: String
  ) async throws -> Result<JSONValue, Status> {
    let bench = try await Bench.make(definition)
    func read(_ text: String) throws(Status) -> ReadObject {
      try bench.store.decodeBody(ByteSlice(SharedBytes(text)), validation: .strict)
    }
    let old = try read(first)
    _ = try await bench.store.create(
      old.object, namespace: "default", options: WriteOptions(.create), traces: old.traces)
    let outcome: Result<JSONValue, Status>
    do throws(Status) {
      let new = try read(second)
      let result = try await bench.store.update(
        "a", namespace: "default", body: new.object, options: WriteOptions(.update), traces: new.traces)
      outcome = .success((try? JSONValue(parsing: result.object.object)) ?? .null)
    } catch { outcome = .failure(error) }
    await bench.destroy()
    return outcome
  }

  @Test func `a network policy with an empty list is another each time that it is written`() async throws {
    let plain = #"{"metadata":{"name":"a"},"spec":{"podSelector":{}}}"#
    let emptied = #"{"metadata":{"name":"a"},"spec":{"podSelector":{"matchLabels":{}}}}"#
    let same = try await Self.replaced(.networkPolicies, plain, by: plain).get()
    let other = try await Self.replaced(.networkPolicies, emptied, by: emptied).get()
    #expect(same["metadata"]?["generation"] == 1)
    #expect(other["metadata"]?["generation"] == 2)
  }

  @Test func `the data of an immutable secret are not emptied where there are none`() async throws {
    let first = #"{"metadata":{"name":"a"},"immutable":true}"#
    _ = try await Self.replaced(.secrets, first, by: first).get()
    let outcome = try await Self.replaced(.secrets, first, by: #"{"metadata":{"name":"a"},"immutable":true,"data":{}}"#)
    #expect(throws: Status.self) { try outcome.get() }
  }

  @Test func `no policies are not the usual policies`() async throws {
    func autoscaler(_ behavior: String) -> String {
      #"{"metadata":{"name":"a"},"spec":{"scaleTargetRef":{"apiVersion":"a/v1","kind":"A","name":"a"},"maxReplicas":1,"#
        + #""behavior":\#(behavior)}}"#
    }
    let first = autoscaler("{}")
    let second = autoscaler(#"{"scaleUp":{"policies":[]}}"#)
    _ = try await Self.replaced(.horizontalPodAutoscalers, first, by: first).get()
    let outcome = try await Self.replaced(.horizontalPodAutoscalers, first, by: second)
    #expect {
      try outcome.get()
    } throws: { error in
      (error as? Status)?.message.contains("scaleUp.policies: Required value: must specify at least one Policy") == true
    }
  }
}
