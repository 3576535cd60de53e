import ByteBuffers
import JSON
import Machinery
import Registry
import Schema

/// The paths of the API: every operation of every served resource, with the facts that clients look for
/// (`x-kubernetes-action`, `x-kubernetes-group-version-kind`, the `fieldValidation` and `dryRun` parameters; semantics
/// 1.15), and the discovery documents.
struct OpenAPIPaths {
  private let title: String
  private let tag: String
  private static let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."

  // MARK: what is no resource

  static var version: APIPath {
    APIPath(
      path: "/version/",
      operations: [
        APIOperation(
          method: "get", id: "getCodeVersion", tag: "version", description: "what the server is built from",
          answers: [(200, ["io.k8s.apimachinery.pkg.version.Info"])], produces: [MediaType.json.rawValue],
          consumes: [MediaType.json.rawValue])
      ])
  }

  static var coreVersions: APIPath {
    document("/api/", "getCoreAPIVersions", "core", "the versions of the group without a name", meta + "APIVersions")
  }
  static var groups: APIPath { document("/apis/", "getAPIVersions", "apis", "the API groups", meta + "APIGroupList") }

  static func group(_ name: String) -> APIPath {
    let word = identifier(of: name)
    return document(
      "/apis/\(name)/", "get\(capitalized(word))APIGroup", word, "the versions of this group", meta + "APIGroup")
  }

  private static func document(
    _ path: String, _ id: String, _ tag: String, _ description: String, _ schema: String
  ) -> APIPath {
    APIPath(
      path: path,
      operations: [
        APIOperation(
          method: "get", id: id, tag: tag, description: description, answers: [(200, [schema])],
          produces: MediaType.all, consumes: MediaType.all)
      ])
  }

  // MARK: resources

  /// The paths of one group version.
  static func groupVersion(_ groupVersion: GroupVersion, _ resources: [ResourceInfo]) -> [APIPath] {
    let paths = OpenAPIPaths(groupVersion)
    let list = document(
      groupVersion.rootPath + "/", "get\(paths.title)APIResources", paths.tag, "the resources of this version",
      meta + "APIResourceList")
    // Of what clients define nobody describes the list.
    return (resources.contains(where: \.isCustom) ? [] : [list])
      + resources.sorted { $0.plural < $1.plural }.flatMap(paths.paths)
  }

  private init(_ groupVersion: GroupVersion) {
    let group = groupVersion.group.isEmpty ? "core" : Self.identifier(of: groupVersion.group)
    title = Self.capitalized(group) + Self.capitalized(groupVersion.version)
    tag = "\(group)_\(groupVersion.version)"
  }

