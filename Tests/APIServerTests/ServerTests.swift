import HTTPServer
import JSON
import Testing

@testable import APIServer

@Suite struct `Answers` {
  @Test func `every answer carries the audit id and forbids caching`() async throws {
    try await TestServer.with { server in
      let sent = try server.call("GET", "/api/v1/nodes", headers: ["Audit-Id": "mine"])
      #expect(sent.header("Audit-Id") == "mine")
      #expect(sent.header("Cache-Control") == "no-cache, private")
      let made = try server.call("GET", "/nothing").header("Audit-Id") ?? ""
      #expect(made.count == 36)
      #expect(made != (try server.call("GET", "/nothing").header("Audit-Id")))
    }
  }

  @Test func `compact ends in a newline and pretty does not`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      for path in ["/api/v1/nodes/a", "/api/v1/nodes"] {
        let compact = try server.call("GET", path).text
        #expect(compact.hasSuffix("}\n") && !compact.contains("\n "))
        let pretty = try server.call("GET", path + "?pretty=true").text
        #expect(pretty.hasPrefix("{\n  \"kind\"") && pretty.hasSuffix("}"))
        #expect(try server.call("GET", path, headers: ["User-Agent": "curl/8.0"]).text == pretty)
        #expect(try server.call("GET", path + "?pretty=0", headers: ["User-Agent": "curl/8.0"]).text == compact)
      }
    }
  }

  @Test func `the fast path and the general path say the same bytes`() async throws {
    try await TestServer.with { server in
      for name in ["a", "b", "c"] { try server.createNode(name) }
      for path in ["/api/v1/nodes/b", "/api/v1/nodes"] {
        let fast = try server.call("GET", path)
        let general = try server.call("GET", path + "?timeout=10s", headers: ["Accept": "application/json;q=0.9"])
        #expect(fast.text == general.text)
        #expect(fast.headers.map(\.name).sorted() == general.headers.map(\.name).sorted())
      }
      let list = try server.call("GET", "/api/v1/nodes").json()
      #expect(list["items"]?.array?.map { $0["metadata"]?["name"]?.string } == ["a", "b", "c"])
      #expect(list["items"]?.array?.allSatisfy { $0["kind"] == nil && $0["apiVersion"] == nil } == true)
    }
  }

  @Test func `errors are told in what the client accepts`() async throws {
    try await TestServer.with { server in
      let yaml = try server.call("GET", "/api/v1/nodes/none", headers: ["Accept": "application/yaml"])
      #expect(
        yaml.code == 404 && yaml.header("Content-Type") == "application/yaml"
          && yaml.text.contains("reason: NotFound\n"))
      let table = try server.call(
        "GET", "/api/v1/nodes/none", headers: ["Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"])
      #expect(table.code == 404 && table.text.hasPrefix("{\n  \"kind\": \"Status\""))
      let strange = try server.call("GET", "/api/v1/nodes", headers: ["Accept": "text/html"])
      #expect(strange.code == 406 && strange.header("Content-Type") == "application/json")
    }
  }

  @Test(arguments: [
    ("HEAD", "/api/v1/nodes", 405), ("OPTIONS", "/api/v1/nodes", 405), ("PUT", "/api/v1/nodes", 405),
    ("POST", "/api/v1/nodes/x", 405),
    ("DELETE", "/api/v1/nodes/x/status", 405), ("POST", "/api/v1/watch/nodes", 405), ("DELETE", "/version", 405),
    ("GET", "/version/x", 404),
    ("GET", "/api/v1/watch", 500), ("GET", "/api/v1/nodes?timeout=soon", 400), ("GET", "/api/v1/nodes?timeout=5s", 200),
    ("GET", "/openapi/v3/apis/none/v1", 404),
    ("GET", "/livez/nope", 404), ("GET", "/apis", 200), ("GET", "/", 200), ("GET", "/api/v1/nodes/a%2Fb", 404),
  ])
  func `method and path decide`(method: String, path: String, code: Int) async throws {
    try await TestServer.with { server in
      let connection = try RawConnection(port: server.port)
      defer { connection.close() }
      try connection.send(method, path)
      #expect(try connection.head().code == code)
    }
  }

  @Test func `YAML goes in and comes out`() async throws {
    try await TestServer.with { server in
      let made = try server.call(
        "POST", "/api/v1/nodes", "metadata:\n  name: yam\n  labels: {a: 'true'}\n",
        headers: ["Content-Type": "application/yaml", "Accept": "application/yaml"])
      #expect(made.code == 201 && made.text.hasPrefix("apiVersion: v1\nkind: Node\n"), "\(made.text)")
      let broken = try server.call("POST", "/api/v1/nodes", "a: [", headers: ["Content-Type": "application/yaml"])
      #expect(broken.code == 400)
      let warned = try server.call(
        "POST", "/api/v1/nodes", "metadata:\n  name: z\nspec:\n  nope: 1\n",
        headers: ["Content-Type": "application/yaml"])
      #expect(warned.code == 201 && warned.header("Warning") == #"299 - "unknown field \"spec.nope\"""#)
    }
  }

  @Test func `metadata alone is the object's own`() async throws {
    try await TestServer.with { server in
      let whole = try server.createNode("m", labels: ["a": "b"]).json()
      let accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
      let partial = try server.call("GET", "/api/v1/nodes/m", headers: ["Accept": accept]).json()
      #expect(
        partial == [
          "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": whole["metadata"] ?? .null,
        ])
      let list = try server.call(
        "GET", "/api/v1/nodes", headers: ["Accept": accept.replacing("Metadata;", with: "MetadataList;")]
      ).json()
      #expect(list["items"] == [partial])
      let mismatch = try server.call("GET", "/api/v1/nodes", headers: ["Accept": accept])
      #expect(mismatch.code == 406 && mismatch.text.contains("(*core.NodeList)"))
    }
  }

  @Test func `a body that is too large is refused with a Status`() async throws {
    try await TestServer.with { server in
      let connection = try RawConnection(port: server.port)
      defer { connection.close() }
      try connection.send("POST", "/api/v1/nodes", headers: ["Content-Length": "4000000"])
      let reply = try connection.reply()
      #expect(reply.code == 413)
      #expect(try reply.json()["reason"]?.string == "RequestEntityTooLarge")
    }
  }
}

