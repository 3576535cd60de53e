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
    var unreadable: [StorageError] = []
    var revision: Revision?
    while true {
      let page = try await storage.getList(prefix: request.prefix, options: options)
      let shown = revision ?? page.revision
      revision = shown
      if request.exactRevision == nil, case .notOlderThan(let wanted) = request.freshness, shown < wanted {
        throw StorageError.resourceVersionTooLarge(requested: wanted, current: shown)
      }
      for (index, stored) in page.objects.enumerated() {
        let object: CachedObject
        do { object = try decode(stored) } catch let error as StorageError {
          // Its labels are unknown too, so a selector does not save the list.
          unreadable.append(error)
          if unreadable.count == StorageError.unreadableMax { throw StorageError.unreadableObjects(unreadable) }
          continue
        }
        if isSelective && !request.predicate.matches(labels: object.labels, fields: object.fields) { continue }
        objects.append(object)
        guard request.limit > 0 && objects.count >= request.limit else { continue }
        if !unreadable.isEmpty { throw StorageError.unreadableObjects(unreadable) }
        let hasMore = page.hasMore || index + 1 < page.objects.count
        return ObjectList(
          revision: shown, objects: objects, hasMore: hasMore, nextKey: hasMore ? stored.key + "\0" : nil,
          remaining: isSelective || !hasMore ? nil : page.remaining.map { $0 + page.objects.count - index - 1 })
      }
      guard page.hasMore, let last = page.objects.last else {
        if !unreadable.isEmpty { throw StorageError.unreadableObjects(unreadable) }
        return ObjectList(revision: shown, objects: objects)
      }
      options.startKey = last.key + "\0"
      options.exactRevision = shown
    }
  }
}
