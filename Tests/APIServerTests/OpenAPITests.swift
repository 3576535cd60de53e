import ByteBuffers
import Foundation
import JSON
import Machinery
import Registry
import Schema
import Testing

@testable import APIServer

/// What is served in these tests: nodes, and a namespaced resource of a group.
private let resources: [ResourceInfo] = [
  .testNodes,
  ResourceInfo(
    groupVersion: GroupVersion(group: "rbac.authorization.k8s.io", version: "v1"), plural: "roles", singular: "role",
    kind: "Role", isNamespaced: true,
    verbs: ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"], storagePath: "roles",
    typeName: "io.k8s.api.core.v1.Node"),
]

extension JSONValue {
  /// All references in the value.
  fileprivate var references: Set<String> {
    switch self {
    case .object(let object):
      object.members.reduce(into: []) {
        $0.formUnion($1.name == "$ref" ? [$1.value.string ?? ""] : $1.value.references)
      }
    case .array(let elements): elements.reduce(into: []) { $0.formUnion($1.references) }
    default: []
    }
  }
  /// The operations of a document, by path and method.
  fileprivate var operations: [(path: String, method: String, value: JSONValue)] {
    (self["paths"]?.object?.members ?? []).flatMap { path in
      (path.value.object?.members ?? []).filter { $0.name != "parameters" }.map { (path.name, $0.name, $0.value) }
    }
  }
  fileprivate func at(_ pointer: String) -> JSONValue? {
    pointer.dropFirst(2).split(separator: "/").reduce(self) { value, name in
      value?[String(name).replacing("~1", with: "/")]
    }
  }
}

@Suite struct `OpenAPI documents` {
  private let api = OpenAPI(resources, version: "v1.36.2")
  private func parsed(_ page: OpenAPI.Page) throws -> JSONValue { try JSONValue(parsing: ByteSlice(page.json)) }

  /// Names of the parameters of an operation, those of its path included.
  private func parameters(_ document: JSONValue, _ path: String, _ method: String) -> [String] {
    let item = document["paths"]?[path]
    let all = (item?["parameters"]?.array ?? []) + (item?[method]?["parameters"]?.array ?? [])
    return all.compactMap { ($0["$ref"]?.string.flatMap(document.at) ?? $0)["name"]?.string }.sorted()
  }