  /// `rbac.authorization.k8s.io` becomes `rbacAuthorization`. (`GetOperationIDAndTags`, `ToValidOperationID`.)
  private static func identifier(of group: String) -> String {
    let name = group.hasSuffix(".k8s.io") ? group.dropLast(".k8s.io".count) : group[...]
    let words = name.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init)
    return (words.first ?? "") + words.dropFirst().map(capitalized).joined()
  }

  private static func capitalized(_ text: String) -> String { text.prefix(1).uppercased() + text.dropFirst() }

  private func paths(_ resource: ResourceInfo) -> [APIPath] {
    let scope = resource.isNamespaced ? "/namespaces/{namespace}" : ""
    let collection = "\(resource.rootPath)\(scope)/\(resource.plural)"
    let watched = "\(resource.rootPath)/watch\(scope)/\(resource.plural)"
    let item = shared(resource) + [.name(of: resource.kind)]
    let kind = (resource.isNamespaced ? "Namespaced" : "") + resource.kind
    let canWatch = resource.verbs.contains("watch") && !resource.isCustom
    var paths: [APIPath] = []
    func add(_ path: String, _ operations: [APIOperation?]) {
      let operations = operations.compactMap { $0 }
      if !operations.isEmpty { paths.append(APIPath(path: path, operations: operations)) }
    }
    if resource.isNamespaced {
      // Across all namespaces one can only look.
      add("\(resource.rootPath)/\(resource.plural)", [list(resource, "\(resource.kind)ForAllNamespaces", [.pretty])])
    }
    add(
      collection,
      [
        list(resource, kind, shared(resource)), create(resource, kind),
        deleteCollection(resource, kind),
      ])
    add(
      "\(collection)/{name}",
      [
        read(resource, kind, item, "get", of: resource.verbs), replace(resource, kind, item, of: resource.verbs),
        patch(resource, kind, item, of: resource.verbs), delete(resource, kind, item),
      ])
    for subresource in resource.subresources where !isConnected(subresource.name, of: resource) {
      let name = kind + Self.capitalized(subresource.name)
      // What clients define is shown alike, whatever the part.
      let view = resource.isCustom ? nil : resource.views[ByteString(subresource.name)]
      let shown = view ?? resource
      let item = shared(resource) + [.name(of: shown.kind)]
      add(
        "\(collection)/{name}/\(subresource.name)",
        [
          read(shown, name, item, subresource.name, of: subresource.verbs),
          replace(shown, name, item, subresource.name, of: subresource.verbs),
          patch(shown, name, item, subresource.name, of: subresource.verbs),
        ])
    }
    guard canWatch else { return paths }
    if resource.isNamespaced {
      add(
        "\(resource.rootPath)/watch/\(resource.plural)",
        [watch(resource, "\(resource.kind)ListForAllNamespaces", [.pretty], isOne: false)])
    }
    add(watched, [watch(resource, kind + "List", shared(resource), isOne: false)])
    add("\(watched)/{name}", [watch(resource, kind, item, isOne: true)])
    return paths
  }

  /// What is connected to, as a shell or a proxy, has the kind of its options. Nothing is promised of what answers there.
  private func isConnected(_ name: String, of resource: ResourceInfo) -> Bool {
    resource.subresourceKinds[ByteString(name)]?.kind.hasSuffix("Options") ?? false
  }

  private func shared(_ resource: ResourceInfo) -> [APIParameter] {
    resource.isNamespaced ? [.namespace, .pretty] : [.pretty]
  }

  private func list(_ resource: ResourceInfo, _ name: String, _ shared: [APIParameter]) -> APIOperation? {
    guard resource.verbs.contains("list") else { return nil }
    return operation(
      resource, "get", "list", "list", name, "lists objects of kind \(resource.kind), or watches them",
      shared + APIParameter.selection + APIParameter.watching,
      answers: [(200, [resource.listSchema])], isStream: true)
  }

  private func create(_ resource: ResourceInfo, _ name: String) -> APIOperation? {
    guard resource.verbs.contains("create") else { return nil }
    let codes = [200, 201, 202].map { ($0, [resource.schema]) }
    return operation(
      resource, "post", "post", "create", name, "creates an object of kind \(resource.kind)",
      shared(resource) + APIParameter.writing,
      body: APIOperation.Body(schema: resource.schema), answers: codes)
  }

  private func deleteCollection(_ resource: ResourceInfo, _ name: String) -> APIOperation? {
    guard resource.verbs.contains("deletecollection") else { return nil }
    if resource.isCustom {
      return operation(
        resource, "delete", "deletecollection", "delete", "Collection" + name,
        "deletes all objects of kind \(resource.kind) that are selected",
        shared(resource) + APIParameter.selection + APIParameter.watching,
        answers: [(200, [Self.meta + "Status"])])
    }
    return operation(
      resource, "delete", "deletecollection", "delete", "Collection" + name,
      "deletes all objects of kind \(resource.kind) that are selected",
      shared(resource) + APIParameter.selection + APIParameter.deleting,
      body: APIOperation.Body(schema: Self.meta + "DeleteOptions", isRequired: false),
      answers: [(200, [Self.meta + "Status", resource.listSchema])])
  }

  private func read(
    _ resource: ResourceInfo, _ name: String, _ shared: [APIParameter], _ what: String, of verbs: [String]
  ) -> APIOperation? {
    guard verbs.contains("get") else { return nil }
    let description =
      what == "get"
      ? "reads an object of kind \(resource.kind)" : "reads an object of kind \(resource.kind) through \(what)"
    let revision = resource.isCustom ? APIParameter.selection.filter { $0.name == "resourceVersion" } : []
    return operation(
      resource, "get", "get", "read", name, description, shared + revision, answers: [(200, [schema(resource, what)])])
  }

  /// That of a part of an object. Those of built-in kinds are shown as the whole.
  private func schema(_ resource: ResourceInfo, _ part: String) -> String {
    guard resource.isCustom, let kind = resource.subresourceKinds[ByteString(part)] else { return resource.schema }
    let group = kind.groupVersion.group.split(separator: ".").first.map(String.init) ?? "core"
    return "io.k8s.api.\(group).\(kind.groupVersion.version).\(kind.kind)"
  }

  /// What a deletion is answered with.
  private static func deleted(_ resource: ResourceInfo) -> [String] {
    resource.isCustom ? [meta + "Status"] : [meta + "Status", resource.schema]
  }

  private func replace(
    _ resource: ResourceInfo, _ name: String, _ shared: [APIParameter], _ what: String = "", of verbs: [String]
  ) -> APIOperation? {
    guard verbs.contains("update") else { return nil }
    return operation(
      resource, "put", "put", "replace", name, "replaces an object of kind \(resource.kind)",
      shared + APIParameter.writing,
      body: APIOperation.Body(schema: schema(resource, what)),
      answers: [200, 201].map { ($0, [schema(resource, what)]) })
  }

  private func patch(
    _ resource: ResourceInfo, _ name: String, _ shared: [APIParameter], _ what: String = "", of verbs: [String]
  ) -> APIOperation? {
    guard verbs.contains("patch") else { return nil }
    return operation(
      resource, "patch", "patch", "patch", name, "changes parts of an object of kind \(resource.kind)",
      shared + APIParameter.patching,
      body: APIOperation.Body(
        schema: Self.meta + "Patch", types: resource.isCustom ? MediaType.customPatches : MediaType.patches),
      answers: (resource.isCustom ? [200] : [200, 201]).map { ($0, [schema(resource, what)]) })
  }

  private func delete(_ resource: ResourceInfo, _ name: String, _ shared: [APIParameter]) -> APIOperation? {
    guard resource.verbs.contains("delete") else { return nil }
    return operation(
      resource, "delete", "delete", "delete", name, "deletes an object of kind \(resource.kind)",
      shared + APIParameter.deleting,
      body: APIOperation.Body(schema: Self.meta + "DeleteOptions", isRequired: false),
      // While finalizers hold the object, it is the answer.
      answers: [200, 202].map { ($0, Self.deleted(resource)) })
  }

  private func watch(_ resource: ResourceInfo, _ name: String, _ shared: [APIParameter], isOne: Bool) -> APIOperation {
    let what = isOne ? "watches one object of kind \(resource.kind)" : "watches objects of kind \(resource.kind)"
    return operation(
      resource, "get", isOne ? "watch" : "watchlist", "watch", name,
      "\(what). The same can be had as a list with the watch parameter.",
      shared + APIParameter.selection + APIParameter.watching, answers: [(200, [Self.meta + "WatchEvent"])],
      isStream: true)
  }

  /// `action`: Kubernetes' word for it; `verb` and `name`: the first and last parts of the operation's id.
  private func operation(
    _ resource: ResourceInfo, _ method: String, _ action: String, _ verb: String, _ name: String, _ description: String,
    _ parameters: [APIParameter],
    body: APIOperation.Body? = nil, answers: [(code: Int, schemas: [String])], isStream: Bool = false
  ) -> APIOperation {
    let custom = [MediaType.json.rawValue, MediaType.yaml.rawValue]
    var body = body
    if resource.isCustom, body?.types == ["*/*"] { body?.types = custom }
    return APIOperation(
      method: method, id: verb + title + name, tag: tag, description: description, action: action,
      kind: GroupVersionKind(resource.groupVersion, kind: resource.kind), parameters: parameters, body: body,
      answers: answers,
      produces: resource.isCustom ? custom : MediaType.all + (isStream ? MediaType.streams : []),
      consumes: resource.isCustom ? custom : ["*/*"])
  }
}

