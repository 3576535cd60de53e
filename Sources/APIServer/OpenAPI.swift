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
  /// What was served before: documents that are the same are not made again.
  private let before: KnownPages

  /// `previous`: what was served before.
  init(_ resources: [ResourceInfo], version: String, after previous: OpenAPI? = nil) {
    self.resources = resources
    self.version = version
    before = previous?.before ?? KnownPages()
  }

  /// The documents of group versions, by what is in them.
  private final class KnownPages: Sendable {
    private let pages = Mutex<[GroupVersion: (members: [Member], page: Page)]>([:])

    /// One resource of a group version; those that clients define are told apart by their forms.
    private struct Member: Equatable {
      let plural: ByteString
      let parts: [ByteString]
      let form: (any ObjectForm)?
      static func == (a: Member, b: Member) -> Bool {
        a.plural == b.plural && a.parts == b.parts && a.form === b.form
      }
    }

    func page(_ groupVersion: GroupVersion, _ resources: [ResourceInfo], _ make: () -> Page) -> Page {
      let members = resources.sorted { $0.plural < $1.plural }.map { info in
        Member(
          plural: ByteString(info.plural), parts: info.subresources.map { ByteString($0.name) }, form: info.form)
      }
      if let known = pages.withLock({ $0[groupVersion] }), known.members == members { return known.page }
      let page = make()
      pages.withLock { $0[groupVersion] = (members, page) }
      return page
    }

    /// Forgets all others.
    func keep(_ groupVersions: some Sequence<GroupVersion>) {
      let kept = Set(groupVersions)
      pages.withLock { $0 = $0.filter { kept.contains($0.key) } }
    }
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
      documents[String(groupVersion.rootPath.dropFirst())] = before.page(groupVersion, members) {
        document(OpenAPIPaths.groupVersion(groupVersion, members), [groupVersion], members.filter(\.isCustom))
      }
      if !groupVersion.group.isEmpty {
        documents["apis/\(groupVersion.group)"] = document([OpenAPIPaths.group(groupVersion.group)], [])
      }
    }
    before.keep(groupVersions.keys)
    let paths = documents.sorted { $0.key < $1.key }.map { path, page in
      JSONObject.Member(path, ["serverRelativeURL": .string(Self.url(path, page))])
    }
    return Pages(index: Page(["paths": .object(JSONObject(unchecked: paths))], .v3), documents: documents)
  }

  /// Where a document is found under its hash.
  static func url(_ path: String, _ page: Page) -> String { "/openapi/v3/\(path)?hash=\(page.hash)" }

  /// `custom`: those of them that clients have defined.
  private func document(
    _ paths: [APIPath], _ groupVersions: [GroupVersion], _ custom: [ResourceInfo] = []
  ) -> Page {
    var writer = OpenAPIWriter(.v3)
    var components: JSONObject = ["schemas": .object(schemas(.v3, paths, groupVersions, custom))]
    if custom.isEmpty { components["securitySchemes"] = Self.security }
    return Page(
      [
        "openapi": "3.0.0", "info": info, "paths": .object(writer.paths(paths)), "components": .object(components),
      ], .v3)
  }

  private func schemas(
    _ dialect: OpenAPIDialect, _ paths: [APIPath], _ groupVersions: [GroupVersion], _ custom: [ResourceInfo]
  ) -> JSONObject {
    let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
    let common = custom.isEmpty ? [] : [meta + "ObjectMeta", meta + "ListMeta"]
    let schemas = OpenAPISchemas.schemas(dialect, roots: roots(paths) + common, groupVersions: groupVersions)
    if custom.isEmpty { return schemas }
    let all = schemas.members + custom.flatMap { $0.customSchemas(dialect) }
    return JSONObject(uniquing: all.sorted { $0.name < $1.name })
  }

  private func makeSwagger() -> Page {
    let versions = groupVersions
    let named = versions.filter { !$0.value.contains(where: \.isCustom) }.keys.map(\.group)
    let groups = Set<ByteString>(named).subtracting([""]).map(\.text)
    let paths =
      [OpenAPIPaths.coreVersions, OpenAPIPaths.groups, OpenAPIPaths.version] + groups.map(OpenAPIPaths.group)
      + versions.flatMap { OpenAPIPaths.groupVersion($0.key, $0.value) }
    var writer = OpenAPIWriter(.v2)
    let written = writer.paths(paths)
    let schemas = schemas(.v2, paths, Array(versions.keys), resources.filter(\.isCustom))
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
final class MadeOnce<Value: Sendable>: Sendable {
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
