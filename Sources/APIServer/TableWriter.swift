import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry

/// How objects become rows of a Table. (`rest.TableConvertor`, `handlers.asTable`.)
struct TableRows: Sendable {
  let endpoint: ResourceEndpoint
  let version: String
  let include: IncludeObject
  let now = Timestamp.now

  init(_ endpoint: ResourceEndpoint, version: String, include: IncludeObject) {
    self.endpoint = endpoint
    self.version = version
    self.include = include
  }

  /// The objects of a list in the order in which they are shown.
  func ordered(_ objects: [CachedObject]) -> [CachedObject] {
    guard let order = endpoint.store.definition.rowOrder else { return objects }
    let places = objects.map { object in (try? JSONTape.parse(object.object)).map { order($0.root) } ?? .max }
    return objects.indices.sorted { (places[$0], $0) < (places[$1], $1) }.map { objects[$0] }
  }

  /// What stands before the rows. `metadata`: the JSON of the list metadata; `hasColumns`: only the first event of a
  /// watch shows the columns.
  func head(metadata: String, hasColumns: Bool = true) -> String {
    let columns = hasColumns ? endpoint.columnDefinitions.text : "null"
    return
      #"{"kind":"Table","apiVersion":"meta.k8s.io/\#(version)","metadata":\#(metadata),"columnDefinitions":\#(columns),"rows":["#
  }

  /// Writes the row of an object. Throws for what can't be read.
  func add(_ object: CachedObject, to writer: inout JSONWriter) throws(Status) {
    let row = endpoint.store.row(object)
    guard let tape = try? JSONTape.parse(row.object) else { throw .unrenderable(object.key) }
    write(shown(object), tape.root, to: &writer, hidesMetadata: true)
  }

  /// What stands beside the cells of a row, where that is the whole object.
  func shown(_ object: CachedObject) -> ByteSlice {
    include == .object && endpoint.view == nil ? endpoint.store.shown(object).object : object.object
  }

  /// `root`: of `document`; nil where it can't be read. `hidesMetadata`: it is shown only to those who asked for it.
  func write(_ document: ByteSlice, _ root: JSONNode?, to writer: inout JSONWriter, hidesMetadata: Bool) {
    writer.raw(#"{"cells":"#)
    if let root {
      writer.value(.array(endpoint.columns.map { $0.cell(root, now) }))
    } else {
      writer.raw("[]")
    }
    writer.raw(#","object":"#)
    switch include {
    case .object: writer.raw(document)
    case .none where hidesMetadata: writer.raw("null")
    case .metadata, .none:
      let metadata = ObjectEncoding.shown(root?["metadata"], hiding: endpoint.hiddenAnnotations)
      ObjectEncoding.write(metadata, version: version, to: &writer)
    }
    writer.raw("}")
  }
}

/// Writes a Table of one object, or of one event of a watch.
struct TableWriter: ~Copyable {
  private let rows: TableRows
  private var writer: JSONWriter

  /// Begins a table; see `TableRows.head`.
  init(
    _ endpoint: ResourceEndpoint, version: String, include: IncludeObject, metadata: String, hasColumns: Bool = true,
    capacity: Int = 4_096
  ) {
    rows = TableRows(endpoint, version: version, include: include)
    writer = JSONWriter(capacity: capacity)
    writer.raw(rows.head(metadata: metadata, hasColumns: hasColumns))
  }

  mutating func add(_ object: CachedObject) {
    rows.write(
      rows.shown(object), try? JSONTape.parse(rows.endpoint.store.row(object).object).root, to: &writer,
      hidesMetadata: true)
  }

  /// A row for a bookmark, which has no cached object.
  mutating func add(bookmark document: ByteSlice, isInitialEventsEnd: Bool) {
    rows.write(document, try? JSONTape.parse(document).root, to: &writer, hidesMetadata: !isInitialEventsEnd)
  }

  consuming func finish() -> SharedBytes {
    writer.raw("]}")
    return writer.finish()
  }
}
