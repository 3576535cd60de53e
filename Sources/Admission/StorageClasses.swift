import Cacher
import JSON
import Machinery
import Registry

/// What plug-ins ask of storage classes.
struct StorageClasses: Sendable {
  static let resource = GroupResource(group: "storage.k8s.io", resource: "storageclasses")
  static let claims = GroupResource(group: "", resource: "persistentvolumeclaims")
  /// Where claims of old say their class.
  private static let classAnnotation = "volume.beta.kubernetes.io/storage-class"

  private let store: Store

  init(_ store: Store) { self.store = store }

  /// The class that a claim asks for: the annotation of old counts before the member. nil where it does not say.
  /// (`GetPersistentVolumeClaimClass`)
  static func asked(by claim: JSONValue) -> String? {
    claim["metadata"]?["annotations"]?[classAnnotation]?.string ?? claim["spec"]?["storageClassName"]?.string
  }

  /// The class that is for claims which ask for none; of several the newest, and of these the first by name. (Kubernetes:
  /// pkg/volume/util, `GetDefaultClass`)
  func defaultName() async throws(Status) -> String? {
    let defaults = try await all().compactMap { object -> (name: String, created: String)? in
      guard let meta = (try? JSONTape.parse(object.object))?.root["metadata"], isDefault(meta["annotations"]) else {
        return nil
      }
      return (meta["name"]?.string ?? "", meta["creationTimestamp"]?.string ?? "")
    }
    // Times of one form sort as texts.
    return defaults.min { $0.created == $1.created ? $0.name < $1.name : $0.created > $1.created }?.name
  }

  private func isDefault(_ annotations: JSONNode?) -> Bool {
    annotations?["storageclass.kubernetes.io/is-default-class"]?.string == "true"
      || annotations?["storageclass.beta.kubernetes.io/is-default-class"]?.string == "true"
  }

  /// May claims of a class grow?
  func letsGrow(_ name: String) async -> Bool {
    let known = try? store.getNow(name, namespace: "", resourceVersion: "0")
    guard let object = if let known { known } else { try? await store.get(name, namespace: "") } else { return false }
    return (try? JSONTape.parse(object.object))?.root["allowVolumeExpansion"]?.bool == true
  }

  /// What the cache knows, if it has all that this process wrote.
  private func all() async throws(Status) -> [CachedObject] {
    var options = ListOptions()
    options.resourceVersion = "0"
    let list = try store.prepareList(options, namespace: "")
    if let now = store.listNow(list) { return now.objects }
    return try await store.list(list).objects
  }
}
