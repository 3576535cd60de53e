import Machinery
import Registry

/// Where a request goes, by its path. Names are as they stand in the path (already decoded).
enum RequestPath: Equatable {
  /// `/`.
  case root
  /// `/healthz`, `/livez`, `/readyz`, with the name of a single check.
  case health(String, check: String?)
  case version
  case metrics
  /// `/api` or `/apis`.
  case coreVersions
  case groups
  case group(String)
  /// `/api/v1`, `/apis/GROUP/VERSION`.
  case resources(String)
  /// `/openapi/v2`.
  case swagger
  /// `/openapi/v3`.
  case openAPIIndex
  /// `/openapi/v3/…`: what follows.
  case openAPI(String)
  case collection(resource: Int, namespace: String)
  case item(resource: Int, namespace: String, name: String)
  case status(resource: Int, namespace: String, name: String)
  case watchCollection(resource: Int, namespace: String)
  case watchItem(resource: Int, namespace: String, name: String)
  /// `/api/v1/watch` and nothing after it: kube-apiserver fails before it routes.
  case incompleteWatch
  /// A path under an API prefix that nothing serves: answered with a Status.
  case unknownResource
  /// Any other: answered with text.
  case notFound
}

/// The routes of all served resources.
struct RouteTable: Sendable {
  let resources: [ResourceInfo]
  private let roots: Set<ByteString>
  private let groups: Set<ByteString>
  /// `/api/v1/nodes`, …: for the fast match of what every reflector and kubectl asks for. Cluster-scoped ones only.
  private let prefixes: [(bytes: [UInt8], resource: Int)]

  init(_ resources: [ResourceInfo]) {
    self.resources = resources
    roots = Set(resources.map(\.rootPath)).union(["/api/v1"])
    groups = Set(resources.map(\.groupVersion.group)).subtracting([""])
    prefixes = resources.enumerated().filter { !$0.element.isNamespaced && $0.element.isStored }.map {
      (Array("\($0.element.rootPath)/\($0.element.plural)".utf8), $0.offset)
    }
  }

  /// The collection or item of a cluster-scoped resource, matched on the raw bytes; nil means "look closer" (escapes,
  /// namespaces, subresources, everything else). Allocates the name and nothing else.
  func fastMatch(_ path: UnsafeRawBufferPointer) -> RequestPath? {
    for (bytes, resource) in prefixes where path.count >= bytes.count {
      guard bytes.withUnsafeBytes({ path.prefix(bytes.count).elementsEqual($0) }) else { continue }
      if path.count == bytes.count { return .collection(resource: resource, namespace: "") }
      guard path[bytes.count] == UInt8(ascii: "/"), path.count > bytes.count + 1 else { continue }
      let name = UnsafeRawBufferPointer(rebasing: path[(bytes.count + 1)...])
      for byte in name where byte == UInt8(ascii: "/") || byte == UInt8(ascii: "%") || byte >= 0x80 { return nil }
      return .item(resource: resource, namespace: "", name: String(decoding: name, as: UTF8.self))
    }
    return nil
  }

  /// Any path, decoded.
  func match(_ path: String) -> RequestPath {
    let isAPI = path.hasPrefix("/api/") || path == "/api"
    let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
    guard let first = parts.first else { return path == "/" || path.isEmpty ? .root : .notFound }
    switch first {
    case "index.html": return parts.count == 1 ? .root : .notFound
    case "healthz", "livez", "readyz":
      // These paths are matched as they stand.
      return parts.count <= 2 && !path.hasSuffix("/")
        ? .health(first, check: parts.count == 2 ? parts[1] : nil) : .notFound
    case "metrics": return parts.count == 1 ? .metrics : .notFound
    case "version": return parts.count == 1 ? .version : .unknownResource
    case "openapi":
      if path == "/openapi/v2" { return .swagger }
      if path == "/openapi/v3" { return .openAPIIndex }
      return path.hasPrefix("/openapi/v3/") ? .openAPI(String(path.dropFirst("/openapi/v3/".count))) : .notFound
    case "api":
      if parts.count == 1 { return .coreVersions }
      guard isAPI else { return .notFound }
      return resourcePath(root: "/api/\(parts[1])", Array(parts.dropFirst(2)))
    case "apis":
      if parts.count == 1 { return .groups }
      guard groups.contains(parts[1]) else { return .notFound }
      if parts.count == 2 { return .group(parts[1]) }
      let root = "/apis/\(parts[1])/\(parts[2])"
      return roots.contains(root) ? resourcePath(root: root, Array(parts.dropFirst(3))) : .notFound
    default: return .notFound
    }
  }

  private func resourcePath(root: String, _ rest: [String]) -> RequestPath {
    guard roots.contains(root) else { return .unknownResource }
    guard let first = rest.first else { return .resources(root) }
    var parts = rest[...]
    let isWatch = first == "watch"
    if isWatch {
      parts = parts.dropFirst()
      if parts.isEmpty { return .incompleteWatch }
    }
    var namespace = ""
    if parts.first == "namespaces", parts.count >= 3,
      !(parts.count == 3 && ["status", "finalize"].contains(parts[parts.startIndex + 2]))
    {
      namespace = parts[parts.startIndex + 1]
      parts = parts.dropFirst(2)
    }
    guard let plural = parts.first,
      let resource = resources.firstIndex(where: { $0.plural == plural && $0.rootPath == root })
    else { return .unknownResource }
    let names = Array(parts.dropFirst())
    // What is not stored has no names to ask for.
    if !resources[resource].isStored && (isWatch || !names.isEmpty) { return .unknownResource }
    guard resources[resource].isNamespaced || namespace.isEmpty else { return .unknownResource }
    if resources[resource].isNamespaced && namespace.isEmpty && !names.isEmpty { return .unknownResource }
    switch (names.count, isWatch) {
    case (0, false): return .collection(resource: resource, namespace: namespace)
    case (0, true): return .watchCollection(resource: resource, namespace: namespace)
    case (1, false): return .item(resource: resource, namespace: namespace, name: names[0])
    case (1, true): return .watchItem(resource: resource, namespace: namespace, name: names[0])
    case (2, false) where names[1] == "status" && resources[resource].hasStatus:
      return .status(resource: resource, namespace: namespace, name: names[0])
    default: return .unknownResource
    }
  }
}
