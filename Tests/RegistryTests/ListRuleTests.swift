import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Storage
import TestSupport
import Testing

@Suite struct `Rules of lists` {
  private func filled(_ bench: Bench, _ count: Int) async throws {
    for i in 0..<count { try await bench.create(#"{"metadata":{"name":"n\#(i)","labels":{"even":"\#(i % 2 == 0)"}}}"#) }
  }
  private func list(_ bench: Bench, _ change: (inout ListOptions) -> Void) async throws -> ListResult {
    var options = ListOptions()
    change(&options)
    return try await bench.store.list(try bench.store.prepareList(options, namespace: ""))
  }
  private func names(_ list: ListResult) -> [String] { list.objects.map { $0.fields["metadata.name"] ?? "" } }

  @Test func `an expired token brings another with which the rest is read as it is now (semantics 1.20)`() async throws
  {
    let bench = try await Bench.make(capacity: 0)
    try await filled(bench, 6)
    let first = try await list(bench) { $0.limit = 2 }
    _ = try await bench.store.delete("n3", namespace: "", options: DeleteOptions())
    try await bench.create(#"{"metadata":{"name":"n9"}}"#)
    try await bench.store.objects.compact(through: try await bench.store.objects.currentRevision())
    var expired: Status?
    do { _ = try await list(bench) { $0.continueToken = first.continueToken } } catch let status as Status {
      expired = status
    }
    #expect(
      expired?.code == 410 && expired?.reason == "Expired"
        && expired?.message.hasPrefix("The provided continue parameter is too old") == true)
    let token = try #require(expired?.continueToken)
    #expect(expired?.json["metadata"]?["continue"] == .string(token))
    let rest = try await list(bench) { $0.continueToken = token }
    #expect(names(rest) == ["n2", "n4", "n5", "n9"] && rest.continueToken.isEmpty)
    await bench.destroy()
  }

  @Test(arguments: [1_000, 0]) func `a token says where to go on, in upstream's form (semantics 2.27)`(
    capacity: Int
  ) async throws {
    let bench = try await Bench.make(capacity: capacity)
    try await filled(bench, 4)
    let first = try await list(bench) { $0.limit = 2 }
    #expect(names(first) == ["n0", "n1"] && first.remaining == 2 && !first.continueToken.contains("="))
    func token(_ json: String) -> String { Base64URLText.encode(json) }
    #expect(first.continueToken == token(#"{"v":"meta.k8s.io/v1","rv":\#(first.resourceVersion),"start":"n1\u0000"}"#))
    // kube-apiserver's own tokens from its cache begin with a slash.
    let slash = try await list(bench) {
      $0.continueToken = token(#"{"v":"meta.k8s.io/v1","rv":\#(first.resourceVersion),"start":"/n1\u0000"}"#)
    }
    #expect(names(slash) == ["n2", "n3"] && slash.resourceVersion == first.resourceVersion)
    for (bad, why) in [
      (
        #"{"v":"meta.k8s.io/v1","rv":0,"start":"n1"}"#,
        "incorrect encoded start resourceVersion (version meta.k8s.io/v1)"
      ),
      (#"{"v":"meta.k8s.io/v1","rv":5,"start":""}"#, "encoded start key empty (version meta.k8s.io/v1)"),
      (#"{"v":"meta.k8s.io/v1","rv":5,"start":"../x"}"#, "../x"),
      (#"{"v":"meta.k8s.io/v1","rv":5,"start":"/a//x"}"#, "/a//x"),
      (#"{"v":"meta.k8s.io/v1","rv":5,"start":"x/"}"#, "x/"),
      (#"{"v":"meta.k8s.io/v2","rv":5,"start":"n1"}"#, "server does not recognize this encoded version meta.k8s.io/v2"),
      (#"{"rv":5,"start":"n1"}"#, "server does not recognize this encoded version "),
      ("null", "server does not recognize this encoded version "),
      (#"{"v":1}"#, "json: cannot unmarshal number into Go struct field continueToken.v of type string"),
      (#"{"v":"x","rv":"5"}"#, "json: cannot unmarshal string into Go struct field continueToken.rv of type int64"),
      (#"{"v":"x","rv":1.5}"#, "json: cannot unmarshal number 1.5 into Go struct field continueToken.rv of type int64"),
      ("[]", "json: cannot unmarshal array into Go value of type storage.continueToken"),
    ] {
      await #expect { _ = try await list(bench) { $0.continueToken = token(bad) } } throws: {
        ($0 as? Status)?.code == 400
          && ($0 as? Status)?.message == "invalid continue token: continue key is not valid: \(why)"
      }
    }
    // Whatever is below zero asks for the newest.
    let newest = try await list(bench) {
      $0.continueToken = token(#"{"v":"meta.k8s.io/v1","rv":-7,"start":"n1\u0000"}"#)
    }
    #expect(names(newest) == ["n2", "n3"])
    await #expect {
      _ = try await list(bench) { ($0.continueToken, $0.resourceVersion) = (first.continueToken, "5") }
    } throws: {
      ($0 as? Status)?.message == "specifying resource version is not allowed when using continue"
    }
    await bench.destroy()
  }

  @Test(arguments: [1_000, 0]) func `the revision of a list follows what was asked for (semantics 2.25, 2.26)`(
    capacity: Int
  ) async throws {
    let bench = try await Bench.make(capacity: capacity)
    try await filled(bench, 4)
    let old = try await list(bench) { _ in }
    try await bench.create(#"{"metadata":{"name":"later"}}"#)
    let now = try await list(bench) { _ in }
    #expect(Int64(now.resourceVersion) ?? 0 > Int64(old.resourceVersion) ?? 0 && now.objects.count == 5)
    let exact = try await list(bench) { ($0.resourceVersion, $0.resourceVersionMatch) = (old.resourceVersion, "Exact") }
    #expect(exact.resourceVersion == old.resourceVersion && exact.objects.count == 4)
    // With a limit a revision alone means exactly that one, without a limit at least that one.
    let limited = try await list(bench) { ($0.resourceVersion, $0.limit) = (old.resourceVersion, 10) }
    #expect(limited.resourceVersion == old.resourceVersion && limited.objects.count == 4)
    let unlimited = try await list(bench) { $0.resourceVersion = old.resourceVersion }
    #expect(unlimited.resourceVersion == now.resourceVersion && unlimited.objects.count == 5)
    let newer = try await list(bench) {
      ($0.resourceVersion, $0.resourceVersionMatch, $0.limit) = (old.resourceVersion, "NotOlderThan", 2)
    }
    #expect(newer.resourceVersion == now.resourceVersion && newer.objects.count == 2)
    // 0 ignores the limit.
    let any = try await list(bench) { ($0.resourceVersion, $0.limit) = ("0", 2) }
    #expect(any.objects.count == 5 && any.continueToken.isEmpty)
    await bench.destroy()
  }

  @Test(arguments: [1_000, 0]) func `what is left is counted only without selectors (semantics 2.28)`(
    capacity: Int
  ) async throws {
    let bench = try await Bench.make(capacity: capacity)
    try await filled(bench, 6)
    #expect(try await list(bench) { $0.limit = 2 }.remaining == 4)
    let even = try await list(bench) { ($0.limit, $0.labelSelector) = (2, "even=true") }
    #expect(names(even) == ["n0", "n2"] && even.remaining == nil && !even.continueToken.isEmpty)
    let rest = try await list(bench) { ($0.continueToken, $0.labelSelector) = (even.continueToken, "even=true") }
    #expect(names(rest) == ["n4"] && rest.continueToken.isEmpty)
    #expect(try await list(bench) { $0.limit = -1 }.objects.count == 6)
    // A name is one key, whatever the limit (semantics 2.29).
    let one = try await list(bench) { ($0.fieldSelector, $0.limit) = ("metadata.name=n3", 1) }
    #expect(names(one) == ["n3"] && one.continueToken.isEmpty)
    await bench.destroy()
  }

  @Test(arguments: [1_000, 0]) func `the future is not there yet, and says so (semantics 1.1)`(
    capacity: Int
  ) async throws {
    let bench = try await Bench.make(capacity: capacity)
    try await filled(bench, 1)
    for ask in [
      { _ = try await bench.store.get("n0", namespace: "", resourceVersion: "999999") },
      { _ = try await bench.store.get("none", namespace: "", resourceVersion: "999999") },
    ] as [@Sendable () async throws -> Void] {
      await #expect { try await ask() } throws: { error in
        guard let status = error as? Status else { return false }
        return status.code == 504 && status.details?.causes.first?.reason == "ResourceVersionTooLarge"
          && status.details?.retryAfterSeconds == 1
      }
    }
    await #expect { _ = try await list(bench) { $0.resourceVersion = "999999" } } throws: {
      ($0 as? Status)?.code == 504
    }
    await bench.destroy()
  }

  @Test func `a collection's removal answers with what it removed, and a limit ends it (semantics 2.18)`() async throws
  {
    let bench = try await Bench.make()
    try await filled(bench, 6)
    var options = ListOptions()
    (options.limit, options.labelSelector) = (2, "even=true")
    let removed = try await bench.store.deleteCollection(namespace: "", list: options, options: DeleteOptions())
    #expect(names(removed) == ["n0", "n2"])
    #expect(names(try await list(bench) { _ in }) == ["n1", "n3", "n4", "n5"])
    var dry = DeleteOptions()
    dry.dryRun = ["All"]
    #expect(try await bench.store.deleteCollection(namespace: "", list: ListOptions(), options: dry).objects.count == 4)
    #expect(try await list(bench) { _ in }.objects.count == 4)
    await bench.destroy()
  }
}

/// RFC 4648 section 5 without padding, made the slow way, to hold ours against.
enum Base64URLText {
  static func encode(_ text: String) -> String {
    let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    let bits = text.utf8.flatMap { byte in (0..<8).reversed().map { byte >> UInt8($0) & 1 } }
    return String(
      stride(from: 0, to: bits.count, by: 6).map { start in
        digits[(0..<6).reduce(0) { $0 << 1 | Int(start + $1 < bits.count ? bits[start + $1] : 0) }]
      })
  }
}
