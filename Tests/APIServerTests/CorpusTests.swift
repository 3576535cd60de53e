import ByteBuffers
import Foundation
import JSON
import Machinery
import Registry
import Resources
import TestSupport
import Testing

/// Recorded conversations with a real API server in this process, without sockets of the network: the whole way from
/// bytes to storage and back. A new kind adds a file to `cases/builtin`.
@Suite struct `Recorded conversations in process` {
  /// Below `Tests/Conformance`, without their ending. Each has a server of its own, which is empty.
  static let files =
    [
      "cases/apply",
      "cases/crud",
      "cases/delete",
      "cases/discovery",
      "cases/errors",
      "cases/list",
      "cases/patch",
      "cases/status",
      "cases/table",
      "cases/watch",
      "cases/namespaced",
      "cases/access/bootstrap",
      "cases/custom/definitions",
      "cases/custom/rules",
      "cases/custom/structural",
      "cases/custom/talk",
      "cases/custom/update",
      "cases/custom/values",
      "derived/nodes",
    ] + Corpus.builtin.map { "cases/builtin/\($0)" }

  static func conversations(_ file: String) throws -> [Conversation] {
    try Conversation.read(Repository.root.appending(path: "Tests/Conformance/\(file).json"))
  }

  /// What a daemon says of all that it serves; replayed over HTTP alone.
  private static let ofDaemons: Set<String> = ["apiregistration.k8s.io-apiservices/built-in"]

  private static func replay(_ conversations: [Conversation], _ server: TestServer) {
    let replayer = Replayer(leavingOut: Corpus.awaitsExpressions) { try server.connect() }
    for conversation in conversations
    where Corpus.awaiting[conversation.name] == nil && !ofDaemons.contains(conversation.name) {
      let outcome = replayer.run(conversation)
      let shown = outcome.differences.prefix(5).joined(separator: "\n")
      #expect(outcome.differences.isEmpty, "\(conversation.name): \(outcome.differences.count) differ\n\(shown)")
    }
  }

  /// Does it ask for what a cluster begins with?
  private static func needsBootstrap(_ file: String) -> Bool {
    ["rbac.", "flowcontrol.", "scheduling.", "access/", "core-pods"].contains { file.contains($0) }
  }

  @Test(arguments: files) func `every conversation of a file matches`(_ file: String) async throws {
    let conversations = try Self.conversations(file)
    #expect(!conversations.isEmpty)
    var settings = BuiltInResources.Settings()
    // As recorded.
    settings.services = ServiceAllocation(.init(networks: [try #require(IPNetwork("10.96.0.0/16"))]))
    let kinds = BuiltInResources.all(settings).filter { $0.groupResource.resource != "nodes" }
    try await TestServer.with(kinds: kinds, services: settings.services) { server in
      if Self.needsBootstrap(file) {
        try await server.bootstrapped { Self.replay(conversations, server) }
      } else {
        Self.replay(conversations, server)
      }
    }
  }
}
