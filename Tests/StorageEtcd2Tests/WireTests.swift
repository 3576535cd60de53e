import ByteBuffers
import Storage
import TestSupport
import Testing

@testable import StorageEtcd2

@Suite struct `Answers of etcd2 in a wrong shape` {
  static let index = ["X-Etcd-Index: 7", "X-Etcd-Cluster-Id: 1"]
  static let missing = ScriptedServer.Answer(
    #"{"errorCode":100,"message":"Key not found","cause":"/x","index":7}"#, status: 404, headers: index)
  static func found(_ node: String, action: String = "get", headers: [String] = index) -> ScriptedServer.Answer {
    .init("{\"action\":\"\(action)\",\"node\":\(node)}", headers: headers)
  }
  static let leaf = #"{"key":"/registry/a","value":"1","modifiedIndex":5,"createdIndex":3}"#

  /// An answer to a read of one key, and the word that its error must hold.
  static let reads: [(ScriptedServer.Answer, String)] = [
    (.init("[]", headers: index), "the answer is a list"), (.init("{}", headers: index), "action is missing"),
    (.init("", headers: index), "it is empty"),
    (.init(#"{"action":"get"}"#, headers: index), "node is missing"),
    (.init(#"{"action":5,"node":{}}"#, headers: index), "action is a number"),
    (found(leaf, action: "look"), "action look is unknown"), (found("[]"), "node is a list"),
    (found("\"x\""), "node is a string"), (found("{}"), "a node has no key"),
    (found(leaf.replacing("\"1\"", with: "1")), "value of /registry/a is not a string"),
    (found(#"{"key":"/registry/a","modifiedIndex":5,"createdIndex":3}"#), "value of /registry/a is missing"),
    (found(leaf.replacing("5", with: "\"5\"")), "modifiedIndex is a string"),
    (found(leaf.replacing(":5", with: ":0")), "an index of /registry/a"),
    (found(#"{"key":"/registry/a","value":"1","modifiedIndex":5}"#), "an index of /registry/a"),
    (found(leaf.replacing("/registry/a", with: "/registry/b")), "it holds /registry/b"),
    (found(#"{"key":"/registry/a","dir":"true"}"#), "dir is a string"),
    (found(leaf.dropLast() + #","expiration":"soon"}"#), "expiration soon is no time"),
    (found(leaf, headers: []), "X-Etcd-Index is missing"),
    (.init(missing.body, status: 404), "X-Etcd-Index is missing"),
  ]

  private func fails(_ word: String, _ body: () async throws -> Void) async {
    await #expect("\(word)") { try await body() } throws: { error in
      if case StorageError.wrongAnswer(let text) = error {
        text.contains("wrong shape") && text.contains(word)
      } else {
        false
      }
    }
  }

  @Test func `no read takes a wrong shape for absence`() async throws {
    let server = try ScriptedServer { _, _ in Self.missing }
    try await withEtcd2([server.url], timing: .short) { storage in
      for (answer, word) in Self.reads {
        server.set { _, _ in answer }
        await fails(word) { _ = try await storage.get(key: "/registry/a", isConsistent: true) }
      }
      for (nodes, word) in [
        ("{}", "nodes is an object"), ("[5]", "node is a number"),
        ("[{\"key\":\"/registry/a\"}]", "an index of /registry/a"),
      ] {
        server.set { _, _ in
          Self.found("{\"key\":\"/registry\",\"dir\":true,\"nodes\":\(nodes),\"modifiedIndex\":4,\"createdIndex\":4}")
        }
        await fails(word) { _ = try await storage.getList(prefix: "/registry/", options: StorageListOptions()) }
        await fails(word) { _ = try await storage.count(prefix: "/registry/") }
      }
      // What etcd leaves out is legal.
      server.set { _, _ in Self.found(#"{"key":"/registry","dir":true,"modifiedIndex":4,"createdIndex":4}"#) }
      let list = try await storage.list("/registry/")
      #expect(list.objects.isEmpty)
      server.set { _, _ in Self.found(Self.leaf) }
      let read = try await storage.get(key: "/registry/a", isConsistent: true)
      #expect(read.value.text == "1")
      server.set { _, _ in Self.missing }
      await #expect(throws: StorageError.keyNotFound(key: "/registry/a")) {
        try await storage.get(key: "/registry/a", isConsistent: true)
      }
    }
  }

  @Test func `no write takes a wrong shape for success or refusal`() async throws {
    let server = try ScriptedServer { _, _ in Self.missing }
    try await withEtcd2([server.url], timing: .short) { storage in
      let known = StoredObject(key: "/registry/a", value: SharedBytes("1"), revision: Revision(5))
      for (answer, word) in [
        (ScriptedServer.Answer("[]", headers: Self.index), "the answer is a list"),
        (.init("{}", headers: Self.index), "action is missing"),
        (.init(#"{"action":"set"}"#), "X-Etcd-Index is missing"),
        (.init(#"{"action":"set","node":[]}"#, headers: Self.index), "node is a list"),
      ] {
        server.set { _, _ in answer }
        await fails(word) { _ = try await storage.create("/registry/a", "1") }
        await fails(word) {
          _ = try await storage.guaranteedUpdate(key: "/registry/a", ignoreNotFound: false, origin: known) { _ in
            .write(SharedBytes("2"), ttl: nil)
          }
        }
        await fails(word) { _ = try await storage.delete(key: "/registry/a", origin: known) { _ in } }
      }
    }
  }

  @Test(arguments: [
    "[]", "{}", #"{"action":"get","node":{"key":"/registry/a","value":"1","modifiedIndex":8,"createdIndex":3}}"#,
    #"{"action":"set","node":{"key":"/registry/a"}}"#,
    #"{"action":"set","node":{"key":"/registry/a","modifiedIndex":8,"createdIndex":8}}"#, #"{"action":"set"}"#,
  ]) func `a watch ends where its poll says what makes no sense, so that it can be resumed`(body: String) async throws {
    let server = try ScriptedServer { _, path in
      path.contains("wait=true") ? .init(body, headers: Self.index) : Self.missing
    }
    try await withEtcd2([server.url], timing: .short) { storage in
      let watch = try await storage.watch(prefix: "/registry/", after: Revision(7))
      await #expect {
        while true { _ = try await watch.nextBatch() }
      } throws: { error in
        if case StorageError.watchClosed(let text) = error { text.contains("wrong shape") } else { false }
      }
    }
  }
}
