import ByteBuffers
import Cryptography
import JSON
import Machinery
import Registry
import Schema
import Synchronization

/// The OpenAPI documents of what is served: made at the first request for one of them, and kept as bytes.
final class OpenAPI: Sendable {
  /// One document, named by the hash of its JSON.
  final class Page: Sendable {
    let json: SharedBytes
    /// Upper-case hexadecimal; with quotes it is the ETag of every form, which `Vary` tells apart.
    let hash: String
    private let dialect: OpenAPIDialect
    private let message = MadeOnce<SharedBytes>()

    init(_ value: JSONValue, _ dialect: OpenAPIDialect) {
      json = value.encoded()
      hash = Digest.sha512.hex(json.array, .upper)
      self.dialect = dialect
    }

    /// The document as gnostic's message. Read back from the JSON, so that the tree of it need not be kept for those
    /// who never ask.
    var protobuf: SharedBytes {
      message.get { SharedBytes(OpenAPIMessages(dialect).encode((try? JSONValue(parsing: ByteSlice(json))) ?? .null)) }
    }
  }

  struct Pages: Sendable {
    let index: Page
    /// By `api/v1`, `apis/apps/v1`, `version`.
    let documents: [String: Page]
  }

  private let resources: [ResourceInfo]
  private let version: String
  private let swagger = MadeOnce<Page>()
  private let documents = MadeOnce<Pages>()

  init(_ resources: [ResourceInfo], version: String) {
    self.resources = resources
    self.version = version
  }

  /// `/openapi/v2`. The first call takes milliseconds, as does that of `v3`.
  var v2: Page { swagger.get(makeSwagger) }

  /// `/openapi/v3` and what it leads to.
  var v3: Pages { documents.get(makeDocuments) }

  // MARK: making

  private static let core = GroupVersion(version: "v1")
  private static let security: JSONValue = [
    "BearerToken": [
      "type": "apiKey", "description": "a bearer token: 'Bearer' and the token", "name": "authorization",
      "in": "header",
    ]
  ]

  private var info: JSONValue { ["title": "Kubernetes", "version": .string(version)] }

  /// The resources by group version. The core one is served even if nothing is in it.
  private var groupVersions: [GroupVersion: [ResourceInfo]] {
    var found = Dictionary(grouping: resources, by: \.groupVersion)
    if found[Self.core] == nil { found[Self.core] = [] }
    return found
  }

  private func roots(_ paths: [APIPath]) -> [String] {
    var roots: Set<String> = []
    for path in paths {
      for operation in path.operations {
        roots.formUnion(operation.answers.flatMap(\.schemas))
        if let body = operation.body { roots.insert(body.schema) }
      }
    }
    return roots.sorted()
  }

  private func makeDocuments() -> Pages {
    var documents: [String: Page] = [
      "api": document([OpenAPIPaths.coreVersions], []), "apis": document([OpenAPIPaths.groups], []),
      "version": document([OpenAPIPaths.version], []),
    ]
    for (groupVersion, members) in groupVersions {
      documents[String(groupVersion.rootPath.dropFirst())] = document(
        OpenAPIPaths.groupVersion(groupVersion, members), [groupVersion])
      if !groupVersion.group.isEmpty {
        documents["apis/\(groupVersion.group)"] = document([OpenAPIPaths.group(groupVersion.group)], [])
      }
    }
    let paths = documents.sorted { $0.key < $1.key }.map { path, page in
      JSONObject.Member(path, ["serverRelativeURL": .string(Self.url(path, page))])
    }
    return Pages(index: Page(["paths": .object(JSONObject(unchecked: paths))], .v3), documents: documents)
  }

  /// Where a document is found under its hash.
  static func url(_ path: String, _ page: Page) -> String { "/openapi/v3/\(path)?hash=\(page.hash)" }

  private func document(_ paths: [APIPath], _ groupVersions: [GroupVersion]) -> Page {
    var writer = OpenAPIWriter(.v3)
    let schemas = OpenAPISchemas.schemas(.v3, roots: roots(paths), groupVersions: groupVersions)
    return Page(
      [
        "openapi": "3.0.0", "info": info, "paths": .object(writer.paths(paths)),
        "components": ["schemas": .object(schemas), "securitySchemes": Self.security],
      ], .v3)
  }

  private func makeSwagger() -> Page {
    let versions = groupVersions
    let groups = Set<ByteString>(versions.keys.map(\.group)).subtracting([""]).map(\.text)
    let paths =
      [OpenAPIPaths.coreVersions, OpenAPIPaths.groups, OpenAPIPaths.version] + groups.map(OpenAPIPaths.group)
      + versions.flatMap { OpenAPIPaths.groupVersion($0.key, $0.value) }
    var writer = OpenAPIWriter(.v2)
    let written = writer.paths(paths)
    let schemas = OpenAPISchemas.schemas(.v2, roots: roots(paths), groupVersions: Array(versions.keys))
    let parameters = writer.sharedParameters.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, $0.value) }
    return Page(
      [
        "swagger": "2.0", "info": info, "paths": .object(written), "definitions": .object(schemas),
        "parameters": .object(JSONObject(unchecked: parameters)), "securityDefinitions": Self.security,
        "security": [["BearerToken": []]],
      ], .v2)
  }
}

/// A value that is made when it is first asked for.
private final class MadeOnce<Value: Sendable>: Sendable {
  private let value = Mutex<Value?>(nil)

  func get(_ make: () -> Value) -> Value {
    if let known = value.withLock({ $0 }) { return known }
    // Made outside the lock; of two that make it at once, one is kept.
    let made = make()
    return value.withLock { known in
      if let known { return known }
      known = made
      return made
    }
  }
}
