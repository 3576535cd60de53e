import Audit
import ByteBuffers
import Cacher
import Capacity
import HTTPServer
import JSON
import Machinery
import Registry
import Schema

/// The verbs of a resource. Each follows the order of checks of upstream's handler of the same name, because clients
/// see which comes first.
extension APIServer {
  /// A path of a resource. What the resource does not do there the router says, before anybody else is asked.
  func resource(_ endpoint: Endpoint, _ form: ResourceForm, _ context: RequestContext) {
    // Across all namespaces one can only look, and a custom kind has no other path there.
    if endpoint.info.isCustom, form == .everywhere, context.method != .get {
      return context.reply.send(.pathNotFound)
    }
    guard endpoint.allows(context.method, form) else {
      let status: Status =
        endpoint.info.isCustom
        ? .methodNotSupported(endpoint.info.groupResource, action: context.asked.verb) : .methodNotAllowed
      return context.reply.send(context.error(status))
    }
    if let deprecation = endpoint.info.deprecation { context.reply.warn(deprecation) }
    let namespace = context.asked.namespace
    let name = context.asked.name
    switch endpoint.service {
    case .review(let kind, let resource): review(kind, resource, namespace, context)
    case .posted(let resource, let collection):
      guard accepts(MediaType.all, context) else { return }
      post(resource, namespace, nil, collection.subresource, context)
    case .stored(let resource):
      switch form {
      case .everywhere, .collection: collection(resource, endpoint.verbs, namespace, context)
      case .item: item(resource, namespace, name, .main, context)
      case .subresource(let place):
        let part = endpoint.subresources[place]
        item(resource, namespace, name, part.subresource, view: part.view, context)
      case .watchCollection, .watchItem:
        guard accepts(MediaType.all + MediaType.streams, context) else { return }
        watch(resource, endpoint.verbs, namespace, name: form == .watchItem ? name : nil, context)
      }
    }
  }

  /// `/api/v1/nodes`
  private func collection(
    _ endpoint: ResourceEndpoint, _ verbs: Verbs, _ namespace: String, _ context: RequestContext
  ) {
    let isRead = context.method == .get
    guard accepts(isRead ? MediaType.all + MediaType.streams : MediaType.all, context) else { return }
    switch context.method {
    case .get where context.asked.verb == "watch": watch(endpoint, verbs, namespace, name: nil, context)
    case .get: list(endpoint, namespace, context)
    case .post: create(endpoint, namespace, context)
    case .delete: deleteCollection(endpoint, namespace, context)
    default: context.reply.send(context.error(.methodNotAllowed))
    }
  }

  /// `/api/v1/nodes/NAME` and its `/status`
  private func item(
    _ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ subresource: Subresource,
    view: ResourceEndpoint? = nil, _ context: RequestContext
  ) {
    let seen = view ?? endpoint
    if let connection = endpoint.store.subresource(subresource)?.connection {
      return connect(connection, endpoint, namespace, name, context)
    }
    if context.method == .patch {
      // What a client has defined has no router of its own, and no type by which lists could be merged.
      if endpoint.info.isCustom {
        guard MediaType.customPatches.contains(patchType(context)) else {
          return context.reply.send(context.error(.unsupportedMediaType(accepted: MediaType.customPatches)))
        }
      } else if !MediaType.patches.contains(patchType(context)) {
        return context.reply.send(context.error(.routeUnsupportedMediaType))
      }
    }
    guard accepts(MediaType.all, context) else { return }
    switch context.method {
    case .get: get(seen, namespace, name, context)
    case .post: post(endpoint, namespace, name, subresource, context)
    case .put: update(seen, namespace, name, subresource, context)
    case .patch: patch(seen, namespace, name, subresource, context)
    case .delete where subresource == .main: delete(endpoint, namespace, name, context)
    default: context.reply.send(context.error(.methodNotAllowed))
    }
  }

  /// The router's look at the Accept header; answers 406 itself.
  func accepts(_ types: [String], _ context: RequestContext) -> Bool {
    // What a client has defined has no router of its own.
    if case .resource(let endpoint, _) = context.asked.target, endpoint.info.isCustom { return true }
    if Negotiation.routeProduces(types, accept: context.accept) { return true }
    context.reply.send(context.error(.routeNotAcceptable(types)))
    return false
  }

  private func patchType(_ context: RequestContext) -> String { Negotiation.name(of: (context.contentType ?? "")[...]) }

  // MARK: reads

