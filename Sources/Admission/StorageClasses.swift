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
  /// The class that is for claims which ask for none.
  let defaultName: RememberedAnswer<String?>

  init(_ store: Store) {
    self.store = store
    defaultName = .newestDefault(
      store,
      marks: [
        "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class",
      ])
  }

  /// The class that a claim asks for: the annotation of old counts before the member. nil where it does not say.
  /// (`GetPersistentVolumeClaimClass`)
  static func asked(by claim: JSONValue) -> String? {
    claim["metadata"]?["annotations"]?[classAnnotation]?.string ?? claim["spec"]?["storageClassName"]?.string
  }

  /// May claims of a class grow?
  func letsGrow(_ name: String) async -> Bool {
    guard let object = try? await store.known(name) else { return false }
    return (try? JSONTape.parse(object.object))?.root["allowVolumeExpansion"]?.bool == true
  }
}
