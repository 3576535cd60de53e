import ByteBuffers
import Cacher
import HTTPServer
import JSON
import Machinery
import Registry
import Schema

/// The verbs of a resource. Each follows the order of checks of upstream's handler of the same name, because clients see which comes first.
extension APIServer {
  /// `/api/v1/nodes`
  func collection(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    switch context.method {
    case .get:
      guard accepts(MediaType.all + MediaType.streams, context) else { return }
      if ParameterText.bool(context.query["watch"]) == true {
        watch(endpoint, namespace, name: nil, isPath: false, context)
      } else {
        list(endpoint, namespace, context)
      }
    case .post:
      // A namespaced object is created in a namespace.
      guard !endpoint.info.isNamespaced || !namespace.isEmpty else { return context.reply.send(context.error(.methodNotAllowed)) }
      guard accepts(MediaType.all, context) else { return }
      create(endpoint, namespace, context)
    case .delete:
      guard !endpoint.info.isNamespaced || !namespace.isEmpty else { return context.reply.send(context.error(.methodNotAllowed)) }
      guard accepts(MediaType.all, context) else { return }
      deleteCollection(endpoint, namespace, context)
    default: context.reply.send(context.error(.methodNotAllowed))
    }
  }

  /// `/api/v1/nodes/NAME` and its `/status`
  func item(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ subresource: Subresource, _ context: RequestContext) {
    switch context.method {
    case .get: if accepts(MediaType.all, context) { get(endpoint, namespace, name, context) }
    case .put: if accepts(MediaType.all, context) { update(endpoint, namespace, name, subresource, context) }
    case .patch:
      guard MediaType.patches.contains(patchType(context)) else { return context.reply.send(context.error(.routeUnsupportedMediaType)) }
      if accepts(MediaType.all, context) { patch(endpoint, namespace, name, subresource, context) }
    case .delete where subresource == .main: if accepts(MediaType.all, context) { delete(endpoint, namespace, name, context) }
    default: context.reply.send(context.error(.methodNotAllowed))
    }
  }

  /// `/api/v1/watch/nodes[/NAME]`
  func watchPath(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String?, _ context: RequestContext) {
    guard context.method == .get else { return context.reply.send(context.error(.methodNotAllowed)) }
    if accepts(MediaType.all + MediaType.streams, context) { watch(endpoint, namespace, name: name, isPath: true, context) }
  }

  /// The router's look at the Accept header; answers 406 itself.
  private func accepts(_ types: [String], _ context: RequestContext) -> Bool {
    if Negotiation.routeProduces(types, accept: context.accept) { return true }
    context.reply.send(context.error(.routeNotAcceptable(types)))
    return false
  }

  private func patchType(_ context: RequestContext) -> String { AcceptClause.trimmed((context.contentType ?? "").prefix { $0 != ";" }) }

  // MARK: reads

