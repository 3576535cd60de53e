import Cacher
import CustomResources
import Cryptography
import JSON
import Machinery
import Registry
import Storage
import Synchronization
import Webhooks

/// One definition as it is served.
final class ServedDefinition: Sendable {
  /// By which a change is told that matters here.
  let fingerprint: String
  /// One for each version that is served.
  let stores: [Store]
  /// All objects, in the version that is stored, served or not.
  let contents: Store
  /// Destroys the storage.
  let end: SharedEnd
  /// Is the definition going? Then nothing is created.
  let isTerminating: Flag

  /// Set by one, read by many.
  final class Flag: Sendable {
    private let value: Atomic<Bool>
    init(_ value: Bool) { self.value = Atomic(value) }
    func store(_ value: Bool, ordering: AtomicStoreOrdering) { self.value.store(value, ordering: .relaxed) }
    var isSet: Bool { value.load(ordering: .relaxed) }
  }

  private init(
    _ fingerprint: String, stores: [Store], contents: Store, end: SharedEnd, isTerminating: Flag
  ) {
    self.fingerprint = fingerprint
    self.stores = stores
    self.contents = contents
    self.end = end
    self.isTerminating = isTerminating
  }

  static func fingerprint(of definition: JSONValue) -> String {
    let told: JSONValue = [
      "uid": definition["metadata"]?["uid"] ?? "", "spec": definition["spec"] ?? .null,
      "names": definition["status"]?["acceptedNames"] ?? .null,
      "stored": definition["status"]?["storedVersions"] ?? .null,
    ]
    return Digest.sha256.hex(told.encoded().array, .lower)
  }

  /// Makes the storage of a definition's objects; returns when its cache is filled.
  static func make(
    _ definition: JSONValue, _ fingerprint: String, isTerminating: Bool, _ make: CustomStorage.Maker,
    resolve: @escaping HookClient.Resolver
  ) async throws -> ServedDefinition {
    let flag = Flag(isTerminating)
    let plural = definition["status"]?["acceptedNames"]?["plural"]?.string ?? ""
    let resource = GroupResource(group: definition["spec"]?["group"]?.string ?? "", resource: plural)
    let webhook = ConversionWebhook(definition, resolve: resolve)
    let kind = try CustomResource.resource(definition, conversion: webhook) { name throws(Status) in
      guard flag.isSet else { return }
      throw .forbidden(
        resource, name: name, "create not allowed while custom resource definition is terminating")
    }
    let made = try await make(kind)
    let destroy: DestroyFunc = {
      await made.destroy()
      await webhook?.shutDown()
    }
    try await (made.storage.objects as? Cacher)?.waitUntilReady()
    let stores = made.storage.stores
    return ServedDefinition(
      fingerprint, stores: stores, contents: Store(made.storage), end: SharedEnd(stores.count, destroy),
      isTerminating: flag)
  }
}