extension ResourceInfo {
  /// The name of its schema: of what clients define, the group backwards.
  var schema: String { isCustom ? customSchema(kind) : typeName }
  /// That of lists.
  var listSchema: String { isCustom ? customSchema(listKind) : typeName + "List" }

  private func customSchema(_ kind: String) -> String {
    let group = groupVersion.group.split(separator: ".").reversed().joined(separator: ".")
    return "\(group).\(groupVersion.version).\(kind)"
  }

  /// The schemas of what clients define, by their names. (`buildKubeNative` and `BuildOpenAPIV3`)
  func customSchemas(_ dialect: OpenAPIDialect) -> [JSONObject.Member] {
    guard let form else { return [] }
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    func marked(_ schema: JSONValue, _ kind: String) -> JSONValue {
      var schema = schema
      schema["x-kubernetes-group-version-kind"] = [
        [
          "group": .string(groupVersion.group), "kind": .string(kind), "version": .string(groupVersion.version),
        ]
      ]
      return schema
    }
    let object = form.openAPISchema(dialect)
    let metadata = dialect.reference(meta + "ListMeta")
    var list: JSONValue = [
      "type": "object", "description": .string("A list of objects of kind \(kind)."), "required": ["items"],
      "properties": [
        "apiVersion": ["type": "string", "description": "The version in which the list is written."],
        "items": ["type": "array", "items": dialect.reference(schema), "description": "The objects."],
        "kind": ["type": "string", "description": "What kind of list it is."],
        "metadata": dialect == .v3 ? ["allOf": [metadata]] : metadata,
      ],
    ]
    if let fields = object["x-kubernetes-selectable-fields"] { list["x-kubernetes-selectable-fields"] = fields }
    return [JSONObject.Member(schema, marked(object, kind)), JSONObject.Member(listSchema, marked(list, listKind))]
  }
}
