import Audit
import ByteBuffers
import Cacher
import Capacity
import HTTPServer
import JSON
import Machinery
import Registry
import Schema
import Storage

/// Objects and lists as answers, in the form that was negotiated. (`transformResponseObject`.)
extension ResourceEndpoint {
  func answer(
    _ object: CachedObject, code: Int = 200, _ negotiated: Negotiated, _ context: RequestContext
  ) throws(Status) -> Answer {
    var object = object
    if let view { object = try store.shown(object, through: view) }
    let document: ByteSlice
    switch negotiated.form {
    case .whole:
      object = view == nil ? store.shown(object) : object
      switch negotiated.media {
      case .yaml:
        return Answer(
          code: code, contentType: MediaType.yaml.rawValue,
          body: [ByteSlice(object.encoding(ObjectEncoding.yaml) { Self.yaml(object) })], json: [object.object])
      case .protobuf:
        return Answer(
          code: code, contentType: MediaType.protobuf.rawValue, body: protobuf.document(object), json: [object.object])
      case .json:
        guard negotiated.pretty else {
          return Answer(code: code, contentType: Answer.json, body: [object.object, Bytes.newline])
        }
        let pretty = object.encoding(ObjectEncoding.pretty) { JSONIndent.pretty([object.object]) }
        return Answer(code: code, contentType: Answer.json, body: [ByteSlice(pretty)], json: [object.object])
      }
    case .table(let version):
      let metadata =
        object.revisionRange.isEmpty
        ? "{}" : #"{"resourceVersion":"\#(store.objects.versioner.resourceVersion(of: object.revision))"}"#
      var table = TableWriter(self, version: version, include: try IncludeObject(context.query), metadata: metadata)
      table.add(object)
      document = ByteSlice(table.finish())
    case .partialObject(let version) where negotiated.media == .protobuf:
      return Answer(
        code: code, contentType: MediaType.protobuf.rawValue, body: protobuf.partial(object, version: version),
        json: [ByteSlice(ObjectEncoding.partial(object, version: version, hiding: hiddenAnnotations))])
    case .partialObject(let version):
      document = ByteSlice(ObjectEncoding.partial(object, version: version, hiding: hiddenAnnotations))
    case .partialObjectList:
      throw Status.notAcceptable(
        "you requested PartialObjectMetadataList, but the requested object is not a list (*\(goPackage).\(info.kind))")
    }
    return .document(Document(document), negotiated.media, pretty: negotiated.pretty, code: code)
  }

  /// The same; where that is long work, apart from the reactor.
  func answerApart(
    _ object: CachedObject, code: Int = 200, _ negotiated: Negotiated, _ context: RequestContext
  ) async throws(Status) -> Answer {
    let object = store.isConvertedElsewhere ? try await store.converted([object]).first ?? object : object
    guard negotiated.isLong(object, isConverted: isConverted) else {
      return try answer(object, code: code, negotiated, context)
    }
    return try await onWorkThreads { () throws(Status) in try answer(object, code: code, negotiated, context) }
  }

  /// A list whose answer needs no work but slicing; nil where it does.
  func answerNow(_ list: ListResult, _ negotiated: Negotiated) -> Answer? {
    guard negotiated.form == .whole, negotiated.media == .json, !negotiated.pretty, !store.isConverted else {
      return nil
    }
    return Answer(
      code: 200, contentType: Answer.json, body: listDocument(list, isLine: true), objects: objectSlices(list))
  }

  /// Any list. What is made for this client alone is made at once where it is little, else off the reactor and piece by
  /// piece, so that a piece bounds the memory whatever the size. `heldBytes`: of the list's objects, where only this
  /// answer holds them.
  func answer(
    _ list: ListResult, _ negotiated: Negotiated, _ context: RequestContext, heldBytes: Int = 0
  ) async throws(Status) -> Answer {
    if store.isConverted, negotiated.form == .whole || store.isConvertedElsewhere {
      let bytes = list.objects.reduce(0) { $0 + $1.object.count }
      let share = try context.reply.share(for: bytes)
      defer { withExtendedLifetime(share) {} }
      let shown = try await converted(list, for: context.reply)
      return try await answer(shown: shown, negotiated, context, heldBytes: heldBytes + bytes)
    }
    if var plain = answerNow(list, negotiated) {
      if heldBytes > 0 { plain.heldBytes = heldBytes }
      return plain
    }
    return try await answer(shown: list, negotiated, context, heldBytes: heldBytes)
  }

