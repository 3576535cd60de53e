import JSON
import Machinery
import Registry

/// The `paths` of an OpenAPI v3 document: every operation of the resources, with the facts that clients look for
/// (`x-kubernetes-action`, `x-kubernetes-group-version-kind`, the `fieldValidation` parameter of PATCH). SEMANTICS 1.15.
struct OpenAPIPaths {
  private let groupVersionTitle: String
  private let tag: String
  private static let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."

  /// For the resources of one group version.
  static func document(group: String, version: String, _ resources: [ResourceInfo]) -> JSONObject {
    OpenAPIPaths(group: group, version: version).paths(resources)
  }

  private init(group: String, version: String) {
    let first = group.isEmpty ? "core" : String(group.prefix { $0 != "." })
    tag = "\(first)_\(version)"
    groupVersionTitle = Self.title(first) + Self.title(version)
  }

  private static func title(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  private func paths(_ resources: [ResourceInfo]) -> JSONObject {
    var paths = JSONObject()
    if let root = resources.first?.rootPath {
      let operation: JSONValue = [
        "tags": [.string(tag)], "description": "the resources of this version", "operationId": .string("get\(groupVersionTitle)APIResources"),
        "responses": responses(["200": Self.meta + "APIResourceList"], isStream: false),
      ]
      paths[root + "/"] = ["get": operation]
    }
    for resource in resources {
      let scope = resource.isNamespaced ? "/namespaces/{namespace}" : ""
      let collection = "\(resource.rootPath)\(scope)/\(resource.plural)"
      let prefix = resource.isNamespaced ? "Namespaced" : ""
      var shared = [Self.parameter("pretty", "string")]
      if resource.isNamespaced { shared.append(Self.pathParameter("namespace")) }
      let item = shared + [Self.pathParameter("name")]
      paths[collection] = .object([
        "get": operation(resource, "list", "list\(groupVersionTitle)\(prefix)\(resource.kind)", Self.listOptions, answer: resource.typeName + "List", isStream: true),
        "post": operation(
          resource, "post", "create\(groupVersionTitle)\(prefix)\(resource.kind)", Self.writeOptions, body: resource.typeName, answer: resource.typeName,
          codes: ["200", "201", "202"]),
        "delete": operation(
          resource, "deletecollection", "delete\(groupVersionTitle)Collection\(prefix)\(resource.kind)",
          Self.listOptions.filter { $0.0 != "watch" && $0.0 != "allowWatchBookmarks" } + Self.deleteOptions, body: Self.meta + "DeleteOptions",
          isBodyRequired: false, answer: Self.meta + "Status"),
        "parameters": .array(shared),
      ])
      paths["\(collection)/{name}"] = .object([
        "get": operation(resource, "get", "read\(groupVersionTitle)\(prefix)\(resource.kind)", [], answer: resource.typeName),
        "put": operation(
          resource, "put", "replace\(groupVersionTitle)\(prefix)\(resource.kind)", Self.writeOptions, body: resource.typeName, answer: resource.typeName,
          codes: ["200", "201"]),
        "patch": patch(resource, "patch\(groupVersionTitle)\(prefix)\(resource.kind)"),
        "delete": operation(
          resource, "delete", "delete\(groupVersionTitle)\(prefix)\(resource.kind)", Self.deleteOptions, body: Self.meta + "DeleteOptions",
          isBodyRequired: false, answer: Self.meta + "Status", codes: ["200", "202"]),
        "parameters": .array(item),
      ])
      if resource.hasStatus {
        paths["\(collection)/{name}/status"] = .object([
          "get": operation(resource, "get", "read\(groupVersionTitle)\(prefix)\(resource.kind)Status", [], answer: resource.typeName),
          "put": operation(
            resource, "put", "replace\(groupVersionTitle)\(prefix)\(resource.kind)Status", Self.writeOptions, body: resource.typeName,
            answer: resource.typeName, codes: ["200", "201"]),
          "patch": patch(resource, "patch\(groupVersionTitle)\(prefix)\(resource.kind)Status"),
          "parameters": .array(item),
        ])
      }
      let watchOptions = Self.listOptions.map { Self.parameter($0.0, $0.1) }
      let watched = "\(resource.rootPath)/watch\(scope)/\(resource.plural)"
      paths[watched] = .object([
        "get": operation(
          resource, "watchlist", "watch\(groupVersionTitle)\(prefix)\(resource.kind)List", [], answer: Self.meta + "WatchEvent", isStream: true),
        "parameters": .array(watchOptions + shared),
      ])
      paths["\(watched)/{name}"] = .object([
        "get": operation(resource, "watch", "watch\(groupVersionTitle)\(prefix)\(resource.kind)", [], answer: Self.meta + "WatchEvent", isStream: true),
        "parameters": .array(watchOptions + item),
      ])
    }
    return paths
  }

  private static let listOptions = [
    ("allowWatchBookmarks", "boolean"), ("continue", "string"), ("fieldSelector", "string"), ("labelSelector", "string"), ("limit", "integer"),
    ("resourceVersion", "string"), ("resourceVersionMatch", "string"), ("sendInitialEvents", "boolean"), ("timeoutSeconds", "integer"), ("watch", "boolean"),
  ]
  private static let writeOptions = [("dryRun", "string"), ("fieldManager", "string"), ("fieldValidation", "string")]
  private static let deleteOptions = [
    ("dryRun", "string"), ("gracePeriodSeconds", "integer"), ("orphanDependents", "boolean"), ("propagationPolicy", "string"),
  ]

  private static func parameter(_ name: String, _ type: String) -> JSONValue {
    ["name": .string(name), "in": "query", "schema": ["type": .string(type), "uniqueItems": true]]
  }

  private static func pathParameter(_ name: String) -> JSONValue {
    ["name": .string(name), "in": "path", "required": true, "schema": ["type": "string", "uniqueItems": true]]
  }

  private func patch(_ resource: ResourceInfo, _ id: String) -> JSONValue {
    var result = operation(
      resource, "patch", id, Self.writeOptions + [("force", "boolean")], answer: resource.typeName, codes: ["200", "201"])
    let schema: JSONValue = ["schema": ["$ref": .string("#/components/schemas/\(Self.meta)Patch")]]
    result["requestBody"] = [
      "content": .object(JSONObject(uniquing: MediaType.patches.map { JSONObject.Member($0, schema) })), "required": true,
    ]
    return result
  }

  private func operation(
    _ resource: ResourceInfo, _ action: String, _ id: String, _ parameters: [(String, String)], body: String? = nil, isBodyRequired: Bool = true,
    answer: String, codes: [String] = ["200"], isStream: Bool = false
  ) -> JSONValue {
    var object: JSONObject = ["tags": [.string(tag)], "description": .string("\(action) \(resource.kind)"), "operationId": .string(id)]
    if !parameters.isEmpty { object["parameters"] = .array(parameters.map { Self.parameter($0.0, $0.1) }) }
    if let body {
      var requestBody: JSONObject = ["content": ["*/*": ["schema": ["$ref": .string("#/components/schemas/\(body)")]]]]
      if isBodyRequired { requestBody["required"] = true }
      object["requestBody"] = .object(requestBody)
    }
    object["responses"] = responses(Dictionary(uniqueKeysWithValues: codes.map { ($0, answer) }), isStream: isStream)
    object["x-kubernetes-action"] = .string(action)
    object["x-kubernetes-group-version-kind"] = [
      "group": .string(resource.groupVersion.group), "version": .string(resource.groupVersion.version), "kind": .string(resource.kind),
    ]
    return .object(object)
  }

  private func responses(_ answers: [String: String], isStream: Bool) -> JSONValue {
    let names = ["200": "OK", "201": "Created", "202": "Accepted"]
    var object = JSONObject()
    for (code, schema) in answers.sorted(by: { $0.key < $1.key }) {
      let reference: JSONValue = ["schema": ["$ref": .string("#/components/schemas/\(schema)")]]
      let types = MediaType.all + (isStream ? MediaType.streams : [])
      object[code] = [
        "description": .string(names[code] ?? ""), "content": .object(JSONObject(uniquing: types.map { JSONObject.Member($0, reference) })),
      ]
    }
    object["401"] = ["description": "Unauthorized"]
    return .object(object)
  }
}
