import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import Storage

/// One served resource that is stored: its store and the bytes that all its answers share. Whoever is at work on it
/// holds it: when nobody does, `lifetime` is over.
final class ResourceEndpoint: Sendable {
  let store: Store
  /// What clients see of the objects, at a part of them; nil where they see the objects. Such an endpoint has neither
  /// lists nor watches.
  let view: SubresourceView?
  let columns: [TableColumn]
  let info: ResourceInfo
  let metrics: EndpointMetrics
  let lifetime = ResourceLifetime()
  let protobuf: ProtobufForm
  /// `{"kind":"NodeList","apiVersion":"v1","metadata":{"resourceVersion":"`
  private let listHeadStart: String
  /// The same of a list of what is not stored, to its items.
  private let unversionedListHead: String
  /// The `columnDefinitions` of a Table.
  let columnDefinitions: ByteSlice
  /// A bookmark around its revision: `{"kind":…,"metadata":{"resourceVersion":"` and `"…}}`, without and with the
  /// annotation that ends the initial events.
  private let bookmarkHead: String
  private let bookmarkTail: String
  private let annotatedHead: String
  private let annotatedTail: String

  init(_ store: Store, view: SubresourceView? = nil, metrics: EndpointMetrics) {
    self.store = store
    self.view = view
    self.metrics = metrics
    info = view?.info ?? store.info
    columns = view?.columns ?? store.columns
    protobuf = ProtobufForm(info, hiding: store.definition.hiddenAnnotations) {
      view?.protobufMessage(of: $0) ?? store.protobufMessage(of: $0)
    }
    listHeadStart =
      #"{"kind":"\#(info.listKind)","apiVersion":"\#(info.groupVersion)","metadata":{"resourceVersion":""#
    unversionedListHead =
      #"{"kind":"\#(info.listKind)","apiVersion":"\#(info.groupVersion)","metadata":{},"items":["#
    let definitions = columns.filter(\.isDefined).map { column -> JSONValue in
      [
        "name": .string(column.name), "type": .string(column.type), "format": .string(column.format),
        "description": .string(column.description),
        "priority": .int(Int64(column.priority)),
      ]
    }
    columnDefinitions = ByteSlice(JSONValue.array(definitions).encoded())
    // A bookmark is an empty object of the type with a revision: everything the type writes even when empty is there
    // (semantics 2.33).
    let empty = JSONValue.object([
      "kind": .string(info.kind), "apiVersion": .string(info.groupVersion.description),
      "metadata": ["resourceVersion": "0"],
    ])
    let document = (try? store.decodeBody(ByteSlice(empty.encoded()), validation: .ignore).object) ?? empty
    (bookmarkHead, bookmarkTail) = ResourceEndpoint.aroundRevision(document)
    // Some kinds have an annotation even when they are empty.
    var annotated = document
    var annotations = document["metadata"]?["annotations"]?.object ?? JSONObject()
    annotations["k8s.io/initial-events-end"] = "true"
    annotations.sortByName()
    annotated["metadata"]?["annotations"] = .object(annotations)
    (annotatedHead, annotatedTail) = ResourceEndpoint.aroundRevision(annotated)
  }

  deinit { lifetime.end() }

  var hiddenAnnotations: [String] { store.definition.hiddenAnnotations }

  /// Reads request bodies.
  var reader: ObjectReader { view?.reader ?? store.reader }

  /// Do objects have to be converted before they are shown?
  var isConverted: Bool { view != nil || store.isConverted }

  /// What stands before and behind the digits of the revision 0 in a document.
  private static func aroundRevision(_ document: JSONValue) -> (head: String, tail: String) {
    let text = document.encoded().text
    let lead = #""resourceVersion":""#
    guard let place = text.firstRange(of: lead + "0\"") else { return ("", "") }
    return (String(text[..<place.lowerBound]) + lead, "\"" + text[place.upperBound...])
  }

  /// The document of a bookmark.
  func bookmark(_ revision: Revision, isInitialEventsEnd: Bool) -> SharedBytes {
    SharedBytes(
      (isInitialEventsEnd ? annotatedHead : bookmarkHead) + store.objects.versioner.resourceVersion(of: revision)
        + (isInitialEventsEnd ? annotatedTail : bookmarkTail))
  }

  /// A list in compact JSON: the objects' own bytes, each with the separator to the next. `isLine`: with the closing
  /// newline, which is not added afterwards because that would retain thousands of owners once more.
  func listDocument(_ list: ListResult, isLine: Bool) -> [ByteSlice] {
    let end = listEnd(list, isLine: isLine)
    var slices: [ByteSlice] = []
    slices.reserveCapacity(list.objects.count + 3)
    var head = listHead(list)
    guard let last = list.objects.last else {
      slices.append(ByteSlice(SharedBytes(head)))
      slices.append(end)
      return slices
    }
    head += "{"
    slices.append(ByteSlice(SharedBytes(head)))
    for object in list.objects.dropLast() { slices.append(object.listItemAndSeparator) }
    slices.append(last.listItem)
    slices.append(end)
    return slices
  }

  /// Which slices of `listDocument` can be taken compressed from the objects. The last lacks the separator, so it is
  /// none.
  func objectSlices(_ list: ListResult) -> ObjectSlices {
    ObjectSlices(objects: list.objects.dropLast(), first: 1, encoding: ObjectEncoding.gzippedItem)
  }

  private func metadataRest(_ list: ListResult) -> String {
    if list.continueToken.isEmpty { return "" }
    return #","continue":"\#(list.continueToken)""# + (list.remaining.map { #","remainingItemCount":\#($0)"# } ?? "")
  }

  /// The metadata of a list in another kind.
  func listMetadata(_ list: ListResult) -> String {
    list.resourceVersion.isEmpty
      ? "{}" : #"{"resourceVersion":"\#(list.resourceVersion)""# + metadataRest(list) + "}"
  }

  /// What stands before the items of a list.
  func listHead(_ list: ListResult) -> String {
    // Members by their names, as Go writes maps.
    if info.isCustom { return #"{"apiVersion":"\#(info.groupVersion)","items":["# }
    if list.resourceVersion.isEmpty { return unversionedListHead }
    return listHeadStart + list.resourceVersion + "\"" + metadataRest(list) + "},\"items\":["
  }

  /// What stands behind them, in compact JSON.
  func listEnd(_ list: ListResult, isLine: Bool) -> ByteSlice {
    guard info.isCustom else { return isLine ? Bytes.listEnd : Bytes.listEndCompact }
    let remaining = list.continueToken.isEmpty ? nil : list.remaining
    let metadata =
      list.resourceVersion.isEmpty
      ? #"{"continue":"","resourceVersion":""}"#
      : #"{"continue":"\#(list.continueToken)""# + (remaining.map { #","remainingItemCount":\#($0)"# } ?? "")
        + #","resourceVersion":"\#(list.resourceVersion)"}"#
    return ByteSlice(SharedBytes(#"],"kind":"\#(info.listKind)","metadata":\#(metadata)}"# + (isLine ? "\n" : "")))
  }

  /// The same of a `PartialObjectMetadataList`.
  func partialListHead(_ list: ListResult, version: String) -> String {
    #"{"kind":"PartialObjectMetadataList","apiVersion":"meta.k8s.io/\#(version)","metadata":\#(listMetadata(list)),"items":["#
  }
}
