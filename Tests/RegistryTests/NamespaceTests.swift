import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Testing

@testable import Resources

@Suite struct `Namespaces` {
  private static let finalize = Subresource("finalize")

  private func put(
    _ bench: Bench, _ name: String, _ text: String, _ part: Subresource = .main
  ) async throws -> JSONValue {
    let result = try await bench.store.update(
      name, namespace: "", body: try bench.body(text), subresource: part, options: WriteOptions(.update))
    return try JSONValue(parsing: result.object.object)
  }

  private func delete(
    _ bench: Bench, _ name: String, _ change: (inout DeleteOptions) -> Void = { _ in }
  ) async throws -> (object: JSONValue, isGone: Bool) {
    var options = DeleteOptions()
    change(&options)
    switch try await bench.store.delete(name, namespace: "", options: options) {
    case .pending(let object): return (try JSONValue(parsing: object.object), false)
    case .removed(let object): return (try JSONValue(parsing: object.object), true)
    case .gone: return (.null, true)
    }
  }

  @Test func `a namespace begins active, held by its content and labelled with its name`() async throws {
    let bench = try await Bench.make(.namespaces)
    let made = try await bench.create(
      #"{"metadata":{"name":"a","labels":{"kubernetes.io/metadata.name":"x","z":"1"}},"spec":{"finalizers":["b.c/d"]},"status":{"phase":"Terminating"}}"#
    )
    #expect(made["spec"] == ["finalizers": ["b.c/d", "kubernetes"]] && made["status"] == ["phase": "Active"])
    #expect(made["metadata"]?["labels"] == ["kubernetes.io/metadata.name": "a", "z": "1"])
    let generated = try await bench.create(#"{"metadata":{"generateName":"g-"}}"#)
    #expect(generated["metadata"]?["labels"]?["kubernetes.io/metadata.name"] == generated["metadata"]?["name"])
    #expect(generated["spec"] == ["finalizers": ["kubernetes"]])
    await bench.destroy()
  }

  @Test func `each way of writing changes its own part`() async throws {
    let bench = try await Bench.make(.namespaces)
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let changed =
      #"{"metadata":{"name":"a","labels":{"x":"PART"}},"spec":{"finalizers":["b.c/d"]},"#
      + #""status":{"phase":"Active","conditions":[{"type":"T","status":"True"}]}}"#
    for (part, finalizers, conditions) in [
      (.main, ["kubernetes"], nil), (.status, ["kubernetes"], 1), (Self.finalize, ["b.c/d"], 1),
    ] as [(Subresource, JSONValue, Int?)] {
      let label = "p\(part.name)"
      let after = try await put(bench, "a", changed.replacing("PART", with: label), part)
      #expect(after["metadata"]?["labels"] == ["kubernetes.io/metadata.name": "a", "x": .string(label)])
      #expect(after["spec"]?["finalizers"] == finalizers, "\(part)")
      #expect(after["status"]?["conditions"]?.array?.count == conditions, "\(part)")
    }
    let removed = try await bench.patch("a", .merge, #"{"metadata":{"labels":null}}"#)
    #expect(removed["metadata"]?["labels"] == ["kubernetes.io/metadata.name": "a"])
    await #expect { try await put(bench, "a", changed.replacing("Active", with: "Terminating"), .status) } throws: {
      ($0 as? Status)?.details?.causes.first?.field == "status.Phase"
    }
    await #expect { try await put(bench, "a", changed.replacing("b.c/d", with: "mine"), Self.finalize) } throws: {
      ($0 as? Status)?.details?.causes.first?.field == "spec.finalizers[0]"
    }
    await bench.destroy()
  }

  @Test func `it goes when it was deleted and nothing holds it any more`() async throws {
    let bench = try await Bench.make(.namespaces)
    try await bench.create(#"{"metadata":{"name":"a","finalizers":["b.c/d"]}}"#)
    var dry = try await delete(bench, "a") { $0.dryRun = ["All"] }
    #expect(!dry.isGone && dry.object["status"]?["phase"] == "Terminating")
    #expect(try await bench.get("a")["status"]?["phase"] == "Active")
    let first = try await delete(bench, "a").object
    let meta = first["metadata"]
    #expect(first["status"]?["phase"] == "Terminating" && first["spec"]?["finalizers"] == ["kubernetes"])
    #expect(meta?["deletionTimestamp"] != nil && meta?["deletionGracePeriodSeconds"] == nil)
    #expect(try await delete(bench, "a").object == first, "asking again changes nothing")
    let emptied = try await put(
      bench, "a", #"{"metadata":{"name":"a","finalizers":["b.c/d"]},"spec":{"finalizers":[]}}"#, Self.finalize)
    #expect(emptied["spec"]?["finalizers"] == nil)
    dry = try await delete(bench, "a")
    #expect(!dry.isGone && dry.object["metadata"]?["finalizers"] == ["b.c/d"])
    _ = try await bench.patch("a", .merge, #"{"metadata":{"finalizers":null}}"#)
    await #expect { try await bench.get("a") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test func `one that nothing holds is marked first, and removed when asked again`() async throws {
    let bench = try await Bench.make(.namespaces)
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    _ = try await put(bench, "a", #"{"metadata":{"name":"a"},"spec":{"finalizers":[]}}"#, Self.finalize)
    #expect(try await bench.get("a")["status"]?["phase"] == "Active")
    #expect(try await !delete(bench, "a").isGone)
    let last = try await delete(bench, "a")
    #expect(last.isGone && last.object["kind"] == "Namespace")
    await #expect { try await bench.get("a") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test(
    arguments: [
      (nil, "Orphan", ["orphan"]), (true, nil, ["orphan"]), (nil, "Foreground", ["foregroundDeletion"]),
      (false, nil, ["foregroundDeletion"]), (nil, "Background", nil), (nil, nil, nil),
    ] as [(Bool?, String?, JSONValue?)])
  func `what becomes of dependents is noted as a finalizer`(
    orphans: Bool?, policy: String?, finalizers: JSONValue?
  ) async throws {
    let bench = try await Bench.make(.namespaces)
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let answer = try await delete(bench, "a") {
      $0.orphanDependents = orphans
      $0.propagationPolicy = policy
    }
    #expect(answer.object["metadata"]?["finalizers"] == finalizers)
    await bench.destroy()
  }

  @Test func `a precondition that does not hold is told in the storage's words`() async throws {
    let bench = try await Bench.make(.namespaces)
    let meta = try await bench.create(#"{"metadata":{"name":"a"}}"#)["metadata"]
    let (uid, version) = (meta?["uid"]?.string ?? "", meta?["resourceVersion"]?.string ?? "")
    let words = #"Operation cannot be fulfilled on namespaces "a": Precondition failed: "#
    await #expect { try await delete(bench, "a") { $0.uid = "x" } } throws: {
      ($0 as? Status)?.message == words + "UID in precondition: x, UID in object meta: \(uid)"
    }
    await #expect { try await delete(bench, "a") { $0.resourceVersion = "9" } } throws: {
      ($0 as? Status)?.message
        == words + "ResourceVersion in precondition: 9, ResourceVersion in object meta: \(version)"
    }
    let answer = try await delete(bench, "a") {
      $0.uid = uid
      $0.resourceVersion = version
    }
    #expect(answer.object["status"]?["phase"] == "Terminating")
    await bench.destroy()
  }
}
