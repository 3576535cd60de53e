import ByteBuffers
import Cryptography
import JSON
import Machinery
import Registry

/// `/api` or `/apis` with all resources of all versions in one document. (apidiscovery.k8s.io/v2; semantics 1.21)
struct AggregatedDiscovery: Sendable {
  let document: JSONValue
  /// The document as protobuf.
  let message: [ByteSlice]
  /// With its quotes.
  let etag: String

  /// `hasCore`: the group without a name is there even if it serves nothing.
  init(_ resources: [ResourceInfo], hasCore: Bool) {
    var groups: [String: [ResourceInfo]] = Dictionary(grouping: resources, by: \.groupVersion.group)
    if hasCore && groups[""] == nil { groups[""] = [] }
    let items = groups.sorted { $0.key < $1.key }.map { name, members -> JSONValue in
      var versions = Dictionary(grouping: members, by: \.groupVersion.version)
      if name.isEmpty && versions.isEmpty { versions["v1"] = [] }
      return [
        "metadata": name.isEmpty ? [:] : ["name": .string(name)],
        "versions": .array(versions.sorted { KubernetesVersion.precedes($0.key, $1.key) }.map(Self.version)),
      ]
    }
    document = [
      "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": [:], "items": .array(items),
    ]
    message = Self.message(of: document)
    etag = "\"" + Digest.sha512.hex(document.encoded().array, .upper) + "\""
  }

  private static func version(_ name: String, _ resources: [ResourceInfo]) -> JSONValue {
    var object: JSONObject = ["version": .string(name)]
    if !resources.isEmpty { object["resources"] = .array(resources.sorted { $0.plural < $1.plural }.map(resource)) }
    object["freshness"] = "Current"
    return .object(object)
  }

  private static func resource(_ info: ResourceInfo) -> JSONValue {
    let kind: JSONValue = [
      "group": .string(info.groupVersion.group), "version": .string(info.groupVersion.version),
      "kind": .string(info.kind),
    ]
    var object: JSONObject = [
      "resource": .string(info.plural), "responseKind": kind, "scope": info.isNamespaced ? "Namespaced" : "Cluster",
      "singularResource": .string(info.singular), "verbs": .array(info.verbs.map { .string($0) }),
    ]
    if !info.shortNames.isEmpty { object["shortNames"] = .array(info.shortNames.map { .string($0) }) }
    if !info.categories.isEmpty { object["categories"] = .array(info.categories.map { .string($0) }) }
    if !info.subresources.isEmpty {
      object["subresources"] = .array(
        info.subresources.map { subresource in
          let own = info.subresourceKinds[ByteString(subresource.name)].map { own -> JSONValue in
            [
              "group": .string(own.groupVersion.group), "version": .string(own.groupVersion.version),
              "kind": .string(own.kind),
            ]
          }
          return [
            "subresource": .string(subresource.name), "responseKind": own ?? kind,
            "verbs": .array(subresource.verbs.map { .string($0) }),
          ]
        })
    }
    return .object(object)
  }
}
