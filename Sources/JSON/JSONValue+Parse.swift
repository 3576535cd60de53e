public import ByteBuffers

extension JSONValue {
  /// The value that a node stands for. Of a repeated name the last value stays. Depth is bounded by the parse.
  public init(_ node: JSONNode) {
    switch node.kind {
    case .null: self = .null
    case .bool: self = .bool(node.bool ?? false)
    case .int: self = .int(node.int ?? 0)
    case .double: self = .double(node.double ?? 0)
    case .string: self = .string(node.string ?? "")
    case .array: self = .array(node.elements.map { JSONValue($0) })
    case .object: self = .object(JSONObject(uniquing: node.members.map { JSONObject.Member($0.name.string ?? "", JSONValue($0.value)) }))
    }
  }

  /// Parses a text. The depth limit is far below the tape's, because this form is walked by recursion.
  public init(parsing source: ByteSlice) throws(JSONParseError) {
    var limits = JSONTape.Limits()
    limits.maxDepth = Self.maxDepth
    self.init(try JSONTape.parse(source, limits: limits).root)
  }

  /// Parses a text.
  public init(parsing text: String) throws(JSONParseError) { try self.init(parsing: ByteSlice(SharedBytes(text))) }

  /// Deepest tree that code which recurses over values may be given.
  public static let maxDepth = 512
}
