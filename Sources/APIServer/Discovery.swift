import Cryptography
import JSON
import Machinery
import Registry

/// The discovery documents, made once from the served resources.
struct Discovery: Sendable {
  /// `/apis`.
  let groupList: JSONValue
  /// `/apis/GROUP`, by group.
  let groups: [String: JSONValue]
  /// `/api/v1` and `/apis/GROUP/VERSION`, by path.
  let resourceLists: [String: JSONValue]
  /// All of `/api` and all of `/apis`, each in one document.
  let aggregatedCore: AggregatedDiscovery
  let aggregatedGroups: AggregatedDiscovery

  init(_ resources: [ResourceInfo]) {
    var lists: [String: JSONValue] = [:]
    var versions: [String: [String]] = [:]
    lists["/api/v1"] = Self.resourceList(GroupVersion(version: "v1"), [])
    for path in Set<ByteString>(resources.map(\.rootPath)).map(\.text) {
      let members = resources.filter { $0.rootPath == path }.sorted { $0.plural < $1.plural }
      guard let first = members.first else { continue }
      lists[path] = Self.resourceList(first.groupVersion, members)
      if !first.groupVersion.group.isEmpty {
        versions[first.groupVersion.group, default: []].append(first.groupVersion.version)
      }
    }
    resourceLists = lists
    aggregatedCore = AggregatedDiscovery(resources.filter { $0.groupVersion.group.isEmpty }, hasCore: true)
    aggregatedGroups = AggregatedDiscovery(resources.filter { !$0.groupVersion.group.isEmpty }, hasCore: false)
    groups = Dictionary(
      uniqueKeysWithValues: versions.map { ($0.key, Self.group($0.key, Self.ordered($0, resources), isInList: false)) })
    groupList = [
      "kind": "APIGroupList", "apiVersion": "v1",
      "groups": .array(
        versions.sorted { $0.key < $1.key }.map { Self.group($0.key, Self.ordered($0, resources), isInList: true) }),
    ]
  }

  /// The versions of a group. Those of a group that clients have defined stand by what their names say.
  private static func ordered(
    _ group: (key: String, value: [String]), _ resources: [ResourceInfo]
  ) -> (versions: [String], preferred: String) {
    let isCustom = resources.first { $0.groupVersion.group == group.key }?.isCustom == true
    let versions = isCustom ? group.value.sorted(by: KubernetesVersion.precedes) : group.value.sorted()
    return (versions, (isCustom ? versions.first : versions.last) ?? "")
  }

  /// `/api`. `serverAddress` is where the client reached us.
  static func coreVersions(serverAddress: String) -> JSONValue {
    [
      "kind": "APIVersions", "versions": ["v1"],
      "serverAddressByClientCIDRs": [["clientCIDR": "0.0.0.0/0", "serverAddress": .string(serverAddress)]],
    ]
  }

  private static func group(
    _ name: String, _ order: (versions: [String], preferred: String), isInList: Bool
  ) -> JSONValue {
    let entries = order.versions.map { version -> JSONValue in
      ["groupVersion": .string("\(name)/\(version)"), "version": .string(version)]
    }
    var object: JSONObject = isInList ? [:] : ["kind": "APIGroup", "apiVersion": "v1"]
    object["name"] = .string(name)
    object["versions"] = .array(entries)
    object["preferredVersion"] = [
      "groupVersion": .string("\(name)/\(order.preferred)"), "version": .string(order.preferred),
    ]
    return .object(object)
  }

  private static func resourceList(_ groupVersion: GroupVersion, _ resources: [ResourceInfo]) -> JSONValue {
    var object: JSONObject = ["kind": "APIResourceList"]
    // kube-apiserver's core list alone lacks the version.
    if !groupVersion.group.isEmpty { object["apiVersion"] = "v1" }
    object["groupVersion"] = .string(groupVersion.description)
    object["resources"] = .array(resources.flatMap(entries))
    return .object(object)
  }

  private static func entries(_ resource: ResourceInfo) -> [JSONValue] {
    var main: JSONObject = [
      "name": .string(resource.plural), "singularName": .string(resource.singular),
      "namespaced": .bool(resource.isNamespaced),
      "kind": .string(resource.kind), "verbs": .array(resource.verbs.map { .string($0) }),
    ]
    if !resource.shortNames.isEmpty { main["shortNames"] = .array(resource.shortNames.map { .string($0) }) }
    if !resource.categories.isEmpty { main["categories"] = .array(resource.categories.map { .string($0) }) }
    if resource.isStored { main["storageVersionHash"] = .string(storageVersionHash(resource)) }
    return [.object(main)]
      + resource.subresources.map { subresource in
        let kind = resource.subresourceKinds[ByteString(subresource.name)]
        var entry: JSONObject = [
          "name": .string("\(resource.plural)/\(subresource.name)"), "singularName": "",
          "namespaced": .bool(resource.isNamespaced),
        ]
        // Only another group's is named.
        if let version = kind?.groupVersion, version != resource.groupVersion {
          entry["group"] = .string(version.group)
          entry["version"] = .string(version.version)
        }
        entry["kind"] = .string(kind?.kind ?? resource.kind)
        entry["verbs"] = .array(subresource.verbs.map { .string($0) })
        return JSONValue.object(entry)
      }
  }

  /// The first eight bytes of SHA-256 of `group/version/kind` of what is stored, in base64.
  /// (`discovery.StorageVersionHash`.)
  static func storageVersionHash(_ resource: ResourceInfo) -> String {
    Base64.text(
      Array(
        Digest.sha256.bytes(
          Array("\(resource.storedVersion.group)/\(resource.storedVersion.version)/\(resource.kind)".utf8)
        ).prefix(8)))
  }
}

extension ResourceInfo {
  var rootPath: String { groupVersion.rootPath }
}
