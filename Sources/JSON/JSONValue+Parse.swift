public import ByteBuffers
import Glibc

extension JSONValue {
  /// The value that a node stands for. Of a repeated name the last value stays. Depth is bounded by the parse.
  ///
  /// `unread`: the name of members whose values, where they are objects, stay text; the document must be compact then.
  ///
  /// `keepsNumbers`: numbers that are no integers stay as they were written.
  public init(_ node: JSONNode, leavingUnread unread: StaticString? = nil, keepsNumbers: Bool = false) {
    let source = node.source
    self = node.withView { view, place in
      TreeBuilder(view: view, source: source, unread: unread, keepsNumbers: keepsNumbers).value(place)
    }
  }

  /// Parses a text. The depth limit is far below the tape's, because this form is walked by recursion.
  public init(parsing source: ByteSlice) throws(JSONParseError) {
    self.init(try JSONTape.parse(source, limits: .tree).root)
  }

  /// Parses a text.
  public init(parsing text: String) throws(JSONParseError) { try self.init(parsing: ByteSlice(SharedBytes(text))) }

  /// Deepest tree that code which recurses over values may be given.
  public static let maxDepth = 512
}

/// Makes trees of a tape's values.
private struct TreeBuilder {
  let view: JSONView
  let source: ByteSlice
  let unread: StaticString?
  let keepsNumbers: Bool

  func value(_ place: Int) -> JSONValue {
    switch view.kind(place) {
    case .null: return .null
    case .bool: return .bool(view.content(place).count == 4)
    case .int: return .int(view.int(place))
    case .double where keepsNumbers: return .number(String(decoding: view.content(place), as: UTF8.self))
    case .double: return .double(Double(String(decoding: view.content(place), as: UTF8.self)) ?? 0)
    case .string: return .string(view.string(place))
    case .array:
      var elements: [JSONValue] = []
      elements.reserveCapacity(view.count(place))
      let end = view.next(place)
      var at = place + 1
      while at < end {
        elements.append(value(at))
        at = view.next(at)
      }
      return .array(elements)
    case .object:
      var members: [JSONObject.Member] = []
      members.reserveCapacity(view.count(place))
      let end = view.next(place)
      var at = place + 1
      while at < end {
        members.append(JSONObject.Member(view.string(at), isLeft(at) ? .unread(text(at + 1)) : value(at + 1)))
        at = view.next(at + 1)
      }
      return .object(areUnique(place) ? JSONObject(unchecked: members) : JSONObject(uniquing: members))
    }
  }

  /// Names that differ for sure: few of them, compared with each other, or many in the order in which maps are written.
  private func areUnique(_ place: Int) -> Bool {
    let end = view.next(place)
    var last: Int?
    var isAscending = true
    var at = place + 1
    while at < end {
      if view.isEscaped(at) { return false }
      if let last, isAscending { isAscending = precedes(view.content(last), view.content(at)) }
      last = at
      at = view.next(at + 1)
    }
    if isAscending { return true }
    guard view.count(place) <= 24 else { return false }
    at = place + 1
    while at < end {
      let name = view.content(at)
      at = view.next(at + 1)
      var other = at
      while other < end {
        let content = view.content(other)
        if content.count == name.count, isSame(content, name) { return false }
        other = view.next(other + 1)
      }
    }
    return true
  }

  private func precedes(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    // A name's content always has an address, if only that of the quote behind it.
    guard let x = a.baseAddress, let y = b.baseAddress else { return false }
    let order = memcmp(x, y, min(a.count, b.count))
    return order != 0 ? order < 0 : a.count < b.count
  }

  private func isSame(_ a: UnsafeRawBufferPointer, _ b: UnsafeRawBufferPointer) -> Bool {
    guard let x = a.baseAddress, let y = b.baseAddress else { return false }
    return a.count == b.count && memcmp(x, y, a.count) == 0
  }

  /// Is this the name of a value that stays text?
  private func isLeft(_ name: Int) -> Bool {
    guard let unread, view.kind(name + 1) == .object else { return false }
    return view.content(name).elementsEqual(
      UnsafeRawBufferPointer(start: unread.utf8Start, count: unread.utf8CodeUnitCount))
  }

  private func text(_ place: Int) -> JSONText {
    let start = view.start(place)
    return JSONText(bytes: ByteSlice(source.owner, offset: source.offset + start, count: view.content(place).count))
  }
}