  private func get(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ context: RequestContext) {
    do throws(Status) {
      let negotiated = try context.negotiated()
      let version = context.query["resourceVersion"] ?? ""
      if let object = try endpoint.store.getNow(name, namespace: namespace, resourceVersion: version) {
        return context.reply.send(try endpoint.answer(object, negotiated, context))
      }
      perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
        try endpoint.answer(try await endpoint.store.get(name, namespace: namespace, resourceVersion: version), negotiated, context)
      }
    } catch {
      context.reply.send(context.error(error))
    }
  }

  private func list(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    do throws(Status) {
      let negotiated = try context.negotiated()
      let prepared = try endpoint.store.prepareList(try ListOptions(context.query), namespace: namespace)
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

  /// `isPath`: by `/watch/`, where the options are held to be those of a list.
  private func watch(_ endpoint: ResourceEndpoint, _ namespace: String, name: String?, isPath: Bool, _ context: RequestContext) {
    let server = self
    context.reply.exchange.perform {
      do throws(Status) {
        let negotiated = try context.negotiated()
        let options = try ListOptions(context.query)
        if isPath, ParameterText.bool(context.query["watch"]) != true, options.sendInitialEvents != nil {
          _ = try endpoint.store.prepareList(options, namespace: namespace)
        }
        if let name { try Self.checkName(name, options) }
        let timeout = server.watchTimeout(options)
        let watcher = try await endpoint.store.watch(
          options, namespace: namespace, name: name, deadline: .now + timeout, home: context.reply.exchange.reactor)
        do throws(Status) {
          let include: IncludeObject
          if case .table = negotiated.form { include = try IncludeObject(context.query) } else { include = .metadata }
          guard negotiated.media != .yaml else {
            throw Status.notAcceptable("only the following media types are accepted: \(MediaType.streams.joined(separator: ", "))")
          }
          let encoder = WatchEncoder(endpoint, media: negotiated.media, form: negotiated.form, include: include)
          WatchPump(watcher, of: endpoint.place, encoder: encoder, reply: context.reply, server: server).start(timeout: timeout)
        } catch {
          watcher.stop()
          throw error
        }
      } catch {
        context.reply.send(context.error(error))
      }
    }
  }

  /// A watch by name may repeat the name in its selector, but say no other.
  private static func checkName(_ name: String, _ options: ListOptions) throws(Status) {
    guard !options.fieldSelector.isEmpty else { return }
    let selected: String?
    do { selected = try FieldSelector.parse(options.fieldSelector).requiredValue(of: "metadata.name") } catch { throw Status.badRequest(error.description) }
    if selected != name { throw Status.badRequest("fieldSelector metadata.name doesn't match requested name") }
  }

  /// As long as asked for, else once to twice the configured least, so that watches opened together do not end together.
  private func watchTimeout(_ options: ListOptions) -> Duration {
    let year: Int64 = 31_536_000
    if let seconds = options.timeoutSeconds, seconds != 0 { return .seconds(min(max(seconds, 0), year)) }
    return configuration.minRequestTimeout * Double.random(in: 1...2)
  }

  // MARK: writes

  private func create(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let body = try await Body.read(context, for: endpoint.store)
      let options = try context.writeOptions(.create)
      try options.validate()
      let (object, warnings) = try endpoint.store.decodeBody(body.json, validation: options.fieldValidationKind, problems: body.problems(options.fieldValidationKind))
      let result = try await endpoint.store.create(object, namespace: namespace, options: options, warnings: warnings)
      return try endpoint.answer(result.object, code: result.code, negotiated, context).warning(result.warnings)
    }
  }

  private func update(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ subresource: Subresource, _ context: RequestContext) {
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let options = try context.writeOptions(.update)
      try options.validate()
      let body = try await Body.read(context, for: endpoint.store)
      let (object, warnings) = try endpoint.store.decodeBody(body.json, validation: options.fieldValidationKind, problems: body.problems(options.fieldValidationKind))
      let result = try await endpoint.store.update(
        name, namespace: namespace, body: object, subresource: subresource, options: options, warnings: warnings)
      return try endpoint.answer(result.object, code: result.code, negotiated, context).warning(result.warnings)
    }
  }

  private func patch(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ subresource: Subresource, _ context: RequestContext) {
    let type = patchType(context)
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let options = try context.writeOptions(.patch)
      try options.validate(isApply: type == MediaType.applyPatch)
      let result: WriteResult
      if type == MediaType.applyPatch {
        let (config, warnings) = try await Body.configuration(context, validation: options.fieldValidationKind)
        result = try await endpoint.store.apply(
          name, namespace: namespace, config: config, subresource: subresource, options: options, warnings: warnings)
      } else {
        guard let kind = PatchKind(rawValue: type) else { throw Status.unsupportedMediaType(accepted: MediaType.patches) }
        result = try await endpoint.store.patch(
          name, namespace: namespace, kind: kind, body: context.body, subresource: subresource, options: options)
      }
      return try endpoint.answer(result.object, code: result.code, negotiated, context).warning(result.warnings)
    }
  }

  private func delete(_ endpoint: ResourceEndpoint, _ namespace: String, _ name: String, _ context: RequestContext) {
    perform(context, limit: configuration.writeTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      var options = try context.deleteOptions()
      if !endpoint.store.allowsUnsafeDeletion { options.ignoresReadError = nil }
      try options.validate()
      if options.ignoresReadError == true {
        try await self.checkUnsafeDeletion(endpoint, namespace, name, context)
        let status = try await endpoint.store.deleteUnreadable(name, namespace: namespace, options: options)
        return .document(Document(status.json), negotiated.media, pretty: negotiated.pretty, code: 200)
      }
      switch try await endpoint.store.delete(name, namespace: namespace, options: options) {
      case .gone(let status): return .document(Document(status.json), negotiated.media, pretty: negotiated.pretty, code: 200)
      case .pending(let object):
        // Only those who asked for the old cascading deletion hear that it goes on (SEMANTICS 2.14).
        return try endpoint.answer(object, code: options.orphanDependents == false ? 202 : 200, negotiated, context)
      }
    }
  }

  private func deleteCollection(_ endpoint: ResourceEndpoint, _ namespace: String, _ context: RequestContext) {
    perform(context, limit: configuration.requestTimeout) { () async throws(Status) in
      let negotiated = try context.negotiated()
      let selection = try ListOptions(context.query)
      _ = try endpoint.store.prepareList(selection, namespace: namespace)
      var options = try context.deleteOptions()
      if !endpoint.store.allowsUnsafeDeletion { options.ignoresReadError = nil }
      try options.validate()
      try options.refuseReadErrors()
      let deleted = try await endpoint.store.deleteCollection(namespace: namespace, list: selection, options: options)
      return try await endpoint.answer(deleted, negotiated, context)
    }
  }
}

