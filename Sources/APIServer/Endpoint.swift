import Access
import ByteBuffers
import HTTPServer
import Machinery
import Registry

/// One served version of one resource: everything that a request for it needs is reached from here. Immutable; what
/// counts requests is made to be shared.
final class Endpoint: Sendable {
  /// Who answers.
  enum Service: Sendable {
    case stored(ResourceEndpoint)
    /// Answered without being stored.
    case review(ReviewKind, VirtualResource)
    /// Does what is posted to a part of an object that the body names.
    case posted(ResourceEndpoint, PostedCollection)
  }

  let service: Service
  let info: ResourceInfo
  let isNamespaced: Bool
  /// Is there something that everybody hears who asks, or somebody who has to be asked?
  let needsCloserLook: Bool
  let verbs: Verbs
  let subresources: [SubresourceEndpoint]
  /// What is served beside it, as other resources.
  let others: [Endpoint]
  let metrics: EndpointMetrics
  /// Which of its paths there are; others are not found, whatever the method.
  private let hasCollection: Bool
  private let hasItems: Bool
  private let hasWatches: Bool
  /// The names in its path, in bytes.
  private let group: [UInt8]
  private let version: [UInt8]
  private let plural: [UInt8]

  /// Of what is stored.
  convenience init(_ store: Store, metrics: EndpointMetrics) {
    let resource = ResourceEndpoint(store, metrics: metrics)
    let others = store.definition.postedCollections.map { Endpoint($0, of: resource, metrics) }
    self.init(.stored(resource), store.info, metrics, others: others)
  }

  /// Of a collection that stands for a part of the objects of another.
  private convenience init(_ collection: PostedCollection, of resource: ResourceEndpoint, _ metrics: EndpointMetrics) {
    let info = resource.info
    let kind = info.subresourceKinds[ByteString(collection.subresource.name)]?.kind ?? info.kind
    let own = ResourceInfo(
      groupVersion: info.groupVersion, plural: collection.plural, singular: collection.singular, kind: kind,
      isNamespaced: info.isNamespaced, verbs: ["create"], storagePath: "", typeName: info.typeName)
    self.init(.posted(resource, collection), own, EndpointMetrics(own, shards: metrics.shardCount))
  }

  /// Of what is not.
  convenience init(_ kind: ReviewKind, metrics: EndpointMetrics) {
    let resource = kind.resource
    self.init(.review(kind, resource), resource.info, metrics)
  }

  private init(
    _ service: Service, _ info: ResourceInfo, _ metrics: EndpointMetrics, others: [Endpoint] = []
  ) {
    self.service = service
    self.others = others
    self.info = info
    self.metrics = metrics
    isNamespaced = info.isNamespaced
    let isConvertedElsewhere =
      if case .stored(let resource) = service { resource.store.isConvertedElsewhere } else { false }
    needsCloserLook = info.deprecation != nil || isConvertedElsewhere
    verbs = Verbs(info.verbs)
    var resource: ResourceEndpoint?
    if case .stored(let stored) = service { resource = stored }
    subresources = info.subresources.map { part in
      let subresource = Subresource(part.name)
      let view = resource.flatMap { resource in
        resource.store.view(at: subresource).map { ResourceEndpoint(resource.store, view: $0, metrics: metrics) }
      }
      let connection = resource?.store.subresource(subresource)?.connection
      return SubresourceEndpoint(part.name, verbs: part.verbs, view: view, isProxy: connection?.form == .proxy)
    }
    hasCollection = !verbs.isDisjoint(with: [.list, .create, .deletecollection])
    hasItems = !verbs.isDisjoint(with: [.get, .update, .patch, .delete])
    hasWatches = verbs.contains(.watch)
    group = Array(info.groupVersion.group.utf8)
    version = Array(info.groupVersion.version.utf8)
    plural = Array(info.plural.utf8)
  }

  // MARK: by its path

  /// What names are found by.
  var hash: UInt64 {
    group.withUnsafeBytes { group in
      version.withUnsafeBytes { version in
        plural.withUnsafeBytes { Self.hash(group: group, version: version, plural: $0) }
      }
    }
  }

  static func hash(
    group: UnsafeRawBufferPointer, version: UnsafeRawBufferPointer, plural: UnsafeRawBufferPointer
  ) -> UInt64 {
    var hash = NameHash()
    hash.add(group)
    hash.add(version)
    hash.add(plural)
    return hash.value
  }

  func isNamed(
    group: UnsafeRawBufferPointer, version: UnsafeRawBufferPointer, plural: UnsafeRawBufferPointer
  ) -> Bool {
    Self.equals(self.plural, plural) && Self.equals(self.group, group) && Self.equals(self.version, version)
  }

  private static func equals(_ name: [UInt8], _ bytes: UnsafeRawBufferPointer) -> Bool {
    name.count == bytes.count && name.withUnsafeBytes { $0.elementsEqual(bytes) }
  }

