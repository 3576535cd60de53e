public import JSON
public import Machinery

/// What a rule in code is given, and where it says what is wrong. Paths become text only when somebody asks for them.
public struct RuleContext {
  /// The value that the rule stands at; nil where it is absent or null, and has no zero value.
  public internal(set) var value: JSONValue?
  /// What stood there before an update; nil for a creation.
  public internal(set) var old: JSONValue?
  /// The whole object.
  public let object: JSONValue
  /// The whole object as it was before an update.
  public let oldObject: JSONValue?
  /// What was given and values don't show: a tree that leads there from the whole object, see `ReadObject`.
  public internal(set) var traces: JSONValue?
  /// Which part of the object the write is of; `.main` for a creation.
  public let subresource: Subresource
  /// What else the write carries, see `Rule.ifOption`.
  public internal(set) var options: [String]
  /// `ValidateObjectMeta` would find nothing in the metadata but maybe a bad name.
  let isMetaGood: Bool
  let isNamespaced: Bool
  var errors: [FieldError] = []
  var parts: [Part] = []
  /// What rules in code have found out for those that come after them in the same check.
  public var memo: AnyObject?

  /// A step of a path.
  public enum Part: Sendable, ExpressibleByStringLiteral {
    case member(String)
    /// A place in a list.
    case index(Int)
    /// A map's key.
    case key(String)
    /// A path of its own, whatever stands before.
    case said(String)

    public init(stringLiteral name: String) { self = .member(name) }
  }

  init(
    _ object: JSONValue, old: JSONValue?, subresource: Subresource, options: [String], isNamespaced: Bool,
    isMetaGood: Bool
  ) {
    self.object = object
    oldObject = old
    self.subresource = subresource
    self.options = options
    self.isNamespaced = isNamespaced
    self.isMetaGood = isMetaGood
    parts.reserveCapacity(16)
  }

  public var isUpdate: Bool { oldObject != nil }

  /// The path of the value, or of something in it, as complaints name it.
  public func path(_ more: Part...) -> String { text(of: parts + more) }

  /// The path of something in the value that was found on the way there.
  public func path(_ more: [Part]) -> String { text(of: parts + more) }

  /// `[]` or `{}` where the value, or something in it, was given as such; nil where it is absent, which to Go is another
  /// thing, or has elements.
  public func emptied(_ more: Part...) -> JSONValue? {
    guard traces != nil, let found = tracesInside(more) else { return nil }
    if found.array?.isEmpty == true || found.object?.isEmpty == true { return found }
    return nil
  }

  /// What of `traces` is inside of the value, or of something in it.
  public func tracesInside(_ more: [Part] = []) -> JSONValue? {
    guard var found = traces else { return nil }
    for part in parts + more {
      let next: JSONValue?
      switch part {
      case .member(let name), .key(let name): next = found[name]
      case .index(let place): next = found.array.flatMap { $0.indices.contains(place) ? $0[place] : nil }
      // Where that is in the object, its name does not tell.
      case .said: return nil
      }
      guard let next, !next.isNull else { return nil }
      found = next
    }
    return found
  }

  /// Is there raw JSON in the value, or in something in it, that is not the same to Go as any that is stored?
  public func hasLooseRaw(_ more: Part...) -> Bool {
    traces != nil && ReadObject.haveLooseRaw(tracesInside(more))
  }

  /// A value as messages show it: what was given without elements is not `null`.
  public func shown(_ value: JSONValue?) -> JSONValue { value ?? emptied() ?? .null }

  private func text(of parts: [Part]) -> String {
    var text: String?
    for part in parts {
      switch part {
      case .member(let name): text = text.map { "\($0).\(name)" } ?? name
      case .index(let index): text = "\(text ?? "")[\(index)]"
      case .key(let key): text = "\(text ?? "")[\(key)]"
      case .said(let path): text = path
      }
    }
    // So Go prints the path of nothing.
    return text ?? "<nil>"
  }

  /// Notes a complaint.
  public mutating func report(_ error: FieldError) { errors.append(error) }

  /// How many complaints there are so far.
  public var complaintCount: Int { errors.count }

  /// Takes back all complaints but the first `count`.
  public mutating func withdraw(to count: Int) { errors.removeLast(max(0, errors.count - count)) }

  /// Would a rule in code complain, asked outside of any object?
  public static func complains(_ rule: (inout RuleContext) -> Void) -> Bool {
    var context = RuleContext(.null, old: nil, subresource: .main, options: [], isNamespaced: false, isMetaGood: false)
    rule(&context)
    return !context.errors.isEmpty
  }

  /// Notes a complaint about the value as a text.
  public mutating func invalid(_ text: String, _ detail: String) { report(.invalid(path(), text, detail)) }

  /// Lets another rule in code look at a value that was found in this one, under the name that complaints give it.
  public mutating func look(at value: JSONValue, _ part: Part, _ function: (inout RuleContext) -> Void) {
    look(at: value, [part], function)
  }
  /// As above, for a value that stands deeper.
  public mutating func look(at value: JSONValue, _ more: [Part], _ function: (inout RuleContext) -> Void) {
    let (outer, before) = (self.value, old)
    parts += more
    self.value = value
    old = nil
    function(&self)
    parts.removeLast(more.count)
    self.value = outer
    old = before
  }
  /// As above, with a name that is not known when this is written.
  public mutating func look(at value: JSONValue, _ member: String, _ function: (inout RuleContext) -> Void) {
    look(at: value, .member(member), function)
  }
}
