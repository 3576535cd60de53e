import ByteBuffers
import JSON

/// JSON pointers as conversations use them, on values that change.
enum Pointer {
  struct Missing: Error {}

  /// `skipsEmpty`: as for reading and dropping, where empty parts count for nothing.
  static func parts(_ pointer: String, skipsEmpty: Bool = true) -> [String] {
    var parts = pointer.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: skipsEmpty)
      .map { unescaped(String($0) ?? "") }
    if !skipsEmpty { parts.removeFirst() }
    return parts
  }

  private static func unescaped(_ part: String) -> String {
    part.utf8.contains(UInt8(ascii: "~"))
      ? replace("~0", in: replace("~1", in: part, with: "/"), with: "~") : part
  }

  static func escaped(_ part: String) -> String { replace("/", in: replace("~", in: part, with: "~0"), with: "~1") }

  static func get(_ pointer: String, of document: JSONValue) throws(Missing) -> JSONValue {
    var value = document
    for part in parts(pointer) {
      switch value {
      case .array(let elements):
        guard let place = Int(part), elements.indices.contains(place) else { throw Missing() }
        value = elements[place]
      case .object(let members):
        guard let member = members[part] else { throw Missing() }
        value = member
      default: throw Missing()
      }
    }
    return value
  }

  /// Lends what every match of `parts` names, "*" standing for any one level, for changing; nil removes a member, and
  /// of a list leaves a word in its place.
  static func change(_ parts: ArraySlice<String>, in value: inout JSONValue, _ body: (inout JSONValue?) -> Void) {
    guard let head = parts.first else { return }
    let rest = parts.dropFirst()
    func matches(_ name: String) -> Bool { head == "*" || head == name }
    func visit(_ inner: inout JSONValue?) {
      if rest.isEmpty { return body(&inner) }
      guard var whole = inner else { return }
      inner = nil
      change(rest, in: &whole, body)
      inner = whole
    }
    switch value {
    case .object(var object):
      value = .null
      for name in object.members.map(\.name) where matches(name) { visit(&object[name]) }
      value = .object(object)
    case .array(var elements):
      value = .null
      for place in elements.indices where matches(String(place)) {
        var inner: JSONValue? = elements[place]
        visit(&inner)
        elements[place] = inner ?? "<ignored>"
      }
      value = .array(elements)
    default: break
    }
  }

  static func isRemoval(_ value: JSONValue) -> Bool {
    value.object.map { $0.count == 1 && $0["$remove"] == true } ?? false
  }

  /// Sets, or with {"$remove": true} removes, what a pointer names; objects on the way are made, "-" appends.
  static func put(_ pointer: String, _ given: JSONValue, into document: inout JSONValue) throws(Missing) {
    var value = given
    if let object = given.object, object.count == 1 {
      if let repeated = object["$repeat"]?.array, repeated.count == 2, let text = repeated[0].string,
        let count = repeated[1].int
      {
        value = .string(String(repeating: text, count: Int(count)))
      } else if let count = object["$range"]?.int {
        value = .array((0..<count).map { .int($0) })
      }
    }
    try put(parts(pointer, skipsEmpty: false)[...], value, into: &document)
  }

  private static func put(
    _ parts: ArraySlice<String>, _ new: JSONValue, into value: inout JSONValue
  ) throws(Missing) {
    guard let head = parts.first else { throw Missing() }
    let isLast = parts.count == 1
    switch value {
    case .array(var elements):
      if isLast && head == "-" && !isRemoval(new) {
        elements.append(new)
      } else {
        guard let place = Int(head), elements.indices.contains(place) else { throw Missing() }
        if !isLast {
          try put(parts.dropFirst(), new, into: &elements[place])
        } else if isRemoval(new) {
          elements.remove(at: place)
        } else {
          elements[place] = new
        }
      }
      value = .array(elements)
    case .object(var object):
      if !isLast {
        var inner = object[head] ?? .null
        switch inner {
        case .array, .object: break
        default: inner = .object(JSONObject())
        }
        try put(parts.dropFirst(), new, into: &inner)
        object[head] = inner
      } else {
        object[head] = isRemoval(new) ? nil : new
      }
      value = .object(object)
    default: throw Missing()
    }
  }

  /// What `b` has but for `a`; a list of another length is set whole.
  static func apart(_ a: JSONValue, _ b: JSONValue, at place: String = "", _ out: inout Difference) {
    switch (a, b) {
    case (.object(let x), .object(let y)):
      for name in Set((x.members + y.members).map { ByteString($0.name) }).map(\.text).sorted(by: <) {
        let inner = place + "/" + escaped(name)
        switch (x[name], y[name]) {
        case (_, nil): out.gone.append(inner)
        case (nil, let new?): out.set[inner] = new
        case (let old?, let new?): apart(old, new, at: inner, &out)
        }
      }
    case (.array(let x), .array(let y)) where x.count == y.count:
      for (index, (old, new)) in zip(x, y).enumerated() { apart(old, new, at: "\(place)/\(index)", &out) }
    default: if !a.isSamePythonValue(as: b) { out.set[place] = b }
    }
  }

  /// The same, but each list that differs is set whole.
  static func changed(_ old: JSONValue, _ new: JSONValue, at place: String = "", _ out: inout Difference) {
    guard case .object(let x) = old, case .object(let y) = new else {
      if !old.isSamePythonValue(as: new) { out.set[place] = new }
      return
    }
    for member in x.members {
      let inner = place + "/" + escaped(member.name)
      if let value = y[member.name] { changed(member.value, value, at: inner, &out) } else { out.gone.append(inner) }
    }
    for member in y.members where x[member.name] == nil { out.set[place + "/" + escaped(member.name)] = member.value }
  }

  struct Difference {
    var set = JSONObject()
    var gone: [String] = []

    /// As rows of conversations hold it.
    var members: [JSONObject.Member] {
      var members: [JSONObject.Member] = []
      if !set.isEmpty { members.append(.init("set", .object(set))) }
      if !gone.isEmpty { members.append(.init("gone", .array(gone.map { .string($0) }))) }
      return members
    }
  }
}

/// `text.replace(old, new)`, by bytes.
func replace(_ old: String, in text: String, with new: String) -> String {
  let (needle, bytes) = (Array(old.utf8), Array(text.utf8))
  guard let first = needle.first, bytes.count >= needle.count else { return text }
  var out: [UInt8] = []
  var (at, plain) = (0, 0)
  while at <= bytes.count - needle.count {
    guard bytes[at] == first, bytes[at..<(at + needle.count)].elementsEqual(needle) else {
      at += 1
      continue
    }
    out += bytes[plain..<at]
    out += new.utf8
    at += needle.count
    plain = at
  }
  if plain == 0 { return text }
  return String(decoding: out + bytes[plain...], as: UTF8.self)
}