  @Test func `there is a document for every group version and for what leads to it`() throws {
    #expect(
      api.v3.documents.keys.sorted() == [
        "api", "api/v1", "apis", "apis/rbac.authorization.k8s.io", "apis/rbac.authorization.k8s.io/v1", "version",
      ])
    for (path, page) in api.v3.documents {
      #expect(
        try parsed(api.v3.index)["paths"]?[path]?["serverRelativeURL"]?.string
          == "/openapi/v3/\(path)?hash=\(page.hash)")
    }
    #expect(
      OpenAPI([], version: "v1").v3.documents.keys.contains("api/v1"),
      "the core version is served even if nothing is in it")
  }

  @Test func `every reference leads somewhere and every schema is used`() throws {
    for document in try api.v3.documents.values.map(parsed) + [parsed(api.v2)] {
      let references = document.references
      for reference in references { #expect(document.at(reference) != nil, "\(reference)") }
      let isSwagger = document["swagger"] != nil
      let prefix = isSwagger ? "#/definitions/" : "#/components/schemas/"
      let schemas =
        (isSwagger ? document["definitions"] : document["components"]?["schemas"])?.object?.members.map {
          prefix + $0.name
        } ?? []
      #expect(Set(schemas).subtracting(references).isEmpty)
    }
  }

  @Test func `every type and every property is described`() throws {
    for document in try api.v3.documents.values.map(parsed) {
      for schema in document["components"]?["schemas"]?.object?.members ?? [] {
        #expect(schema.value["description"]?.string?.isEmpty == false, "\(schema.name)")
        for property in schema.value["properties"]?.object?.members ?? [] {
          #expect(property.value["description"]?.string?.isEmpty == false, "\(schema.name).\(property.name)")
        }
      }
    }
  }

  @Test(arguments: [OpenAPIDialect.v2, .v3])
  func `operations are those of kube-apiserver`(dialect: OpenAPIDialect) throws {
    let documents = try dialect == .v2 ? [parsed(api.v2)] : api.v3.documents.values.map(parsed)
    let operations = documents.flatMap(\.operations)
    let nodes = Set(
      operations.filter { $0.path.hasSuffix("/nodes") || $0.path.contains("/nodes/") }.map {
        "\($0.method) \($0.path) \($0.value["operationId"]?.string ?? "")"
      })
    #expect(
      nodes == [
        "get /api/v1/nodes listCoreV1Node", "post /api/v1/nodes createCoreV1Node",
        "delete /api/v1/nodes deleteCoreV1CollectionNode",
        "get /api/v1/nodes/{name} readCoreV1Node", "put /api/v1/nodes/{name} replaceCoreV1Node",
        "patch /api/v1/nodes/{name} patchCoreV1Node",
        "delete /api/v1/nodes/{name} deleteCoreV1Node", "get /api/v1/nodes/{name}/status readCoreV1NodeStatus",
        "put /api/v1/nodes/{name}/status replaceCoreV1NodeStatus",
        "patch /api/v1/nodes/{name}/status patchCoreV1NodeStatus",
        "get /api/v1/watch/nodes watchCoreV1NodeList", "get /api/v1/watch/nodes/{name} watchCoreV1Node",
      ])
    let root = "/apis/rbac.authorization.k8s.io/v1"
    let roles = Set(
      operations.filter { $0.path.hasPrefix(root) }.map {
        "\($0.method) \($0.path.dropFirst(root.count)) \($0.value["operationId"]?.string ?? "")"
      })
    #expect(
      roles == [
        "get / getRbacAuthorizationV1APIResources", "get /roles listRbacAuthorizationV1RoleForAllNamespaces",
        "get /namespaces/{namespace}/roles listRbacAuthorizationV1NamespacedRole",
        "post /namespaces/{namespace}/roles createRbacAuthorizationV1NamespacedRole",
        "delete /namespaces/{namespace}/roles deleteRbacAuthorizationV1CollectionNamespacedRole",
        "get /namespaces/{namespace}/roles/{name} readRbacAuthorizationV1NamespacedRole",
        "put /namespaces/{namespace}/roles/{name} replaceRbacAuthorizationV1NamespacedRole",
        "patch /namespaces/{namespace}/roles/{name} patchRbacAuthorizationV1NamespacedRole",
        "delete /namespaces/{namespace}/roles/{name} deleteRbacAuthorizationV1NamespacedRole",
        "get /watch/roles watchRbacAuthorizationV1RoleListForAllNamespaces",
        "get /watch/namespaces/{namespace}/roles watchRbacAuthorizationV1NamespacedRoleList",
        "get /watch/namespaces/{namespace}/roles/{name} watchRbacAuthorizationV1NamespacedRole",
      ])
    #expect(operations.first { $0.path == root + "/" }?.value["tags"] == ["rbacAuthorization_v1"])
    #expect(
      Set(operations.compactMap { $0.value["operationId"]?.string }).count == operations.count, "an id is used once")
    for operation in operations {
      let isResource = !operation.path.hasSuffix("/")
      let kind = operation.value["x-kubernetes-group-version-kind"]
      #expect(
        (kind != nil) == isResource && (operation.value["x-kubernetes-action"] != nil) == isResource,
        "\(operation.path)")
      if operation.path.contains("nodes") { #expect(kind == ["group": "", "version": "v1", "kind": "Node"]) }
      #expect(
        operation.value["responses"]?["200"] != nil
          && operation.value["responses"]?["401"]?["description"]?.string == "Unauthorized")
      #expect(
        (operation.value["responses"]?["201"] != nil) == ["post", "put", "patch"].contains(operation.method),
        "\(operation.method) \(operation.path)")
    }
  }

  @Test(arguments: [OpenAPIDialect.v2, .v3])
  func `parameters are complete`(dialect: OpenAPIDialect) throws {
    let document = try parsed(dialect == .v2 ? api.v2 : #require(api.v3.documents["api/v1"]))
    let selection = [
      "continue", "fieldSelector", "labelSelector", "limit", "resourceVersion", "resourceVersionMatch",
      "sendInitialEvents", "shardSelector", "timeoutSeconds",
    ]
    let deleting = [
      "dryRun", "gracePeriodSeconds", "ignoreStoreReadErrorWithClusterBreakingPotential", "orphanDependents",
      "propagationPolicy",
    ]
    let writing = ["dryRun", "fieldManager", "fieldValidation"]
    let watching = ["allowWatchBookmarks", "watch"]
    let body = dialect == .v2 ? ["body"] : []
    for (path, method, expected) in [
      ("/api/v1/nodes", "get", selection + watching), ("/api/v1/nodes", "post", writing + body),
      ("/api/v1/nodes", "delete", selection + deleting + body),
      ("/api/v1/nodes/{name}", "get", ["name"]), ("/api/v1/nodes/{name}", "put", writing + body + ["name"]),
      ("/api/v1/nodes/{name}", "patch", writing + body + ["force", "name"]),
      ("/api/v1/nodes/{name}", "delete", deleting + body + ["name"]),
      ("/api/v1/nodes/{name}/status", "patch", writing + body + ["force", "name"]),
      ("/api/v1/watch/nodes/{name}", "get", selection + watching + ["name"]),
    ] {
      #expect(parameters(document, path, method) == (expected + ["pretty"]).sorted(), "\(method) \(path)")
    }
    // kubectl up to 1.27 takes these for signs of what the server can do, and reads no references.
    let patch = document["paths"]?["/api/v1/nodes/{name}"]?["patch"]?["parameters"]?.array ?? []
    #expect(
      patch.contains { $0["name"] == "fieldValidation" && $0["in"] == "query" }
        && patch.contains { $0["name"] == "dryRun" && $0["in"] == "query" })
  }

  @Test func `bodies and answers name their media types`() throws {
    let document = try parsed(#require(api.v3.documents["api/v1"]))
    let all = ["application/json", "application/yaml", "application/vnd.kubernetes.protobuf"]
    let nodes = document["paths"]?["/api/v1/nodes"]
    #expect(
      nodes?["post"]?["requestBody"]?["content"]?.object?.members.map(\.name) == ["*/*"]
        && nodes?["post"]?["requestBody"]?["required"] == true)
    #expect(nodes?["post"]?["responses"]?.object?.members.map(\.name) == ["200", "201", "202", "401"])
    #expect(nodes?["delete"]?["requestBody"]?["required"] == nil)
    #expect(nodes?["post"]?["responses"]?["201"]?["content"]?.object?.members.map(\.name) == all)
    #expect(
      nodes?["get"]?["responses"]?["200"]?["content"]?.object?.members.map(\.name) == all + [
        "application/json;stream=watch", "application/vnd.kubernetes.protobuf;stream=watch",
      ])
    // An object that finalizers hold is answered, and so is what was deleted of a collection. Swagger cannot say so.
    let deleted = document["paths"]?["/api/v1/nodes/{name}"]?["delete"]?["responses"]?["200"]?["content"]?[
      "application/json"]?["schema"]
    #expect(
      deleted?["anyOf"] == [
        ["$ref": "#/components/schemas/io.k8s.apimachinery.pkg.apis.meta.v1.Status"],
        ["$ref": "#/components/schemas/io.k8s.api.core.v1.Node"],
      ])
    #expect(
      try parsed(api.v2)["paths"]?["/api/v1/nodes/{name}"]?["delete"]?["responses"]?["200"]?["schema"]?["$ref"]
        == "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Status")
    let patch = document["paths"]?["/api/v1/nodes/{name}"]?["patch"]?["requestBody"]?["content"]?.object?.members.map(
      \.name)
    #expect(
      patch == [
        "application/json-patch+json", "application/merge-patch+json", "application/strategic-merge-patch+json",
        "application/apply-patch+yaml",
      ])
  }

  @Test func `schemas carry the facts that merging goes by`() throws {
    for (document, schemas) in try [
      (parsed(api.v2), "definitions"), (parsed(#require(api.v3.documents["api/v1"])), "components"),
    ] {
      let schemas = schemas == "definitions" ? document[schemas] : document[schemas]?["schemas"]
      let conditions = schemas?["io.k8s.api.core.v1.NodeStatus"]?["properties"]?["conditions"]
      #expect(conditions?["x-kubernetes-list-type"] == "map" && conditions?["x-kubernetes-list-map-keys"] == ["type"])
      #expect(
        conditions?["x-kubernetes-patch-strategy"] == "merge" && conditions?["x-kubernetes-patch-merge-key"] == "type")
      #expect(schemas?["io.k8s.apimachinery.pkg.apis.meta.v1.OwnerReference"]?["x-kubernetes-map-type"] == "atomic")
      #expect(
        schemas?["io.k8s.api.core.v1.Node"]?["x-kubernetes-group-version-kind"] == [
          ["group": "", "version": "v1", "kind": "Node"]
        ])
      #expect(schemas?["io.k8s.api.core.v1.Taint"]?["required"] == ["key", "effect"])
    }
    let group = try parsed(#require(api.v3.documents["apis/rbac.authorization.k8s.io/v1"]))
    let options = group["components"]?["schemas"]?["io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions"]?[
      "x-kubernetes-group-version-kind"]
    #expect(
      options?.array?.compactMap { $0["group"]?.string } == ["", "rbac.authorization.k8s.io"],
      "options are registered in every group version")
  }

  @Test func `the dialects differ where their standards do`() throws {
    let swagger = try parsed(api.v2)["definitions"]
    let three = try parsed(#require(api.v3.documents["api/v1"]))["components"]?["schemas"]
    #expect(
      swagger?["io.k8s.api.core.v1.Node"]?["properties"]?["spec"]?["$ref"]?.string
        == "#/definitions/io.k8s.api.core.v1.NodeSpec")
    #expect(
      three?["io.k8s.api.core.v1.Node"]?["properties"]?["spec"]?["allOf"] == [
        ["$ref": "#/components/schemas/io.k8s.api.core.v1.NodeSpec"]
      ])
    #expect(swagger?["io.k8s.apimachinery.pkg.api.resource.Quantity"]?["type"] == "string")
    #expect(
      three?["io.k8s.apimachinery.pkg.api.resource.Quantity"]?["oneOf"] == [["type": "string"], ["type": "number"]])
    #expect(
      swagger?.encoded().text.contains(#""default":"#) == false
        && three?["io.k8s.api.core.v1.Taint"]?["properties"]?["key"]?["default"] == "")
    // Where answers hold null, the document allows it.
    #expect(three?["io.k8s.api.core.v1.NodeCondition"]?["properties"]?["lastHeartbeatTime"]?["nullable"] == true)
    #expect(three?["io.k8s.api.core.v1.Taint"]?["properties"]?["timeAdded"]?["nullable"] == nil)
  }

  @Test func `hashes follow the content and nothing else`() throws {
    let again = OpenAPI(resources.reversed(), version: "v1.36.2")
    #expect(again.v2.hash == api.v2.hash && again.v3.index.hash == api.v3.index.hash)
    let other = OpenAPI(resources, version: "v1.36.3")
    #expect(other.v2.hash != api.v2.hash && other.v3.documents["version"]?.hash != api.v3.documents["version"]?.hash)
    #expect(api.v2.hash.utf8.count == 128)
  }

  @Test func `the protobuf form of Swagger says what its JSON says`() throws {
    let read = try SwaggerMessage.read(api.v2.protobuf.array)
    #expect(try read == parsed(api.v2).sorted)
  }

  @Test func `the protobuf form of a v3 document has its schemas and paths`() throws {
    let page = try #require(api.v3.documents["api/v1"])
    let document = try parsed(page)
    let message = try WireMessage(page.protobuf.array)
    #expect(message.text(1) == "3.0.0")
    let paths = try message.message(4)?.messages(1).map { try ($0.text(1), $0.message(2)) } ?? []
    #expect(paths.map(\.0) == document["paths"]?.object?.members.map(\.name))
    let nodes = try #require(paths.first { $0.0 == "/api/v1/nodes" }?.1)
    #expect(try nodes.message(6)?.text(5) == "createCoreV1Node")
    // Post, its body: a RequestBody whose content is a map of media types, whose schema is a reference.
    let body = try nodes.message(6)?.message(7)?.message(1)?.message(2)?.messages(1).first
    #expect(body?.text(1) == "*/*")
    #expect(try body?.message(2)?.message(1)?.message(2)?.text(1) == "#/components/schemas/io.k8s.api.core.v1.Node")
    let schemas = try message.message(5)?.message(1)?.messages(1) ?? []
    #expect(schemas.map { $0.text(1) } == document["components"]?["schemas"]?.object?.members.map(\.name))
    let node = try schemas.first { $0.text(1) == "io.k8s.api.core.v1.Node" }?.message(2)?.message(1)
    #expect(node?.text(25) == "object")
    #expect(try node?.messages(36).first?.message(2)?.text(2) == "- group: \"\"\n  kind: Node\n  version: v1\n")
  }
}

