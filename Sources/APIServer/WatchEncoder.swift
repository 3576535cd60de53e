import ByteBuffers
import Cacher
import HTTPServer
import JSON
import Machinery
import Registry
import Storage

/// Makes the lines of one watch, or its frames in protobuf. An event of whole objects is three slices, the object's own
/// shared: nothing is copied, whoever else watches.
struct WatchEncoder {
  let endpoint: ResourceEndpoint
  let media: MediaType
  let form: Negotiated.Form
  let include: IncludeObject
  /// Is each event a message of a WebSocket?
  let isWebSocket: Bool
  /// Only the first event of a Table watch shows its columns (semantics 2.39).
  private var needsColumns = true

  init(
    _ endpoint: ResourceEndpoint, media: MediaType, form: Negotiated.Form, include: IncludeObject,
    isWebSocket: Bool = false
  ) {
    self.endpoint = endpoint
    self.media = media
    self.form = form
    self.include = include
    self.isWebSocket = isWebSocket
  }

  /// JSON is named without its framing, everything else with it. (`serveWatch`.)
  var contentType: String { media == .json ? Answer.json : media.rawValue + ";stream=watch" }

  /// Appends the slices of an event's line, frame or message.
  mutating func encode(_ event: WatchEvent, into slices: inout [ByteSlice]) {
    guard isWebSocket else { return encodeEvent(event, into: &slices) }
    let place = slices.count
    encodeEvent(event, into: &slices)
    let length = slices[place...].reduce(0) { $0 + $1.count }
    // JSON is text, protobuf is not. (`WatchServer.UseTextFraming`)
    slices.insert(WebSocketFrame.head(media == .protobuf ? .binary : .text, length: length), at: place)
  }

  private mutating func encodeEvent(_ event: WatchEvent, into slices: inout [ByteSlice]) {
    if media == .protobuf { return encodeProtobuf(event, into: &slices) }
    slices.append(Bytes.prefix(of: event.kind))
    switch event.kind {
    case .error:
      let status = event.status ?? Status.internalError("a watch failed without a reason")
      slices.append(ByteSlice(status.json.encoded()))
    case .bookmark:
      let document = ByteSlice(endpoint.bookmark(event.revision, isInitialEventsEnd: event.isInitialEventsEnd))
      switch form {
      // A list can't be made of one object, and upstream then sends the object as it is.
      case .whole, .partialObjectList: slices.append(document)
      case .partialObject(let version):
        slices.append(
          ByteSlice(ObjectEncoding.partialDocument(document, version: version, hiding: endpoint.hiddenAnnotations)))
      case .table(let version):
        var table = beginTable(version, event.revision)
        table.add(bookmark: document, isInitialEventsEnd: event.isInitialEventsEnd)
        slices.append(ByteSlice(table.finish()))
      }
    case .added, .modified, .deleted:
      guard let object = event.object else { break }
      switch form {
      case .whole, .partialObjectList: slices.append(endpoint.store.shown(object).object)
      case .partialObject(let version):
        slices.append(
          ByteSlice(ObjectEncoding.partial(object, version: version, hiding: endpoint.hiddenAnnotations)))
      case .table(let version):
        var table = beginTable(version, object.revision)
        table.add(object)
        slices.append(ByteSlice(table.finish()))
      }
    }
    slices.append(Bytes.frameEnd)
  }

  private func encodeProtobuf(_ event: WatchEvent, into slices: inout [ByteSlice]) {
    let document: [ByteSlice]
    switch event.kind {
    case .error:
      document = ProtobufForm.document(
        ByteSlice((event.status ?? Status.internalError("a watch failed without a reason")).json.encoded()))
    case .bookmark:
      let bookmark = ByteSlice(endpoint.bookmark(event.revision, isInitialEventsEnd: event.isInitialEventsEnd))
      if case .partialObject(let version) = form {
        document = endpoint.protobuf.partial(bookmark, version: version)
      } else {
        document = endpoint.protobuf.document(bookmark)
      }
    case .added, .modified, .deleted:
      guard let object = event.object else { return }
      if case .partialObject(let version) = form {
        document = endpoint.protobuf.partial(object, version: version)
      } else {
        document = endpoint.protobuf.document(endpoint.store.shown(object))
      }
    }
    ProtobufForm.frame(event.kind.name, document, isDelimited: !isWebSocket, into: &slices)
  }

  private mutating func beginTable(_ version: String, _ revision: Revision) -> TableWriter {
    defer { needsColumns = false }
    let text = endpoint.store.objects.versioner.resourceVersion(of: revision)
    return TableWriter(
      endpoint, version: version, include: include, metadata: #"{"resourceVersion":"\#(text)"}"#,
      hasColumns: needsColumns, capacity: 1_024)
  }
}
