import Machinery

/// One path of the API with what can be done there: what both dialects of OpenAPI are written from.
struct APIPath {
  let path: String
  let operations: [APIOperation]
}

/// One method of a path.
struct APIOperation {
  struct Body {
    /// The schema's name.
    let schema: String
    var isRequired = true
    var types = ["*/*"]
  }

  /// In lower case.
  let method: String
  let id: String
  let tag: String
  let description: String
  /// What Kubernetes calls it; nil for what is no resource.
  var action: String?
  var kind: GroupVersionKind?
  var parameters: [APIParameter] = []
  var body: Body?
  /// The schemas of good answers, by their codes: usually one, the first being the one that kube-apiserver's documents
  /// know.
  let answers: [(code: Int, schemas: [String])]
  let produces: [String]
  /// What a request may come as, where Swagger wants to hear it though there is no body.
  var consumes = ["*/*"]
}

/// A parameter of the path or of the query.
struct APIParameter: Hashable {
  enum Place: String { case path, query }
  let name: String
  let place: Place
  /// The JSON type.
  let type: String
  let description: String

  private static func query(_ name: String, _ type: String, _ description: String) -> APIParameter {
    APIParameter(name: name, place: .query, type: type, description: description)
  }

  static func name(of kind: String) -> APIParameter {
    APIParameter(name: "name", place: .path, type: "string", description: "name of the \(kind)")
  }
  static let namespace = APIParameter(
    name: "namespace", place: .path, type: "string", description: "the namespace of the object or objects")

  static let pretty = query(
    "pretty", "string",
    "With 'true' the answer is indented. User agents that begin with curl, Wget or Mozilla get that unasked, unless they say 'false'."
  )

  /// Of lists and watches. (`metav1.ListOptions`.)
  static let selection = [
    query(
      "continue", "string",
      "The token of the part of a list that came before: the answer is the part that follows, of the same revision. A token that is too old gets 410 with a token to go on from, at a newer revision."
    ),
    query(
      "fieldSelector", "string",
      "Which objects, by their fields: comma-separated NAME=VALUE or NAME!=VALUE. The fields that can be named depend on the resource."
    ),
    query(
      "labelSelector", "string",
      "Which objects, by their labels: comma-separated requirements such as 'a=b', 'a!=b', 'a in (b,c)', 'a' and '!a'."),
    query(
      "limit", "integer",
      "The most items to answer with. If there are more, the list's metadata has a token to continue with."),
    query(
      "resourceVersion", "string",
      "How fresh the answer has to be. Unset: as of now. '0': whatever is at hand. A revision: depends on resourceVersionMatch for lists; a watch sends what came after it."
    ),
    query(
      "resourceVersionMatch", "string",
      "What resourceVersion means for a list: NotOlderThan or Exact. Not to be given without it."),
    query(
      "sendInitialEvents", "boolean",
      "Begins a watch with all objects there are as ADDED events, and then, if bookmarks are allowed, a bookmark with the annotation k8s.io/initial-events-end. Needs resourceVersionMatch=NotOlderThan."
    ),
    query(
      "shardSelector", "string",
      "Which share of the objects: an expression that says from where to where the hash of a field goes, such as shardRange(object.metadata.uid, '0x0000000000000000', '0x8000000000000000'). It needs the feature ShardedListAndWatch, which is not built: without it, all objects are meant."
    ),
    query("timeoutSeconds", "integer", "How many seconds a watch, or the work for a list, may last."),
  ]
  static let watching = [
    query(
      "allowWatchBookmarks", "boolean",
      "Sends BOOKMARK events from time to time, which have nothing but a revision to resume from. When they come is up to the server."
    ),
    query("watch", "boolean", "Streams changes as events instead of answering with a list."),
  ]

  private static let dryRun = query(
    "dryRun", "string",
    "With 'All', the request is worked through and answered but nothing is stored. Other values are refused.")

  /// Of creating and changing. (`metav1.CreateOptions`, `UpdateOptions`, `PatchOptions`.)
  static let writing = [
    dryRun,
    query(
      "fieldManager", "string",
      "Who writes: the name under which the fields are owned. At most 128 printable characters; without it, the user agent up to its first slash."
    ),
    query(
      "fieldValidation", "string",
      "What happens to unknown and repeated fields. Ignore: nothing is said. Warn, which is the default: a warning each. Strict: the request is refused."
    ),
  ]
  /// Of patches, where an apply has to name its manager.
  static let patching = [
    dryRun,
    query(
      "fieldManager", "string",
      "Who writes: the name under which the fields are owned. At most 128 printable characters. Apply needs it; other patches go by the user agent without it."
    ),
    writing[2],
    query(
      "force", "boolean",
      "Makes an apply take over fields that others own, where it would be refused as a conflict. Other patches must not have it."
    ),
  ]

  /// Of deleting. (`metav1.DeleteOptions`.)
  static let deleting = [
    dryRun,
    query(
      "gracePeriodSeconds", "integer",
      "How many seconds the object gets to end in good order; 0 means at once. Kinds without such an end ignore it."),
    query(
      "ignoreStoreReadErrorWithClusterBreakingPotential", "boolean",
      "Deletes an object even though its stored form cannot be read. Meant for the repair of broken storage and nothing else."
    ),
    query(
      "orphanDependents", "boolean",
      "The old form of propagationPolicy: true leaves dependents behind, false deletes them. Not to be given with it."),
    query(
      "propagationPolicy", "string",
      "What becomes of dependents. Orphan: they stay. Background: they are deleted afterwards. Foreground: they are deleted first."
    ),
  ]
}

extension APIPath {
  /// The parameters that all operations share, which are written once, sorted.
  var sharedParameters: [APIParameter] {
    guard let first = operations.first else { return [] }
    return first.parameters.filter { one in operations.allSatisfy { $0.parameters.contains(one) } }.sorted(
      by: APIParameter.precedes)
  }
}

extension APIParameter {
  static func precedes(_ a: APIParameter, _ b: APIParameter) -> Bool {
    (a.name, a.place.rawValue) < (b.name, b.place.rawValue)
  }
}
