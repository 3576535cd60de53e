import Testing

@testable import APIServer

@Suite struct `Plain HTTP and web pages` {
  @Test(arguments: [
    ("127.0.0.1", 200), ("127.0.0.1:8080", 200), ("10.1.2.3:80", 200), ("[::1]", 200), ("[fe80::1%25eth0]:8080", 200),
    ("localhost", 200), ("LocalHost:8080", 200),
    ("evil.example", 403), ("evil.example:8080", 403), ("localhost.evil.example", 403), ("127.0.0.1.evil.example", 403),
    ("1.2.3", 403), ("[evil.example]", 403),
    ("localhost:x@evil.example", 200),
  ])
  func `only addresses and localhost are hosts of ours`(host: String, code: Int) async throws {
    try await TestServer.with { server in
      // By the path that is answered at once, by the general one, and by what is no resource.
      for (path, agent) in [
        ("/api/v1/nodes", "test"), ("/api/v1/nodes?limit=1", "test"), ("/api/v1/nodes", "curl/8"), ("/version", "test"),
        ("/livez", "test"),
      ] {
        let reply = try server.call("GET", path, headers: ["Host": host, "User-Agent": agent])
        #expect(reply.code == code, "\(path) \(reply.text)")
        if code == 403 { #expect(reply.text.contains("--insecure-accept-hosts")) }
      }
    }
  }

  @Test func `a page of another origin can neither write nor watch by WebSocket`() async throws {
    try await TestServer.with(cors: ["^https://friend\\.example$"]) { server in
      let node = #"{"metadata":{"generateName":"a-"}}"#
      func code(_ method: String, _ headers: [String: String]) throws -> Int {
        try server.call(
          method, method == "POST" ? "/api/v1/nodes" : "/api/v1/nodes/none",
          method == "DELETE" || method == "GET" ? nil : node, headers: headers
        ).code
      }
      let evil = ["Origin": "https://evil.example"]
      for method in ["POST", "PUT", "PATCH", "DELETE"] {
        let refused = try code(method, evil)
        #expect(refused == 403, "\(method)")
      }
      for headers in [["Origin": "null"], ["Origin": "http://localhost:1234"], ["Sec-Fetch-Site": "cross-site"]] {
        let refused = try code("POST", headers)
        #expect(refused == 403, "\(headers)")
      }
      let read = try code("GET", ["Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"])
      #expect(read == 404)
      for headers in [
        [:], ["Origin": "http://localhost"], ["Origin": "https://friend.example", "Sec-Fetch-Site": "cross-site"],
        ["Sec-Fetch-Site": "same-origin"],
      ] {
        let taken = try code("POST", headers)
        #expect(taken == 201, "\(headers)")
      }
      let socket = [
        "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "AAECAwQFBgcICQoLDA0ODw==",
      ]
      let watch = try server.call("GET", "/api/v1/nodes?watch=true", headers: socket.merging(evil) { $1 })
      #expect(watch.code == 403)
    }
  }

  @Test(arguments: [
    ("Binnacle.example", "binnacle.example:8080", 200), ("Binnacle.example", "other.example", 403),
    ("*", "other.example", 200),
  ])
  func `further names may be served under`(name: String, host: String, code: Int) async throws {
    try await TestServer.with(plainDoor: PlainDoor(names: [name])) { server in
      let reply = try server.call("GET", "/api/v1/nodes", headers: ["Host": host])
      #expect(reply.code == code)
    }
  }
}
