import ByteBuffers
import JSON

/// A document under a JSON patch: what each operation does to it, with a count of the steps that all of them have
/// taken. A container that is changed counts with all that is in it: its elements make room, and the compiler may copy
/// it.
struct JSONPatchWork {
  typealias Failure = JSONPatch.Failure

  var document: JSONValue
  private(set) var steps = 0
  private var copiedBytes = 0
  private let maxSteps: Int

  init(_ document: JSONValue, maxSteps: Int) {
    self.document = document
    self.maxSteps = maxSteps
  }

  // MARK: limits

  private mutating func take(_ count: Int) throws(Failure) {
    steps += count
    guard steps <= maxSteps else { throw .tooMuchWork }
  }

  /// Throws for a value that would make the document too deep as what stands in `levels` containers.
  mutating func checkDepth(of value: JSONValue, below levels: Int) throws(Failure) {
    switch value {
    case .null, .bool, .int, .double, .number, .string: return
    case .array(let elements):
      try enter(levels, elements.count)
      for element in elements { try checkDepth(of: element, below: levels + 1) }
    case .object(let object):
      try enter(levels, object.count)
      for member in object.members { try checkDepth(of: member.value, below: levels + 1) }
    case .unread(let text): try checkDepth(of: text.value, below: levels)
    }
  }

  private mutating func enter(_ levels: Int, _ count: Int) throws(Failure) {
    guard levels < JSONValue.maxDepth else { throw .doesNotApply("exceeded max depth") }
    try take(count)
  }

  /// A value is about to be copied.
  mutating func copied(_ value: JSONValue) throws(Failure) {
    let count = value.encoded().count
    copiedBytes += count
    guard copiedBytes <= JSONPatch.maxCopiedBytes else {
      throw .doesNotApply("accumulated size of copy operations exceeds \(JSONPatch.maxCopiedBytes) bytes")
    }
    // It was written out for that.
    try take(count / 16)
  }

  // MARK: reading

  /// The value at a path; nil for a member that its object does not have. Throws where there is no such container or
  /// element.
  mutating func value(at path: [String]) throws(Failure) -> JSONValue? {
    guard let last = path.last else { throw .doesNotApply("doc is missing path") }
    var current = document
    for token in path.dropLast() {
      guard let next = try member(token, of: current) else { throw .doesNotApply("doc is missing path: \(token)") }
      current = next
    }
    return try member(last, of: current)
  }

  private mutating func member(_ token: String, of container: JSONValue) throws(Failure) -> JSONValue? {
    if let array = container.array { return array[try Self.index(token, count: array.count)] }
    guard let object = container.object else { throw .doesNotApply("doc is missing path: \(token)") }
    try take(object.count)
    return object[token]
  }

  // MARK: changing

  mutating func add(_ value: JSONValue, at path: [String]) throws(Failure) {
    try checkDepth(of: value, below: path.count)
    try edit(path) { (work, parent, key) throws(Failure) in try work.add(&parent, key, value) }
  }

  mutating func replace(at path: [String], by value: JSONValue) throws(Failure) {
    try checkDepth(of: value, below: path.count)
    try edit(path) { (work, parent, key) throws(Failure) in try work.replace(&parent, key, value) }
  }

  mutating func remove(at path: [String]) throws(Failure) -> JSONValue {
    var removed = JSONValue.null
    try edit(path) { (work, parent, key) throws(Failure) in removed = try work.remove(&parent, key) }
    return removed
  }

  private typealias Change = (inout JSONPatchWork, inout JSONValue, String) throws(Failure) -> Void

  /// Lends the container that holds the last token of `path`, with that token.
  private mutating func edit(_ path: [String], _ change: Change) throws(Failure) {
    guard let last = path.last else { throw .doesNotApply("doc is missing path") }
    var whole = document
    // Taken out while it is edited, so that nothing is copied. After a failure nobody asks for it.
    document = .null
    try descend(&whole, path.dropLast(), last, change)
    document = whole
  }

  private mutating func descend(
    _ value: inout JSONValue, _ path: ArraySlice<String>, _ last: String, _ change: Change
  ) throws(Failure) {
    guard let token = path.first else { return try change(&self, &value, last) }
    // The child is taken out while it is edited, so that nothing is copied.
    switch value {
    case .object(var object):
      value = .null
      try take(object.count)
      guard let place = object.index(of: token) else { throw .doesNotApply("doc is missing path: \(token)") }
      try object.edit(at: place) { (child) throws(Failure) in try descend(&child, path.dropFirst(), last, change) }
      value = .object(object)
    case .array(var array):
      value = .null
      try take(array.count)
      let place = try Self.index(token, count: array.count)
      var child = array[place]
      array[place] = .null
      try descend(&child, path.dropFirst(), last, change)
      array[place] = child
      value = .array(array)
    default: throw .doesNotApply("doc is missing path: \(token)")
    }
  }

  private mutating func add(_ parent: inout JSONValue, _ key: String, _ value: JSONValue) throws(Failure) {
    switch parent {
    case .object(var object):
      parent = .null
      try take(object.count)
      object[key] = value
      parent = .object(object)
    case .array(var array):
      parent = .null
      try take(array.count)
      if key == "-" {
        array.append(value)
      } else {
        array.insert(value, at: try Self.index(key, count: array.count + 1))
      }
      parent = .array(array)
    default: throw .doesNotApply("add operation does not apply: doc is missing path: \(key)")
    }
  }

  private mutating func remove(_ parent: inout JSONValue, _ key: String) throws(Failure) -> JSONValue {
    switch parent {
    case .object(var object):
      try take(2 * object.count)
      guard let value = object[key] else { throw .doesNotApply("Unable to remove nonexistent key: \(key)") }
      parent = .null
      object[key] = nil
      parent = .object(object)
      return value
    case .array(var array):
      let place = try Self.index(key, count: array.count)
      parent = .null
      try take(array.count)
      let value = array.remove(at: place)
      parent = .array(array)
      return value
    default: throw .doesNotApply("remove operation does not apply: doc is missing path: \(key)")
    }
  }

  private mutating func replace(_ parent: inout JSONValue, _ key: String, _ value: JSONValue) throws(Failure) {
    if case .object = parent { return try add(&parent, key, value) }
    guard case .array(var array) = parent else {
      throw .doesNotApply("replace operation does not apply: doc is missing path: \(key)")
    }
    let place = try Self.index(key, count: array.count)
    parent = .null
    try take(array.count)
    array[place] = value
    parent = .array(array)
  }

  /// Negative indexes count from the end.
  private static func index(_ token: String, count: Int) throws(Failure) -> Int {
    guard let number = Int(token), number < count, number >= -count else {
      throw .doesNotApply("Unable to access invalid index: \(token)")
    }
    return number < 0 ? number + count : number
  }
}
