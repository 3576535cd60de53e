import Audit
import ByteBuffers
import Cacher
import HTTPServer
import JSON
import Machinery
import Registry
import Schema
import Storage

/// Objects and lists as answers, in the form that was negotiated. (`transformResponseObject`.)
extension ResourceEndpoint {
  func answer(_ object: CachedObject, code: Int = 200, _ negotiated: Negotiated, _ context: RequestContext) throws(Status) -> Answer {
    let document: ByteSlice
    switch negotiated.form {
    case .whole:
      switch negotiated.media {
      case .yaml: return Answer(code: code, contentType: MediaType.yaml.rawValue, body: [ByteSlice(object.encoding(ObjectEncoding.yaml) { Self.yaml(object) })], json: [object.object])
      case .protobuf: return Answer(code: code, contentType: MediaType.protobuf.rawValue, body: protobuf.document(object), json: [object.object])
      case .json:
        guard negotiated.pretty else { return Answer(code: code, contentType: Answer.json, body: [object.object, Bytes.newline]) }
        let pretty = object.encoding(ObjectEncoding.pretty) { JSONIndent.pretty([object.object]) }
        return Answer(code: code, contentType: Answer.json, body: [ByteSlice(pretty)], json: [object.object])
      }
    case .table(let version):
      let metadata = object.revisionRange.isEmpty ? "{}" : #"{"resourceVersion":"\#(store.objects.versioner.resourceVersion(of: object.revision))"}"#
      var table = TableWriter(self, version: version, include: try IncludeObject(context.query), metadata: metadata)
      table.add(object)
      document = ByteSlice(table.finish())
    case .partialObject(let version) where negotiated.media == .protobuf:
      return Answer(code: code, contentType: MediaType.protobuf.rawValue, body: protobuf.partial(object, version: version), json: [ByteSlice(ObjectEncoding.partial(object, version: version))])
    case .partialObject(let version): document = ByteSlice(ObjectEncoding.partial(object, version: version))
    case .partialObjectList:
      throw Status.notAcceptable("you requested PartialObjectMetadataList, but the requested object is not a list (*\(goPackage).\(info.kind))")
    }
    return .document(Document(document), negotiated.media, pretty: negotiated.pretty, code: code)
  }

  /// The same; where that is long work, apart from the reactor.
  func answerApart(_ object: CachedObject, code: Int = 200, _ negotiated: Negotiated, _ context: RequestContext) async throws(Status) -> Answer {
    guard negotiated.isLong(object) else { return try answer(object, code: code, negotiated, context) }
    return try await onWorkThreads { () throws(Status) in try answer(object, code: code, negotiated, context) }
  }

  /// A list whose answer needs no work but slicing; nil where it does.
  func answerNow(_ list: ListResult, _ negotiated: Negotiated) -> Answer? {
    guard negotiated.form == .whole, negotiated.media == .json, !negotiated.pretty else { return nil }
    return Answer(code: 200, contentType: Answer.json, body: listDocument(list, isLine: true), objects: objectSlices(list))
  }

