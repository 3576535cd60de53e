import ByteBuffers
import Storage
@testable import StorageEtcd3
import TestSupport
import Testing

@Suite struct `etcd users` {
  /// Calls the gateway as an administrator would through etcdctl.
  private func administer(_ server: EtcdServer, _ path: String, _ body: String) async throws {
    let answer = await HTTPProbe.answer(
      "POST", port: server.clientPort, path: "/v3/auth/\(path)", body: body, timeoutSeconds: 5)
    guard answer?.status == 200 else { throw DeadlinePassed("\(path): \(String(describing: answer))") }
  }

  private func enable(_ server: EtcdServer) async throws {
    try await administer(server, "user/add", #"{"name":"root","password":"geheim"}"#)
    try await administer(server, "role/add", #"{"name":"root"}"#)
    try await administer(server, "user/grant", #"{"user":"root","role":"root"}"#)
    try await administer(server, "enable", "{}")
  }

  private func config(_ server: EtcdServer, _ user: String, _ password: String) -> StorageBackend.Config {
    var config = StorageBackend.Config()
    config.serverList = [server.url]
    config.userName = user
    config.password = Secret(password)
    return config
  }

  @Test(arguments: EtcdServer.Version.both)
  func `a user reads, writes and watches, also when tokens run out`(version: EtcdServer.Version) async throws {
    // Simple tokens that live for two seconds after their last use.
    let server = try await EtcdServer.start(version, arguments: version == .v3_4 ? [] : ["--auth-token-ttl", "2"])
    try await enable(server)
    let storage = try await Etcd3Storage.open(config(server, "root", "geheim"))
    do {
      try await within(.seconds(60), "the test") {
        let made = try await storage.create(key: "/registry/a", value: SharedBytes("1"), ttl: nil)
        var follower = Follower(storage, prefix: "/registry/", after: Revision(made.revision.rawValue - 1))
        try await follower.follow { $0.count == 1 }
        if version == .v3_5 {
          try await Task.sleep(for: .seconds(4))
        } else {
          // 3.4 keeps them five minutes; a server that was killed may know them again, or not.
          try await server.kill()
          try await server.restart(waiting: false)
          try await eventually("etcd is back", within: .seconds(20)) {
            await HTTPProbe.answer(port: server.clientPort, path: "/version") != nil
          }
        }
        let before = storage.client.authenticator?.generation ?? 0
        var changed: StoredObject?
        try await eventually("a write", within: .seconds(20)) {
          changed = try await storage.guaranteedUpdate(key: "/registry/a", ignoreNotFound: false, origin: nil) { _ in
            .write(SharedBytes("2"), ttl: nil)
          }.object
          return true
        }
        if version == .v3_5 { #expect(storage.client.authenticator?.generation ?? 0 > before) }
        try await follower.follow { $0.count == 2 }
        #expect(follower.events.map(\.revision) == [made.revision, changed?.revision])
      }
    } catch {
      await storage.destroy()
      throw error
    }
    await storage.destroy()
  }

  @Test func `a wrong or missing password stops the start, and is shown nowhere`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    // Named before authentication is turned on: as etcd's own client, that is no error.
    let (_, destroy) = try await Etcd3Storage.make(config(server, "root", "geheim"))
    await destroy()
    try await enable(server)
    for (user, password, reason) in [
      ("root", "falsch", "authentication failed, invalid user ID or password"), ("", "", "user name is empty"),
    ] {
      do {
        let (_, destroy) = try await Etcd3Storage.make(config(server, user, password))
        await destroy()
        Issue.record("it started")
      } catch StorageError.invalidConfiguration(let text) {
        #expect(
          text.hasPrefix("etcd at \(server.url) refuses us: ") && text.contains(reason) && !text.contains("falsch"),
          "\(text)")
      }
    }
    #expect("\(config(server, "root", "falsch"))".contains("falsch") == false)
  }
}