@Suite struct `Watches` {
  @Test func `events are lines of shared bytes`() async throws {
    try await TestServer.with { server in
      let made = try server.createNode("w").text
      let watch = try WatchReader(server, "/api/v1/nodes?watch=true")
      #expect(watch.headers.contains { $0.name == "Content-Type" && $0.value == "application/json" })
      #expect(try watch.next() == #"{"type":"ADDED","object":"# + made.dropLast() + "}")
      _ = try server.call(
        "PATCH", "/api/v1/nodes/w", #"{"metadata":{"labels":{"x":"y"}}}"#,
        headers: ["Content-Type": "application/merge-patch+json"])
      let changed = try server.call("GET", "/api/v1/nodes/w").text
      #expect(try watch.next() == #"{"type":"MODIFIED","object":"# + changed.dropLast() + "}")
      _ = try server.call("DELETE", "/api/v1/nodes/w")
      #expect(try watch.nextEvent()?["type"]?.string == "DELETED")
      watch.close()
    }
  }

  @Test func `a watch ends cleanly at its timeout and when the server drains`() async throws {
    try await TestServer.with { server in
      let short = try WatchReader(server, "/api/v1/nodes?watch=1&timeoutSeconds=1")
      #expect(try short.next() == nil)
      let long = try WatchReader(server, "/api/v1/nodes?watch=1")
      server.api.beginShutdown()
      #expect(try server.call("GET", "/readyz").code == 500)
      #expect(try server.call("GET", "/livez").code == 200)
      // Not a child task: that would share this test's one thread.
      let drained = Task { await server.http.drain(deadline: .seconds(5)) }
      #expect(try long.next() == nil)
      await drained.value
    }
  }

  @Test func `initial events end in a marked bookmark in every form`() async throws {
    try await TestServer.with { server in
      try server.createNode("b")
      let path =
        "/api/v1/nodes?watch=true&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan"
      let plain = try WatchReader(server, path)
      _ = try plain.next()
      let bookmark = try plain.nextEvent()
      #expect(bookmark?["type"]?.string == "BOOKMARK")
      #expect(bookmark?["object"]?["metadata"]?["annotations"] == ["k8s.io/initial-events-end": "true"])
      #expect(bookmark?["object"]?["spec"] == [:])
      plain.close()
      let table = try WatchReader(
        server, path + "&includeObject=None", headers: ["Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"])
      let first = try table.nextEvent()
      #expect(first?["object"]?["columnDefinitions"]?.array?.count == 10)
      #expect(first?["object"]?["rows"]?.array?.first?["object"] == .null)
      let end = try table.nextEvent()
      #expect(end?["type"]?.string == "BOOKMARK" && end?["object"]?["columnDefinitions"] == .null)
      let row = end?["object"]?["rows"]?.array?.first?["object"]
      #expect(row?["kind"]?.string == "PartialObjectMetadata")
      #expect(row?["metadata"]?["annotations"] == ["k8s.io/initial-events-end": "true"])
      table.close()
    }
  }