  /// Any list. Long tables let others have the thread in between, and text that has to be rewritten as a whole is rewritten elsewhere.
  func answer(_ list: ListResult, _ negotiated: Negotiated, _ context: RequestContext) async throws(Status) -> Answer {
    if let plain = answerNow(list, negotiated) { return plain }
    // What is made for this client alone needs room before it is made.
    let share = try context.reply.room(for: ownBytes(list, negotiated))
    defer { withExtendedLifetime(share) {} }
    if negotiated.media == .protobuf, let messages = try await protobufList(list, negotiated.form) {
      // The envelope and the list's metadata come before the objects.
      let objects = negotiated.form == .whole ? ObjectSlices(objects: list.objects[...], first: 2, encoding: ObjectEncoding.gzippedMessage) : nil
      var answer = Answer(code: 200, contentType: MediaType.protobuf.rawValue, body: messages, objects: objects)
      if context.reply.audit?.keepsResponse == true {
        if case .partialObjectList(let version) = negotiated.form { answer.json = partialList(list, version: version) } else { answer.json = listDocument(list, isLine: false) }
      }
      return answer
    }
    let document: Document
    switch negotiated.form {
    case .whole where negotiated.media == .yaml:
      let body = await withTaskExecutorPreference(globalConcurrentExecutor) { yaml(list) }
      return Answer(code: 200, contentType: MediaType.yaml.rawValue, body: [ByteSlice(body)], json: context.reply.audit?.keepsResponse == true ? listDocument(list, isLine: false) : nil)
    case .whole: document = Document(listDocument(list, isLine: false))
    case .table(let version):
      var table = TableWriter(
        self, version: version, include: try IncludeObject(context.query), metadata: listMetadata(list), capacity: 2_048 + list.objects.count * 512)
      for (place, object) in list.objects.enumerated() {
        if place % 256 == 255 {
          // Rows hold metadata, of whose size nothing is known before.
          if let share, !share.grow(to: 2 * table.count) { throw Status.noRoom }
          await Task.yield()
        }
        table.add(object)
      }
      document = Document(ByteSlice(table.finish()))
    case .partialObject:
      throw Status.notAcceptable("you requested PartialObjectMetadata, but the requested object is a list (*\(goPackage).\(info.listKind))")
    case .partialObjectList(let version): document = Document(partialList(list, version: version))
    }
    let size = document.slices.reduce(0) { $0 + $1.count }
    let (media, pretty) = (negotiated.media, negotiated.pretty)
    if size > 1 << 18, pretty || media == .yaml {
      return await withTaskExecutorPreference(globalConcurrentExecutor) { .document(document, media, pretty: pretty) }
    }
    return .document(document, media, pretty: pretty)
  }

  /// About as much as a list takes in a form that is not kept.
  private func ownBytes(_ list: ListResult, _ negotiated: Negotiated) -> Int {
    let rows = list.objects.count * 1_024
    switch negotiated.form {
    case .whole where negotiated.media == .protobuf: return list.objects.count * 64
    // Indentation and quotes, in a buffer that grows by doubling.
    case .whole: return list.objects.reduce(0) { $0 + $1.object.count } * 3
    // Grows with its rows.
    case .table: return max(64 << 10, (negotiated.pretty || negotiated.media == .yaml ? 6 : 1) * rows)
    case .partialObject, .partialObjectList: return list.objects.count * 64 + (negotiated.pretty || negotiated.media == .yaml ? 4 * rows : 0)
    }
  }

  private func yaml(_ list: ListResult) -> SharedBytes {
    let metadata = (try? JSONValue(parsing: listMetadata(list))) ?? [:]
    let head: JSONObject = ["kind": .string(info.listKind), "apiVersion": .string(info.groupVersion.description), "metadata": metadata]
    return JSONValue.yaml(list: head, items: list.objects.lazy.map { object in
      var item = JSONWriter(capacity: object.listItem.count + 1)
      item.raw("{")
      item.raw(object.listItem)
      return ByteSlice(item.finish())
    })
  }

  /// A list in protobuf; nil for a form that has none. Objects that have no message yet get it off the reactor.
  private func protobufList(_ list: ListResult, _ form: Negotiated.Form) async throws(Status) -> [ByteSlice]? {
    let version: String?
    switch form {
    case .whole: version = nil
    case .partialObjectList(let asked): version = asked
    case .table, .partialObject: return nil
    }
    if list.objects.count < 16 { return protobuf.list(list, partial: version) }
    return await withTaskExecutorPreference(globalConcurrentExecutor) { self.protobuf.list(list, partial: version) }
  }

  /// How Go's messages name the package of the internal type.
  private var goPackage: String { info.groupVersion.group.isEmpty ? "core" : String(info.groupVersion.group.prefix { $0 != "." }) }

  private static func yaml(_ object: CachedObject) -> SharedBytes {
    guard let value = try? JSONValue(parsing: object.object) else { return .empty }
    return value.yaml()
  }
}
