public import Cacher
public import Machinery
import Storage

/// A page of a list, ready to be written.
public struct ListResult: Sendable {
  public let objects: [CachedObject]
  public let resourceVersion: String
  /// Empty on the last page.
  public let continueToken: String
  public let remaining: Int?

  /// The same page of objects in another form.
  public func holding(_ objects: [CachedObject]) -> ListResult {
    ListResult(
      objects: objects, resourceVersion: resourceVersion, continueToken: continueToken, remaining: remaining)
  }
}

/// A LIST whose options have been checked.
public struct PreparedList: Sendable {
  public let request: ListRequest
  let isContinued: Bool
}

extension Store {
  /// Checks options by semantics 2.25 to 2.31; throws 400 or 422.
  public func prepareList(_ options: ListOptions, namespace: String) throws(Status) -> PreparedList {
    try options.validate()
    let predicate = try predicate(options)
    let prefix = listPrefix(namespace: namespace)
    var request = ListRequest(prefix: prefix, limit: Int(clamping: max(0, options.limit)), predicate: predicate)
    let revision: Revision
    do { revision = try objects.versioner.parseResourceVersion(options.resourceVersion) } catch {
      throw .badRequest(
        "invalid resource version: resourceVersion: Invalid value: \(GoText.quoted(options.resourceVersion)): \(error)")
    }
    if !options.continueToken.isEmpty {
      let token = try ContinueToken.decode(options.continueToken, prefix: prefix)
      if revision != .zero { throw .badRequest("specifying resource version is not allowed when using continue") }
      request.startKey = token.startKey
      if token.revision > 0 { request.exactRevision = Revision(token.revision) }
      return PreparedList(request: request, isContinued: true)
    }
    switch options.resourceVersionMatch {
    case "Exact": request.exactRevision = revision
    case "NotOlderThan": request.freshness = revision == .zero ? .any : .notOlderThan(revision)
    default:
      if options.resourceVersion.isEmpty {
        request.freshness = .consistent
      } else if revision == .zero {
        request.freshness = .any
      } else if request.limit > 0 {
        request.exactRevision = revision
      } else {
        request.freshness = .notOlderThan(revision)
      }
    }
    if options.resourceVersion == "0" && options.resourceVersionMatch.isEmpty { request.limit = 0 }
    let name = predicate.field.requiredValue(of: "metadata.name")
    let only = name.flatMap { name in info.isNamespaced && namespace.isEmpty ? nil : key(name, namespace: namespace) }
    if let only {
      // One key, and those that it begins, which the selector leaves out; a limit has nothing to cut there (semantics
      // 2.29).
      request.prefix = only
      request.limit = 0
    }
    return PreparedList(request: request, isContinued: false)
  }

  /// Selectors of a LIST, WATCH or deletecollection; throws 400.
  func predicate(_ options: ListOptions) throws(Status) -> SelectionPredicate {
    do {
      var predicate = try options.selection.get()
      if !predicate.field.terms.isEmpty { predicate.field = try stored(predicate.field) }
      return predicate
    } catch { throw .badRequest("\(error)") }
  }

  /// A selector of this version as one of what is stored.
  private func stored(_ selector: FieldSelector) throws(SelectorError) -> FieldSelector {
    var terms: [FieldSelector.Term] = []
    for term in selector.terms {
      guard let field = converter.map({ $0.field(term.field) }) ?? term.field else {
        throw SelectorError("field label not supported: \(term.field)")
      }
      if let custom, !custom.allows(term.field) { throw SelectorError("field label not supported: \(term.field)") }
      if let problem = definition.selectableFields.problem(with: field) { throw SelectorError(problem) }
      terms.append(FieldSelector.Term(field: field, isEqual: term.isEqual, value: term.value))
    }
    return FieldSelector(terms)
  }

  /// Callable on a reactor; nil when the answer has to be waited for, or would keep the reactor too long.
  public func listNow(_ list: PreparedList) -> ListResult? {
    objects.listNow(settled(list.request)).map { result($0, list) }
  }

  public func list(_ list: PreparedList) async throws(Status) -> ListResult {
    do {
      do {
        return result(try await objects.list(settled(list.request)), list)
      } catch StorageError.resourceVersionTooLarge
        where list.request.freshness == .any && list.request.exactRevision == nil
      {
        return result(try await objects.list(list.request), list)
      }
    } catch StorageError.compacted {
      throw expired(list)
    } catch { throw status(error, name: "", verb: "list") }
  }

  private func settled(_ request: ListRequest) -> ListRequest {
    var request = request
    request.freshness = atLeastAcknowledged(request.freshness)
    return request
  }

  private func result(_ page: ObjectList, _ list: PreparedList) -> ListResult {
    let token = page.nextKey.map {
      ContinueToken(revision: page.revision.rawValue, startKey: $0).encoded(prefix: list.request.prefix)
    }
    return ListResult(
      objects: page.objects, resourceVersion: objects.versioner.resourceVersion(of: page.revision),
      continueToken: token ?? "",
      remaining: token == nil ? nil : page.remaining)
  }

  /// Semantics 1.20: an expired token brings another, with which the rest can be read as it is now.
  private func expired(_ list: PreparedList) -> Status {
    guard list.isContinued, let start = list.request.startKey else {
      return .expired("The resourceVersion for the provided list is too old.")
    }
    var status = Status.expired(
      "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter, or use the continue token in this response to retrieve the remainder of the results. Continuing with the provided token results in an inconsistent list - objects that were created, modified, or deleted between the time the first chunk was returned and now may show up in the list."
    )
    status.continueToken = ContinueToken(revision: -1, startKey: start).encoded(prefix: list.request.prefix)
    return status
  }

  // MARK: watch

  /// Opens a watch; `name` restricts it to one object. Throws what is known before the stream begins.
  public func watch(
    _ options: ListOptions, namespace: String, name: String? = nil, deadline: ContinuousClock.Instant,
    home: any WatchHome
  ) async throws(Status) -> CacheWatcher {
    try options.validate()
    var predicate = try predicate(options)
    var only: String?
    if let name = name ?? predicate.field.requiredValue(of: "metadata.name"), !info.isNamespaced || !namespace.isEmpty {
      // The key says what these terms ask: no event has to be compared with them again.
      only = key(name, namespace: namespace)
      predicate.field = predicate.field.given("metadata.name", name).given("metadata.namespace", namespace)
    } else if let name {
      predicate.field = FieldSelector(
        predicate.field.terms + [FieldSelector.Term(field: "metadata.name", isEqual: true, value: name)])
    }
    let start: WatchStart
    if options.resourceVersion.isEmpty {
      start = .unset
    } else {
      let revision = try revision(options.resourceVersion)
      start = revision == .zero ? .any : .after(revision)
    }
    let request = WatchRequest(
      target: only.map { .key($0) } ?? .prefix(listPrefix(namespace: namespace)), start: start,
      sendInitialEvents: options.sendInitialEvents,
      allowBookmarks: options.allowWatchBookmarks, predicate: predicate, deadline: deadline)
    if start == .any, case .notOlderThan(let last) = atLeastAcknowledged(.any) {
      // Waits for the cache to show what was acknowledged; if it does not get there in time, the state at hand has to
      // do.
      _ = try? await objects.list(ListRequest(prefix: prefix, limit: 1, freshness: .notOlderThan(last)))
    }
    do { return try await objects.watch(request, home: home) } catch { throw status(error, name: "", verb: "watch") }
  }
}
