import Foundation
import JSON
import LoadClient
import Synchronization
import TestSupport
import Testing

/// `binnacle storage` as an operator meets it.
@Suite struct `Storage commands` {
  /// The number in front of a word.
  private func number(before word: String, in output: String) throws -> Int {
    let words = output.split { $0 == " " || $0 == "\n" || $0 == "," }
    let place = try #require(words.firstIndex { $0 == word }, "\(output)")
    return try #require(place >= 1 ? Int(words[place - 1]) : nil, "\(output)")
  }

  private func node(_ name: String) -> String {
    "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"\(name)\"}}"
  }

  private func storage(_ command: String, _ daemon: Daemon, _ more: [String] = []) async throws -> ProcessResult {
    try await run([Daemon.program, "storage", command] + daemon.storageArguments + more, within: .seconds(30))
  }

  @Test(arguments: [Backend.sqlite, .etcd35])
  func `status, verify, rewrite and compact tell what is there and carry a key change to its end`(
    on backend: Backend
  ) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("encryption.yaml")
    func config(_ providers: String) throws {
      try
        "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: [{resources: [nodes], providers: [\(providers)]}]\n"
        .write(toFile: path, atomically: true, encoding: .utf8)
    }
    let first = "{aesgcm: {keys: [{name: first, secret: AAECAwQFBgcICQoLDA0ODw==}]}}"
    let second = "{aesgcm: {keys: [{name: second, secret: EBESExQVFhcYGRobHB0eHw==}]}}"
    let encrypted = ["--encryption-provider-config", path]
    let daemon = try await Daemon.start(on: backend)
    defer { daemon.stop() }
    for name in ["a", "b", "c"] {
      _ = await HTTPProbe.answer("POST", port: daemon.port, path: "/api/v1/nodes", body: node(name), timeoutSeconds: 10)
    }
    try await daemon.end()

