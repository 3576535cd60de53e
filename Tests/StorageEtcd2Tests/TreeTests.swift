import ByteBuffers
import EtcdTransport
import Storage
@testable import StorageEtcd2
import TestSupport
import Testing

@Suite struct `Values in the tree of etcd2` {
  @Test func `JSON is stored where and as Kubernetes stored it, and bytes that are no text are kept too`() async throws
  {
    let server = try await EtcdServer.startWithV2()
    let stranger = Stranger(port: server.clientPort)
    try await withEtcd2([server.url]) { storage in
      let json = #"{"kind":"Node","metadata":{"name":"n1","annotations":{"a&b":"50% + ünï;c=d \"q\" <x>\n"}}}"# + "\n"
      _ = try await storage.create("/registry/minions/n1", json)
      let raw = await stranger.get("/registry/minions/n1")
      #expect(raw.contains(#""key":"/registry/minions/n1","value":"{\"kind\":\"Node\""#), "\(raw)")
      for (name, value) in [
        ("json", SharedBytes(json)), ("binary", SharedBytes([0x6B, 0x38, 0x73, 0, 0xFF, 0xFE])),
        ("marked", SharedBytes("base64:AAAA")), ("nul", SharedBytes("a\0b")),
      ] {
        _ = try await storage.create(key: "/registry/x/\(name)", value: value, ttl: nil)
        #expect(
          try await storage.get(key: "/registry/x/\(name)", isConsistent: true).value.hasSameBytes(as: value), "\(name)"
        )
      }
      #expect(await stranger.get("/registry/x/binary").contains(#""value":"base64:"#))
      // What somebody else wrote, marked and yet no base64, is handed up as it is.
      try await stranger.put("/registry/x/odd", "value=base64:!")
      #expect(try await storage.get(key: "/registry/x/odd", isConsistent: true).value.text == "base64:!")
    }
  }

  @Test func `names that the tree would hide, walk or drop are kept, listed and watched`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url]) { storage in
      let watch = try await storage.watch(prefix: "/registry/roles/", after: nil)
      let names = ["_hidden", "a/..", "a/.", "a//b", "a%2E", "50%", "system:node", "a b", "ü"]
      for name in names { _ = try await storage.create("/registry/roles/" + name, name) }
      let list = try await storage.list("/registry/roles/")
      #expect(
        list.objects.map(\.value.text) == names.sorted { Array($0.utf8).lexicographicallyPrecedes(Array($1.utf8)) })
      #expect(list.objects.allSatisfy { $0.key == "/registry/roles/" + $0.value.text })
      var seen: [String] = []
      while seen.count < names.count {
        for case .events(let events) in try await watch.nextBatch() { seen += events.map(\.key) }
      }
      #expect(seen == names.map { "/registry/roles/" + $0 })
      watch.cancel()
      for name in names { _ = try await storage.delete(key: "/registry/roles/" + name, origin: nil) { _ in } }
      #expect(try await storage.count(prefix: "/registry/roles/") == 0)
    }
  }

  @Test func `hidden keys and directories of others are not ours`() async throws {
    let server = try await EtcdServer.startWithV2()
    let stranger = Stranger(port: server.clientPort)
    try await withEtcd2([server.url]) { storage in
      let watch = try await storage.watch(prefix: "/registry/", after: nil)
      try await stranger.put("/registry/_secret", "value=x")
      try await stranger.put("/registry/minions", "dir=true")
      let made = try await storage.create("/registry/minions/a", "x")
      guard case .events(let events)? = try await watch.nextBatch().first else { throw DeadlinePassed("no events") }
      #expect(events.map(\.revision) == [made.revision])
      #expect(try await storage.list("/registry/").objects.map(\.key) == ["/registry/minions/a"])
      await #expect(throws: StorageError.keyNotFound(key: "/registry/minions")) {
        try await storage.get(key: "/registry/minions", isConsistent: true)
      }
      watch.cancel()
    }
  }

  @Test func `a key with keys below it is refused in words, not tried for ever`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url]) { storage in
      _ = try await storage.create("/registry/a/b", "x")
      let above = StorageError.refused("etcd2 can't hold the key /registry/a: there are keys below it")
      await #expect(throws: above) { try await storage.create("/registry/a", "x") }
      await #expect(throws: above) { try await storage.put("/registry/a", "x") }
      await #expect(throws: StorageError.refused("etcd: Not a directory (/registry/a/b)")) {
        try await storage.create("/registry/a/b/c", "x")
      }
      await #expect(throws: StorageError.refused("etcd2 can't hold the key a: it must begin with a slash")) {
        try await storage.create("a", "x")
      }
      await #expect(throws: StorageError.tooLarge("etcdserver: request is too large")) {
        try await storage.create(
          key: "/registry/large", value: SharedBytes([UInt8](repeating: 0x41, count: 2_000_000)), ttl: nil)
      }
    }
  }

  @Test func `a list decodes only what changed since the last one`() async throws {
    let server = try await EtcdServer.startWithV2()
    try await withEtcd2([server.url], { $0.deserializationCacheSize = 100 }) { storage in
      for index in 0..<20 { _ = try await storage.create("/registry/n/\(index)", "x") }
      _ = try await storage.list("/registry/n/")
      #expect(storage.cache.statistics == .init(hits: 20, misses: 0, entries: 20))
      try await Stranger(port: server.clientPort).put("/registry/n/3", "value=y")
      #expect(try await storage.list("/registry/n/").objects.count { $0.value.text == "y" } == 1)
      #expect(storage.cache.statistics == .init(hits: 39, misses: 1, entries: 21))
      for index in 0..<300 { _ = try await storage.put("/registry/m", "\(index)") }
      #expect(storage.cache.statistics.entries <= 100)
    }
  }

  @Test func `an etcd without its v2 API is told so at the start`() async throws {
    let server = try await EtcdServer.start(.v3_4)
    let text =
      "\(server.url)/v2/keys/binnacle_progress?quorum=true is not there: etcd serves its v2 API only when started with --enable-v2, up to version 3.5"
    await #expect(throws: StorageError.invalidConfiguration(text)) { try await withEtcd2([server.url]) { _ in } }
  }
}
