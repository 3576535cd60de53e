import Foundation
import TestSupport
import Testing

/// kubectl of today against the daemon over plain HTTP: each command is compared with what it should print or change.
@Suite struct `kubectl` {
  static let versions = ["1.36", "1.37"]

  /// One kubectl with a home of its own and a daemon to talk to.
  struct Bench {
    let daemon: Daemon
    let kubectl: String
    let home: TemporaryFolder

    static func start(_ version: String) async throws -> Bench {
      Bench(daemon: try await Daemon.start(on: .sqlite), kubectl: try Tools.path("kubectl-\(version)/kubectl"), home: try TemporaryFolder())
    }

    /// Runs kubectl and returns what it printed; a failure of the command fails the test unless `mayFail`.
    @discardableResult
    func callAsFunction(
      _ arguments: String..., input: String? = nil, environment: [String: String] = [:], mayFail: Bool = false,
      sourceLocation: SourceLocation = #_sourceLocation
    ) async throws -> String {
      let result = try await run(
        [kubectl, "--server", daemon.url] + arguments, input: input,
        environment: ["HOME": home.path, "KUBECONFIG": "/dev/null"].merging(environment) { $1 }, within: .seconds(60))
      if !mayFail { #expect(result.status == 0, "kubectl \(arguments.joined(separator: " ")): \(result.output)", sourceLocation: sourceLocation) }
      return result.output
    }

    func file(_ name: String, _ text: String) throws -> String {
      let path = home.path + "/" + name
      try text.write(toFile: path, atomically: true, encoding: .utf8)
      return path
    }
  }

  static let node = """
    apiVersion: v1
    kind: Node
    metadata:
      name: edge-1
      labels:
        zone: a
    spec:
      podCIDR: 10.1.0.0/24

    """

  @Test(arguments: versions)
  func `nodes are created, shown in every form and deleted`(version: String) async throws {
    let kubectl = try await Bench.start(version)
    defer { kubectl.daemon.stop() }
    let file = try kubectl.file("node.yaml", Self.node)

    #expect(try await kubectl("create", "-f", file) == "node/edge-1 created\n")
    let again = try await kubectl("create", "-f", file, mayFail: true)
    #expect(again.contains("Error from server (AlreadyExists)") && again.contains("nodes \"edge-1\" already exists"))

    let table = try await kubectl("get", "nodes").split(separator: "\n")
    #expect(table.count == 2)
    #expect(table.first.map { $0.split(separator: " ") } == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"])
    #expect(table.last?.split(separator: " ").prefix(3) == ["edge-1", "Unknown", "<none>"])
    let wide = try await kubectl("get", "nodes", "-o", "wide")
    #expect(wide.contains("INTERNAL-IP") && wide.contains("CONTAINER-RUNTIME"))
    #expect(try await kubectl("get", "node", "edge-1", "-o", "yaml").contains("podCIDR: 10.1.0.0/24"))
    let json = try JSONSerialization.jsonObject(with: Data(try await kubectl("get", "node", "edge-1", "-o", "json").utf8)) as? [String: Any]
    #expect((json?["spec"] as? [String: Any])?["podCIDR"] as? String == "10.1.0.0/24")
    #expect(try await kubectl("get", "nodes", "-o", "jsonpath={.items[*].metadata.name}") == "edge-1")
    #expect(try await kubectl("get", "nodes", "-o", "name") == "node/edge-1\n")
    #expect(try await kubectl("get", "nodes", "-l", "zone=a", "-o", "name") == "node/edge-1\n")
    #expect(try await kubectl("get", "nodes", "-l", "zone!=a", "-o", "name") == "")
    #expect(try await kubectl("get", "nodes", "--field-selector", "metadata.name=edge-1", "-o", "name") == "node/edge-1\n")

    #expect(try await kubectl("delete", "node", "edge-1") == "node \"edge-1\" deleted\n")
    #expect(try await kubectl("get", "nodes").contains("No resources found"))
  }

