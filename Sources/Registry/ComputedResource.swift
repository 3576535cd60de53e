import ByteBuffers
public import Cacher
public import JSON
import Machinery
import Metrics
public import Storage

/// A resource whose objects are not stored but made whenever somebody looks: the API reads it and knows no other verb.
public struct ComputedResource: Sendable {
  /// The objects as a client would write them: all, or where a name is given that one alone, if there is one.
  public typealias Objects = @Sendable (_ name: String?) async -> [JSONValue]
  let definition: ResourceDefinition
  let objects: Objects

  /// `definition`: of no folder, with the verbs `get` and `list` at most.
  public init(_ definition: ResourceDefinition, _ objects: @escaping Objects) {
    self.definition = definition
    self.objects = objects
  }

  /// A store for each version that is served. `storage`: what else there is, which it has nothing to do with.
  public func stores(besides storage: any Storage, encodings: EncodingCache) -> [Store] {
    let codec = ResourceCodec(definition, encodings: encodings)
    let prefix = "/\(definition.groupResource.resource)/"
    let objects = ComputedObjects(self, codec: codec, prefix: prefix, storage: storage)
    return ResourceStorage(definition, objects: objects, codec: codec, prefix: prefix).stores
  }
}

/// Objects that are made when they are read. They have no revisions.
final class ComputedObjects: ObjectStorage, StorageWrapper {
  private let resource: ComputedResource
  private let made: ResourceCodec
  private let prefix: String
  /// Nothing of it is asked: no verb leads there.
  let storage: any Storage

  init(_ resource: ComputedResource, codec: ResourceCodec, prefix: String, storage: any Storage) {
    self.resource = resource
    made = codec
    self.prefix = prefix
    self.storage = storage
  }

  var codec: any ObjectCodec { made }
  var versioner: any Versioner { NoVersions() }

  func getNow(key: String, freshness: Freshness) -> NowResult { .mustWait }
  func listNow(_ request: ListRequest) -> ObjectList? { nil }
  func cached(key: String) -> CachedObject? { nil }
  func writeMetrics(_ text: inout MetricsText) {}

  /// Throws 404, which names one of these and not, as others do, all.
  func get(key: String, freshness: Freshness) async throws -> CachedObject {
    let name = String(key.dropFirst(prefix.count))
    for object in try await objects(named: name) where object.key == key { return object }
    let info = resource.definition.infos[0]
    throw Status.notFound(GroupResource(group: info.groupVersion.group, resource: info.singular), name)
  }

  func list(_ request: ListRequest) async throws -> ObjectList {
    let objects = try await objects(named: nil).filter {
      request.predicate.matches(labels: $0.labels, fields: $0.fields)
    }
    return ObjectList(revision: .zero, objects: objects)
  }

  func watch(_ request: WatchRequest, home: any WatchHome) async throws -> CacheWatcher { throw StorageError.shutDown }
  func written(_ stored: StoredObject, decode: (StoredObject) throws -> CachedObject) throws -> CachedObject {
    try decode(stored)
  }

  private func objects(named name: String?) async throws -> [CachedObject] {
    let info = resource.definition.infos[0]
    return try await resource.objects(name).map { object in
      var whole = object
      whole["kind"] = .string(info.kind)
      whole["apiVersion"] = .string(info.groupVersion.description)
      let key = prefix + (object["metadata"]?["name"]?.string ?? "")
      // Read back, the members stand in the order of the type.
      return try made.unstored(
        EncodedObject(value: whole.encoded(), outline: nil), key: key, resourceVersion: "")
    }
  }
}

/// There is but one state, that of now.
private struct NoVersions: Versioner {
  func resourceVersion(of revision: Revision) -> String { "" }
  func parseResourceVersion(_ text: String) throws(InvalidResourceVersion) -> Revision { .zero }
}
