import CYAML

/// The nodes of a YAML document as they are written: aliases point at what they stand for, nothing is resolved or
/// expanded yet.
///
/// Nodes stand in the order of the text, the children of one behind it; `end` is where what follows it begins.
struct YAMLDocument {
  enum Kind: UInt8 { case scalar, sequence, mapping, alias }

  struct Node {
    let kind: Kind
    /// Does what a scalar looks like count? It does where it is written plainly and has no tag.
    var isImplicit = false
    /// Where a tag, or the name of an alias, stands in `names`; -1 for none.
    var name: Int32 = -1
    /// From 0.
    let line: Int32
    var end: Int32 = 0
    /// A scalar's text in `text`, as place and length. The place is the target of an alias.
    var place: Int32 = 0
    var count: Int32 = 0
  }

  var nodes: [Node] = []
  var text: [UInt8] = []
  var names: [String] = []

  func text(_ node: Node) -> String {
    String(decoding: text[Int(node.place)..<Int(node.place) + Int(node.count)], as: UTF8.self)
  }
  /// A tag in full, or the name of an alias; nil where there is none.
  func name(_ node: Node) -> String? { node.name < 0 ? nil : names[Int(node.name)] }

  /// The first document of a text; nil where there is none. What follows it is not looked at, or refused if it says
  /// anything (`isAlone`). `bytes`: not empty.
  static func read(_ bytes: UnsafeRawBufferPointer, isAlone: Bool) throws(YAMLError) -> YAMLDocument? {
    guard bytes.count <= YAMLLimits.bytes else { throw YAMLError("more than \(YAMLLimits.bytes) bytes", line: 0) }
    if let line = YAMLLimits.lineOfManyTagDirectives(bytes) {
      throw YAMLError("more than \(YAMLLimits.tagDirectives) %TAG directives", line: line)
    }
    let events = try YAMLEvents(bytes)
    var document: YAMLDocument?
    while true {
      var builder = YAMLDocumentBuilder(bytes)
      var isOver = false
      while !isOver { isOver = try events.next { (event: yaml_event_t) throws(YAMLError) in try builder.take(event) } }
      guard let root = builder.document.nodes.first else { return document }
      if document == nil {
        document = builder.document
        if !isAlone { return document }
      } else if root.kind != .scalar || !root.isImplicit || root.count > 0 {
        let problem = "more than one document, and only the first would count: leave the others out"
        throw YAMLError(problem, line: Int(root.line) + 1)
      }
    }
  }
}

/// Makes nodes of the events of one document, under limits that bound the time and memory of any text.
struct YAMLDocumentBuilder {
  private(set) var document = YAMLDocument()
  private let bytes: UnsafeRawBufferPointer
  /// Where names stand in `document.names`, and what anchors were last given to.
  private var places: [ByteString: Int32] = [:]
  private var anchors: [ByteString: Int32] = [:]
  private var open: [Open] = []
  private var work = 0
  private var flowDepth = 0
  private var invalidKeys = 0
  private var nameBytes = 0

  /// A collection that has not ended.
  private struct Open {
    let node: Int
    let isMapping: Bool
    let isFlow: Bool
    var isKeyNext: Bool
  }

  init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

  /// Takes the next event; true at the end of the document, or of a stream without one.
  mutating func take(_ event: yaml_event_t) throws(YAMLError) -> Bool {
    work += flowDepth
    guard work <= YAMLLimits.work else {
      throw YAMLError("too many values in flow collections as deep as these", line: event.start_mark.line + 1)
    }
    switch event.type {
    case YAML_DOCUMENT_START_EVENT:
      // go-yaml knows only the version that it is written for.
      if let version = event.data.document_start.version_directive, version.pointee.minor != 1 {
        throw YAMLError("found incompatible YAML document", line: event.start_mark.line)
      }
    case YAML_SCALAR_EVENT: try scalar(event)
    case YAML_ALIAS_EVENT: try alias(event)
    case YAML_SEQUENCE_START_EVENT:
      let start = event.data.sequence_start
      try begin(.sequence, event, anchor: start.anchor, isFlow: start.style == YAML_FLOW_SEQUENCE_STYLE)
    case YAML_MAPPING_START_EVENT:
      let start = event.data.mapping_start
      try begin(.mapping, event, anchor: start.anchor, isFlow: start.style == YAML_FLOW_MAPPING_STYLE)
    case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
      guard let ended = open.popLast() else { break }
      document.nodes[ended.node].end = Int32(document.nodes.count)
      if ended.isFlow { flowDepth -= 1 }
    case YAML_DOCUMENT_END_EVENT, YAML_STREAM_END_EVENT: return true
    default: break
    }
    return false
  }

