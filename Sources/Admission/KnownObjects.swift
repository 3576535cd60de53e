import Cacher
import JSON
import Machinery
import Registry
import Synchronization

/// How plug-ins look at other objects: what the cache knows will do if it has all that this process wrote, and what it
/// does not know the storage is asked for.
extension Store {
  /// An object that is in no namespace. Throws 404.
  func known(_ name: String) async throws(Status) -> CachedObject {
    do throws(Status) {
      if let now = try getNow(name, namespace: "", resourceVersion: "0") { return now }
    } catch {
      if error.code != 404 { throw error }
    }
    return try await get(name, namespace: "")
  }

  /// All objects, of all namespaces.
  func allKnown() async throws(Status) -> ListResult {
    var options = ListOptions()
    options.resourceVersion = "0"
    let list = try prepareList(options, namespace: "")
    if let now = listNow(list) { return now }
    return try await self.list(list)
  }
}

/// What was found out from all objects of a resource, which is right as long as the cache stays where it is: writes that
/// ask for it do not read every object each time.
final class RememberedAnswer<Answer: Sendable>: Sendable {
  private let store: Store
  private let find: @Sendable ([CachedObject]) -> Answer
  private let last = Mutex<(revision: String, answer: Answer)?>(nil)

  /// `find`: from the objects, in the order of their keys, to the answer.
  init(_ store: Store, _ find: @escaping @Sendable ([CachedObject]) -> Answer) {
    self.store = store
    self.find = find
  }

  func callAsFunction() async throws(Status) -> Answer {
    let all = try await store.allKnown()
    let known = last.withLock { $0 }
    if let known, known.revision == all.resourceVersion { return known.answer }
    let answer = find(all.objects)
    // Of two that find out at once either may be kept: another revision asks again.
    last.withLock { $0 = (all.resourceVersion, answer) }
    return answer
  }
}

extension RememberedAnswer where Answer == String? {
  /// The name of the object which one of these annotations marks as the default; of several the newest, and of these the
  /// first by name. (Kubernetes: `GetDefaultClass` of pkg/volume/util, and its like for ingress classes)
  static func newestDefault(_ store: Store, marks: [String]) -> RememberedAnswer {
    RememberedAnswer(store) { classes in
      let defaults = classes.compactMap { object -> (name: String, created: String)? in
        guard let meta = (try? JSONTape.parse(object.object))?.root["metadata"],
          marks.contains(where: { meta["annotations"]?[$0]?.string == "true" })
        else { return nil }
        return (meta["name"]?.string ?? "", meta["creationTimestamp"]?.string ?? "")
      }
      // Times of one form sort as texts.
      return defaults.min { $0.created == $1.created ? $0.name < $1.name : $0.created > $1.created }?.name
    }
  }
}