  @Test(arguments: versions)
  func `a node is changed by apply, edit, label, annotate, taint, cordon, patch and replace`(version: String) async throws {
    let kubectl = try await Bench.start(version)
    defer { kubectl.daemon.stop() }
    let file = try kubectl.file("node.yaml", Self.node)

    #expect(try await kubectl("apply", "-f", file) == "node/edge-1 created\n")
    #expect(try await kubectl("apply", "-f", file) == "node/edge-1 unchanged\n")
    let changed = try kubectl.file("changed.yaml", Self.node.replacingOccurrences(of: "zone: a", with: "zone: b"))
    let difference = try await kubectl("diff", "-f", changed, mayFail: true)
    #expect(difference.contains("-    zone: a") && difference.contains("+    zone: b"))
    #expect(try await kubectl("apply", "-f", changed, "--dry-run=server") == "node/edge-1 configured (server dry run)\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.zone}") == "a")
    #expect(try await kubectl("apply", "-f", changed) == "node/edge-1 configured\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.zone}") == "b")

    let editor = try kubectl.file("editor", "#!/bin/sh\nsed -i 's/zone: b/zone: c/' \"$1\"\n")
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: editor)
    #expect(try await kubectl("edit", "node", "edge-1", environment: ["EDITOR": editor]) == "node/edge-1 edited\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.zone}") == "c")

    #expect(try await kubectl("label", "node", "edge-1", "tier=edge") == "node/edge-1 labeled\n")
    #expect(try await kubectl("label", "node", "edge-1", "tier-") == "node/edge-1 unlabeled\n")
    #expect(try await kubectl("annotate", "node", "edge-1", "note=hello world") == "node/edge-1 annotated\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.annotations.note}") == "hello world")
    #expect(try await kubectl("taint", "node", "edge-1", "dedicated=edge:NoSchedule") == "node/edge-1 tainted\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.spec.taints[0].key}") == "dedicated")
    #expect(try await kubectl("taint", "node", "edge-1", "dedicated-") == "node/edge-1 untainted\n")
    #expect(try await kubectl("cordon", "edge-1") == "node/edge-1 cordoned\n")
    #expect(try await kubectl("get", "node", "edge-1").contains("SchedulingDisabled"))
    #expect(try await kubectl("uncordon", "edge-1") == "node/edge-1 uncordoned\n")
    for (type, patch, value) in [
      ("merge", #"{"metadata":{"labels":{"p":"1"}}}"#, "1"), ("strategic", #"{"metadata":{"labels":{"p":"2"}}}"#, "2"),
      ("json", #"[{"op":"replace","path":"/metadata/labels/p","value":"3"}]"#, "3"),
    ] {
      #expect(try await kubectl("patch", "node", "edge-1", "--type", type, "-p", patch) == "node/edge-1 patched\n")
      #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.p}") == value)
    }
    #expect(
      try await kubectl("patch", "node", "edge-1", "--subresource=status", "--type", "merge", "-p", #"{"status":{"phase":"Running"}}"#)
        == "node/edge-1 patched\n")
    let replacement = try kubectl.file("replacement.yaml", Self.node.replacingOccurrences(of: "zone: a", with: "zone: z"))
    #expect(try await kubectl("replace", "-f", replacement) == "node/edge-1 replaced\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels}") == #"{"zone":"z"}"#)
    #expect(try await kubectl("create", "-f", changed.replacingOccurrences(of: "changed", with: "node"), "--dry-run=server", mayFail: true).contains("AlreadyExists"))
  }

  @Test(arguments: versions)
  func `managers share a node by server-side apply, and conflicts are named and forced`(version: String) async throws {
    let kubectl = try await Bench.start(version)
    defer { kubectl.daemon.stop() }
    let one = try kubectl.file("one.yaml", Self.node)
    let two = try kubectl.file("two.yaml", Self.node.replacingOccurrences(of: "zone: a", with: "zone: b\n    tier: edge"))
    let three = try kubectl.file("three.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: edge-1\n  labels:\n    third: x\n")

    #expect(try await kubectl("apply", "--server-side", "--field-manager=one", "-f", one) == "node/edge-1 serverside-applied\n")
    let revision = try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.resourceVersion}")
    #expect(try await kubectl("apply", "--server-side", "--field-manager=one", "-f", one) == "node/edge-1 serverside-applied\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.resourceVersion}") == revision, "the same again writes nothing")
    #expect(try await kubectl("apply", "--server-side", "--field-manager=three", "-f", three) == "node/edge-1 serverside-applied\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels}") == #"{"third":"x","zone":"a"}"#)

    let refused = try await kubectl("apply", "--server-side", "--field-manager=two", "-f", two, mayFail: true)
    #expect(refused.contains(#"Apply failed with 1 conflict: conflict with "one": .metadata.labels.zone"#))
    #expect(try await kubectl("apply", "--server-side", "--field-manager=two", "--force-conflicts", "-f", two) == "node/edge-1 serverside-applied\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels}") == #"{"third":"x","tier":"edge","zone":"b"}"#)
    // The third manager no longer wants its label, and nobody else does.
    let bare = try kubectl.file("bare.yaml", "apiVersion: v1\nkind: Node\nmetadata:\n  name: edge-1\n")
    try await kubectl("apply", "--server-side", "--field-manager=three", "-f", bare)
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels}") == #"{"tier":"edge","zone":"b"}"#)
    let managers = try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.managedFields[*].manager}", "--show-managed-fields")
    #expect(Set(managers.split(separator: " ")) == ["one", "two"])
    #expect(try await kubectl("diff", "--server-side", "--field-manager=two", "--force-conflicts", "-f", one, mayFail: true).contains("+    zone: a"))

