import ByteBuffers
import Cacher
import Foundation
import Machinery
import Storage
import Testing

@testable import APIServer

/// What gzip(1) makes of a file.
private func unzipped(_ bytes: [UInt8]) throws -> [UInt8] {
  let name = NSTemporaryDirectory() + "gzip-test-\(UUID().uuidString).gz"
  try Data(bytes).write(to: URL(fileURLWithPath: name))
  defer { try? FileManager.default.removeItem(atPath: name) }
  let process = Process()
  process.executableURL = URL(fileURLWithPath: "/bin/gzip")
  process.arguments = ["-dc", name]
  let output = Pipe()
  process.standardOutput = output
  try process.run()
  let plain = output.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  #expect(process.terminationStatus == 0)
  return Array(plain)
}

/// A Table without the cells that show an object's age in seconds, which goes on between two requests.
private func ageless(_ body: [UInt8]) -> String {
  String(decoding: body, as: UTF8.self).replacing(/"[0-9]+s"/, with: #""age""#)
}

@Suite struct `Compressed answers` {
  @Test(arguments: [
    ("gzip", true), ("gzip, deflate, br", true), ("deflate,  gzip ", true), ("\tgzip", true), ("", false),
    ("gzip;q=1.0", false), ("x-gzip", false), ("*", false), ("GZIP", false),
  ])
  func `one token must be exactly gzip (semantics 2.45)`(header: String, accepts: Bool) {
    var header = header
    #expect(header.withUTF8 { ContentEncoding.acceptsGzip(UnsafeRawBufferPointer($0)) } == accepts)
    #expect(!ContentEncoding.acceptsGzip(nil))
  }

  @Test(arguments: 0..<12) func `pieces put together are a file that gzip reads`(seed: UInt64) throws {
    var random = SplitMix(seed)
    func bytes(_ count: Int) -> ByteSlice {
      ByteSlice(
        SharedBytes(
          (0..<count).map { _ in
            seed % 2 == 0 ? UInt8.random(in: 0...255, using: &random) : UInt8.random(in: 97...102, using: &random)
          }))
    }
    let count = Int.random(in: 0...20, using: &random)
    let objects = (0..<count).map { _ in
      let document = bytes(Int.random(in: 1...40_000, using: &random)).owner
      return CachedObject(
        key: "k", revision: Revision(1), document: document, objectEnd: document.count, itemOffset: 0,
        revisionRange: 0..<0, labels: StringMap([]), fields: StringMap([]))
    }
    // Short runs are stored, long ones compressed; more than 64 KiB takes several stored blocks.
    let body =
      [bytes(Int.random(in: 1...20_000, using: &random))] + objects.map { ByteSlice($0.document) } + [
        bytes(3), bytes(seed == 0 ? 200_000 : 100),
      ]
    let slices = ObjectSlices(objects: objects[...], first: 1, encoding: EncodingID(99))
    let plain = body.flatMap(\.array)
    if count > 2 { #expect(GzipFile.make(body, slices, compressingAtMost: 2) == nil) }
    let first = try #require(GzipFile.make(body, slices))
    #expect(try unzipped(first.flatMap(\.array)) == plain)
    // Now every object has its piece.
    let second = try #require(GzipFile.make(body, slices, compressingAtMost: 0))
    #expect(second.flatMap(\.array) == first.flatMap(\.array))
    let whole = try #require(GzipFile.make(body, nil))
    #expect(try unzipped(whole.flatMap(\.array)) == plain)
    #expect(
      try unzipped(
        [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 4, 0xFF] + GzipPiece.stored(body).blocks.array
          + Array(first.flatMap(\.array).suffix(13))) == plain)
  }

  @Test func `large answers are compressed for those who ask, small ones and watches never (semantics 2.45)`()
    async throws
  {
    try await TestServer.with { server in
      let filler = String(repeating: "x", count: 4_000)
      for i in 0..<40 {
        #expect(
          try server.call(
            "POST", "/api/v1/nodes", #"{"metadata":{"name":"n\#(i)","annotations":{"a":"\#(filler)\#(i)"}}}"#
          ).code == 201)
      }
      let gzip = ["Accept-Encoding": "gzip"]
      let small = try server.call("GET", "/api/v1/nodes/n1", headers: gzip)
      #expect(small.header("Content-Encoding") == nil && small.header("Vary") == nil)
      for (query, accept) in [
        ("", "application/json"), ("?resourceVersion=0", "application/json"), ("?pretty=1", "application/json"),
        ("", "application/yaml"), ("", "application/vnd.kubernetes.protobuf"),
        ("?includeObject=Object", "application/json;as=Table;g=meta.k8s.io;v=v1"),
      ] {
        let path = "/api/v1/nodes" + query
        let plain = try server.call("GET", path, headers: ["Accept": accept])
        #expect(plain.header("Content-Encoding") == nil && plain.header("Vary") == nil && plain.body.count > 128 << 10)
        for _ in 0..<2 {
          let answer = try server.call("GET", path, headers: ["Accept": accept, "Accept-Encoding": "gzip"])
          #expect(
            answer.code == 200 && answer.header("Content-Encoding") == "gzip"
              && answer.header("Vary") == "Accept-Encoding", "\(path) \(accept)")
          #expect(answer.body.count < plain.body.count && answer.header("Content-Type") == plain.header("Content-Type"))
          let unzipped = try unzipped(answer.body)
          let isTable = accept.contains("as=Table")
          #expect(isTable ? ageless(unzipped) == ageless(plain.body) : unzipped == plain.body, "\(path) \(accept)")
        }
      }
      // A change is seen, compressed or not.
      #expect(
        try server.call(
          "PATCH", "/api/v1/nodes/n7", #"{"metadata":{"labels":{"l":"1"}}}"#,
          headers: ["Content-Type": "application/merge-patch+json"]
        ).code == 200)
      let after = try server.call("GET", "/api/v1/nodes", headers: gzip)
      #expect(try unzipped(after.body) == server.call("GET", "/api/v1/nodes").body)
      let watch = try WatchReader(server, "/api/v1/nodes?watch=1&timeoutSeconds=1", headers: gzip)
      #expect(!watch.headers.contains { $0.name.lowercased() == "content-encoding" })
      #expect(try watch.next()?.hasPrefix(#"{"type":"ADDED""#) == true)
      watch.close()
    }
  }
}

/// A generator that a test can begin again.
private struct SplitMix: RandomNumberGenerator {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }
  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
    return z ^ (z >> 31)
  }
}
