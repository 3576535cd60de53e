import ByteBuffers
import JSON
import Machinery
import Registry
import Schema
import Testing

@testable import APIServer
@testable import Resources

extension ResourceInfo {
  static let testNodes = ResourceDefinition.nodes.infos[0]
  static let testLeases = ResourceInfo(
    groupVersion: GroupVersion(group: "coordination.k8s.io", version: "v1"), plural: "leases", singular: "lease",
    kind: "Lease", isNamespaced: true,
    verbs: ["get", "list"], storagePath: "leases", typeName: "io.k8s.api.coordination.v1.Lease")
}

@Suite struct `Discovery documents` {
  @Test func `the core list reads as kube-apiserver's`() {
    let list = Discovery([.testNodes]).resourceLists["/api/v1"]
    #expect(
      list?.encoded().text
        == #"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"nodes","singularName":"node","namespaced":false,"kind":"Node","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["no"],"storageVersionHash":"XwShjMxG9Fs="},{"name":"nodes/proxy","singularName":"","namespaced":false,"kind":"NodeProxyOptions","verbs":["create","delete","get","patch","update"]},{"name":"nodes/status","singularName":"","namespaced":false,"kind":"Node","verbs":["get","patch","update"]}]}"#
    )
  }

  @Test func `groups are listed with their versions`() {
    let discovery = Discovery([.testNodes, .testLeases])
    #expect(
      discovery.groupList.encoded().text
        == #"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"coordination.k8s.io","versions":[{"groupVersion":"coordination.k8s.io/v1","version":"v1"}],"preferredVersion":{"groupVersion":"coordination.k8s.io/v1","version":"v1"}}]}"#
    )
    #expect(discovery.groups["coordination.k8s.io"]?["kind"]?.string == "APIGroup")
  }
}

@Suite struct `Aggregated discovery` {
  @Test func `all resources of all groups stand in one document`() {
    let discovery = Discovery([.testNodes, .testLeases])
    #expect(
      discovery.aggregatedCore.document.encoded().text
        == #"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{},"versions":[{"version":"v1","resources":[{"resource":"nodes","responseKind":{"group":"","version":"v1","kind":"Node"},"scope":"Cluster","singularResource":"node","verbs":["create","delete","deletecollection","get","list","patch","update","watch"],"shortNames":["no"],"subresources":[{"subresource":"proxy","responseKind":{"group":"","version":"v1","kind":"NodeProxyOptions"},"verbs":["create","delete","get","patch","update"]},{"subresource":"status","responseKind":{"group":"","version":"v1","kind":"Node"},"verbs":["get","patch","update"]}]}],"freshness":"Current"}]}]}"#
    )
    #expect(
      discovery.aggregatedGroups.document.encoded().text
        == #"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{},"items":[{"metadata":{"name":"coordination.k8s.io"},"versions":[{"version":"v1","resources":[{"resource":"leases","responseKind":{"group":"coordination.k8s.io","version":"v1","kind":"Lease"},"scope":"Namespaced","singularResource":"lease","verbs":["get","list"]}],"freshness":"Current"}]}]}"#
    )
    #expect(
      discovery.aggregatedCore.etag.utf8.count == 130
        && discovery.aggregatedCore.etag != discovery.aggregatedGroups.etag)
  }

  /// (apidiscovery/v2 `generated.proto`.)
  @Test func `the message says what the document says`() throws {
    for discovery in [
      Discovery([.testNodes, .testLeases]).aggregatedCore, Discovery([.testNodes, .testLeases]).aggregatedGroups,
    ] {
      let envelope = try ProtobufEnvelope(ByteSlice(SharedBytes(discovery.message.flatMap(\.array))))
      #expect(envelope.apiVersion == "apidiscovery.k8s.io/v2" && envelope.kind == "APIGroupDiscoveryList")
      func kind(_ message: WireMessage?) -> JSONValue {
        [
          "group": .string(message?.text(1) ?? "?"), "version": .string(message?.text(2) ?? "?"),
          "kind": .string(message?.text(3) ?? "?"),
        ]
      }
      func list(_ texts: [String]) -> JSONValue { .array(texts.map { .string($0) }) }
      let items = try WireMessage(envelope.raw.array).messages(2).map { group -> JSONValue in
        let name = try group.message(1)?.text(1) ?? "?"
        let versions = try group.messages(2).map { version -> JSONValue in
          let resources = try version.messages(2).map { resource -> JSONValue in
            var one: JSONObject = [
              "resource": .string(resource.text(1) ?? "?"), "responseKind": kind(try resource.message(2)),
              "scope": .string(resource.text(3) ?? "?"),
              "singularResource": .string(resource.text(4) ?? "?"), "verbs": list(resource.texts(5)),
            ]
            if !resource.texts(6).isEmpty { one["shortNames"] = list(resource.texts(6)) }
            if !resource.texts(7).isEmpty { one["categories"] = list(resource.texts(7)) }
            let parts = try resource.messages(8).map { part -> JSONValue in
              [
                "subresource": .string(part.text(1) ?? "?"), "responseKind": kind(try part.message(2)),
                "verbs": list(part.texts(4)),
              ]
            }
            if !parts.isEmpty { one["subresources"] = .array(parts) }
            return .object(one)
          }
          return [
            "version": .string(version.text(1) ?? "?"), "resources": .array(resources),
            "freshness": .string(version.text(3) ?? "?"),
          ]
        }
        return ["metadata": name.isEmpty ? [:] : ["name": .string(name)], "versions": .array(versions)]
      }
      #expect(JSONValue.array(items) == discovery.document["items"])
    }
  }

  @Test func `versions are ordered as Kubernetes orders them`() {
    let order = [
      "v10", "v2", "v1", "v11beta2", "v10beta3", "v3beta1", "v12alpha1", "v11alpha2", "foo1", "foo10", "v01",
    ]
    #expect(order.shuffled().sorted(by: KubernetesVersion.precedes) == order)
  }
}