@Suite struct `OpenAPI over HTTP` {
  @Test func `the index leads to documents that are cached by their hash`() async throws {
    try await TestServer.with { server in
      let answer = try server.call("GET", "/openapi/v3")
      #expect(
        answer.code == 200 && answer.header("Content-Type") == "application/json"
          && answer.header("Etag")?.hasPrefix("\"") == true)
      let url = try #require(try answer.json()["paths"]?["api/v1"]?["serverRelativeURL"]?.string)
      let document = try server.call("GET", url)
      #expect(
        document.code == 200 && document.header("Content-Type") == "application/json"
          && document.header("Vary") == "Accept")
      #expect(document.header("Cache-Control") == "public, immutable")
      let days = try #require(document.header("Expires").flatMap(Self.date)).timeIntervalSinceNow / 86_400
      #expect(days > 364 && days < 366)
      let etag = try #require(document.header("Etag"))
      #expect(url.hasSuffix("?hash=" + etag.dropFirst().dropLast()))
      let bare = try server.call("GET", "/openapi/v3/api/v1")
      #expect(
        bare.body == document.body && bare.header("Cache-Control") == "no-cache, private"
          && bare.header("Expires") == nil)
      for header in [etag, "W/" + etag, "\"x\", " + etag, "*"] {
        let unchanged = try server.call("GET", url, headers: ["If-None-Match": header])
        #expect(
          unchanged.code == 304 && unchanged.body.isEmpty && unchanged.header("Etag") == etag
            && unchanged.header("Content-Type") == nil)
      }
      #expect(try server.call("GET", url, headers: ["If-None-Match": "\"x\""]).code == 200)
      let wrong = try server.call("GET", "/openapi/v3/api/v1?hash=00")
      #expect(
        wrong.code == 301 && wrong.header("Location") == url && wrong.header("Vary") == "Accept" && wrong.body.isEmpty)
      for path in ["/openapi/v3/apis/none/v1", "/openapi/v3/"] {
        let missing = try server.call("GET", path)
        #expect(missing.code == 404 && missing.body.isEmpty)
      }
    }
  }

  private static func date(_ text: String) -> Date? {
    let format = DateFormatter()
    format.locale = Locale(identifier: "en_US_POSIX")
    format.dateFormat = "EEE, dd MMM yyyy HH:mm:ss zzz"
    return format.date(from: text)
  }

  /// (Accept, what v2 answers with, what v3 answers with.)
  static let negotiation: [(String?, String?, String?)] = [
    (nil, "json", "json"), ("*/*", "json", "json"), ("application/json", "json", "json"),
    ("application/json;as=Table, */*", "json", "json"),
    ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf", "v2", nil),
    ("application/com.github.proto-openapi.spec.v2.v1.0+protobuf", "v2", nil),
    ("application/com.github.proto-openapi.spec.v3@v1.0+protobuf", nil, "v3"),
    ("application/com.github.proto-openapi.spec.v3.v1.0+protobuf", nil, "v3"),
    ("application/com.github.proto-openapi.spec.v2@v1.0+protobuf;q=0.5, application/json", "json", "json"),
    ("application/yaml", nil, nil), ("text/html, application/*;q=0.1", "json", "json"),
  ]

  @Test(arguments: negotiation)
  func `the form is negotiated`(accept: String?, v2: String?, v3: String?) async throws {
    try await TestServer.with { server in
      for (path, expected) in [("/openapi/v2", v2), ("/openapi/v3/api/v1", v3)] {
        let answer = try server.call("GET", path, headers: accept.map { ["Accept": $0] } ?? [:])
        #expect(answer.header("Vary") == "Accept")
        guard let expected else {
          #expect(answer.code == 406 && answer.body.isEmpty)
          continue
        }
        #expect(answer.code == 200)
        #expect(
          answer.header("Content-Type")
            == (expected == "json"
              ? "application/json" : "application/com.github.proto-openapi.spec.\(expected).v1.0+protobuf"))
        #expect((answer.body.first == UInt8(ascii: "{")) == (expected == "json"))
        let json = try server.call("GET", path)
        #expect(answer.header("Etag") == json.header("Etag"), "the forms share a tag, and Vary tells them apart")
      }
    }
  }

  @Test func `methods are not looked at`() async throws {
    try await TestServer.with { server in
      let get = try server.call("GET", "/openapi/v2")
      let post = try server.call("POST", "/openapi/v2", "{}")
      #expect(post.code == 200 && post.body == get.body)
      let etag = try #require(get.header("Etag"))
      #expect(try server.call("POST", "/openapi/v2", "{}", headers: ["If-None-Match": etag]).code == 412)
      let connection = try RawConnection(port: server.port)
      defer { connection.close() }
      try connection.send("HEAD", "/openapi/v2")
      let head = try connection.head()
      #expect(
        head.code == 200 && head.headers.contains { $0.name == "Content-Length" && $0.value == String(get.body.count) })
    }
  }
}