  /// Which of its paths that is; nil for one that there isn't.
  func form(_ path: ResourcePath, _ bytes: UnsafeRawBufferPointer) -> ResourceForm? {
    if path.special == .proxy || path.isInNamespace && !isNamespaced { return nil }
    let isAcross = isNamespaced && !path.isInNamespace
    if path.special == .watch {
      guard hasWatches, path.subresource.isEmpty else { return nil }
      if path.name.isEmpty { return .watchCollection }
      return isAcross ? nil : .watchItem
    }
    if path.name.isEmpty {
      // Across all namespaces one can only look.
      return isAcross && !verbs.contains(.list) || !hasCollection ? nil : isAcross ? .everywhere : .collection
    }
    if isAcross { return nil }
    if path.subresource.isEmpty { return hasItems ? .item : nil }
    let part = bytes.part(path.subresource)
    guard let place = subresources.firstIndex(where: { Self.equals($0.bytes, part) }) else { return nil }
    return path.hasMore && !subresources[place].isProxy ? nil : .subresource(place)
  }

  /// Does a path name an object of it, and more?
  func hasItem(_ path: ResourcePath) -> Bool {
    !path.name.isEmpty && !path.subresource.isEmpty && path.isInNamespace == isNamespaced && path.special != .watch
  }

  /// May a path of that form be asked with this method? If not, the router says so.
  func allows(_ method: HTTPMethod, _ form: ResourceForm) -> Bool {
    switch form {
    // These paths are there only for what can be looked at.
    case .everywhere, .watchCollection, .watchItem: return method == .get
    case .collection:
      switch method {
      case .get: return verbs.contains(.list)
      case .post: return verbs.contains(.create)
      case .delete: return verbs.contains(.deletecollection)
      default: return false
      }
    case .item: return Verbs.ofItem(method).map(verbs.contains) ?? false
    case .subresource(let place):
      let verbs = subresources[place].verbs
      if subresources[place].isProxy && (method == .head || method == .options) { return true }
      return (method == .post ? .create : Verbs.ofItem(method)).map(verbs.contains) ?? false
    }
  }
}

/// Which path of a resource a request has.
enum ResourceForm: Sendable, Equatable {
  /// All objects of all namespaces.
  case everywhere
  /// All objects, of a namespace where the resource is in one.
  case collection
  case item
  /// By its place among the endpoint's.
  case subresource(Int)
  /// The paths with `watch` in them.
  case watchCollection, watchItem

  var isItem: Bool {
    switch self {
    case .everywhere, .collection, .watchCollection: false
    case .item, .subresource, .watchItem: true
    }
  }
}

/// A part of an object with paths and verbs of its own.
struct SubresourceEndpoint: Sendable {
  let name: String
  let bytes: [UInt8]
  let verbs: Verbs
  /// What a store knows it as.
  let subresource: Subresource
  /// Who answers with it, where it is seen as something else than the object.
  let view: ResourceEndpoint?
  /// What stands behind it in a path is another server's.
  let isProxy: Bool

  init(_ name: String, verbs: [String], view: ResourceEndpoint? = nil, isProxy: Bool) {
    self.view = view
    self.name = name
    self.isProxy = isProxy
    subresource = Subresource(name)
    bytes = Array(name.utf8)
    self.verbs = Verbs(verbs)
  }
}

/// What can be done.
struct Verbs: OptionSet, Sendable {
  let rawValue: UInt8
  static let get = Verbs(rawValue: 1)
  static let list = Verbs(rawValue: 2)
  static let watch = Verbs(rawValue: 4)
  static let create = Verbs(rawValue: 8)
  static let update = Verbs(rawValue: 16)
  static let patch = Verbs(rawValue: 32)
  static let delete = Verbs(rawValue: 64)
  static let deletecollection = Verbs(rawValue: 128)

  init(rawValue: UInt8) { self.rawValue = rawValue }

  /// By their names in discovery.
  init(_ names: [String]) {
    self = []
    for name in names {
      switch name {
      case "get": insert(.get)
      case "list": insert(.list)
      case "watch": insert(.watch)
      case "create": insert(.create)
      case "update": insert(.update)
      case "patch": insert(.patch)
      case "delete": insert(.delete)
      case "deletecollection": insert(.deletecollection)
      default: break
      }
    }
  }

  /// What a method does to one object.
  static func ofItem(_ method: HTTPMethod) -> Verbs? {
    switch method {
    case .get: .get
    case .put: .update
    case .patch: .patch
    case .delete: .delete
    case .head, .post, .options, .other: nil
    }
  }
}

/// A hash of a few short names that the server has chosen: it needs to spread them, not to withstand anybody.
private struct NameHash {
  private static let factor: UInt64 = 0x9E37_79B9_7F4A_7C15
  private(set) var value: UInt64 = 0

  mutating func add(_ name: UnsafeRawBufferPointer) {
    add(UInt64(name.count))
    var place = 0
    while place + 8 <= name.count {
      add(name.loadUnaligned(fromByteOffset: place, as: UInt64.self))
      place += 8
    }
    var rest: UInt64 = 0
    while place < name.count {
      rest = rest << 8 | UInt64(name[place])
      place += 1
    }
    add(rest)
  }

  private mutating func add(_ word: UInt64) {
    value = (value ^ word) &* Self.factor
    value ^= value >> 29
  }
}