  private func get(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ context: RequestContext) {
    do throws(Status) {
      let negotiated = try context.negotiated()
      let version = context.query["resourceVersion"] ?? ""
      if let object = try endpoint.store.getNow(name, namespace: namespace, resourceVersion: version) {
        guard
          endpoint.store.isConvertedElsewhere
            || negotiated.isLong(object, isConverted: endpoint.isConverted)
        else {
          return context.reply.send(try endpoint.answer(object, negotiated, context))
        }
        return perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
          try await endpoint.answerApart(object, negotiated, context)
        }
      }
      perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
        let object = try await endpoint.store.get(name, namespace: namespace, resourceVersion: version)
        return try await endpoint.answerApart(object, negotiated, context)
      }
    } catch {
      context.reply.send(context.error(error))
    }
  }

  private func list(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    do throws(Status) {
      let negotiated = try context.negotiated()
      let options = try ListOptions(context.query)
      if options.areSelectorsLong {
        return perform(context, limit: configuration.requestTimeout, isLong: true) { () async throws(Status) in
          let list = try await endpoint.store.list(try endpoint.store.prepareList(options, namespace: namespace))
          return try await endpoint.answer(list, negotiated, context)
        }
      }
      let prepared = try endpoint.store.prepareList(options, namespace: namespace)
      let now = endpoint.store.listNow(prepared)
      if let now, let answer = endpoint.answerNow(now, negotiated) { return context.reply.send(answer) }
      perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
        let list: ListResult
        if let now { list = now } else { list = try await endpoint.store.list(prepared) }
        return try await endpoint.answer(list, negotiated, context)
      }
    } catch {
      context.reply.send(context.error(error))
    }
  }

  // MARK: watch

  /// Asked for by `watch=true`, or by a path with `/watch/`, where without it the options are held to be those of a
  /// list.
  private func watch(
    _ endpoint: ResourceEndpoint, _ verbs: Verbs, _ namespace: String, name: String?, _ context: RequestContext
  ) {
    let server = self
    context.reply.exchange.perform {
      do throws(Status) {
        let negotiated = try context.negotiated()
        let options = try await Self.listOptions(context)
        try options.validate()
        guard verbs.contains(.watch) else {
          throw Status.methodNotSupported(endpoint.info.groupResource, action: "watch")
        }
        if let name { try Self.checkName(name, options) }
        let timeout = server.watchTimeout(options)
        let watcher = try await endpoint.store.watch(
          options, namespace: namespace, name: name, deadline: .now + timeout, home: context.reply.exchange.reactor)
        do throws(Status) {
          let include: IncludeObject
          if case .table = negotiated.form { include = try IncludeObject(context.query) } else { include = .metadata }
          guard negotiated.media != .yaml else {
            throw Status.notAcceptable(
              "only the following media types are accepted: \(MediaType.streams.joined(separator: ", "))")
          }
          let encoder = WatchEncoder(
            endpoint, media: negotiated.media, form: negotiated.form, include: include,
            isWebSocket: context.webSocket != nil)
          let pump = WatchPump(watcher, encoder: encoder, reply: context.reply, server: server)
          switch context.webSocket?.answer() {
          case nil: pump.start(timeout: timeout)
          case .success(let head): pump.start(timeout: timeout, upgrade: head)
          case .failure(let refusal):
            watcher.stop()
            context.reply.send(refusal.answer)
          }
        } catch {
          watcher.stop()
          throw error
        }
      } catch {
        context.reply.send(context.error(error))
      }
    }
  }

  /// The options of a request; long selectors are read apart.
  private static func listOptions(_ context: RequestContext) async throws(Status) -> ListOptions {
    let options = try ListOptions(context.query)
    guard options.areSelectorsLong else { return options }
    return await onWorkThreads {
      var options = options
      options.readSelectors()
      return options
    }
  }

  /// A watch by name may repeat the name in its selector, but say no other.
  private static func checkName(_ name: String, _ options: ListOptions) throws(Status) {
    guard !options.fieldSelector.isEmpty else { return }
    if try options.requiredName() != name {
      throw Status.badRequest("fieldSelector metadata.name doesn't match requested name")
    }
  }

  /// As long as asked for, else once to twice the configured least, so that watches opened together do not end
  /// together.
  private func watchTimeout(_ options: ListOptions) -> Duration {
    let year: Int64 = 31_536_000
    if let seconds = options.timeoutSeconds, seconds != 0 { return .seconds(min(max(seconds, 0), year)) }
    return configuration.minRequestTimeout * Double.random(in: 1...2)
  }

  // MARK: writes

  private func create(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let body = try await RequestBody.read(context, endpoint.store.reader)
      let options = try context.writeOptions(.create)
      try options.validate()
      let read = try endpoint.store.decodeBody(
        body.json, validation: options.fieldValidationKind, problems: body.problems(options.fieldValidationKind))
      context.reply.audit?.sent(read.object)
      let result = try await endpoint.store.create(
        read.object, namespace: namespace, options: options, warnings: read.warnings, traces: read.traces)
      let answer = try await endpoint.answerApart(result.object, code: result.code, negotiated, context)
      return answer.warning(result.warnings)
    }
  }

  /// To a part of an object; `name`: nil where the body says which object.
  private func post(
    _ endpoint: ResourceEndpoint, _ namespace: String, _ name: String?, _ subresource: Subresource,
    _ context: RequestContext
  ) {
    guard let action = endpoint.store.subresource(subresource)?.action else {
      return context.reply.send(context.error(.methodNotAllowed))
    }
    let served = catalog.served
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let body = try await RequestBody.read(context, action.reader)
      let options = try context.writeOptions(.create)
      try options.validate()
      let validation = options.fieldValidationKind
      let read = try action.reader.decode(
        body.json, validation: validation, problems: body.problems(validation),
        acceptsOtherVersions: action.acceptsOtherVersions)
      let (object, warnings) = (read.object, read.warnings)
      context.reply.audit?.sent(object)
      do throws(Status) {
        try endpoint.info.checkNamespace(object["metadata"], namespace)
        let request = SubresourceAction.Request(
          name: name ?? object["metadata"]?["name"]?.string ?? "", namespace: namespace, body: object,
          store: endpoint.store, options: options, stores: served.store)
        switch try await action.respond(request) {
        case .success(let status): return Answer.success(status, negotiated).warning(warnings)
        case .object(let object, let more):
          return Answer.document(
            Document(object), negotiated.media, pretty: context.pretty || negotiated.pretty, code: 201
          ).warning(warnings + more)
        }
      } catch { throw error.after(warnings) }
    }
  }

  private func update(
    _ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ subresource: Subresource,
    _ context: RequestContext
  ) {
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      try context.checkBody()
      let options = try context.writeOptions(.update)
      try options.validate()
      let body = try await RequestBody.read(context, endpoint.reader)
      let read = try endpoint.reader.decode(
        body.json, validation: options.fieldValidationKind, problems: body.problems(options.fieldValidationKind))
      context.reply.audit?.sent(read.object)
      let result = try await endpoint.store.update(
        name, namespace: namespace, body: read.object, subresource: subresource, options: options,
        warnings: read.warnings, traces: read.traces)
      let answer = try await endpoint.answerApart(result.object, code: result.code, negotiated, context)
      return answer.warning(result.warnings)
    }
  }

  private func patch(
    _ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ subresource: Subresource,
    _ context: RequestContext
  ) {
    let type = patchType(context)
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      try context.checkBody()
      let options = try context.writeOptions(.patch)
      try options.validate(isApply: type == MediaType.applyPatch)
      let result: WriteResult
      if type == MediaType.applyPatch {
        let (config, warnings) = try await RequestBody.configuration(context, validation: options.fieldValidationKind)
        context.reply.audit?.sent(besides: config)
        result = try await endpoint.store.apply(
          name, namespace: namespace, config: config, subresource: subresource, options: options, warnings: warnings)
      } else {
        guard let kind = PatchKind(rawValue: type) else {
          throw Status.unsupportedMediaType(accepted: MediaType.patches)
        }
        context.reply.audit?.sent(context.body)
        result = try await endpoint.store.patch(
          name, namespace: namespace, kind: kind, body: context.body, subresource: subresource, options: options)
      }
      let answer = try await endpoint.answerApart(result.object, code: result.code, negotiated, context)
      return answer.warning(result.warnings)
    }
  }

  private func delete(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ context: RequestContext) {
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      try context.checkBody()
      var options = try await context.deleteOptions()
      if !endpoint.store.allowsUnsafeDeletion { options.ignoresReadError = nil }
      try options.validate()
      context.auditOptions()
      if options.ignoresReadError == true {
        try await self.checkUnsafeDeletion(endpoint, namespace, name, context)
        let status = try await endpoint.store.deleteUnreadable(name, namespace: namespace, options: options)
        return .success(status, negotiated)
      }
      let warnings = endpoint.store.warnings(of: options)
      let deletion: DeleteResult
      do throws(Status) {
        deletion = try await endpoint.store.delete(name, namespace: namespace, options: options)
      } catch {
        throw error.after(warnings)
      }
      switch deletion {
      case .gone(let status): return Answer.success(status, negotiated).warning(warnings)
      case .removed(let object):
        return try await endpoint.answerApart(object, negotiated, context).warning(warnings)
      case .pending(let object):
        // Only those who asked for the old cascading deletion hear that it goes on (semantics 2.14).
        let code = options.orphanDependents == false ? 202 : 200
        return try await endpoint.answerApart(object, code: code, negotiated, context).warning(warnings)
      }
    }
  }

  private func deleteCollection(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let selection = try await Self.listOptions(context)
      _ = try endpoint.store.prepareList(selection, namespace: namespace)
      try context.checkBody()
      var options = try await context.deleteOptions()
      if !endpoint.store.allowsUnsafeDeletion { options.ignoresReadError = nil }
      try options.validate()
      try options.refuseReadErrors()
      context.auditOptions()
      let warnings = endpoint.store.warnings(of: options)
      let deleted: ListResult
      do throws(Status) {
        deleted = try await endpoint.store.deleteCollection(namespace: namespace, list: selection, options: options)
      } catch { throw error.after(warnings) }
      // The cache has let go of them.
      let held = deleted.objects.reduce(0) { $0 + $1.object.count }
      return try await endpoint.answer(deleted, negotiated, context, heldBytes: held).warning(warnings)
    }
  }
}

extension WriteOptions {
  /// Warn, unless the client says otherwise.
  var fieldValidationKind: FieldValidation { FieldValidation(rawValue: fieldValidation) ?? .warn }
}

extension ListOptions {
  /// What a LIST without a query asks for.
  static let everything = ListOptions()
}