    let status = try await storage("status", daemon)
    #expect(
      status.status == 0 && status.output.contains("ready: yes") && status.output.contains("nodes: 3"),
      "\(status.output)")
    let well = try await storage("verify", daemon)
    #expect(
      well.status == 0 && well.output.contains("all is well") && !well.output.contains("otherwise"), "\(well.output)")

    // From clear text to the first key, and from there to the second.
    try config("\(first), {identity: {}}")
    let stale = try await storage("verify", daemon, encrypted)
    #expect(stale.status == 0 && stale.output.contains("nodes: 3 would be stored otherwise"), "\(stale.output)")
    for providers in ["\(first), {identity: {}}", "\(second), \(first)"] {
      try config(providers)
      let done = try await storage("rewrite", daemon, encrypted)
      #expect(done.status == 0 && done.output.contains("nodes: 3 written again"), "\(done.output)")
      let again = try await storage("rewrite", daemon, encrypted)
      #expect(again.status == 0 && again.output.contains("nodes: 0 written again"), "\(again.output)")
    }
    try config(second)
    let rest = try await storage("verify", daemon, encrypted)
    #expect(rest.status == 0 && rest.output.contains("all is well"), "\(rest.output)")
    // Without the key every object is named.
    try config(first)
    let lost = try await storage("verify", daemon, encrypted)
    #expect(
      lost.status == 1 && lost.output.contains("/registry/minions/b: can't be decrypted: no matching key was found")
        && lost.output.contains("3 objects"), "\(lost.output)")
    let failed = try await storage("rewrite", daemon, encrypted)
    #expect(failed.status == 1 && failed.output.contains("/registry/minions/a: can't be decrypted"), "\(failed.output)")

    let compacted = try await storage("compact", daemon)
    #expect(compacted.status == 0 && compacted.output.contains("compacted through revision"), "\(compacted.output)")
    let future = try await storage("compact", daemon, ["--revision", "1000000"])
    #expect(future.status == 1 && future.output.contains("--revision: 1000000 is in the future"), "\(future.output)")
    try config(second)
    try await daemon.launch(arguments: encrypted)
    let served = await HTTPProbe.answer(port: daemon.port, path: "/api/v1/nodes", timeoutSeconds: 10)
    #expect(served?.status == 200 && served?.body.contains("\"name\":\"c\"") == true)
    if backend == .sqlite {
      let busy = try await storage("verify", daemon)
      #expect(busy.status == 1 && busy.output.contains("another process has it open"), "\(busy.output)")
    }
    try await daemon.end()
  }

  @Test func `a snapshot is taken of the embedded database and served from when it is restored; a damaged one is not`()
    async throws
  {
    let folder = try TemporaryFolder()
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    for n in 0..<200 {
      _ = await HTTPProbe.answer(
        "POST", port: daemon.port, path: "/api/v1/nodes", body: node("n\(n)"), timeoutSeconds: 10)
    }
    _ = await HTTPProbe.answer("DELETE", port: daemon.port, path: "/api/v1/nodes/n7", timeoutSeconds: 10)
    let file = folder.file("snapshot.db")
    // While it is served, and written to.
    let isOver = Atomic<Bool>(false)
    let port = daemon.port
    async let writing: Void = awaitingThreads(2) { thread in
      var n = 0
      while !isOver.load(ordering: .relaxed) {
        _ = HTTPProbe.request("PATCH", port: port, path: "/api/v1/nodes/n\(thread)", body: "{}", timeoutSeconds: 5)
        _ = HTTPProbe.request(
          "POST", port: port, path: "/api/v1/nodes", body: self.node("later-\(thread)-\(n)"), timeoutSeconds: 5)
        n += 1
      }
    }
    let served = folder.file("served.db")
    let online = try await storage("snapshot", daemon, [served])
    isOver.store(true, ordering: .relaxed)
    await writing
    #expect(online.status == 0 && online.output.contains(" keys, "), "\(online.output)")
    #expect(try await storage("snapshot", daemon, [served]).output.contains("is there already"))
    #expect(try await storage("snapshot", daemon, ["/nowhere/x"]).output.contains("No such file"))
    let fromServed = try Daemon.over(database: folder.file("from-served"))
    #expect(
      try await run([Daemon.program, "storage", "restore", served, "--data-dir", folder.file("from-served")]).status
        == 0)
    try await fromServed.launch()
    let copy = try #require(HTTPProbe.request(port: fromServed.port, path: "/api/v1/nodes", timeoutSeconds: 10)).body
    for n in [0, 1, 100, 199] { #expect(copy.contains("\"name\":\"n\(n)\"")) }
    #expect(!copy.contains("\"name\":\"n7\""))
    fromServed.stop()
    for thread in 0..<2 {
      for n in 0..<2_000 {
        guard
          HTTPProbe.request("DELETE", port: port, path: "/api/v1/nodes/later-\(thread)-\(n)", timeoutSeconds: 5)?.status
            == 200
        else { break }
      }
    }
    let before = try #require(HTTPProbe.request(port: daemon.port, path: "/api/v1/nodes", timeoutSeconds: 10)).body
    let control = try #require(daemon.storageArguments.last) + "/binnacle.db.control"
    let mode = try FileManager.default.attributesOfItem(atPath: control)[.posixPermissions] as? Int
    #expect((mode ?? 0) & 0o077 == 0)
    try await daemon.end()
    #expect(!FileManager.default.fileExists(atPath: control))
    let taken = try await storage("snapshot", daemon, [file])
    // With what every server has from the start.
    let keys = try number(before: "keys", in: taken.output)
    #expect(taken.status == 0 && keys >= 203, "\(taken.output)")
    #expect(try await storage("snapshot", daemon, [file]).output.contains("is there already"))

    let place = folder.file("restored")
    let restored = try await run([Daemon.program, "storage", "restore", file, "--data-dir", place])
    #expect(restored.status == 0 && restored.output.contains("\(keys) keys"), "\(restored.output)")
    #expect(
      try await run([Daemon.program, "storage", "restore", file, "--data-dir", place]).output.contains(
        "is there already: move it away"))
    let again = try Daemon.over(database: place)
    try await again.launch()
    defer { again.stop() }
    #expect(try #require(HTTPProbe.request(port: again.port, path: "/api/v1/nodes", timeoutSeconds: 10)).body == before)

    var bytes = try Data(contentsOf: URL(filePath: file))
    // A page of a tree's inside: its kind is none that there is.
    for page in 2..<6 { bytes[page * 4_096] = 0xFF }
    try bytes.write(to: URL(filePath: folder.file("damaged.db")))
    let refused = try await run([
      Daemon.program, "storage", "restore", folder.file("damaged.db"), "--data-dir", folder.file("never"),
    ])
    #expect(
      refused.status == 1 && !FileManager.default.fileExists(atPath: folder.file("never/binnacle.db")),
      "\(refused.output)")
  }

  @Test(arguments: [EtcdServer.Version.v3_4, .v3_5]) func `a snapshot of an etcd is what etcdctl makes members of`(
    version: EtcdServer.Version
  ) async throws {
    let folder = try TemporaryFolder()
    let etcd = try await EtcdServer.start(version)
    let daemon = try Daemon.over(etcd: etcd)
    try await daemon.launch()
    defer { daemon.stop() }
    for n in 0..<300 {
      _ = await HTTPProbe.answer(
        "POST", port: daemon.port, path: "/api/v1/nodes", body: node("n\(n)"), timeoutSeconds: 10)
    }
    let file = folder.file("etcd.db")
    let taken = try await storage("snapshot", daemon, [file])
    #expect(taken.status == 0 && taken.output.contains("etcdctl snapshot restore"), "\(taken.output)")
    #expect(try await storage("snapshot", daemon, [file]).output.contains("is there already"))
    let etcdctl = try Tools.path("etcd-3.5.1/etcdctl")
    let status = try await run([etcdctl, "snapshot", "status", file, "-w", "json"], environment: ["ETCDCTL_API": "3"])
    // It says first that this belongs to another tool by now.
    let report = status.output.split(separator: "\n").last { $0.hasPrefix("{") } ?? ""
    let total = try JSONValue(parsing: String(report))["totalKey"]?.int ?? 0
    #expect(status.status == 0 && total >= 304, "\(status.output)")
    let restored = try await run(
      [etcdctl, "snapshot", "restore", file, "--data-dir", folder.file("restored")], environment: ["ETCDCTL_API": "3"])
    #expect(restored.status == 0, "\(restored.output)")
    let nobody = try await run([
      Daemon.program, "storage", "snapshot", folder.file("x"), "--etcd-servers", "http://127.0.0.1:1",
      "--etcd-start-timeout", "1s",
    ])
    #expect(
      nobody.status == 1 && nobody.output.contains("no answer from etcd")
        && !FileManager.default.fileExists(atPath: folder.file("x")), "\(nobody.output)")
    #expect(
      try await run([Daemon.program, "storage", "restore", file, "--etcd-servers", "http://127.0.0.1:1"]).output
        .contains("etcdctl snapshot restore"))
  }
}
