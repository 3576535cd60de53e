import Storage

/// LIST from raw storage: pages are read until enough objects match.
struct StorageLister {
  let storage: any Storage
  let decode: (StoredObject) throws -> CachedObject
  /// Keys read at a time where a selector may leave few of them.
  static let pageSize = 500

  init(storage: any Storage, decode: @escaping (StoredObject) throws -> CachedObject) {
    self.storage = storage
    self.decode = decode
  }

  func list(_ request: ListRequest) async throws -> ObjectList {
    let isSelective = !request.predicate.isEverything
    var options = StorageListOptions(
      startKey: request.startKey, limit: request.limit, exactRevision: request.exactRevision,
      isConsistent: request.exactRevision == nil && request.freshness != .any)
    if request.limit == 0 || isSelective { options.limit = max(request.limit, Self.pageSize) }
    var objects: [CachedObject] = []
    var revision: Revision?
    while true {
      let page = try await storage.getList(prefix: request.prefix, options: options)
      let shown = revision ?? page.revision
      revision = shown
      if request.exactRevision == nil, case .notOlderThan(let wanted) = request.freshness, shown < wanted {
        throw StorageError.resourceVersionTooLarge(requested: wanted, current: shown)
      }
      for (index, stored) in page.objects.enumerated() {
        let object = try decode(stored)
        if isSelective && !request.predicate.matches(labels: object.labels, fields: object.fields) { continue }
        objects.append(object)
        guard request.limit > 0 && objects.count >= request.limit else { continue }
        let hasMore = page.hasMore || index + 1 < page.objects.count
        return ObjectList(
          revision: shown, objects: objects, hasMore: hasMore, nextKey: hasMore ? stored.key + "\0" : nil,
          remaining: isSelective || !hasMore ? nil : page.remaining.map { $0 + page.objects.count - index - 1 })
      }
      guard page.hasMore, let last = page.objects.last else { return ObjectList(revision: shown, objects: objects) }
      options.startKey = last.key + "\0"
      options.exactRevision = shown
    }
  }
}
