import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry

/// Writes objects as rows of a Table. (`rest.TableConvertor`, `handlers.asTable`.)
struct TableWriter: ~Copyable {
  private let endpoint: ResourceEndpoint
  private let version: String
  private let include: IncludeObject
  private let now: Int64
  private var writer: JSONWriter
  private var isEmpty = true

  /// Begins a table. `metadata`: the JSON of its list metadata; `hasColumns`: only the first event of a watch shows the columns.
  init(_ endpoint: ResourceEndpoint, version: String, include: IncludeObject, metadata: String, hasColumns: Bool = true, capacity: Int = 4_096) {
    self.endpoint = endpoint
    self.version = version
    self.include = include
    now = Timestamp.now
    writer = JSONWriter(capacity: capacity)
    writer.raw(#"{"kind":"Table","apiVersion":"meta.k8s.io/"#)
    writer.raw(version)
    writer.raw(#"","metadata":"#)
    writer.raw(metadata)
    writer.raw(#","columnDefinitions":"#)
    if hasColumns { writer.raw(endpoint.columnDefinitions) } else { writer.raw("null") }
    writer.raw(#","rows":["#)
  }

  /// Bytes so far.
  var count: Int { writer.count }

  mutating func add(_ object: CachedObject) {
    row(object.object, object, alwaysMetadata: false)
  }

  /// A row for a bookmark, which has no cached object.
  mutating func add(bookmark document: ByteSlice, isInitialEventsEnd: Bool) {
    row(document, nil, alwaysMetadata: isInitialEventsEnd)
  }

  private mutating func row(_ document: ByteSlice, _ object: CachedObject?, alwaysMetadata: Bool) {
    writer.raw(isEmpty ? #"{"cells":"# : #",{"cells":"#)
    isEmpty = false
    if let tape = try? JSONTape.parse(document) {
      writer.value(.array(endpoint.store.strategy.cells(tape.root, now: now)))
    } else {
      writer.raw("[]")
    }
    writer.raw(#","object":"#)
    switch include {
    case .object: writer.raw(document)
    case .none where !alwaysMetadata: writer.raw("null")
    case .metadata, .none:
      let partial = object.map { ObjectEncoding.partial($0, version: version) } ?? ObjectEncoding.partialDocument(document, version: version)
      writer.raw(ByteSlice(partial))
    }
    writer.raw("}")
  }

  consuming func finish() -> SharedBytes {
    writer.raw("]}")
    return writer.finish()
  }
}
