import Foundation
import TestSupport
import Testing

/// `binnacle storage` as an operator meets it.
@Suite struct `Storage commands` {
  private func node(_ name: String) -> String { "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"\(name)\"}}" }

  private func storage(_ command: String, _ daemon: Daemon, _ more: [String] = []) async throws -> ProcessResult {
    try await run([Daemon.program, "storage", command] + daemon.storageArguments + more, within: .seconds(30))
  }

  @Test(arguments: [Backend.sqlite, .etcd35])
  func `status, verify, rewrite and compact tell what is there and carry a key change to its end`(on backend: Backend) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("encryption.yaml")
    func config(_ providers: String) throws {
      try "kind: EncryptionConfiguration\napiVersion: apiserver.config.k8s.io/v1\nresources: [{resources: [nodes], providers: [\(providers)]}]\n"
        .write(toFile: path, atomically: true, encoding: .utf8)
    }
    let first = "{aesgcm: {keys: [{name: first, secret: AAECAwQFBgcICQoLDA0ODw==}]}}"
    let second = "{aesgcm: {keys: [{name: second, secret: EBESExQVFhcYGRobHB0eHw==}]}}"
    let encrypted = ["--encryption-provider-config", path]
    let daemon = try await Daemon.start(on: backend)
    defer { daemon.stop() }
    for name in ["a", "b", "c"] { _ = await HTTPProbe.answer("POST", port: daemon.port, path: "/api/v1/nodes", body: node(name), timeoutSeconds: 10) }
    try await daemon.end()

    let status = try await storage("status", daemon)
    #expect(status.status == 0 && status.output.contains("ready: yes") && status.output.contains("nodes: 3"), "\(status.output)")
    let well = try await storage("verify", daemon)
    #expect(well.status == 0 && well.output.contains("all is well") && !well.output.contains("otherwise"), "\(well.output)")

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
    #expect(lost.status == 1 && lost.output.contains("/registry/minions/b: can't be decrypted: no matching key was found") && lost.output.contains("3 objects"), "\(lost.output)")
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

  @Test func `a snapshot is taken of the embedded database and served from when it is restored; a damaged one is not`() async throws {
    let folder = try TemporaryFolder()
    let daemon = try await Daemon.start(on: .sqlite)
    defer { daemon.stop() }
    for n in 0..<200 { _ = await HTTPProbe.answer("POST", port: daemon.port, path: "/api/v1/nodes", body: node("n\(n)"), timeoutSeconds: 10) }
    _ = await HTTPProbe.answer("DELETE", port: daemon.port, path: "/api/v1/nodes/n7", timeoutSeconds: 10)
    let before = try #require(HTTPProbe.request(port: daemon.port, path: "/api/v1/nodes", timeoutSeconds: 10)).body
    let file = folder.file("snapshot.db")
    // One process at a time: it is told so, and the server goes on.
    let busy = try await storage("snapshot", daemon, [file])
    #expect(busy.status == 1 && !FileManager.default.fileExists(atPath: file), "\(busy.output)")
    #expect(HTTPProbe.request(port: daemon.port, path: "/readyz", timeoutSeconds: 5)?.status == 200)
    try await daemon.end()
    let taken = try await storage("snapshot", daemon, [file])
    #expect(taken.status == 0 && taken.output.contains("199 keys"), "\(taken.output)")
    #expect(try await storage("snapshot", daemon, [file]).output.contains("is there already"))

    let place = folder.file("restored")
    let restored = try await run([Daemon.program, "storage", "restore", file, "--data-dir", place])
    #expect(restored.status == 0 && restored.output.contains("199 keys"), "\(restored.output)")
    #expect(try await run([Daemon.program, "storage", "restore", file, "--data-dir", place]).output.contains("is there already: move it away"))
    let again = try Daemon.over(database: place)
    try await again.launch()
    defer { again.stop() }
    #expect(try #require(HTTPProbe.request(port: again.port, path: "/api/v1/nodes", timeoutSeconds: 10)).body == before)

    var bytes = try Data(contentsOf: URL(filePath: file))
    // A page of a tree's inside: its kind is none that there is.
    for page in 2..<6 { bytes[page * 4_096] = 0xFF }
    try bytes.write(to: URL(filePath: folder.file("damaged.db")))
    let refused = try await run([Daemon.program, "storage", "restore", folder.file("damaged.db"), "--data-dir", folder.file("never")])
    #expect(refused.status == 1 && !FileManager.default.fileExists(atPath: folder.file("never/binnacle.db")), "\(refused.output)")
    let other = try await run([Daemon.program, "storage", "snapshot", folder.file("x"), "--etcd-servers", "http://127.0.0.1:1"])
    #expect(other.status == 1 && other.output.contains("etcdctl snapshot save"), "\(other.output)")
  }
}
