import JSON
import Testing

@testable import APIServer

/// Rules that only a request over HTTP shows.
@Suite struct `Rules of requests` {
  private static let merge = ["Content-Type": "application/merge-patch+json"]

  @Test func `a body hides the options of the query (semantics 1.17)`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      // The empty body leaves the query its say; any other takes all of it away, dry run included.
      #expect(try server.call("DELETE", "/api/v1/nodes/a?dryRun=All").code == 200)
      #expect(try server.call("GET", "/api/v1/nodes/a").code == 200)
      #expect(try server.call("DELETE", "/api/v1/nodes/a?dryRun=All", "null").code == 200)
      #expect(try server.call("GET", "/api/v1/nodes/a").code == 404)
      try server.createNode("b")
      #expect(
        try server.call(
          "DELETE", "/api/v1/nodes?dryRun=All&labelSelector=none", #"{"kind":"DeleteOptions","apiVersion":"v1"}"#
        ).json()["items"]?.array?.isEmpty == true)
      #expect(
        try server.call("DELETE", "/api/v1/nodes?dryRun=All", #"{"kind":"DeleteOptions","apiVersion":"v1"}"#).json()[
          "items"]?.array?.count == 1)
      #expect(try server.call("GET", "/api/v1/nodes/b").code == 404)
    }
  }

  @Test func `resources have no HEAD and no OPTIONS (semantics 1.18)`() async throws {
    try await TestServer.with { server in
      for path in ["/api/v1/nodes", "/api/v1/nodes/a", "/api/v1/nodes/a/status"] {
        #expect(try server.call("OPTIONS", path).code == 405)
        let connection = try RawConnection(port: server.port)
        try connection.send("HEAD", path)
        #expect(try connection.head().code == 405)
        connection.close()
      }
    }
  }

  @Test func `what a removal answers depends on what remains (semantics 2.14)`() async throws {
    try await TestServer.with { server in
      let uid = try server.createNode("a").json()["metadata"]?["uid"]
      let gone = try server.call("DELETE", "/api/v1/nodes/a")
      #expect(gone.code == 200)
      #expect(
        try gone.json() == [
          "kind": "Status", "apiVersion": "v1", "metadata": [:], "status": "Success",
          "details": ["name": "a", "kind": "nodes", "uid": uid ?? .null],
        ])
      #expect(
        try server.call("POST", "/api/v1/nodes", #"{"metadata":{"name":"b","finalizers":["x.io/a"]}}"#).code == 201)
      let pending = try server.call("DELETE", "/api/v1/nodes/b")
      #expect(
        try pending.code == 200 && pending.json()["kind"] == "Node"
          && pending.json()["metadata"]?["deletionTimestamp"] != nil)
      #expect(try server.call("DELETE", "/api/v1/nodes/b?orphanDependents=false").code == 202)
      #expect(
        try server.call("DELETE", "/api/v1/nodes/b?gracePeriodSeconds=-1&propagationPolicy=Background").code == 200)
      #expect(try server.call("DELETE", "/api/v1/nodes/b?propagationPolicy=Orphan&orphanDependents=true").code == 422)
    }
  }

  @Test func `the last finalizer's removal shows DELETED alone, and answers with the old revision (semantics 2.17)`()
    async throws
  {
    try await TestServer.with { server in
      #expect(
        try server.call("POST", "/api/v1/nodes", #"{"metadata":{"name":"a","finalizers":["x.io/a"]}}"#).code == 201)
      let marked = try server.call("DELETE", "/api/v1/nodes/a").json()
      let revision = marked["metadata"]?["resourceVersion"]?.string ?? ""
      let watch = try WatchReader(server, "/api/v1/nodes?watch=1&resourceVersion=\(revision)&timeoutSeconds=10")
      let last = try server.call(
        "PATCH", "/api/v1/nodes/a", #"{"metadata":{"finalizers":null,"labels":{"l":"1"}}}"#, headers: Self.merge)
      #expect(
        try last.code == 200 && last.json()["metadata"]?["resourceVersion"]?.string == revision
          && last.json()["metadata"]?["labels"]?["l"] == "1")
      try server.createNode("b")
      let first = try watch.nextEvent()
      #expect(
        first?["type"] == "DELETED" && first?["object"]?["metadata"]?["name"] == "a"
          && first?["object"]?["metadata"]?["resourceVersion"]?.string != revision)
      #expect(try watch.nextEvent()?["object"]?["metadata"]?["name"] == "b")
      watch.close()
    }
  }

  @Test func `a patch is checked in upstream's order (semantics 2.20, 2.21)`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      func patch(
        _ body: String, _ type: String, _ path: String = "/api/v1/nodes/a", accept: String = "application/json"
      ) throws -> (code: Int, message: String) {
        let reply = try server.call("PATCH", path, body, headers: ["Content-Type": type, "Accept": accept])
        return (reply.code, (try? reply.json()["message"]?.string) ?? "")
      }
      // The type of the patch comes before what may be answered, that before the options, those before the object.
      #expect(try patch("{", "text/plain", accept: "text/plain") == (415, "415: Unsupported Media Type"))
      #expect(
        try patch("{", "application/merge-patch+json", "/api/v1/nodes/none?dryRun=x", accept: "text/plain").code == 406)
      #expect(try patch("{", "application/merge-patch+json", "/api/v1/nodes/none?dryRun=x").code == 422)
      #expect(try patch("{", "application/merge-patch+json", "/api/v1/nodes/none").code == 404)
      let many =
        "[" + Array(repeating: #"{"op":"test","path":"/kind","value":"Node"}"#, count: 10_001).joined(separator: ",")
        + "]"
      #expect(
        try patch(many, "application/json-patch+json") == (
          413, "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
        ))
      #expect(
        try patch(#"[{"op":"test","path":"/kind","value":"Pod"}]"#, "application/json-patch+json") == (
          422, "the server rejected our request due to an error in our request"
        ))
      #expect(
        try patch(#"{"metadata":{"name":"b"}}"#, "application/merge-patch+json") == (
          400, "the name of the object (b) does not match the name on the URL (a)"
        ))
      #expect(
        try patch(#"{"kind":"Node","apiVersion":"v1"}"#, "application/apply-patch+yaml").code == 422,
        "an apply names its manager")
      #expect(
        try patch("{}", "application/merge-patch+json", "/api/v1/nodes/a?force=true").code == 422,
        "only an apply may be forced")
      #expect(
        try patch(
          #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"new"}}"#, "application/apply-patch+yaml",
          "/api/v1/nodes/new?fieldManager=m"
        ).code == 201)
    }
  }

  @Test(arguments: [
    ("..", "\"..\": may not be '..'"), (".", "\".\": may not be '.'"), ("a%25b", "\"a%b\": may not contain '%'"),
  ])
  func `a name that no object can have is refused before anything is looked up`(
    name: String, problem: String
  ) async throws {
    try await TestServer.with { server in
      func ask(_ method: String, _ body: String? = nil, _ headers: [String: String] = [:]) throws {
        let answer = try server.call(method, "/api/v1/nodes/\(name)", body, headers: headers)
        #expect(answer.code == 400, "\(method)")
        #expect(try answer.json()["message"]?.string == "Name parameter invalid: \(problem)", "\(method)")
      }
      try ask("GET")
      try ask("DELETE")
      try ask("PATCH", "{}", Self.merge)
      try ask("PUT", #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"\#(name.replacing("%25", with: "%"))"}}"#)
      #expect(try server.call("GET", "/api/v1/nodes/\(name)?resourceVersion=x").code == 400, "the name comes first")
      // A watch of it is one that sees nothing.
      #expect(try server.call("GET", "/api/v1/watch/nodes/\(name)?timeoutSeconds=1").code == 200)
    }
  }

  @Test func `a revision in a patch is a condition (semantics 1.16)`() async throws {
    try await TestServer.with { server in
      let made = try server.createNode("a").json()["metadata"]?["resourceVersion"]?.string ?? ""
      #expect(
        try server.call(
          "PATCH", "/api/v1/nodes/a", #"{"metadata":{"resourceVersion":"\#(made)","labels":{"l":"1"}}}"#,
          headers: Self.merge
        ).code == 200)
      #expect(
        try server.call(
          "PATCH", "/api/v1/nodes/a", #"{"metadata":{"resourceVersion":"\#(made)","labels":{"l":"2"}}}"#,
          headers: Self.merge
        ).code == 409)
    }
  }

  @Test func `complaints about fields are warnings, refusals or nothing (semantics 2.22, 2.48)`() async throws {
    try await TestServer.with { server in
      let body =
        #"{"metadata":{"name":"a"},"bogus":1,"Spec":{"unschedulable":true},"spec":{"taints":[{"key":"k","effect":"NoSchedule","nope":1}]}}"#
      let strict = try server.call("POST", "/api/v1/nodes?fieldValidation=Strict", body)
      #expect(strict.code == 400)
      #expect(
        try strict.json()["message"]?.string
          == #"Node in version "v1" cannot be handled as a Node: strict decoding error: unknown field "Spec", unknown field "bogus", unknown field "spec.taints[0].nope""#
          || strict.json()["message"]?.string
            == #"Node in version "v1" cannot be handled as a Node: strict decoding error: unknown field "bogus", unknown field "Spec", unknown field "spec.taints[0].nope""#
      )
      #expect(try server.call("POST", "/api/v1/nodes?fieldValidation=Ignore&dryRun=All", body).header("Warning") == nil)
      let warned = try server.call("POST", "/api/v1/nodes", body)
      #expect(warned.code == 201 && warned.headers.filter { $0.name == "Warning" }.count == 3)
      #expect(
        warned.headers.contains {
          $0.name == "Warning" && $0.value == #"299 - "unknown field \"spec.taints[0].nope\"""#
        })
      #expect(try warned.json()["spec"]?["unschedulable"] == nil, "names are told apart by case")
      #expect(try server.call("PUT", "/api/v1/nodes/a?fieldValidation=Strict", body).code == 400)
      #expect(
        try server.call("PATCH", "/api/v1/nodes/a?fieldValidation=Strict", #"{"bogus":1}"#, headers: Self.merge).code
          == 422)
      #expect(
        try server.call("PATCH", "/api/v1/nodes/a", #"{"bogus":1}"#, headers: Self.merge).header("Warning")
          == #"299 - "unknown field \"bogus\"""#)
    }
  }

  @Test func `every verb can be tried dry (semantics 2.19)`() async throws {
    try await TestServer.with { server in
      let made = try server.createNode("a")
      #expect(try server.call("POST", "/api/v1/nodes?dryRun=All", #"{"metadata":{"name":"a"}}"#).code == 409)
      let dry = try server.call("POST", "/api/v1/nodes?dryRun=All", #"{"metadata":{"generateName":"g-"}}"#).json()
      #expect(
        dry["metadata"]?["uid"] != nil && dry["metadata"]?["resourceVersion"] == nil
          && dry["metadata"]?["name"]?.string?.hasPrefix("g-") == true)
      for path in ["/api/v1/nodes/a", "/api/v1/nodes/a/status"] {
        let patched = try server.call(
          "PATCH", path + "?dryRun=All", #"{"metadata":{"labels":{"l":"1"}}}"#, headers: Self.merge)
        #expect(try patched.code == 200 && patched.json()["metadata"]?["labels"]?["l"] == "1")
        let put = try server.call("PUT", path + "?dryRun=All", #"{"metadata":{"name":"a","labels":{"l":"1"}}}"#)
        #expect(try put.code == 200 && put.json()["metadata"]?["labels"]?["l"] == "1")
      }
      let applied = try server.call(
        "PATCH", "/api/v1/nodes/new?dryRun=All&fieldManager=m",
        #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"new"}}"#,
        headers: ["Content-Type": "application/apply-patch+yaml"])
      #expect(applied.code == 201)
      #expect(try server.call("DELETE", "/api/v1/nodes/a?dryRun=All").code == 200)
      let list = try server.call("GET", "/api/v1/nodes").json()
      #expect(try list["items"]?.array?.count == 1 && server.call("GET", "/api/v1/nodes/a").body == made.body)
    }
  }

  @Test func `a time limit may be lowered, and means nothing to a watch (semantics 2.32, 2.46)`() async throws {
    try await TestServer.with { server in
      for bad in ["abc", "5"] { #expect(try server.call("GET", "/api/v1/nodes?timeout=\(bad)").code == 400) }
      #expect(try server.call("POST", "/api/v1/nodes?timeout=30s", #"{"metadata":{"name":"a"}}"#).code == 201)
      // The cache waits three seconds for the future; the client does not.
      let late = try server.call("GET", "/api/v1/nodes?resourceVersion=999999&timeout=100ms")
      #expect(
        try late.code == 504
          && late.json()["message"]?.string
            == "Timeout: request did not complete within requested timeout - context deadline exceeded"
      )
      let watch = try WatchReader(server, "/api/v1/nodes?watch=1&timeout=1ms&timeoutSeconds=1")
      #expect(try watch.nextEvent()?["type"] == "ADDED")
      #expect(try watch.next() == nil)
    }
  }

  @Test func `Retry-After repeats what the Status says`() async throws {
    try await TestServer.with { server in
      let late = try server.call("GET", "/api/v1/nodes/a?resourceVersion=999999")
      #expect(
        try late.code == 504 && late.header("Retry-After") == "1" && late.json()["details"]?["retryAfterSeconds"] == 1)
    }
  }
}
