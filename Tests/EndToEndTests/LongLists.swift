import Foundation
import JSON
import LoadClient
import Synchronization
import TestSupport
import Testing

/// Lists many times larger than what clients may make the daemon hold, in forms that nobody shares.
@Suite(.serialized) struct `Lists that are larger than the budget` {
  private static let budget = 16 << 20
  private static let encodings = 8 << 20
  /// Beside the two: what the allocator keeps, and what a debug build takes for its values.
  private static let slack = 40 << 20

  private static func anonymousBytes(_ pid: pid_t) -> Int {
    let status = (try? String(contentsOfFile: "/proc/\(pid)/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix("RssAnon:") } ?? ""
    return (Int(line.split(separator: " ").dropLast().last ?? "") ?? 0) << 10
  }

  private static func metric(_ name: String, _ port: Int) -> Int? {
    let lines = HTTPProbe.request(port: port, path: "/metrics", timeoutSeconds: 10)?.body.split(separator: "\n") ?? []
    return lines.first { $0.hasPrefix(name + " ") }.flatMap { Int($0.dropFirst(name.count + 1)) }
  }

  @Test func `they are answered in every form, memory stays in its bounds, and each is audited as complete`()
    async throws
  {
    // A full run takes what a cluster of that size has.
    let (count, padding) = Tools.isFullRun ? (50_000, 3_500) : (800, 16_000)
    let folder = try TemporaryFolder()
    try
      "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules:\n- {level: Metadata, verbs: [list]}\n- {level: RequestResponse, verbs: [deletecollection]}\n"
      .write(toFile: folder.file("policy.yaml"), atomically: true, encoding: .utf8)
    let daemon = try await Daemon.start(
      on: .sqlite,
      arguments: [
        "--memory-budget-mb", String(Self.budget >> 20), "--encoding-cache-mb", String(Self.encodings >> 20),
        "--audit-policy-file", folder.file("policy.yaml"),
        "--audit-log-path", folder.file("audit.log"),
      ])
    defer { daemon.stop() }
    let (port, pid) = (daemon.port, daemon.pid)
    await awaitingThreads(4) { thread in
      guard let client = try? Client(port: port) else { return }
      let letters = (0..<8_192).map { _ in String(UInt32.random(in: 0x1000_0000...0xFFFF_FFFF), radix: 16) }.joined()
      for number in stride(from: thread, to: count, by: 4) {
        let noise = letters.utf8.dropFirst(number * 37 % (letters.utf8.count - padding)).prefix(padding)
        let node =
          #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n\#(number)","annotations":{"a":"\#(Substring(noise))"}}}"#
        #expect((try? client.call("POST", "/api/v1/nodes", body: Array(node.utf8)).status) == 201)
      }
    }
    let before = Self.anonymousBytes(pid)
    let worst = Mutex(0)
    let isOver = Atomic<Bool>(false)
    let watcher = Thread {
      while !isOver.load(ordering: .relaxed) {
        let now = Self.anonymousBytes(pid)
        worst.withLock { $0 = max($0, now) }
        usleep(5_000)
      }
    }
    watcher.start()
    defer { isOver.store(true, ordering: .relaxed) }
    let table = "application/json;as=Table;g=meta.k8s.io;v=v1",
      metadata = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
    let forms = [
      ("?pretty=true", "application/json", false), ("", "application/yaml", false),
      ("?includeObject=Object", table, false), ("?pretty=true", table, false), ("", metadata, false),
      ("", "application/vnd.kubernetes.protobuf", false), ("", "application/json", true),
      ("", "application/vnd.kubernetes.protobuf", true), ("?pretty=true", metadata, true),
    ]
    for version in ["--http1.1", "--http2-prior-knowledge"] {
      for (query, accept, isCompressed) in version == "--http1.1" ? forms[...] : forms.prefix(1) {
        let answer = try await run(
          [
            "curl", "-sS", "--max-time", "300", version, "-A", "test", "-o", "/dev/null", "-w",
            "%{http_code} %{size_download}", "-H", "Accept: \(accept)",
          ]
            + (isCompressed ? ["-H", "Accept-Encoding: gzip"] : []) + ["\(daemon.url)/api/v1/nodes\(query)"]
        ).output.split(separator: " ")
        #expect(answer.first == "200", "\(query) \(accept): \(answer)")
        // All nodes are there, compressed or not: the noise takes half of its length at least.
        #expect(Int(answer.last ?? "") ?? 0 > count * padding / 3, "\(query) \(accept): \(answer)")
      }
    }
    let grown = worst.withLock { $0 } - before
    #expect(grown < Self.budget + Self.encodings + Self.slack, "\(grown >> 20) MB")
    #expect(Self.metric("binnacle_memory_budget_refused_total", port) == 0)
    let kept = try #require(Self.metric("binnacle_encoding_cache_bytes", port))
    #expect(
      kept > 0 && kept <= Self.encodings && Self.metric("binnacle_encoding_cache_limit_bytes", port) == Self.encodings)
    try await eventually("the budget to be free", within: .seconds(30)) {
      Self.metric("binnacle_memory_budget_used_bytes", port) == 0
    }

    // A removal's list is a list like another, and its event tells all of it.
    if !Tools.isFullRun {
      let removal = try await run([
        "curl", "-sS", "--max-time", "300", "-X", "DELETE", "-H", "Accept: application/yaml",
        "\(daemon.url)/api/v1/nodes",
      ]).output
      #expect(removal.components(separatedBy: "\n- metadata:").count == count + 1)
      try await eventually("the removal is audited", within: .seconds(20)) {
        let lines =
          (try? String(contentsOfFile: folder.file("audit.log"), encoding: .utf8))?.split(separator: "\n") ?? []
        let event = lines.first {
          $0.contains(#""verb":"deletecollection""#) && $0.contains(#""stage":"ResponseComplete""#)
        }
        guard
          case .array(let items)? = try event.map({ try JSONValue(parsing: String($0)) })?["responseObject"]?["items"]
        else { return false }
        return items.count == count
      }
    }

    let lists = forms.count + 1
    try await eventually("\(lists) lists are audited", within: .seconds(20)) {
      let events =
        (try? String(contentsOfFile: folder.file("audit.log"), encoding: .utf8))?.split(separator: "\n") ?? []
      return events.count {
        $0.contains(#""verb":"list""#) && $0.contains(#""stage":"ResponseComplete""#) && $0.contains(#""code":200"#)
      } == lists
    }
  }
}