/// A request body as JSON, whatever it came as.
private struct Body {
  let json: ByteSlice
  /// Complaints that only the original text shows: names given twice in YAML. A strict refusal quotes go-yaml's one error, warnings come one by one.
  private var duplicates: [String] = []
  func problems(_ validation: FieldValidation) -> [String] {
    if duplicates.isEmpty || validation != .strict { return duplicates }
    return ["yaml: unmarshal errors:\n  " + duplicates.joined(separator: "\n  ")]
  }

  /// Reads the body; YAML that takes its time is read off the reactor.
  static func read(_ context: RequestContext, for store: Store) async throws(Status) -> Body {
    guard context.body.count > 16 << 10, Negotiation.input(contentType: context.contentType) == .yaml else { return try Body(context, for: store) }
    let result = await withTaskExecutorPreference(globalConcurrentExecutor) { () -> Result<Body, Status> in
      Result { () throws(Status) in try Body(context, for: store) }
    }
    return try result.get()
  }

  /// The body of an apply: YAML, of which JSON is a part. Strict validation refuses names given twice, others are warned of them.
  static func configuration(_ context: RequestContext, validation: FieldValidation) async throws(Status) -> (JSONValue, warnings: [String]) {
    // Most clients send JSON, which is read much faster; what is odd about it is left to the reader of YAML.
    if let tape = try? JSONTape.parse(context.body), tape.root.kind == .object, !tape.root.hasRepeatedNames { return (JSONValue(tape.root), []) }
    let body = context.body
    let result = await withTaskExecutorPreference(globalConcurrentExecutor) { () -> Result<(JSONValue, [String]), Status> in
      var duplicates: [String] = []
      do { return .success((try JSONValue(yaml: body, duplicates: &duplicates), duplicates)) } catch {
        return .failure(.badRequest("error decoding YAML: \(error)"))
      }
    }
    let (value, duplicates) = try result.get()
    guard value.object != nil else { throw .badRequest("error decoding YAML: error unmarshaling JSON: json: cannot unmarshal \(value.goKind) into Go value of type map[string]interface {}") }
    if duplicates.isEmpty || validation == .ignore { return (value, []) }
    let text = "yaml: unmarshal errors:\n  " + duplicates.joined(separator: "\n  ")
    if validation == .strict { throw .badRequest("error strict decoding YAML: error converting YAML to JSON: \(text)") }
    return (value, duplicates)
  }

  private init(_ context: RequestContext, for store: Store) throws(Status) {
    switch Negotiation.input(contentType: context.contentType) {
    case .json: json = context.body
    case .yaml:
      do {
        let value = try JSONValue(yaml: context.body, duplicates: &duplicates)
        json = ByteSlice(value.encoded())
      } catch {
        throw Status.badRequest("the object provided is unrecognized (must be of type \(store.info.kind)): \(error) (\(Store.summary(context.body)))")
      }
    case .protobuf: json = try store.json(ofProtobuf: context.body)
    case nil: throw Status.unsupportedMediaType(accepted: MediaType.all)
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

extension JSONNode {
  /// Does any object in it have two members of one name?
  fileprivate var hasRepeatedNames: Bool {
    switch kind {
    case .object:
      var seen: Set<String> = []
      for (name, value) in members {
        if !seen.insert(name.string ?? "").inserted || value.hasRepeatedNames { return true }
      }
      return false
    case .array: return elements.contains { $0.hasRepeatedNames }
    default: return false
    }
  }
}
