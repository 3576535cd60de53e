public import ByteBuffers
public import JSON

extension JSONValue {
  /// Reads YAML as sigs.k8s.io/yaml does: the first document, YAML 1.1 scalars, keys made strings, merge keys followed;
  /// of a repeated name the last value counts. `duplicates` receives what go-yaml says about each: `line 3: key "name"
  /// already set in map`.
  public init(yaml source: ByteSlice, duplicates: inout [String]) throws(YAMLError) {
    self = try Self.read(source, isAlone: false, &duplicates)
  }

  /// Reads YAML; repeated names keep their last value.
  public init(yaml source: ByteSlice) throws(YAMLError) {
    var duplicates: [String] = []
    try self.init(yaml: source, duplicates: &duplicates)
  }

  /// Reads a configuration file, of which nothing may be lost: a document that follows the first is refused, and so
  /// that the caller can refuse them, names given twice are told.
  public init(yamlFile source: ByteSlice, duplicates: inout [String]) throws(YAMLError) {
    self = try Self.read(source, isAlone: true, &duplicates)
  }

  private static func read(
    _ source: ByteSlice, isAlone: Bool, _ duplicates: inout [String]
  ) throws(YAMLError) -> JSONValue {
    if source.count == 0 { return .null }
    let document = try source.withUnsafeBytes { bytes throws(YAMLError) in
      try YAMLDocument.read(bytes, isAlone: isAlone)
    }
    guard let document else { return .null }
    var decoder = YAMLDecoder(document)
    let value = try decoder.decode()
    duplicates = decoder.duplicates
    return value
  }
}

/// Makes values of a document's nodes, step by step as go-yaml does, so that what it counts and refuses is counted and
/// refused here.
struct YAMLDecoder {
  private(set) var duplicates: [String] = []
  private let document: YAMLDocument
  /// Steps so far: values read, those that aliases stand for each time.
  private(set) var values = 0
  /// Those among them that aliases stand for, and the bytes of their texts.
  private var aliased = 0
  private var aliasedBytes = 0
  /// Aliases that are being followed.
  private var followed: Set<Int> = []
  /// What JSON can't hold, which is told where nothing worse is found: keys, then numbers.
  private var badKey: YAMLError?
  private var badNumber: YAMLError?

  init(_ document: YAMLDocument) { self.document = document }

  mutating func decode() throws(YAMLError) -> JSONValue {
    let value = try value(0, depth: 0)
    if let problem = badKey ?? badNumber { throw problem }
    return value
  }

  private mutating func count() throws(YAMLError) {
    values += 1
    if !followed.isEmpty { aliased += 1 }
    if aliased > 100, values > 1_000, Double(aliased) / Double(values) > Self.aliasedShare(of: values) {
      throw Self.excessiveAliasing
    }
    if values > YAMLLimits.values { throw YAMLError("more than \(YAMLLimits.values) values", line: 0) }
  }

  private static let excessiveAliasing = YAMLError("document contains excessive aliasing", line: 0)

  /// How much of a document aliases may stand for: nearly all of a small one, little of a large one.
  /// (`allowedAliasRatio`.)
  private static func aliasedShare(of values: Int) -> Double {
    let (low, high) = (400_000, 4_000_000)
    if values <= low { return 0.99 }
    return values >= high ? 0.10 : 0.99 - 0.89 * (Double(values - low) / Double(high - low))
  }

  private mutating func value(_ place: Int, depth: Int) throws(YAMLError) -> JSONValue {
    try count()
    let node = document.nodes[place]
    switch node.kind {
    case .scalar: return json(try scalar(node))
    case .alias:
      try follow(place)
      // What it stands for is no deeper than the alias.
      let value = try value(Int(node.place), depth: depth)
      followed.remove(place)
      return value
    case .sequence:
      try checkDepth(depth)
      var elements: [JSONValue] = []
      var at = place + 1
      while at < Int(node.end) {
        elements.append(try value(at, depth: depth + 1))
        at = Int(document.nodes[at].end)
      }
      return .array(elements)
    case .mapping:
      try checkDepth(depth)
      var members = YAMLMembers()
      try collect(place, &members, depth: depth)
      return .object(members.object)
    }
  }

  private mutating func follow(_ place: Int) throws(YAMLError) {
    guard followed.insert(place).inserted else {
      let name = document.name(document.nodes[place]) ?? ""
      throw YAMLError("anchor '\(name)' value contains itself", line: 0)
    }
  }

  /// Aliases nest what is not nested in the text, and merges go as deep without nesting anything. `depth`: how many
  /// collections there are around.
  private func checkDepth(_ depth: Int) throws(YAMLError) {
    guard depth < YAMLLimits.depth else { throw YAMLError("exceeded max depth of \(YAMLLimits.depth)", line: 0) }
  }

