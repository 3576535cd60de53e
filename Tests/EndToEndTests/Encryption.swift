import Foundation
import TestSupport
import Testing

/// `--encryption-provider-config` as an operator and a client meet it.
@Suite struct `Encryption at rest` {
  private func config(
    _ folder: TemporaryFolder, _ providers: String, of resource: String = "nodes"
  ) throws -> String {
    let path = folder.file("encryption.yaml")
    try """
    kind: EncryptionConfiguration
    apiVersion: apiserver.config.k8s.io/v1
    resources:
    - resources: [\(resource)]
      providers: [\(providers)]
    """.write(toFile: path, atomically: true, encoding: .utf8)
    return path
  }
  private static let old = "{aesgcm: {keys: [{name: old, secret: AAECAwQFBgcICQoLDA0ODw==}]}}"
  private static let new = "{secretbox: {keys: [{name: new, secret: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=}]}}"

  private func node(_ name: String) -> String {
    "{\"kind\":\"Node\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"\(name)\"}}"
  }

  private func ask(
    _ daemon: Daemon, _ method: String, _ path: String, _ body: String = ""
  ) async throws -> (status: Int, body: String) {
    try #require(await HTTPProbe.answer(method, port: daemon.port, path: path, body: body, timeoutSeconds: 10))
  }

  @Test(arguments: [Backend.sqlite, .etcd35])
  func `a removed key hides its objects and no others, and they can be listed and deleted`(
    on backend: Backend
  ) async throws {
    let folder = try TemporaryFolder()
    let path = try config(folder, Self.old)
    let daemon = try await Daemon.start(on: backend, arguments: ["--encryption-provider-config", path])
    defer { daemon.stop() }
    for name in ["a", "b"] { #expect(try await ask(daemon, "POST", "/api/v1/nodes", node(name)).status == 201) }
    try await daemon.end()

    _ = try config(folder, Self.new)
    let options = ["--encryption-provider-config", path]
    try await daemon.launch(arguments: options)
    #expect(try await ask(daemon, "POST", "/api/v1/nodes", node("c")).status == 201)
    #expect(try await ask(daemon, "GET", "/api/v1/nodes/c").status == 200)
    let reason = "no matching prefix found"
    let get = try await ask(daemon, "GET", "/api/v1/nodes/a")
    #expect(
      get.status == 500 && get.body.contains("\"message\":\"Internal error occurred: \(reason)\"")
        && get.body.contains("InternalError"), "\(get)")
    let list = try await ask(daemon, "GET", "/api/v1/nodes")
    #expect(
      list.status == 500 && list.body.contains("unable to transform key \\\"/registry/minions/a\\\": \(reason)"),
      "\(list)")
    let patch = try await ask(daemon, "DELETE", "/api/v1/nodes/a")
    #expect(patch.status == 500 && patch.body.contains(reason), "\(patch)")
    // Without the feature the option is not heard.
    let unheard = try await ask(
      daemon, "DELETE", "/api/v1/nodes/a?ignoreStoreReadErrorWithClusterBreakingPotential=true")
    #expect(unheard.status == 500, "\(unheard)")
    try await daemon.end()