  @Test func `YAML can't be framed and another name is refused`() async throws {
    try await TestServer.with { server in
      let yaml = try server.call("GET", "/api/v1/nodes?watch=true", headers: ["Accept": "application/yaml"])
      #expect(yaml.code == 406 && yaml.text.contains("application/json;stream=watch"))
      for path in ["nodes?watch=true&", "watch/nodes?watch=true&", "watch/nodes/a?watch=true&"] {
        let continued = try server.call("GET", "/api/v1/\(path)continue=abc&timeoutSeconds=1")
        #expect(
          continued.code == 422
            && continued.text.contains("resourceVersionMatch is forbidden when continue is provided"))
      }
      // A path that asks for a watch by itself is held to the rules of lists.
      #expect(try server.call("GET", "/api/v1/watch/nodes?continue=abc&timeoutSeconds=1").code == 200)
      #expect(
        try server.call("GET", "/api/v1/watch/nodes?sendInitialEvents=true&timeoutSeconds=1").text.contains(
          "sendInitialEvents is forbidden for list"))
      #expect(try server.call("DELETE", "/api/v1/nodes?watch=true&continue=abc").code == 422)
      #expect(try server.call("DELETE", "/api/v1/nodes?watch=true&sendInitialEvents=true").code == 422)
      let other = try server.call("GET", "/api/v1/watch/nodes/a?fieldSelector=metadata.name%3Db")
      #expect(other.code == 400 && other.text.contains("doesn't match requested name"))
      let future = try server.call("GET", "/api/v1/nodes?watch=true&resourceVersion=abc")
      #expect(future.code == 500)
    }
  }

  @Test func `a client that goes away leaves no watch behind`() async throws {
    try await TestServer.with { server in
      let watches = try (0..<8).map { _ in try WatchReader(server, "/api/v1/nodes?watch=true") }
      try server.createNode("x")
      for watch in watches { #expect(try watch.nextEvent()?["type"]?.string == "ADDED") }
      #expect(server.api.openWatches == 8)
      for watch in watches { watch.close() }
      let deadline = ContinuousClock.now + .seconds(10)
      while server.api.openWatches > 0, .now < deadline { try await Task.sleep(for: .milliseconds(5)) }
      #expect(server.api.openWatches == 0)
    }
  }
}

