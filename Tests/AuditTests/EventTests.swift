import Access
import ByteBuffers
import Foundation
import JSON
import Machinery
import Metrics
import Synchronization
import TestSupport
import Testing

@testable import Audit

/// Keeps events for a test to look at.
private final class Shelf: AuditBackend {
  let name = "shelf"
  let truncation: AuditTruncation?
  init(truncation: AuditTruncation? = nil) { self.truncation = truncation }
  private let lines = Mutex<[String]>([])
  var lost: Int { 0 }
  func take(_ event: AuditLine) -> Bool {
    lines.withLock { $0.append(event.slices.map(\.text).joined()) }
    return true
  }
  func flush() async {}
  func events() throws -> [JSONValue] { try lines.withLock { $0 }.map { try JSONValue(parsing: $0) } }
}

@Suite struct `Audit events` {
  private func begin(
    _ level: String, _ attributes: AccessAttributes, _ shelf: Shelf, omitsManagedFields: Bool = false
  ) throws -> AuditRecord {
    let policy = try AuditPolicy([
      "apiVersion": "audit.k8s.io/v1", "kind": "Policy", "omitManagedFields": .bool(omitsManagedFields),
      "rules": [["level": .string(level)]],
    ])
    let trail = AuditTrail(policy, [shelf])
    return try #require(
      trail.begin(attributes) {
        AuditRecord.Request(
          auditID: "id", uri: "/x?y", userAgent: String(repeating: "u", count: 2_000), sourceIPs: ["10.0.0.1"],
          received: .now())
      })
  }
  private func attributes(_ resource: String = "nodes", subresource: String = "") -> AccessAttributes {
    AccessAttributes(
      UserInfo(name: "alice", groups: ["devs"]), "create", group: "", version: "v1", resource: resource,
      subresource: subresource)
  }
  private let object: JSONValue = [
    "kind": "Node", "metadata": ["name": "a", "uid": "u", "resourceVersion": "7", "managedFields": [["manager": "m"]]],
  ]

  @Test func `an event says who, what and how it ended, in the order of Go's struct`() throws {
    let shelf = Shelf()
    let record = try begin("Metadata", attributes(), shelf)
    record.reached(.requestReceived)
    record.impersonated(UserInfo(name: "bob"))
    record.sent(object)
    record.annotate("authorization.k8s.io/decision", "allow")
    record.annotate("authorization.k8s.io/decision", "forbid")
    record.answered(409, .plain(409, "no"), object: [ByteSlice(SharedBytes("{}"))])
    record.answered(200, nil, object: nil)
    let events = try shelf.events()
    #expect(events.map { $0["stage"]?.string } == ["RequestReceived", "ResponseComplete"])
    #expect(events[0]["requestReceivedTimestamp"] == events[0]["stageTimestamp"])
    let last = events[1]
    #expect(
      last.object?.members.map(\.name) == [
        "kind", "apiVersion", "level", "auditID", "stage", "requestURI", "verb", "user", "impersonatedUser",
        "sourceIPs", "userAgent", "objectRef", "responseStatus",
        "requestReceivedTimestamp", "stageTimestamp", "annotations",
      ])
    #expect(
      last["objectRef"]?.encoded().text
        == #"{"resource":"nodes","name":"a","uid":"u","apiVersion":"v1","resourceVersion":"7"}"#)
    #expect(
      last["userAgent"]?.string?.utf8.count == 1_024 + 12 && last["user"] == ["username": "alice", "groups": ["devs"]])
    #expect(
      last["responseStatus"]?["code"] == 409 && last["responseStatus"]?["message"] == "no"
        && last["responseStatus"]?["status"] == "Failure")
    #expect(last["annotations"] == ["authorization.k8s.io/decision": "allow"])
  }

  @Test(arguments: [("Metadata", false, false), ("Request", true, false), ("RequestResponse", true, true)])
  func `levels keep more and more`(level: String, request: Bool, response: Bool) throws {
    let shelf = Shelf()
    let record = try begin(level, attributes(), shelf)
    record.sent(object)
    record.answered(201, nil, object: [ByteSlice(SharedBytes(#"{"a":"#)), ByteSlice(SharedBytes("1}"))])
    let event = try #require(try shelf.events().first)
    #expect(
      event["requestObject"] == (request ? object : nil) && event["responseObject"] == (response ? ["a": 1] : nil))
    #expect(event["responseStatus"] == ["metadata": [:], "code": 201])
  }

  @Test(arguments: [("secrets", ""), ("tokenreviews", ""), ("serviceaccounts", "token")])
  func `secrets and tokens are kept at the last level only`(resource: String, subresource: String) throws {
    for (level, isKept) in [("Metadata", false), ("Request", false), ("RequestResponse", true)] {
      let shelf = Shelf()
      let record = try begin(level, attributes(resource, subresource: subresource), shelf)
      record.sent(["spec": ["token": "hidden"]])
      record.sent(ByteSlice(SharedBytes(#"{"spec":{"token":"hidden"}}"#)))
      record.answered(201, nil, object: [ByteSlice(SharedBytes(#"{"spec":{"token":"hidden"}}"#))])
      #expect((try shelf.events().first?.encoded().text.contains("hidden") == true) == isKept, "\(level)")
    }
  }

  @Test func `managed fields are left out of objects and lists where the policy says so`() throws {
    let shelf = Shelf()
    let record = try begin("RequestResponse", attributes(), shelf, omitsManagedFields: true)
    record.sent(object)
    record.answered(200, nil, object: [ByteSlice(JSONValue.object(["items": [object, object]]).encoded())])
    let event = try #require(try shelf.events().first)
    #expect(event["requestObject"]?["metadata"]?["name"] == "a" && !event.encoded().text.contains("managedFields"))
  }

  @Test func `what is too large goes without bodies, or not at all, where that is configured`() throws {
    var truncation = AuditTruncation()
    truncation.maxEventSize = 2_500
    let small = Shelf(truncation: truncation)
    truncation.maxEventSize = 200
    let least = Shelf(truncation: truncation)
    let any = Shelf()
    let policy = try AuditPolicy([
      "apiVersion": "audit.k8s.io/v1", "kind": "Policy",
      "rules": [["level": "RequestResponse", "verbs": ["create"]], ["level": "Metadata"]],
    ])
    let trail = AuditTrail(policy, [small, least, any])
    func record(_ attributes: AccessAttributes, agent: Int = 10) throws -> AuditRecord {
      try #require(
        trail.begin(attributes) {
          AuditRecord.Request(
            auditID: "id", uri: "/" + String(repeating: "u", count: agent), userAgent: "a", sourceIPs: [],
            received: .now())
        })
    }
    let short = try record(attributes())
    short.sent(object)
    short.answered(201, nil, object: [ByteSlice(SharedBytes("{}"))])
    let long = try record(attributes())
    long.sent(object)
    long.annotate("a", "b")
    long.answered(201, nil, object: [ByteSlice(SharedBytes(#"{"a":"\#(String(repeating: "x", count: 3_000))"}"#))])
    var metadata = attributes()
    metadata.verb = "get"
    try record(metadata, agent: 3_000).answered(200, nil, object: nil)

    let whole = try any.events()
    let cut = try small.events()
    #expect(whole.count == 3 && cut.count == 2 && cut[0] == whole[0])
    #expect(whole[1]["responseObject"]?["a"]?.string?.count == 3_000 && whole[1]["annotations"] == ["a": "b"])
    var expected = whole[1]
    expected["requestObject"] = nil
    expected["responseObject"] = nil
    expected["annotations"]?["audit.k8s.io/truncated"] = "true"
    #expect(cut[1] == expected)
    #expect(try least.events().isEmpty)
    var text = MetricsText()
    trail.write(&text)
    #expect(text.text.contains(#"apiserver_audit_error_total{plugin="truncate"} 4"#), "\(text.text)")
  }

  @Test func `a stream has a beginning and one end`() throws {
    let shelf = Shelf()
    let record = try begin("Metadata", attributes(), shelf)
    record.answered(200, nil, object: nil, stage: .responseStarted)
    record.ended()
    record.ended()
    #expect(try shelf.events().map { $0["stage"]?.string } == ["ResponseStarted", "ResponseComplete"])
    let gone = try begin("Metadata", attributes(), shelf)
    gone.ended()
    #expect(try shelf.events().last?["responseStatus"]?["message"] == "Connection closed early")
  }
}

@Suite struct `Audit log` {
  private func line(_ text: String) -> AuditLine {
    var line = AuditLine()
    line.add(text)
    return line
  }

  @Test func `lines are written whole, and a file that is full is put aside, of which so many are kept`() async throws {
    let folder = try TemporaryFolder()
    var configuration = AuditLog.Configuration(path: folder.file("audit.log"))
    (configuration.maxSize, configuration.maxBackups) = (1, 2)
    let log = try AuditLog(configuration)
    let filling = String(repeating: "x", count: 300_000)
    for number in 0..<16 {
      #expect(log.take(line("\(number) \(filling)")))
      // Names are of milliseconds.
      await log.flush()
      try await Task.sleep(for: .milliseconds(2))
    }
    let files = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
    #expect(
      files.count == 3 && files.last == "audit.log"
        && files.allSatisfy { $0.hasPrefix("audit") && $0.hasSuffix(".log") }, "\(files)")
    let kept = try files.flatMap {
      try String(contentsOfFile: folder.file($0), encoding: .utf8).split(separator: "\n").compactMap {
        Int($0.prefix { $0 != " " })
      }
    }
    #expect(kept == Array((16 - kept.count)..<16) && kept.count >= 7, "\(kept)")
    #expect(log.lost == 0)
  }

  @Test func `what finds no room is refused, and what can't be written is counted`() async throws {
    let queue = AuditQueue(countMax: 2)
    #expect(queue.add(line("a")) == .first && queue.add(line("b")) == .another && queue.add(line("c")) == .refused)
    #expect(queue.take(max: 1).count == 1 && queue.add(line("c")) == .another)
    // Bytes are bounded too, but for one alone.
    let large = AuditQueue(countMax: 10)
    let half = line(String(repeating: "x", count: 40 << 20))
    #expect(large.add(half) == .first && large.add(half) == .refused)

    let problems = Mutex<[String]>([])
    var configuration = AuditLog.Configuration(path: "/dev/full")
    configuration.report = { problem in problems.withLock { $0.append(problem) } }
    let log = try AuditLog(configuration)
    #expect(log.take(line("a")))
    await log.flush()
    #expect(log.lost == 1 && problems.withLock { $0 } == ["/dev/full: No space left on device"])
    #expect(throws: AuditLog.Unusable.self) { try AuditLog(AuditLog.Configuration(path: "/nowhere/audit.log")) }
  }

  @Test
  func `a pipe that nobody reads holds up neither the opening, nor events, nor the end, and what it cost is told`()
    async throws
  {
    let folder = try TemporaryFolder()
    let path = folder.file("pipe")
    #expect(mkfifo(path, 0o600) == 0)
    let problems = Mutex<[String]>([])
    var configuration = AuditLog.Configuration(path: path)
    configuration.bufferSize = 10
    configuration.report = { problem in problems.withLock { $0.append(problem) } }
    let log = try AuditLog(configuration)
    let event = line(String(repeating: "x", count: 10_000))
    var refused = 0
    // A pipe holds 64 KiB, the writer takes 64 events at a time, and ten wait.
    while refused == 0 { if !log.take(event) { refused += 1 } }
    let policy = try AuditPolicy(["apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": [["level": "Metadata"]]])
    await AuditTrail(policy, [log]).flush(within: .milliseconds(20))
    // Somebody reads after all.
    let reader = try ChildProcess(["cat", path], outputFile: folder.file("read"))
    await log.flush()
    #expect(problems.withLock { $0 } == ["\(path): 1 events were lost, as they came faster than they could be written"])
    #expect(log.lost == 0)
    reader.signal(SIGKILL)
    try await reader.wait()
  }
}