  private mutating func scalar(_ node: YAMLDocument.Node) throws(YAMLError) -> YAMLScalar {
    if !followed.isEmpty {
      aliasedBytes += Int(node.count)
      guard aliasedBytes <= YAMLLimits.aliasedBytes else { throw Self.excessiveAliasing }
    }
    return try YAMLScalar(document.text(node), tag: document.name(node), isImplicit: node.isImplicit)
  }

  private mutating func json(_ scalar: YAMLScalar) -> JSONValue {
    switch scalar {
    case .null: return .null
    case .bool(let truth): return .bool(truth)
    case .int(let number): return .int(number)
    case .uint(let number): return .double(Double(number))
    case .string(let text), .timestamp(let text): return .string(text)
    case .float(let number):
      guard number.isFinite else {
        let name = number.isNaN ? "NaN" : number < 0 ? "-Inf" : "+Inf"
        badNumber = badNumber ?? YAMLError("json: unsupported value: \(name)")
        return .null
      }
      // Go writes whole numbers without a point, and reads them back as integers.
      if number.magnitude < 0x1p53 { return Int64(exactly: number).map { .int($0) } ?? .double(number) }
      return Int64(JSONValue.double(number).encoded().text).map { .int($0) } ?? .double(number)
    }
  }

  // MARK: mappings

  /// Sets the members of a mapping, one after the other; those of one that is merged into it stand where its key does,
  /// and may be set again.
  private mutating func collect(_ mapping: Int, _ members: inout YAMLMembers, depth: Int) throws(YAMLError) {
    var at = mapping + 1
    let end = Int(document.nodes[mapping].end)
    while at < end {
      let place = Int(document.nodes[at].end)
      guard place < end else { break }
      if isMerge(document.nodes[at]) {
        try merge(place, &members, depth: depth)
      } else {
        let key = try key(at, depth: depth)
        let before = values
        let value = try value(place, depth: depth + 1)
        if let name = key.name {
          if !members.set(name, key.kind, value), duplicates.count < YAMLLimits.duplicates {
            duplicates.append("line \(document.nodes[place].line + 1): key \(key.syntax) already set in map")
          }
        } else {
          let shown = Self.shown(value, values - before)
          let problem = "unsupported map key of type: \(key.type), key: \(key.syntax), value: \(shown)"
          badKey = badKey ?? YAMLError(problem)
        }
      }
      at = Int(document.nodes[place].end)
    }
  }

  private func isMerge(_ key: YAMLDocument.Node) -> Bool {
    guard key.kind == .scalar, key.count == 2, document.text(key) == "<<" else { return false }
    return key.isImplicit || document.name(key) == "tag:yaml.org,2002:merge"
  }

  /// A mapping, or several, of which earlier ones have precedence: so they are set last.
  private mutating func merge(_ place: Int, _ members: inout YAMLMembers, depth: Int) throws(YAMLError) {
    let node = document.nodes[place]
    guard node.kind == .sequence else { return try mergeOne(place, &members, depth: depth) }
    var items: [Int] = []
    var at = place + 1
    while at < Int(node.end) {
      items.append(at)
      at = Int(document.nodes[at].end)
    }
    for item in items.reversed() { try mergeOne(item, &members, depth: depth) }
  }

  private mutating func mergeOne(_ place: Int, _ members: inout YAMLMembers, depth: Int) throws(YAMLError) {
    let node = document.nodes[place]
    let target = node.kind == .alias ? Int(node.place) : place
    guard document.nodes[target].kind == .mapping else {
      throw YAMLError("map merge requires map or sequence of maps as the value", line: 0)
    }
    try count()
    if node.kind == .alias {
      try follow(place)
      try count()
    }
    try checkDepth(depth)
    try collect(target, &members, depth: depth + 1)
    if node.kind == .alias { followed.remove(place) }
  }

  /// A key as Go has it. Throws where it is no scalar.
  private mutating func key(_ place: Int, depth: Int) throws(YAMLError) -> YAMLKey {
    let node = document.nodes[place]
    let target = node.kind == .alias ? Int(node.place) : place
    guard document.nodes[target].kind == .scalar else {
      let before = values
      let key = try value(place, depth: depth + 1)
      throw YAMLError("invalid map key: \(Self.shown(key, values - before))", line: 0)
    }
    try count()
    guard node.kind == .alias else { return YAMLKey(try scalar(node)) }
    try follow(place)
    try count()
    let key = YAMLKey(try scalar(document.nodes[target]))
    followed.remove(place)
    return key
  }

  /// `%#v`, as long as that is no page. `values`: how many there are in it.
  private static func shown(_ value: JSONValue, _ values: Int) -> String {
    if value.isNull { return "<nil>" }
    return values > 1_000 ? "..." : YAMLKey.syntax(value)
  }
}