@Suite struct `YAML bodies` {
  @Test func `a name given twice keeps its last value, with a warning or a refusal`() async throws {
    try await TestServer.with { server in
      let yaml = ["Content-Type": "application/yaml"]
      let body = "metadata:\n  name: first\n  \"name\": second\n  labels: {a: '1', a: '2', a: '3'}\n"
      let warned = try server.call("POST", "/api/v1/nodes", body, headers: yaml)
      #expect(warned.code == 201, "\(warned.text)")
      #expect(try warned.json()["metadata"]?["name"]?.string == "second")
      #expect(try warned.json()["metadata"]?["labels"] == ["a": "3"])
      #expect(
        warned.headers.filter { $0.name == "Warning" }.map(\.value) == [
          #"299 - "line 3: key \"name\" already set in map""#, #"299 - "line 4: key \"a\" already set in map""#,
        ])
      let strict = try server.call(
        "POST", "/api/v1/nodes?fieldValidation=Strict", "metadata:\n  name: x\n  name: y1\nspec: {nope: 1}\n",
        headers: yaml)
      #expect(strict.code == 400)
      #expect(
        try strict.json()["message"]?.string
          == "Node in version \"v1\" cannot be handled as a Node: strict decoding error: yaml: unmarshal errors:\n  line 3: key \"name\" already set in map, unknown field \"spec.nope\""
      )
    }
  }

  @Test(arguments: ["POST", "PUT", "PATCH", "DELETE", "SubjectAccessReview"])
  func `YAML that would cost much is a bad request, and others are served meanwhile`(verb: String) async throws {
    let levels = (1..<12).map { level in
      "a\(level): &a\(level) [" + [String](repeating: "*a\(level - 1)", count: 9).joined(separator: ",") + "]\n"
    }.joined()
    let bomb = "a0: &a0 [x,x,x,x,x,x,x,x,x]\n" + levels
    let bodies = [
      (bomb, "yaml: document contains excessive aliasing"),
      (bomb + "z: {? *a11 : 1}\n", "yaml: document contains excessive aliasing"),
      (String(repeating: "[", count: 3 << 20), "yaml: exceeded max depth of 10000"),
      (String(repeating: "{", count: 3 << 20), "yaml: exceeded max depth of 10000"),
      ("null: x", "unsupported map key of type: %!s(<nil>), key: <nil>, value: \"x\""),
    ]
    let (method, path) =
      switch verb {
      case "POST": ("POST", "/api/v1/nodes")
      case "SubjectAccessReview": ("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews")
      case "PATCH": (verb, "/api/v1/nodes/n?fieldManager=m")
      default: (verb, "/api/v1/nodes/n")
      }
    try await TestServer.with { server in
      try server.createNode("n")
      for (body, problem) in bodies {
        let reply = try server.call(
          method, path, body,
          headers: ["Content-Type": verb == "PATCH" ? "application/apply-patch+yaml" : "application/yaml"])
        let message = try reply.json()["message"]?.string ?? ""
        #expect(reply.code == 400 && message.contains(problem), "\(verb) \(problem): \(reply.text.prefix(300))")
      }
      // The options of a removal that are read keep the node where they say so.
      let kept = try server.call(
        "DELETE", "/api/v1/nodes/n", "\u{FEFF}preconditions: {uid: !!str 5}\n",
        headers: ["Content-Type": "application/yaml"])
      #expect(kept.code == 409, "\(kept.text)")
    }
  }

  @Test func `an apply reads YAML as a create does, and tells its faults in upstream's words`() async throws {
    try await TestServer.with { server in
      func apply(
        _ body: String, _ query: String = ""
      ) throws -> (code: Int, message: String, warnings: [String], object: JSONValue) {
        let reply = try server.call(
          "PATCH", "/api/v1/nodes/applied?fieldManager=m\(query)", body,
          headers: ["Content-Type": "application/apply-patch+yaml"])
        return (
          reply.code, try reply.json()["message"]?.string ?? "",
          reply.headers.filter { $0.name == "Warning" }.map(\.value), try reply.json()
        )
      }
      let node =
        "\u{FEFF}apiVersion: v1\nkind: Node\nmetadata:\n  name: applied\n  labels: &l {a: '1'}\n  annotations:\n    <<: *l\n"
      let merged = try apply(node + "    b: !!str no\n    c: !!binary aGk=\n")
      #expect(merged.code == 201 && merged.warnings.isEmpty, "\(merged)")
      #expect(merged.object["metadata"]?["annotations"] == ["a": "1", "b": "no", "c": "hi"])
      let again = try apply(node + "    a: '2'\n")
      #expect(again.code == 200 && again.warnings == [#"299 - "line 8: key \"a\" already set in map""#], "\(again)")
      #expect(
        try apply(node + "    a: '2'\n", "&fieldValidation=Strict").message
          == "error strict decoding YAML: error converting YAML to JSON: yaml: unmarshal errors:\n  line 8: key \"a\" already set in map"
      )
      #expect(
        try apply("a: [").message
          == "error decoding YAML: error converting YAML to JSON: yaml: line 1: did not find expected node content")
      #expect(
        try apply("x").message
          == "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal string into Go value of type map[string]interface {}"
      )
    }
  }

  @Test func `what is no YAML is told with its line`() async throws {
    try await TestServer.with { server in
      let reply = try server.call(
        "POST", "/api/v1/nodes", "metadata:\n  name: [a\nspec: {}\n", headers: ["Content-Type": "application/yaml"])
      #expect(reply.code == 400)
      #expect(
        try reply.json()["message"]?.string?.hasPrefix(
          "the object provided is unrecognized (must be of type Node): yaml: line ") == true, "\(reply.text)")
    }
  }

  @Test func `times are quoted in answers`() async throws {
    try await TestServer.with { server in
      try server.createNode("t")
      let text = try server.call("GET", "/api/v1/nodes/t", headers: ["Accept": "application/yaml"]).text
      #expect(text.contains(/creationTimestamp: "[0-9TZ:-]+"\n/), "\(text)")
    }
  }
}