    try await daemon.launch(arguments: options + ["--feature-gates", "AllowUnsafeMalformedObjectDeletion=true"])
    let named = try await ask(daemon, "GET", "/api/v1/nodes")
    #expect(
      named.status == 500 && named.body.contains("\"reason\":\"StorageReadError\"")
        && named.body.contains("failed to read one or more nodes from the storage"), "\(named)")
    #expect(
      named.body.contains("\"field\":\"/registry/minions/a\"")
        && named.body.contains("\"field\":\"/registry/minions/b\"") && !named.body.contains("minions/c"))
    let refused = try await ask(
      daemon, "DELETE", "/api/v1/nodes/c?ignoreStoreReadErrorWithClusterBreakingPotential=true")
    #expect(
      refused.status == 422 && refused.body.contains("is exclusively used to delete corrupt object(s)"), "\(refused)")
    let both = try await ask(
      daemon, "DELETE", "/api/v1/nodes/a",
      "{\"kind\":\"DeleteOptions\",\"apiVersion\":\"v1\",\"ignoreStoreReadErrorWithClusterBreakingPotential\":true,\"gracePeriodSeconds\":0}"
    )
    #expect(both.status == 422 && both.body.contains("cannot be set together with .gracePeriodSeconds"), "\(both)")
    for name in ["a", "b"] {
      let gone = try await ask(
        daemon, "DELETE", "/api/v1/nodes/\(name)?ignoreStoreReadErrorWithClusterBreakingPotential=true")
      #expect(gone.status == 200 && gone.body.contains("\"status\":\"Success\""), "\(gone)")
    }
    let rest = try await ask(daemon, "GET", "/api/v1/nodes")
    #expect(rest.status == 200 && rest.body.contains("\"name\":\"c\""), "\(rest)")
    try await daemon.end()
  }

  @Test func `secrets are encrypted where they are named, and nothing else is`() async throws {
    let folder = try TemporaryFolder()
    let path = try config(folder, Self.new, of: "secrets")
    let daemon = try await Daemon.start(on: .sqlite, arguments: ["--encryption-provider-config", path])
    defer { daemon.stop() }
    let (secrets, maps) = ("/api/v1/namespaces/default/secrets", "/api/v1/namespaces/default/configmaps")
    let secret = #"{"metadata":{"name":"s"},"stringData":{"password":"open sesame"}}"#
    #expect(try await ask(daemon, "POST", secrets, secret).status == 201)
    #expect(try await ask(daemon, "POST", maps, #"{"metadata":{"name":"m"},"data":{"k":"v"}}"#).status == 201)
    try await daemon.end()

    // Without the key nobody reads them.
    try await daemon.launch()
    let unread = try await ask(daemon, "GET", "\(secrets)/s")
    #expect(unread.status == 500 && !unread.body.contains("password"), "\(unread)")
    #expect(try await ask(daemon, "GET", "\(maps)/m").status == 200)
    try await daemon.end()

    try await daemon.launch(arguments: ["--encryption-provider-config", path])
    let read = try await ask(daemon, "GET", "\(secrets)/s")
    #expect(read.status == 200 && read.body.contains(#""data":{"password":"b3BlbiBzZXNhbWU="}"#), "\(read)")
    try await daemon.end()
  }

  @Test func `a file that is changed while the daemon runs is followed`() async throws {
    let folder = try TemporaryFolder()
    let path = try config(folder, Self.old)
    let daemon = try await Daemon.start(
      on: .sqlite, arguments: ["--encryption-provider-config", path, "--encryption-provider-config-automatic-reload"])
    defer { daemon.stop() }
    #expect(try await ask(daemon, "POST", "/api/v1/nodes", node("a")).status == 201)
    _ = try config(folder, "{aesgcm: {keys: []}}")
    try await eventually("the broken file to be reported", within: .seconds(20), every: .milliseconds(100)) {
      daemon.log.contains("encryption config not reloaded")
    }
    _ = try config(folder, "\(Self.new), \(Self.old)")
    try await eventually("the file to be taken over", within: .seconds(20), every: .milliseconds(100)) {
      daemon.log.contains("encryption config reloaded")
    }
    // An update that changes nothing moves the object to the new key.
    let before = try await ask(daemon, "GET", "/api/v1/nodes/a").body
    #expect(try await ask(daemon, "PUT", "/api/v1/nodes/a", before).status == 200)
    #expect(try await ask(daemon, "GET", "/api/v1/nodes/a").body != before)
    try await daemon.end()
    _ = try config(folder, Self.new)
    try await daemon.launch(arguments: ["--encryption-provider-config", path])
    #expect(try await ask(daemon, "GET", "/api/v1/nodes/a").status == 200)
    try await daemon.end()
  }
}
