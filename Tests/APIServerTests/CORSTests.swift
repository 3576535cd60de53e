import Testing

@testable import APIServer

@Suite struct `Requests from browsers` {
  @Test(arguments: ["", "example.com", "^example", "example.com$", "^(https://example.com$"])
  func `an expression must say where the host begins and ends`(pattern: String) {
    #expect(throws: CORS.InvalidPattern.self) { try CORS(allowedOrigins: [pattern]) }
  }

  @Test(arguments: [
    ("https://example.com", true), ("https://example.com:8443", true), ("https://example.com.evil.org", false),
    ("http://a.example.org", true), ("http://example.org", false),
    ("https://example\u{37E}com", false),
  ])
  func `an allowed origin matches one of them`(origin: String, isAllowed: Bool) throws {
    let cors = try CORS(allowedOrigins: [#"//example\.com(:|$)"#, #"^https?://\w+\.example\.org$"#])
    #expect(cors.headers(origin: origin).isEmpty != isAllowed)
    #expect(cors.headers(origin: nil).isEmpty)
  }

  @Test func `an expression is Go's, told in its words where it is none, and linear in the origin`() throws {
    #expect { try CORS(allowedOrigins: ["^https://(?<host>a$"]) } throws: {
      "\($0)".contains("error parsing regexp: missing closing ): `^https://(?<host>a$`")
    }
    let cors = try CORS(allowedOrigins: [#"^https://(?<name>([a-z]+)+)\.example$"#])
    #expect(!cors.headers(origin: "https://abc.example").isEmpty)
    // Each letter more would double the time of one that tries all ways.
    #expect(cors.headers(origin: "https://" + String(repeating: "a", count: 10_000)).isEmpty)
  }

  @Test func `answers name the origin, and a preflight asks nothing else`() async throws {
    try await TestServer.with(cors: [#"^https://example\.com$"#]) { server in
      let origin = ["Origin": "https://example.com"]
      let preflight = try server.call("OPTIONS", "/api/v1/nodes", headers: origin)
      #expect(
        preflight.code == 204 && preflight.body.isEmpty && preflight.header("Audit-Id") != nil
          && preflight.header("Cache-Control") == "no-cache, private")
      #expect(preflight.header("Content-Type") == nil && preflight.header("Content-Length") == nil)
      for answer in [
        preflight, try server.call("GET", "/api/v1/nodes", headers: origin),
        try server.call("GET", "/api/v1/nodes/none", headers: origin),
        try server.call("GET", "/livez", headers: origin),
      ] {
        #expect(answer.header("Access-Control-Allow-Origin") == "https://example.com")
        #expect(answer.header("Access-Control-Allow-Methods") == "POST, GET, OPTIONS, PUT, DELETE, PATCH")
        #expect(
          answer.header("Access-Control-Allow-Headers")
            == "Content-Type, Content-Length, Accept-Encoding, X-CSRF-Token, Authorization, X-Requested-With, If-Modified-Since"
        )
        #expect(
          answer.header("Access-Control-Expose-Headers") == "Date"
            && answer.header("Access-Control-Allow-Credentials") == "true")
      }
      let watch = try WatchReader(server, "/api/v1/nodes?watch=1&timeoutSeconds=1", headers: origin)
      #expect(watch.headers.contains { $0.name == "Access-Control-Allow-Origin" })
      watch.close()
      for stranger in [["Origin": "https://example.org"], [:]] {
        #expect(try server.call("GET", "/api/v1/nodes", headers: stranger).header("Access-Control-Allow-Origin") == nil)
        // Nothing is said to strangers, so their preflight is a method that resources do not have (semantics 1.18).
        #expect(try server.call("OPTIONS", "/api/v1/nodes", headers: stranger).code == 405)
      }
    }
  }
}
