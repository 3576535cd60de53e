import ByteBuffers
import JSON
import Storage
import Synchronization
import TestSupport
import Testing

@testable import StorageEtcd3

@Suite struct `Answers of etcd3 in a wrong shape` {
  /// `/registry/a`
  static let key = "L3JlZ2lzdHJ5L2E="
  static let pair = #"{"key":"L3JlZ2lzdHJ5L2E=","create_revision":"3","mod_revision":"5","version":"2","value":"MQ=="}"#
  static let header = #""header":{"cluster_id":"14841639068965178418","member_id":"1","revision":"7","raft_term":"2"}"#

  private static func node(_ text: String) throws -> JSONNode { try JSONTape.parse(SharedBytes(text)).root }

  /// A range, and the word that its error must hold; nil: it is well.
  static let ranges: [(String, String?)] = [
    ("{\(header)}", nil), ("{\(header),\"kvs\":null,\"count\":null,\"more\":null}", nil),
    ("{\(header),\"kvs\":[],\"count\":\"0\"}", nil),
    ("{\(header),\"kvs\":[\(pair)],\"count\":\"1\"}", nil), ("{\(header),\"count\":12}", nil),
    (#"{"header":{"revision":"7"},"count":"12"}"#, nil),
    ("{\(header),\"kvs\":{}}", "kvs is an object where a list is due"), ("{\(header),\"kvs\":\"\"}", "kvs is a string"),
    ("{\(header),\"kvs\":[[]],\"count\":\"1\"}", "a key is a list"),
    ("{\(header),\"kvs\":[{}],\"count\":\"1\"}", "a key has no name"),
    ("{\(header),\"kvs\":[null],\"count\":\"1\"}", "a key is null"),
    ("{\(header),\"kvs\":[\(pair)]}", "count is 0, with 1 keys"), ("{\(header),\"count\":\"x\"}", "count is no number"),
    ("{\(header),\"count\":[]}", "count is a list where a number is due"),
    ("{\(header),\"count\":1.5}", "count is a number with a fraction"),
    ("{\(header),\"count\":\"99999999999999999999\"}", "count is no number of 64 bits"),
    ("{\(header),\"more\":\"true\"}", "more is a string"),
    ("{\(header),\"more\":true}", "more is true, without a key"),
    (
      "{\(header),\"kvs\":[{\"key\":\"\(key)\",\"create_revision\":\"3\",\"version\":\"2\"}],\"count\":\"1\"}",
      "mod_revision of /registry/a is missing"
    ),
    (
      "{\(header),\"kvs\":[{\"key\":\"\(key)\",\"mod_revision\":\"3\",\"version\":\"2\"}],\"count\":\"1\"}",
      "create_revision of /registry/a is missing"
    ),
    (
      "{\(header),\"kvs\":[{\"key\":\"\(key)\",\"create_revision\":\"3\",\"mod_revision\":\"3\"}],\"count\":\"1\"}",
      "version of /registry/a is missing"
    ),
    ("{\(header),\"kvs\":[{\"key\":5}],\"count\":\"1\"}", "key is not base64"),
    ("{\(header),\"kvs\":[\(pair.replacing("\"MQ==\"", with: "\"?\""))],\"count\":\"1\"}", "value is not base64"),
    ("{}", "header is missing"), ("[]", "the answer is a list where an object is due"), ("null", "the answer is null"),
    ("\"\"", "the answer is a string"),
    (#"{"header":[]}"#, "header is a list"), (#"{"header":null}"#, "header is null"),
    (#"{"header":{}}"#, "header has no revision"),
    (#"{"header":{"revision":{}}}"#, "revision is an object"),
    (#"{"header":{"revision":"-5"}}"#, "revision is negative"),
    (#"{"header":{"revision":"7","cluster_id":"-1"}}"#, "cluster_id is no number"),
  ]

  @Test(arguments: ranges) func `a range is read strictly, and what etcd leaves out is legal`(
    text: String, word: String?
  ) throws {
    try expect(word) { _ = try RangeAnswer(try Self.node(text)) }
  }

  static let transactions: [(String, String?)] = [
    ("{\(header),\"succeeded\":true,\"responses\":[{\"response_put\":{\(header)}}]}", nil),
    ("{\(header),\"succeeded\":true,\"responses\":[{\"response_delete_range\":{\"deleted\":\"1\"}}]}", nil),
    ("{\(header),\"responses\":[{\"response_range\":{}}]}", nil),
    ("{\(header),\"succeeded\":false,\"responses\":[{\"response_range\":{\"kvs\":[\(pair)],\"count\":\"1\"}}]}", nil),
    ("[]", "the answer is a list"), ("{}", "header is missing"), ("{\(header)}", "responses has 0 members"),
    ("{\(header),\"succeeded\":true}", "responses has 0 members"),
    ("{\(header),\"succeeded\":\"true\",\"responses\":[]}", "succeeded is a string"),
    ("{\(header),\"succeeded\":1,\"responses\":[]}", "succeeded is a number"),
    ("{\(header),\"responses\":{}}", "responses is an object"),
    ("{\(header),\"responses\":[[]]}", "a response is a list"), ("{\(header),\"responses\":[{}]}", "shows no range"),
    ("{\(header),\"responses\":[{\"response_range\":[]}]}", "a range is a list"),
    ("{\(header),\"succeeded\":true,\"responses\":[{\"response_range\":{}}]}", "neither a put nor a removal"),
    ("{\(header),\"succeeded\":true,\"responses\":[{\"response_put\":[]}]}", "what a transaction did is a list"),
    ("{\(header),\"responses\":[{\"response_range\":{\"kvs\":{},\"count\":\"1\"}}]}", "kvs is an object"),
    (
      "{\(header),\"responses\":[{\"response_range\":{\"kvs\":[\(pair.replacing(key, with: "L3g="))],\"count\":\"1\"}}]}",
      "it holds /x, which was not asked for"
    ),
  ]

  @Test(arguments: transactions) func `a transaction is read strictly`(text: String, word: String?) throws {
    try expect(word) { _ = try TransactionAnswer(try Self.node(text), key: "/registry/a") }
  }

  static let lines: [(String, String?)] = [
    ("{\(header),\"created\":true}", nil), ("{\(header),\"watch_id\":\"-1\"}", nil),
    ("{\(header),\"watch_id\":\"3\",\"events\":[]}", nil),
    ("{\(header),\"canceled\":true,\"compact_revision\":\"5\",\"cancel_reason\":\"x\"}", nil),
    ("[]", "result is a list"), ("{}", "header is missing"), (#"{"header":{}}"#, "header has no revision"),
    ("{\(header),\"events\":{}}", "events is an object"),
    ("{\(header),\"watch_id\":\"x\"}", "watch_id is no number"),
    ("{\(header),\"created\":\"true\"}", "created is a string"),
    ("{\(header),\"canceled\":1}", "canceled is a number"),
    ("{\(header),\"compact_revision\":[]}", "compact_revision is a list"),
  ]

  @Test(arguments: lines) func `a line of a watch is read strictly`(text: String, word: String?) throws {
    try expect(word) { _ = try WatchAnswer(try Self.node(text)) }
  }

  private func expect(_ word: String?, _ body: () throws -> Void) throws {
    guard let word else { return try body() }
    #expect { try body() } throws: { error in
      if case StorageError.wrongAnswer(let text) = error {
        text.contains("wrong shape") && text.contains(word)
      } else {
        false
      }
    }
  }

  @Test func `keys are in a range or not by their bytes`() {
    #expect(KeyRange(key: "/a").contains("/a") && !KeyRange(key: "/a").contains("/ab"))
    #expect(
      KeyRange(prefix: "/a/").contains("/a/b") && !KeyRange(prefix: "/a/").contains("/a0")
        && !KeyRange(prefix: "/a/").contains("/a"))
    #expect(KeyRange(prefix: "").contains("x") && !KeyRange(prefix: "/a/", from: "/a/c").contains("/a/b"))
  }

  /// What a well etcd says to whatever it is asked.
  private static func well(_ path: String) -> ScriptedServer.Answer {
    switch path {
    case "/version": .init(#"{"etcdserver":"3.5.13"}"#)
    default: .init("{\(header)}")
    }
  }

  @Test func `no read takes a wrong shape for absence, and no write for success or refusal`() async throws {
    let server = try ScriptedServer { Self.well($1) }
    try await withEtcd3([server.url], timing: .short) { storage in
      let known = StoredObject(key: "/registry/a", value: SharedBytes("1"), revision: Revision(5))
      func fails(_ word: String, _ body: () async throws -> Void) async {
        await #expect { try await body() } throws: { error in
          if case StorageError.wrongAnswer(let text) = error { text.contains(word) } else { false }
        }
      }
      for (body, word) in [
        ("{\(Self.header),\"kvs\":{}}", "kvs is an object"), ("[]", "the answer is a list"),
        ("{}", "header is missing"),
      ] {
        server.set { $1.hasSuffix("/version") ? Self.well($1) : .init(body) }
        if body.contains("kvs") {
          await fails(word) { _ = try await storage.get(key: "/registry/a", isConsistent: true) }
          await fails(word) { _ = try await storage.getList(prefix: "/registry/", options: StorageListOptions()) }
          await fails(word) { _ = try await storage.count(prefix: "/registry/") }
          await fails(word) { _ = try await storage.readinessCheck() }
        }
        let ofWrite = body.contains("kvs") ? "responses" : word
        await fails(ofWrite) { _ = try await storage.create(key: "/registry/a", value: SharedBytes("1"), ttl: nil) }
        await fails(ofWrite) {
          _ = try await storage.guaranteedUpdate(key: "/registry/a", ignoreNotFound: false, origin: known) { _ in
            .write(SharedBytes("2"), ttl: nil)
          }
        }
        await fails(ofWrite) { _ = try await storage.delete(key: "/registry/a", origin: known) { _ in } }
      }
    }
  }

  @Test func `alarms are none where etcd says nothing, and an error where they are no list`() async throws {
    let server = try ScriptedServer { Self.well($1) }
    try await withEtcd3([server.url], timing: .short) { storage in
      server.set { $1.hasSuffix("/alarm") ? .init("{}") : Self.well($1) }
      try await storage.readinessCheck()
      for body in ["[]", #"{"alarms":{}}"#, #"{"alarms":[5]}"#, #"{"alarms":[{"memberID":"x"}]}"#] {
        server.set { $1.hasSuffix("/alarm") ? .init(body) : Self.well($1) }
        await #expect { try await storage.readinessCheck() } throws: { error in
          if case StorageError.wrongAnswer = error { true } else { false }
        }
      }
      server.set {
        $1.hasSuffix("/alarm") ? .init(#"{"alarms":[{"memberID":"10","alarm":"NOSPACE"}]}"#) : Self.well($1)
      }
      await #expect(throws: StorageError.outOfSpace("etcd: alarm NOSPACE on member a")) {
        try await storage.readinessCheck()
      }
      // A member without space is no reason for a restart.
      try await storage.livenessCheck()
    }
  }

  @Test(arguments: [
    #"{"result":{"header":{"revision":"9"},"watch_id":"ID","events":{}}}"#,
    #"{"result":{"header":{"revision":"9"},"watch_id":"ID","events":[{"kv":{"key":"L3JlZ2lzdHJ5L2E="}}]}}"#,
    #"{"result":{"header":{"revision":"9"},"watch_id":"ID","events":[{"type":3,"kv":{"key":"L3JlZ2lzdHJ5L2E=","mod_revision":"9"}}]}}"#,
    #"{"result":{"header":{"revision":"9"},"watch_id":"ID","events":[{"type":"DELETE"}]}}"#,
    #"{"result":{"header":{"revision":"9"},"watch_id":"ID","events":[{"type":"DELETE","kv":{"key":"L3g=","mod_revision":"9"}}]}}"#,
    #"{"result":[]}"#, #"{"result":{"watch_id":"ID"}}"#, #"{"result":{"header":{"revis"#,
  ]) func `a watch ends where its stream says what makes no sense, so that it can be resumed`(line: String) async throws
  {
    let server = try ScriptedServer { Self.well($1) }
    try await withEtcd3([server.url], timing: .short) { storage in
      // Watch ids are counted; whichever this is, one of these lines is about it.
      let created = (1...20).map { "{\"result\":{\(Self.header),\"watch_id\":\"\($0)\",\"created\":true}}\n" }.joined()
      let events =
        line.contains("ID") ? (1...20).map { line.replacing("ID", with: "\($0)") + "\n" }.joined() : line + "\n"
      server.set { $1.hasSuffix("/watch") ? .init(created + events, isStream: true) : Self.well($1) }
      await #expect {
        let watch = try await storage.watch(prefix: "/registry/", after: Revision(7))
        while true { _ = try await watch.nextBatch() }
      } throws: { error in
        // Where it was not even confirmed, it is a call that failed.
        switch error {
        case StorageError.watchClosed, StorageError.unreachable: true
        default: false
        }
      }
    }
  }
}
