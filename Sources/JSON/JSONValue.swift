public import ByteBuffers

/// A JSON document that can be edited: the form in which defaults, patches and strategies work.
///
/// Serving never goes through it: reads send stored bytes, and parsing of stored values uses the tape.
public enum JSONValue: Sendable {
  case null
  case bool(Bool)
  /// A number without fraction or exponent that fits 64 bits, as Kubernetes keeps them.
  case int(Int64)
  /// Every other number; never NaN or infinite.
  case double(Double)
  /// A number that is no `int`, as it was written: where it goes on to be read as text, `1.0` is no whole number. Made
  /// where asked for only.
  case number(String)
  case string(String)
  case array([JSONValue])
  case object(JSONObject)
  /// An object that nobody had to look into so far: its compact text, as this module writes it. Members are read from
  /// it each time they are asked for. Only code that knows what it leaves unread makes these; everybody else meets them
  /// as objects.
  case unread(JSONText)
}

extension JSONValue: Equatable {
  public static func == (a: JSONValue, b: JSONValue) -> Bool {
    switch (a, b) {
    case (.null, .null): true
    case (.bool(let x), .bool(let y)): x == y
    case (.int(let x), .int(let y)): x == y
    case (.double(let x), .double(let y)): x == y
    case (.number(let x), .number(let y)): x == y
    case (.string(let x), .string(let y)): x == y
    case (.array(let x), .array(let y)): x == y
    case (.object(let x), .object(let y)): x == y
    case (.unread(let x), .unread(let y)): x == y || x.value == y.value
    case (.unread(let x), .object): x.value == b
    case (.object, .unread(let y)): a == y.value
    default: false
    }
  }
}

/// The compact text of an object that parsed.
public struct JSONText: Sendable, Hashable {
  public let bytes: ByteSlice

  /// `bytes`: an object as `JSONWriter` writes it, without white space.
  public init(bytes: ByteSlice) { self.bytes = bytes }

  public static func == (a: JSONText, b: JSONText) -> Bool {
    a.bytes.count == b.bytes.count
      && a.bytes.withUnsafeBytes { x in b.bytes.withUnsafeBytes { y in x.elementsEqual(y) } }
  }
  public func hash(into hasher: inout Hasher) { bytes.withUnsafeBytes { hasher.combine(bytes: $0) } }

  /// What the text says.
  public var value: JSONValue { (try? JSONValue(parsing: bytes)) ?? .object(JSONObject()) }
}

/// The members of a JSON object in their order. Names are unique.
///
/// Lookup is a scan: API objects have few members, and order has to be kept anyway. Code that meets maps a client can
/// grow (labels, annotations) must build them through `init(uniquing:)`, which does not scan per insertion.
public struct JSONObject: Sendable, Equatable, ExpressibleByDictionaryLiteral {
  /// One member.
  public struct Member: Sendable, Equatable {
    public let name: String
    public var value: JSONValue
    @inlinable public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }

  /// The members in order.
  public private(set) var members: [Member]

  public init() { members = [] }

  /// Members in the order written; a name given twice keeps its last value.
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self.init(uniquing: elements.map { Member($0.0, $0.1) })
  }

  /// Members in order; of a repeated name the last value stays, at the place of the first.
  public init(uniquing members: [Member]) {
    if members.count <= 8 {
      self.members = []
      self.members.reserveCapacity(members.count)
      for member in members { self[member.name] = member.value }
      return
    }
    var places: [ByteString: Int] = [:]
    places.reserveCapacity(members.count)
    self.members = []
    self.members.reserveCapacity(members.count)
    for member in members {
      if let place = places[member.name] {
        self.members[place].value = member.value
      } else {
        places[member.name] = self.members.count
        self.members.append(member)
      }
    }
  }

  /// Members the caller knows to be unique, such as those of a parse that checked.
  public init(unchecked members: [Member]) { self.members = members }

  public var isEmpty: Bool { members.isEmpty }
  public var count: Int { members.count }

  /// Where the member called `name` stands.
  public func index(of name: String) -> Int? { members.firstIndex { $0.name == name } }

  /// The member's value; setting `nil` removes it, a new name goes to the end.
  public subscript(name: String) -> JSONValue? {
    get { index(of: name).map { members[$0].value } }
    set {
      if let place = index(of: name) {
        if let newValue { members[place].value = newValue } else { members.remove(at: place) }
      } else if let newValue {
        members.append(Member(name, newValue))
      }
    }
    _modify {
      let place = index(of: name)
      var value: JSONValue?
      if let place {
        value = members[place].value
        members[place].value = .null  // so that the value is uniquely held while it is edited
      }
      defer {
        if let place {
          if let value { members[place].value = value } else { members.remove(at: place) }
        } else if let value {
          members.append(Member(name, value))
        }
      }
      yield &value
    }
  }

  /// Lends the value of the member at a place for editing, uniquely held.
  public mutating func edit<Failure: Error>(
    at place: Int, _ change: (inout JSONValue) throws(Failure) -> Void
  ) throws(Failure) {
    var value = members[place].value
    members[place].value = .null
    defer { members[place].value = value }
    try change(&value)
  }

  /// Sorts members by the bytes of their names, as Go writes maps.
  public mutating func sortByName() {
    members.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
  }
}

// Not by nil: in `isEmpty ? nil : value` the compiler would take it for null where "no value" was meant.
extension JSONValue: ExpressibleByStringLiteral, ExpressibleByBooleanLiteral, ExpressibleByIntegerLiteral,
  ExpressibleByArrayLiteral,
  ExpressibleByDictionaryLiteral
{
  public init(stringLiteral value: String) { self = .string(value) }
  public init(booleanLiteral value: Bool) { self = .bool(value) }
  public init(integerLiteral value: Int64) { self = .int(value) }
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(JSONObject(uniquing: elements.map { JSONObject.Member($0.0, $0.1) }))
  }

  /// The object inside; setting `nil` makes it null.
  public var object: JSONObject? {
    get {
      switch self {
      case .object(let o): o
      case .unread(let text): text.value.object
      default: nil
      }
    }
    _modify {
      var o: JSONObject? = nil
      read()
      if case .object(let inside) = self {
        o = inside
        self = .null
        defer { self = o.map(JSONValue.object) ?? .null }
        yield &o
      } else {
        yield &o
        if let o { self = .object(o) }
      }
    }
  }
  /// Reads what was left unread, at this level.
  private mutating func read() {
    if case .unread(let text) = self { self = text.value }
  }
  /// The elements inside.
  public var array: [JSONValue]? { if case .array(let a) = self { a } else { nil } }
  /// The text inside.
  public var string: String? { if case .string(let s) = self { s } else { nil } }
  /// The integer inside.
  public var int: Int64? { if case .int(let n) = self { n } else { nil } }
  /// The truth inside.
  public var bool: Bool? { if case .bool(let b) = self { b } else { nil } }
  /// Is this null?
  public var isNull: Bool { if case .null = self { true } else { false } }

  /// A member of the object inside, or nil. Setting on anything but an object makes it one.
  public subscript(name: String) -> JSONValue? {
    get {
      switch self {
      case .object(let o): o[name]
      case .unread(let text): text.value[name]
      default: nil
      }
    }
    _modify {
      var o = JSONObject()
      read()
      if case .object(let inside) = self {
        o = inside
        self = .null
      }
      defer { self = .object(o) }
      yield &o[name]
    }
  }
}
