import Foundation
import TestSupport
import Testing

/// What kubectl takes from the published documents: explanations, and checks before anything is sent. 1.20 reads OpenAPI v2 as protobuf, newer ones v3.
@Suite struct `kubectl and OpenAPI` {
  static let versions = ["1.20"] + kubectl.versions

  @Test(arguments: versions)
  func `explain shows what the fields mean`(version: String) async throws {
    let kubectl = try await kubectl.Bench.start(version)
    defer { kubectl.daemon.stop() }
    // kubectl breaks lines as it likes.
    func explain(_ arguments: String...) async throws -> String {
      try await kubectl("explain", arguments[0], arguments.count > 1 ? arguments[1] : "--recursive=false").split(whereSeparator: \.isWhitespace).joined(separator: " ")
    }
    let node = try await explain("node")
    #expect(node.contains("KIND: Node VERSION: v1") && node.contains("DESCRIPTION: A machine that runs pods."))
    #expect(node.contains("status <") && node.contains("What was last seen of this node"))
    let taints = try await explain("node.spec.taints")
    #expect(taints.contains("-required-") && taints.contains("NoExecute: no new ones come and those that are here are evicted."))
    let metadata = try await explain("node.metadata")
    #expect(metadata.contains("annotations <map[string]string>") && metadata.contains("256 KiB in all"))
    #expect(try await explain("node.metadata.managedFields.fieldsV1").contains("A set of fields as a tree"))
    #expect(try await explain("nodes.status.capacity").contains("All there is of each resource"))
    let everything = try await explain("node", "--recursive")
    for field in ["managedFields <[]", "blockOwnerDeletion <boolean>", "podCIDRs <[]string>", "kubeletEndpoint <", "timeAdded <string>"] {
      #expect(everything.contains(field), "\(field)")
    }
    #expect(try await kubectl("explain", "node.spec.nonsense", mayFail: true).contains("does not exist"))
  }

  @Test(arguments: versions)
  func `wrong manifests are refused with the place of the mistake`(version: String) async throws {
    let kubectl = try await kubectl.Bench.start(version)
    defer { kubectl.daemon.stop() }
    let node = EndToEndTests.kubectl.node
    for (name, text, complaint) in [
      ("unknown", node + "  nonsense: true\n", "nonsense"), ("type", node.replacingOccurrences(of: "podCIDR: 10.1.0.0/24", with: "podCIDR: [1]"), "podCIDR"),
      ("missing", node + "  taints:\n  - key: a\n", "effect"),
    ] {
      let file = try kubectl.file(name + ".yaml", text)
      for verb in ["create", "apply"] {
        let refused = try await kubectl(verb, "-f", file, mayFail: true)
        #expect(refused.contains(complaint) && !refused.contains("edge-1 created"), "\(verb) \(name): \(refused)")
        // The old client knows from the document alone; the new ones leave it to the server.
        if version == "1.20" { #expect(refused.contains("ValidationError(Node.spec") && refused.contains("io.k8s.api.core.v1.")) }
      }
    }
    #expect(try await kubectl("get", "nodes", "-o", "name") == "")
  }

  @Test func `kubectl 1.20 creates, applies, compares and patches`() async throws {
    let kubectl = try await kubectl.Bench.start("1.20")
    defer { kubectl.daemon.stop() }
    let node = EndToEndTests.kubectl.node
    let file = try kubectl.file("node.yaml", node)
    #expect(try await kubectl("create", "-f", file, "--save-config") == "node/edge-1 created\n")
    #expect(try await kubectl("apply", "-f", file) == "node/edge-1 unchanged\n")
    let changed = try kubectl.file("changed.yaml", node.replacingOccurrences(of: "zone: a", with: "zone: b"))
    // It asks the document whether PATCH knows dryRun.
    #expect(try await kubectl("apply", "-f", changed, "--dry-run=server") == "node/edge-1 configured (server dry run)\n")
    #expect(try await kubectl("diff", "-f", changed, mayFail: true).contains("+    zone: b"))
    #expect(try await kubectl("apply", "-f", changed) == "node/edge-1 configured\n")
    #expect(try await kubectl("apply", "-f", changed, "--server-side", "--field-manager=one", "--force-conflicts") == "node/edge-1 serverside-applied\n")
    #expect(try await kubectl("patch", "node", "edge-1", "-p", #"{"metadata":{"labels":{"zone":"c"}}}"#) == "node/edge-1 patched\n")
    #expect(try await kubectl("get", "node", "edge-1", "-o", "jsonpath={.metadata.labels.zone}") == "c")
    #expect(try await kubectl("delete", "-f", file) == "node \"edge-1\" deleted\n")
  }
}