  private mutating func scalar(_ event: yaml_event_t) throws(YAMLError) {
    let scalar = event.data.scalar
    var node = YAMLDocument.Node(kind: .scalar, line: Int32(clamping: event.start_mark.line))
    node.isImplicit = scalar.plain_implicit != 0
    if let tag = scalar.tag { node.name = try intern(String(cString: tag)) }
    let content = UnsafeBufferPointer(start: scalar.value, count: scalar.length)
    let isPlain = scalar.style == YAML_PLAIN_SCALAR_STYLE
    if isPlain, let around = open.last, around.isFlow, content.contains(UInt8(ascii: "?")) {
      // In flow collections go-yaml takes every question mark for the mark of a key.
      throw YAMLError("did not find expected ',' or '\(around.isMapping ? "}" : "]")'", line: event.start_mark.line)
    }
    node.place = Int32(document.text.count)
    node.count = Int32(content.count)
    document.text.append(contentsOf: content)
    if let anchor = scalar.anchor { anchors[String(cString: anchor)] = Int32(document.nodes.count) }
    try add(node, isCollection: false)
  }

  private mutating func alias(_ event: yaml_event_t) throws(YAMLError) {
    let name = event.data.alias.anchor.map { String(cString: $0) } ?? ""
    guard let target = anchors[name] else { throw YAMLError("unknown anchor '\(name)' referenced", line: 0) }
    var node = YAMLDocument.Node(kind: .alias, line: Int32(clamping: event.start_mark.line))
    node.name = try intern(name)
    node.place = target
    try add(node, isCollection: document.nodes[Int(target)].kind != .scalar)
  }

  private mutating func begin(
    _ kind: YAMLDocument.Kind, _ event: yaml_event_t, anchor: UnsafeMutablePointer<yaml_char_t>?, isFlow: Bool
  ) throws(YAMLError) {
    guard open.count < YAMLLimits.depth else { throw YAMLLimits.tooDeep(bytes, line: event.start_mark.line + 1) }
    if let anchor { anchors[String(cString: anchor)] = Int32(document.nodes.count) }
    let node = document.nodes.count
    try add(YAMLDocument.Node(kind: kind, line: Int32(clamping: event.start_mark.line)), isCollection: true)
    open.append(Open(node: node, isMapping: kind == .mapping, isFlow: isFlow, isKeyNext: kind == .mapping))
    if isFlow { flowDepth += 1 }
  }

  private mutating func add(_ node: YAMLDocument.Node, isCollection: Bool) throws(YAMLError) {
    var node = node
    node.end = Int32(document.nodes.count + 1)
    document.nodes.append(node)
    guard let last = open.indices.last, open[last].isMapping else { return }
    if open[last].isKeyNext, isCollection {
      // One is refused when the document is decoded, unless the text has a worse fault.
      invalidKeys += 1
      guard invalidKeys <= YAMLLimits.invalidKeys else {
        throw YAMLLimits.beyondUpstream(bytes) ?? YAMLError("invalid map key", line: 0)
      }
    }
    open[last].isKeyNext.toggle()
  }

  /// Tags come with the whole of their directive's prefix, each time.
  private mutating func intern(_ name: String) throws(YAMLError) -> Int32 {
    nameBytes += name.utf8.count
    guard nameBytes <= YAMLLimits.nameBytes(bytes.count) else {
      throw YAMLError("tags are longer than the document", line: 0)
    }
    if let place = places[name] { return place }
    let place = Int32(document.names.count)
    places[name] = place
    document.names.append(name)
    return place
  }
}
