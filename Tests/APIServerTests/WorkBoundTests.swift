import ByteBuffers
import Capacity
import JSON
import Machinery
import Testing

@testable import APIServer

@Suite struct `The work of a head is bounded` {
  @Test(.timeLimit(.minutes(2))) func `of an Accept header of many clauses the first are looked at`() {
    let many = (0..<100_000).map { "a/b\($0);q=0.\($0)" }.joined(separator: ",")
    #expect(AcceptClause.parse(many).count < 1_000)
    #expect(Negotiation.negotiate(accept: "application/yaml," + many, .ofObjects)?.media == .yaml)
    #expect(Negotiation.negotiate(accept: many + ",application/yaml", .ofObjects) == nil)
    #expect(!Negotiation.routeProduces(MediaType.all, accept: many + ",application/yaml"))
    // More clauses than Go sorts by insertion come by quality, then by stars, then as they stand.
    let sorted = AcceptClause.parse("*/*,a/*,a/b;q=0.5," + (0..<20).map { "x/y\($0)" }.joined(separator: ","))
    #expect(sorted.map(\.subtype) == (0..<20).map { "y\($0)" } + ["*", "*", "b"])
  }

  @Test(
    arguments: [
      ("{}", nil, false), ("{}", "application/json", false), ("a: 1", "application/json", false),
      ("", "application/yaml", false),
      ("{}", "application/yaml", true), ("{}", "application/YAML ; charset=utf-8", true), ("{}", "text/plain", false),
      ("{}", "application/apply-patch+yaml", false), ("{a: &a [1], b: *a}", "application/apply-patch+yaml;x=y", true),
      ("a: 1", "application/apply-patch+yaml", true), (" {}", "application/apply-patch+yaml", true),
      (#"[{"op":"add"}]"#, "application/json-patch+json", false),
      (#"[{"op":"copy"}]"#, "application/json-patch+json", true),
      (#"[{"op":"c\u006fpy"}]"#, "application/json-patch+json;a=b", true),
      (#"{"op":"copy"}"#, "application/merge-patch+json", false),
    ] as [(String, String?, Bool)])
  func `a short body that may stand for a long one is long work`(body: String, type: String?, isLong: Bool) {
    #expect(RequestBody.isLong(ByteSlice(SharedBytes(body)), contentType: type) == isLong)
  }

  @Test func `a long body is long work whatever it is`() {
    let body = ByteSlice(SharedBytes([UInt8](repeating: 0x20, count: WorkThreads.inlineBytesMax + 1)))
    #expect(RequestBody.isLong(body, contentType: nil) && RequestBody.isLong(body, contentType: "application/json"))
  }

  @Test func `a query of more parameters than Go reads is refused, not passed over`() {
    let most = (0..<10_000).map { "a\($0)=b" }.joined(separator: "&")
    #expect(Query(most)["a9999"] == "b" && !Query(most).isExcessive)
    #expect(Query(most + "&dryRun=All").isExcessive)
    #expect(Query(String(repeating: "&", count: 20_000)).isExcessive)
  }

  @Test func `the server says so`() async throws {
    try await TestServer.with { server in
      let reply = try server.call("DELETE", "/api/v1/nodes?dryRun=All\(String(repeating: "&a", count: 10_000))")
      #expect(reply.code == 400 && reply.text.contains("number of URL query parameters exceeded limit"))
    }
  }
}