  /// The objects of a list in this version, where they are stored in another. Others get the thread in between.
  private func converted(_ list: ListResult, for reply: Reply) async throws(Status) -> ListResult {
    try await withTaskExecutorPreference(globalConcurrentExecutor) { () async throws(Status) in
      if store.isConvertedElsewhere { return list.holding(try await store.converted(list.objects)) }
      var shown: [CachedObject] = []
      shown.reserveCapacity(list.objects.count)
      for object in list.objects {
        shown.append(store.shown(object))
        guard shown.count % 256 == 0 else { continue }
        // The client has gone, or was told that it took too long.
        if Task.isCancelled || reply.isAnswered { throw .timeout("the list was not made in time") }
        await Task.yield()
      }
      return list.holding(shown)
    }
  }

  /// The same of objects that are in this version already, where they are shown whole.
  private func answer(
    shown list: ListResult, _ negotiated: Negotiated, _ context: RequestContext, heldBytes: Int
  ) async throws(Status) -> Answer {
    if case .partialObjectList(let version) = negotiated.form, list.objects.isEmpty, negotiated.media != .protobuf {
      // Upstream makes it anew, and Go writes a list that nobody made as null.
      let head = partialListHead(list, version: version).dropLast()
      return .document(Document(ByteSlice(SharedBytes(head + "null}"))), negotiated.media, pretty: negotiated.pretty)
    }
    let rough = Self.roughBytes(list.objects)
    let isLittle = rough < AnswerPiece.size
    let references = list.objects.count * MemoryLayout<CachedObject>.stride
    let share = try context.reply.share(for: isLittle ? rough * 3 : AnswerPiece.room + references)
    share.hold(heldBytes)
    defer { withExtendedLifetime(share) {} }
    let contentType = negotiated.media.rawValue
    // What is little is compressed on its way, like any other answer.
    let acceptsGzip = !isLittle && context.reply.acceptsGzip
    let form = try listForm(negotiated.form, context)
    let source: any AnswerSource
    var messages: ProtobufPieces?
    if negotiated.media == .protobuf {
      let made = ProtobufPieces(protobuf, list, partial: form.version, acceptsGzip: acceptsGzip)
      (source, messages) = (made, made)
    } else {
      source = try ListPieces(self, list, form, negotiated.media, pretty: negotiated.pretty)
    }
    var answer: Answer
    if isLittle {
      let make: @Sendable () throws(Status) -> Answer = { [messages] () throws(Status) in
        _ = try messages?.measure(list.objects.count)
        return try .whole(source, contentType: contentType, share: share)
      }
      answer = rough > WorkThreads.inlineBytesMax ? try await onWorkThreads(make) : try make()
    } else {
      answer = try await withTaskExecutorPreference(globalConcurrentExecutor) { [messages] () async throws(Status) in
        // Others get the thread in between.
        while try messages?.measure(256) == false {
          // The client has gone, or was told that it took too long.
          if Task.isCancelled { throw .timeout("the list was not made in time") }
          await Task.yield()
        }
        return try .made(source, contentType: contentType, acceptsGzip: acceptsGzip, share: share)
      }
    }
    if context.reply.audit?.keepsResponse == true { answer.json = try json(list, form) }
    return answer
  }

  private func listForm(_ form: Negotiated.Form, _ context: RequestContext) throws(Status) -> ListPieces.Form {
    switch form {
    case .whole: return .whole
    case .table(let version):
      return .table(TableRows(self, version: version, include: try IncludeObject(context.query)))
    case .partialObject:
      throw Status.notAcceptable(
        "you requested PartialObjectMetadata, but the requested object is a list (*\(goPackage).\(info.listKind))")
    case .partialObjectList(let version): return .partial(version: version)
    }
  }

  /// What a list says, in compact JSON, for those who keep it whole.
  private func json(_ list: ListResult, _ form: ListPieces.Form) throws(Status) -> [ByteSlice] {
    if case .whole = form { return listDocument(list, isLine: false) }
    let source = try ListPieces(self, list, form, .json, pretty: false)
    var slices: [ByteSlice] = []
    while true {
      let piece = try source.next(isCompressed: false)
      slices += piece.slices
      if piece.isLast { return slices.withoutNewline }
    }
  }

  /// How many bytes of documents there are, as far as that is of interest.
  private static func roughBytes(_ objects: [CachedObject]) -> Int {
    var bytes = 0
    for object in objects {
      bytes += object.object.count
      if bytes >= AnswerPiece.size { break }
    }
    return bytes
  }

  /// How Go's messages name the package of the internal type.
  private var goPackage: String {
    info.groupVersion.group.isEmpty ? "core" : String(info.groupVersion.group.prefix { $0 != "." })
  }

  private static func yaml(_ object: CachedObject) -> SharedBytes {
    guard let value = try? JSONValue(parsing: object.object) else { return .empty }
    return value.yaml()
  }
}
