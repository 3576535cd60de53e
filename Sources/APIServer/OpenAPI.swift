import ByteBuffers
import JSON
import Machinery
import Registry
import Schema
import Synchronization

/// The OpenAPI v3 documents, made at the first request for one of them and kept.
final class OpenAPI: Sendable {
  struct Page: Sendable {
    let bytes: SharedBytes
    /// Upper-case hexadecimal of the digest; with quotes it is the ETag.
    let hash: String
    init(_ value: JSONValue) {
      bytes = value.encoded()
      hash = Digest.sha512.hex(bytes.array)
    }
  }
  private struct Pages {
    let index: Page
    let documents: [String: Page]
  }
  private let resources: [ResourceInfo]
  private let version: String
  private let pages = Mutex<Pages?>(nil)

  init(_ resources: [ResourceInfo], version: String) {
    self.resources = resources
    self.version = version
  }

  /// `/openapi/v3`.
  var index: Page { all.index }

  /// `/openapi/v3/` and then `api/v1`, `apis/apps/v1`; nil for a group version that is not served.
  func document(_ path: String) -> Page? { all.documents[path] }

  private var all: Pages {
    if let known = pages.withLock({ $0 }) { return known }
    // Made outside the lock; of two that make it at once, one is kept.
    let made = make()
    return pages.withLock { known in
      if let known { return known }
      known = made
      return made
    }
  }

  private func make() -> Pages {
    var documents: [String: Page] = [:]
    for (root, members) in Dictionary(grouping: resources, by: \.rootPath) {
      let first = members[0].groupVersion
      let meta = "io.k8s.apimachinery.pkg.apis.meta.v1."
      let roots = members.flatMap { [$0.typeName, $0.typeName + "List"] } + ["APIResourceList", "DeleteOptions", "Status", "WatchEvent"].map { meta + $0 }
      let document: JSONValue = [
        "openapi": "3.0.0", "info": ["title": "Kubernetes", "version": .string(version)],
        "paths": .object(OpenAPIPaths.document(group: first.group, version: first.version, members.sorted { $0.plural < $1.plural })),
        "components": ["schemas": .object(OpenAPISchemas.components(.builtin, roots: roots))],
      ]
      documents[String(root.dropFirst())] = Page(document)
    }
    let paths = documents.sorted { $0.key < $1.key }.map { path, page in
      JSONObject.Member(path, ["serverRelativeURL": .string("/openapi/v3/\(path)?hash=\(page.hash)")])
    }
    return Pages(index: Page(["paths": .object(JSONObject(unchecked: paths))]), documents: documents)
  }
}
