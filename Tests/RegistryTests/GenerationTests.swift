import ByteBuffers
import Cacher
import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources

/// What becomes of the generation of an object that a client gives as 7: when it is created, after a change of its
/// labels, after one of its spec, and once a deletion marks it.
private func generations(_ rule: GenerationRule) async throws -> [JSONValue?] {
  let kind = ResourceDefinition(
    "leases.coordination.k8s.io", kind: "Lease", scope: .namespaced, folder: "leases", versions: [.v1], rules: [],
    generation: rule)
  let bench = try await Bench.make(kind)
  var found = [
    try await bench.created(), try await bench.put(holder: "x", label: "v"), try await bench.put(holder: "y"),
  ]
  if case .pending(let marked) = try await bench.store.delete("a", namespace: "n", options: DeleteOptions()) {
    found.append(try JSONValue(parsing: marked.object)["metadata"]?["generation"])
  }
  await bench.destroy()
  return found
}

extension Bench {
  fileprivate func created() async throws -> JSONValue? {
    let result = try await store.create(
      try body(#"{"metadata":{"name":"a","generation":7,"finalizers":["a/b"]},"spec":{"holderIdentity":"x"}}"#),
      namespace: "n", options: WriteOptions(.create))
    return try JSONValue(parsing: result.object.object)["metadata"]?["generation"]
  }

  fileprivate func put(holder: String, label: String = "", generation: Int = 99) async throws -> JSONValue? {
    let text =
      #"{"metadata":{"name":"a","generation":\#(generation),"finalizers":["a/b"],"labels":{"l":"\#(label)"}},"#
      + #""spec":{"holderIdentity":"\#(holder)"}}"#
    let result = try await store.update("a", namespace: "n", body: try body(text), options: WriteOptions(.update))
    return try JSONValue(parsing: result.object.object)["metadata"]?["generation"]
  }
}

@Suite struct `Generations` {
  @Test(
    arguments: [
      (GenerationRule.ofSpec, [1, 1, 2, 3]), (.following("spec", fromCreation: false), [7, 7, 8, 9]),
      (.fixed, [1, 1, 1, 2]), (.none, [7, 7, 7, 8]), (.following("metadata"), [1, 2, 3, 4]),
    ] as [(GenerationRule, [JSONValue?])])
  func `count changes, whatever a client says`(rule: GenerationRule, expected: [JSONValue?]) async throws {
    #expect(try await generations(rule) == expected)
  }
}
