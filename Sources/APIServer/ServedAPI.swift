import Access
import ByteBuffers
import HTTPServer
import Machinery
import Registry

/// All that is served at one time. Immutable: what is served next is another one, and a request keeps the one that it
/// began with.
final class ServedAPI: Sendable {
  let endpoints: [Endpoint]
  private let madeDiscovery = MadeOnce<Discovery>()
  let openAPI: OpenAPI
  private let table: EndpointTable
  /// `/api/v1`, …
  private let roots: Set<ByteString>
  private let groups: Set<ByteString>
  /// Those of them that clients have defined.
  private let customGroups: Set<ByteString>

  /// The documents of discovery; made at the first request for one of them.
  var discovery: Discovery { madeDiscovery.get { Discovery(endpoints.map(\.info)) } }

  /// Of endpoints with the same names the first is served. `version`: the server's. `previous`: what was served before.
  init(_ endpoints: [Endpoint], version: String, after previous: ServedAPI? = nil) {
    var names: Set<ByteString> = []
    let endpoints = endpoints.flatMap { [$0] + $0.others }.filter {
      names.insert(ByteString($0.info.servedName)).inserted
    }
    let resources = endpoints.map(\.info)
    self.endpoints = endpoints
    table = EndpointTable(endpoints)
    openAPI = OpenAPI(resources, version: version, after: previous?.openAPI)
    roots = Set(resources.map(\.rootPath)).union(["/api/v1"])
    customGroups = Set(resources.filter(\.isCustom).map { ByteString($0.groupVersion.group) })
    groups = Set(resources.map(\.groupVersion.group)).subtracting([""])
  }

  /// The endpoint of a stored resource, by its names.
  func stored(_ groupVersion: GroupVersion, _ plural: String) -> ResourceEndpoint? {
    for endpoint in endpoints where endpoint.info.groupVersion == groupVersion && endpoint.info.plural == plural {
      if case .stored(let resource) = endpoint.service { return resource }
    }
    return nil
  }

  /// The store of a resource, in whatever version is served first.
  func store(_ resource: GroupResource) -> Store? {
    for endpoint in endpoints where endpoint.info.groupResource == resource {
      if case .stored(let stored) = endpoint.service { return stored.store }
    }
    return nil
  }

  // MARK: where a path leads

  /// Where a path leads that was parsed; `bytes` are its, decoded.
  func target(_ path: ResourcePath, _ bytes: UnsafeRawBufferPointer) -> RequestTarget {
    if path.isIncomplete { return .incompleteWatch }
    guard path.isResource else { return nonResource(path, bytes) }
    guard Self.isRooted(bytes) else { return .notFound }
    guard let endpoint = table.find(path, bytes) else { return unserved(path, bytes) }
    if let form = endpoint.form(path, bytes) { return .resource(endpoint, form) }
    guard endpoint.info.isCustom else { return .unknownResource }
    return endpoint.hasItem(path) ? .unknownPart(endpoint) : .notFound
  }

  /// Under the API's prefixes more than one slash leads nowhere.
  private static func isRooted(_ path: UnsafeRawBufferPointer) -> Bool {
    path.count > 1 && path[0] == UInt8(ascii: "/") && path[1] != UInt8(ascii: "/")
  }

  /// Groups that nothing serves are other servers' paths; in the core group it is known that there is nothing.
  private func unserved(_ path: ResourcePath, _ bytes: UnsafeRawBufferPointer) -> RequestTarget {
    if path.group.isEmpty { return .unknownResource }
    // What clients define nobody routes but by what is defined.
    if customGroups.contains(ByteString(bytes.text(path.group))) { return .notFound }
    return roots.contains(root(bytes, path.group, path.version)) ? .unknownResource : .notFound
  }

  private func root(_ bytes: UnsafeRawBufferPointer, _ group: Range<Int>, _ version: Range<Int>) -> String {
    "/apis/\(bytes.text(group))/\(bytes.text(version))"
  }

  private func nonResource(_ path: ResourcePath, _ bytes: UnsafeRawBufferPointer) -> RequestTarget {
    let text = String(decoding: bytes, as: UTF8.self)
    guard path.count > 0 else { return text == "/" || text.isEmpty ? .root : .notFound }
    switch bytes.text(path.first) {
    case "index.html": return path.count == 1 ? .root : .notFound
    case let name where name == "healthz" || name == "livez" || name == "readyz":
      // These paths are matched as they stand; names of checks may have a slash within.
      if text == "/\(name)" { return .health(name, check: nil) }
      guard text.hasPrefix("/\(name)/"), !text.hasSuffix("/") else { return .notFound }
      return .health(name, check: String(text.dropFirst(name.count + 2)))
    case "metrics": return path.count == 1 ? .metrics : .notFound
    case "version": return path.count == 1 ? .version : .unknownResource
    case ".well-known", "openid": return TokenDocuments.kind(text).map { .tokenDocument($0) } ?? .notFound
    case "openapi":
      if text == "/openapi/v2" { return .swagger }
      if text == "/openapi/v3" { return .openAPIIndex }
      return text.hasPrefix("/openapi/v3/") ? .openAPI(String(text.dropFirst("/openapi/v3/".count))) : .notFound
    case "api":
      if path.count == 1 { return .coreVersions }
      guard Self.isRooted(bytes) else { return .notFound }
      let root = "/api/\(bytes.text(path.second))"
      return roots.contains(root) ? .resources(root) : .unknownResource
    case "apis":
      if path.count == 1 { return .groups }
      let group = bytes.text(path.second)
      guard Self.isRooted(bytes), groups.contains(group) else { return .notFound }
      if path.count == 2 { return .group(group) }
      let root = root(bytes, path.second, path.third)
      return roots.contains(root) ? .resources(root) : .notFound
    default: return .notFound
    }
  }
}

extension ResourceInfo {
  /// All that tells it from others.
  var servedName: String { "\(groupVersion.group)/\(groupVersion.version)/\(plural)" }
}

/// Endpoints by group, version and plural: a flat hash, looked up by the bytes of a path.
private struct EndpointTable: Sendable {
  private struct Slot: Sendable {
    var hash: UInt64 = 0
    var endpoint: Endpoint?
  }
  /// A power of two of them, more than half empty; what collides stands in the next that is free.
  private let slots: [Slot]

  init(_ endpoints: [Endpoint]) {
    var size = 8
    while size < endpoints.count * 2 + 1 { size *= 2 }
    var slots = [Slot](repeating: Slot(), count: size)
    for endpoint in endpoints {
      let hash = endpoint.hash
      var place = Int(truncatingIfNeeded: hash) & (size - 1)
      while slots[place].endpoint != nil { place = (place + 1) & (size - 1) }
      slots[place] = Slot(hash: hash, endpoint: endpoint)
    }
    self.slots = slots
  }

  func find(_ path: ResourcePath, _ bytes: UnsafeRawBufferPointer) -> Endpoint? {
    let group = bytes.part(path.group)
    let version = bytes.part(path.version)
    let plural = bytes.part(path.resource)
    let hash = Endpoint.hash(group: group, version: version, plural: plural)
    var place = Int(truncatingIfNeeded: hash) & (slots.count - 1)
    while let endpoint = slots[place].endpoint {
      if slots[place].hash == hash, endpoint.isNamed(group: group, version: version, plural: plural) { return endpoint }
      place = (place + 1) & (slots.count - 1)
    }
    return nil
  }
}
