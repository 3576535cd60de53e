import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

/// `binnacle storage migrate` between real storages, with what clients see before and after.
@Suite struct `Migrations` {
  private func migrate(_ arguments: [String], within limit: Duration = .seconds(120)) async throws -> ProcessResult {
    try await run([Daemon.program, "storage", "migrate"] + arguments, within: limit)
  }

  /// name → uid, creation time and labels.
  private func nodes(_ daemon: Daemon) async throws -> [String: String] {
    let list = try JSONValue(
      parsing: try #require(HTTPProbe.request(port: daemon.port, path: "/api/v1/nodes", timeoutSeconds: 30)).body)
    var found: [String: String] = [:]
    for node in list["items"]?.array ?? [] {
      let metadata = node["metadata"] ?? .null
      found[metadata["name"]?.string ?? ""] =
        "\(metadata["uid"]?.string ?? "") \(metadata["creationTimestamp"]?.string ?? "") \(metadata["labels"]?["x"]?.string ?? "")"
    }
    return found
  }

  /// How many keys a migration says that it has copied.
  private func copied(_ output: String) throws -> Int {
    let words = output.split { $0 == " " || $0 == "\n" }
    let place = try #require(words.firstIndex(of: "copied,"), "\(output)")
    return try #require(place >= 2 ? Int(words[place - 2]) : nil, "\(output)")
  }

  private func revision(_ daemon: Daemon) throws -> Int {
    let list = try JSONValue(
      parsing: try #require(HTTPProbe.request(port: daemon.port, path: "/api/v1/nodes?limit=1", timeoutSeconds: 10))
        .body)
    return try #require(list["metadata"]?["resourceVersion"]?.string.flatMap { Int($0) })
  }

  @Test
  func
    `from etcd to SQLite and back everything stays what it was, revisions go on, and an old watch is told to list anew`()
    async throws
  {
    let count = Tools.isFullRun ? 50_000 : 600
    let daemon = try await Daemon.start(on: .etcd34)
    defer { daemon.stop() }
    let etcd = try #require(daemon.etcd)
    let path = "/api/v1/nodes"
    for n in 0..<count {
      let made = await HTTPProbe.answer(
        "POST", port: daemon.port, path: path, body: #"{"metadata":{"name":"n\#(n)","labels":{"x":"\#(n % 7)"}}}"#,
        timeoutSeconds: 10)
      #expect(made?.status == 201)
    }
    let before = try await nodes(daemon)
    let seen = try revision(daemon)
    #expect(before.count == count)
    try await daemon.end()

    let folder = try TemporaryFolder()
    let database = folder.file("data")
    let there = ["--from", "etcd3", "--from-etcd-servers", etcd.url, "--to", "sqlite", "--to-data-dir", database]
    let result = try await migrate(there)
    // With what every server has from the start.
    let keys = try copied(result.output)
    #expect(keys >= count + 4)
    #expect(
      result.status == 0 && result.output.contains("\(keys) keys copied, 0 were there already")
        && result.output.contains("source and target are equal"), "\(result.output)")
    // A second run finds a target that is not empty; resumed, it finds nothing to do.
    let again = try await migrate(there)
    #expect(
      again.status != 0 && again.output.contains("the target holds \(keys) keys under /registry/ already"),
      "\(again.output)")
    let resumed = try await migrate(there + ["--resume"])
    #expect(
      resumed.status == 0 && resumed.output.contains("0 keys copied, \(keys) were there already"), "\(resumed.output)")

    let second = try Daemon.over(database: database)
    try await second.launch()
    defer { second.stop() }
    #expect(try await nodes(second) == before)
    #expect(try revision(second) > seen)
    // What clients of the source have seen is gone, and they hear so.
    let late = try #require(
      HTTPProbe.request(
        port: second.port, path: "\(path)?watch=true&resourceVersion=\(seen - 1)&timeoutSeconds=2", timeoutSeconds: 10))
    #expect(
      late.body.contains(#""reason":"Expired""#) && late.body.contains("too old resource version"),
      "\(late.body.prefix(300))")
    #expect(
      await HTTPProbe.answer(
        "POST", port: second.port, path: path, body: #"{"metadata":{"name":"later"}}"#, timeoutSeconds: 10)?.status
        == 201)
    let all = try await nodes(second)
    let last = try revision(second)
    try await second.end()

    // A new etcd is far behind: refused, unless it is accepted.
    let fresh = try await EtcdServer.start(.v3_5)
    let back = ["--from", "sqlite", "--from-data-dir", database, "--to", "etcd3", "--to-etcd-servers", fresh.url]
    let refused = try await migrate(back)
    #expect(
      refused.status != 0 && refused.output.contains("the source at \(last): to clients, time would go backwards")
        && refused.output.contains("--reset-revisions"), "\(refused.output)")
    let accepted = try await migrate(back + ["--reset-revisions"])
    let moved = try copied(accepted.output)
    #expect(accepted.status == 0 && moved > keys, "\(accepted.output)")
    let third = try Daemon.over(etcd: fresh)
    try await third.launch()
    defer { third.stop() }
    #expect(try await nodes(third) == all)
  }

  @Test func `a run that is killed is gone on with, and what differs is told`() async throws {
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    for n in 0..<1_500 {
      _ = await HTTPProbe.answer(
        "POST", port: daemon.port, path: "/api/v1/nodes", body: #"{"metadata":{"name":"n\#(n)"}}"#, timeoutSeconds: 10)
    }
    let before = try await nodes(daemon)
    try await daemon.end()
    let target = try await EtcdServer.startWithV2()
    let source = try #require(daemon.storageArguments.last)
    let arguments = [
      "--from", "sqlite", "--from-data-dir", source, "--to", "etcd2", "--to-etcd-servers", target.url,
      "--reset-revisions",
    ]
    let folder = try TemporaryFolder()
    let child = try ChildProcess([Daemon.program, "storage", "migrate"] + arguments, outputFile: folder.file("log"))
    try await eventually("some of it to be copied", within: .seconds(60), every: .milliseconds(5)) {
      child.output.contains("copying: 1") || !child.isRunning
    }
    child.signal(SIGKILL)
    _ = try await child.wait()
    let rest = try await migrate(arguments + ["--resume"])
    #expect(rest.status == 0 && rest.output.contains("source and target are equal"), "\(rest.output)")
    let moved = try Daemon.over(etcd: target, v2: true)
    try await moved.launch()
    defer { moved.stop() }
    #expect(try await nodes(moved) == before)
    // The target goes its own way; the source is the truth of a resumed run, but for what it never had.
    #expect(
      await HTTPProbe.answer("DELETE", port: moved.port, path: "/api/v1/nodes/n1", timeoutSeconds: 10)?.status == 200)
    #expect(
      await HTTPProbe.answer(
        "POST", port: moved.port, path: "/api/v1/nodes", body: #"{"metadata":{"name":"stranger"}}"#, timeoutSeconds: 10)?
        .status == 201)
    try await moved.end()
    let last = try await migrate(arguments + ["--resume"])
    #expect(
      last.status == 1 && last.output.contains("1 keys copied")
        && last.output.contains("/registry/minions/stranger: not in the source"), "\(last.output)")
  }

  @Test(arguments: [
    (
      ["--from", "sqlite", "--from-data-dir", "/nowhere", "--to", "sqlite", "--to-data-dir", "/tmp/x"],
      "--from-data-dir: there is no /nowhere/binnacle.db"
    ),
    (["--from", "etcd3", "--to", "sqlite", "--to-data-dir", "/tmp/x"], "--from etcd3 needs --from-etcd-servers"),
    (["--from", "sqlite", "--from-data-dir", "/tmp/x", "--to", "mongo"], "--to: unknown storage type: mongo"),
    (
      ["--from", "sqlite", "--from-data-dir", "/tmp/x", "--to", "sqlite", "--to-data-dir", "/tmp/x"],
      "--from and --to name the same storage"
    ),
  ])
  func `flags that make no sense are told in one line`(arguments: [String], words: String) async throws {
    let result = try await migrate(arguments)
    #expect(
      result.status != 0 && result.output.split(separator: "\n").count == 1 && result.output.contains(words),
      "\(result.output)")
  }
}
