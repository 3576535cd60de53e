import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import Controllers
@testable import Resources

@Suite struct `The namespace controller` {
  private static let kinds = [
    ResourceDefinition.configMaps, .secrets, Bench.kind("pods", "Pod"),
  ]

  private func controller(_ bench: Bench) -> NamespaceController {
    NamespaceController(bench.namespaces, resources: { bench.stores }, bench.client, grace: .zero)
  }

  private func conditions(_ bench: Bench, _ name: String) async throws -> [String: String] {
    let conditions = try await bench.get("namespaces", name)?["status"]?["conditions"]?.array ?? []
    return Dictionary(
      uniqueKeysWithValues: conditions.map { ($0["type"]?.string ?? "", $0["message"]?.string ?? "") })
  }

  @Test func `what is in a namespace goes with it, and nothing else does`() async throws {
    try await Bench.with(Self.kinds) { bench in
      for name in ["a", "b"] {
        try await bench.make("namespaces", name)
        for number in 0..<40 { try await bench.make("configmaps", "c\(number)", in: name) }
        try await bench.make("secrets", "s", in: name)
      }
      try await bench.running(controller(bench)) {
        try await bench.delete("namespaces", "a")
        try await bench.isGone("namespaces", "a")
        #expect(try await bench["configmaps"].all(in: "a").isEmpty)
        #expect(try await bench["secrets"].all().count == 1)
        #expect(try await bench["configmaps"].all(in: "b").count == 40)
        #expect(try await bench.get("namespaces", "b")?["status"]?["phase"] == "Active")
      }
    }
  }

  @Test func `one that went while nobody worked goes when somebody does`() async throws {
    try await Bench.with(Self.kinds) { bench in
      try await bench.make("namespaces", "a")
      try await bench.make("configmaps", "c", in: "a")
      try await bench.delete("namespaces", "a")
      #expect(try await bench.get("namespaces", "a")?["status"]?["phase"] == "Terminating")
      let controller = controller(bench)
      for _ in 0..<2 { try await bench.running(controller) { try await bench.isGone("namespaces", "a") } }
    }
  }

  @Test func `finalizers hold a namespace, its conditions say so, and it goes with the last of them`() async throws {
    try await Bench.with(Self.kinds) { bench in
      try await bench.make("namespaces", "a")
      let held: JSONValue = ["metadata": ["finalizers": ["example.com/hold"]]]
      for name in ["one", "two"] { try await bench.make("configmaps", name, in: "a", held) }
      try await bench.make("secrets", "s", in: "a")
      try await bench.running(controller(bench)) {
        try await bench.delete("namespaces", "a")
        try await eventually("the namespace to say what holds it") {
          try await conditions(bench, "a")["NamespaceContentRemaining"]
            == "Some resources are remaining: configmaps. has 2 resource instances"
        }
        let told = try await conditions(bench, "a")
        #expect(told.count == 5)
        #expect(
          told["NamespaceFinalizersRemaining"]
            == "Some content in the namespace has finalizers remaining: example.com/hold in 2 resource instances")
        #expect(
          told["NamespaceDeletionContentFailure"]
            == "All content successfully deleted, may be waiting on finalization")
        #expect(try await bench.get("secrets", "s", in: "a") == nil)
        // Sooner than the 8 seconds after which it would be looked at anyway.
        let start = ContinuousClock.now
        for name in ["one", "two"] {
          try await bench.change("configmaps", name, in: "a") { $0["metadata"]?["finalizers"] = [] }
        }
        try await bench.isGone("namespaces", "a")
        #expect(ContinuousClock.now - start < .seconds(7))
      }
    }
  }

  @Test func `pods go before all else`() async throws {
    try await Bench.with(Self.kinds) { bench in
      try await bench.make("namespaces", "a")
      try await bench.make("pods", "p", in: "a", ["metadata": ["finalizers": ["example.com/hold"]]])
      try await bench.make("configmaps", "c", in: "a")
      try await bench.running(controller(bench)) {
        try await bench.delete("namespaces", "a")
        try await eventually("the namespace to say what holds it") {
          try await conditions(bench, "a")["NamespaceContentRemaining"]
            == "Some resources are remaining: pods. has 1 resource instances"
        }
        #expect(try await bench.get("configmaps", "c", in: "a") != nil)
        try await bench.change("pods", "p", in: "a") { $0["metadata"]?["finalizers"] = [] }
        try await bench.isGone("namespaces", "a")
      }
    }
  }

  @Test func `finalizers of others stay in its spec`() async throws {
    try await Bench.with(Self.kinds) { bench in
      try await bench.make("namespaces", "a", ["spec": ["finalizers": ["example.com/other"]]])
      try await bench.running(controller(bench)) {
        try await bench.delete("namespaces", "a")
        try await eventually("ours to be gone") {
          try await bench.get("namespaces", "a")?["spec"]?["finalizers"] == ["example.com/other"]
        }
      }
    }
  }

  @Test func `a condition that changes keeps its place, and its time while its status stays`() {
    var conditions = NamespaceConditions()
    var namespace: JSONValue = ["status": ["phase": "Terminating"]]
    let configMaps = GroupResource(resource: "configmaps")
    conditions.add(.init(resource: configMaps, count: 2), finalizers: ["f": 2])
    #expect(conditions.write(into: &namespace, now: 0))
    #expect(!conditions.write(into: &namespace, now: 1))
    conditions = NamespaceConditions()
    conditions.add(.init(resource: configMaps, count: 1), finalizers: ["f": 1])
    conditions.failures = ["b", "a"]
    #expect(conditions.write(into: &namespace, now: 2))
    let written = namespace["status"]?["conditions"]?.array ?? []
    #expect(
      written.map { $0["type"]?.string ?? "" } == [
        "NamespaceDeletionDiscoveryFailure", "NamespaceDeletionGroupVersionParsingFailure",
        "NamespaceDeletionContentFailure", "NamespaceContentRemaining", "NamespaceFinalizersRemaining",
      ])
    #expect(
      written.map { $0["lastTransitionTime"]?.string ?? "" } == [
        "1970-01-01T00:00:00Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:02Z", "1970-01-01T00:00:00Z",
        "1970-01-01T00:00:00Z",
      ])
    #expect(written[2]["message"] == "Failed to delete all resource types, 2 remaining: a, b")
    #expect(written[3]["message"] == "Some resources are remaining: configmaps. has 1 resource instances")
  }
}