/// What is no resource, by what the client accepts.
@Suite struct `Documents by media type` {
  private static let all = "g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
  private static let protobuf = "application/vnd.kubernetes.protobuf"

  @Test func `each document is given in the types that kube-apiserver gives it in`() async throws {
    try await TestServer.with { server in
      func get(_ path: String, _ accept: String?, _ method: String = "GET") throws -> TestServer.Reply {
        try server.call(method, path, headers: accept.map { ["Accept": $0] } ?? [:])
      }
      for path in ["/api", "/apis", "/api/v1"] {
        for (accept, type) in [
          (nil, "application/json"), ("*/*", "application/json"), ("application/yaml", "application/yaml"),
          (Self.protobuf, Self.protobuf),
          ("application/yaml;q=0.5,application/json;q=0.9", "application/json"),
          ("text/html, application/yaml", "application/yaml"),
          ("application/json;stream=watch", "application/json"),
        ] as [(String?, String)] {
          let answer = try get(path, accept)
          #expect(answer.code == 200 && answer.header("Content-Type") == type, "\(path) \(accept ?? "-")")
        }
        // A type that the route knows and the handler does not give.
        let table = try get(path, "application/json;as=Table;g=meta.k8s.io;v=v1")
        #expect(table.code == 406 && table.text.contains("only the following media types are accepted"), "\(path)")
        for accept in ["application/cbor", "garbage", "text/html"] {
          let answer = try get(path, accept)
          #expect(answer.code == 406)
          // kube-aggregator's documents have no route.
          #expect(answer.text.contains("406: Not Acceptable") == (path != "/apis"), "\(path) \(accept): \(answer.text)")
        }
      }
      for path in ["/api", "/apis"] {
        for (accept, type) in [
          ("application/json;\(Self.all)", "application/json;\(Self.all)"),
          ("application/yaml;\(Self.all)", "application/yaml;\(Self.all)"),
          ("\(Self.protobuf);\(Self.all)", "\(Self.protobuf);\(Self.all)"),
          ("*/*;\(Self.all)", "application/json;\(Self.all)"),
          ("application/json,\(Self.protobuf);\(Self.all)", "\(Self.protobuf);\(Self.all)"),
          (
            "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList,application/json",
            "application/json"
          ),
        ] {
          let answer = try get(path, accept)
          #expect(answer.code == 200 && answer.header("Content-Type") == type, "\(path) \(accept)")
          if type.hasSuffix(Self.all) {
            #expect(
              answer.header("Vary") == "Accept" && answer.header("Etag") != nil
                && answer.header("Cache-Control") == "public")
          }
        }
        #expect(try get(path, "application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList").code == 406)
      }
      #expect(
        try get("/api", "application/*;\(Self.all)").code == 406
          && get("/apis", "application/*;\(Self.all)").code == 200)
      #expect(try get("/apis", nil, "POST").code == 200 && get("/api", nil, "POST").code == 405)
      for (accept, code) in [
        (nil, 200), ("application/json", 200), ("*/*", 200), ("application/json;q=0.1", 200), ("application/yaml", 406),
        (Self.protobuf, 406), ("garbage", 406),
      ] as [(String?, Int)] {
        let answer = try get("/version", accept)
        #expect(answer.code == code, "\(accept ?? "-")")
        if code == 406 {
          #expect(
            accept == Self.protobuf
              || answer.text.contains("406: Not Acceptable\\n\\nAvailable representations: application/json")
              || answer.text.contains("Available representations: application/json"))
        }
      }
      for path in ["/healthz", "/livez", "/readyz", "/metrics", "/", "/openapi/v3"] {
        for accept in ["garbage", Self.protobuf, "application/yaml"] {
          #expect(try get(path, accept).code == 200, "\(path) \(accept)")
        }
      }
      // An error comes in the type that is asked for, and in JSON where there is none such.
      for (accept, type) in [
        ("application/yaml", "application/yaml"), (Self.protobuf, Self.protobuf),
        ("garbage,application/json", "application/json"),
      ] {
        #expect(try get("/api/v1/nodes/none", accept).header("Content-Type") == type)
      }
    }
  }

  @Test func `OpenAPI says what there is to choose from, in both versions`() async throws {
    try await TestServer.with { server in
      for (path, schemas) in [("/openapi/v3/api/v1", ["components", "schemas"]), ("/openapi/v2", ["definitions"])] {
        let document = try server.call("GET", path).json()
        let types = schemas.reduce(document) { $0[$1] ?? .null }
        let effect = types["io.k8s.api.core.v1.Taint"]?["properties"]?["effect"]
        #expect(effect?["enum"] == ["NoExecute", "NoSchedule", "PreferNoSchedule"])
        let text = effect?["description"]?.string ?? ""
        #expect(
          text.contains("\n\nPossible enum values:\n - `\"NoExecute\"` ")
            && text.contains("\n - `\"PreferNoSchedule\"` "), "\(text)")
        #expect(
          types["io.k8s.api.core.v1.NodeStatus"]?["properties"]?["phase"]?["enum"] == [
            "Pending", "Running", "Terminated",
          ])
        #expect(types["io.k8s.api.core.v1.Taint"]?["properties"]?["key"]?["enum"] == nil)
        #expect(document.encoded().text.contains("\"name\":\"shardSelector\""))
      }
    }
  }

  @Test func `a timeout that is none is told in Go's words`() async throws {
    try await TestServer.with { server in
      for (text, why) in [
        ("5", #"missing unit in duration "5""#), ("5x", #"unknown unit "x" in duration "5x""#),
        (".s", #"invalid duration ".s""#), ("9999999999h", #"invalid duration "9999999999h""#),
      ] {
        let answer = try server.call("GET", "/api/v1/nodes?timeout=\(text)")
        #expect(
          try answer.code == 400
            && answer.json()["message"]?.string == "invalid timeout specified in the request URL - time: \(why)")
      }
      for text in ["-1s", "0", "1m", ""] {
        #expect(try server.call("GET", "/api/v1/nodes?timeout=\(text)").code == 200, "\(text)")
      }
    }
  }

  @Test func `names that are equivalent are different managers`() async throws {
    try await TestServer.with { server in
      try server.createNode("n1")
      for manager in ["K", "%E2%84%AA"] {
        let config = #"{"kind":"Node","apiVersion":"v1","metadata":{"name":"n1","annotations":{"a":"b"}}}"#
        let answer = try server.call(
          "PATCH", "/api/v1/nodes/n1?fieldManager=\(manager)", config,
          headers: ["Content-Type": "application/apply-patch+yaml"])
        #expect(answer.code == 200, "\(answer.text)")
      }
      let fields = try server.call("GET", "/api/v1/nodes/n1").json()["metadata"]?["managedFields"]?.array ?? []
      let owners = fields.filter { $0["fieldsV1"]?["f:metadata"]?["f:annotations"]?["f:a"] != nil }.map {
        $0["manager"]?.string ?? ""
      }
      #expect(owners.sorted() == ["K", "\u{212A}"], "\(fields)")
      // Of a query's parameters too only the one of that very name counts.
      #expect(try server.call("GET", "/api/v1/nodes?labelSelector=a%3Db&labelSelector%CC%81=c").code == 200)
    }
  }
}

@Suite struct `Health endpoints` {
  struct Broken: Error {}
  private let endpoint = HealthEndpoint(
    name: "readyz", checks: [.ping, HealthCheck(name: "etcd") { throw Broken() }])

  @Test func `failure withholds its reason and excluding heals`() async {
    #expect(
      await endpoint.all(.empty)
        == HealthAnswer(code: 500, text: "[+]ping ok\n[-]etcd failed: reason withheld\nreadyz check failed\n"))
    #expect(await endpoint.all(Query("exclude=etcd")) == HealthAnswer(code: 200, text: "ok"))
    #expect(
      await endpoint.all(Query("exclude=etcd&verbose"))
        == HealthAnswer(code: 200, text: "[+]ping ok\n[+]etcd excluded: ok\nreadyz check passed\n"))
  }

  @Test func `a single check stands alone`() async {
    #expect(await endpoint.single("ping") == HealthAnswer(code: 200, text: "ok"))
    #expect(await endpoint.single("etcd")?.code == 500)
    #expect(await endpoint.single("nope") == nil)
  }
}