    // From client-side to server-side apply: kubectl keeps what it owned.
    try await kubectl("delete", "node", "edge-1")
    try await kubectl("apply", "-f", one)
    #expect(try await kubectl("apply", "--server-side", "-f", two) == "node/edge-1 serverside-applied\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.zone}") == "b")
    #expect(try await kubectl("apply", "-f", one) == "node/edge-1 configured\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.zone}") == "a")
  }

  @Test(arguments: versions)
  func `get -w prints changes and wait sees a condition`(version: String) async throws {
    let kubectl = try await Bench.start(version)
    defer { kubectl.daemon.stop() }
    let file = try kubectl.file("node.yaml", Self.node)
    try await kubectl("create", "-f", file)

    async let watched = run(
      [kubectl.kubectl, "--server", kubectl.daemon.url, "get", "nodes", "-w", "--request-timeout=12s"],
      environment: ["HOME": kubectl.home.path, "KUBECONFIG": "/dev/null"], within: .seconds(60))
    async let waited = run(
      [kubectl.kubectl, "--server", kubectl.daemon.url, "wait", "--for=condition=Ready", "node/edge-1", "--timeout=30s"],
      environment: ["HOME": kubectl.home.path, "KUBECONFIG": "/dev/null"], within: .seconds(60))
    // kubectl does not say when its watch is open, so changes go on until it has ended.
    let changes = Task {
      var turn = 0
      while !Task.isCancelled {
        try await kubectl(turn.isMultiple(of: 2) ? "cordon" : "uncordon", "edge-1")
        turn += 1
        try await kubectl(
          "patch", "node", "edge-1", "--subresource=status", "-p",
          #"{"status":{"conditions":[{"type":"Ready","status":"True","reason":"Test","message":"up"}]}}"#)
      }
    }
    #expect(try await waited.output == "node/edge-1 condition met\n")
    let lines = try await watched.output.split(separator: "\n")
    changes.cancel()
    _ = await changes.result
    #expect(lines.contains { $0.contains(" Ready,SchedulingDisabled ") })
    #expect(lines.contains { $0.contains(" Ready  ") })
  }

  @Test(arguments: versions)
  func `discovery and explain know nodes, and bad fields are refused`(version: String) async throws {
    let kubectl = try await Bench.start(version)
    defer { kubectl.daemon.stop() }
    #expect(try await kubectl("api-resources").contains("nodes"))
    #expect(try await kubectl("api-versions").contains("v1"))
    #expect(try await kubectl("version").contains("Server Version: v1.36"))
    let explained = try await kubectl("explain", "node")
    #expect(explained.contains("KIND:       Node") && explained.contains("status") && explained.contains("metadata"))
    #expect(try await kubectl("explain", "node.spec.taints").contains("effect"))
    #expect(try await kubectl("explain", "node", "--recursive").contains("podCIDR"))
    let bad = try kubectl.file("bad.yaml", Self.node + "  nonsense: true\n")
    let refused = try await kubectl("create", "-f", bad, mayFail: true)
    #expect(refused.contains("nonsense"))
    #expect(try await kubectl("get", "nodes", "-o", "name") == "")
    #expect(try await kubectl("apply", "-f", bad, "--validate=ignore").contains("created"))
  }
}
