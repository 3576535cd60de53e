import ByteBuffers
public import JSON

extension FieldSet {
  /// The set as `fieldsV1` shows it.
  public var fieldsV1: JSONValue { .object(emit(withSelf: false)) }

  private func emit(withSelf: Bool) -> JSONObject {
    var members: [JSONObject.Member] = []
    members.reserveCapacity(entries.count + 1)
    if withSelf && !isEmpty { members.append(JSONObject.Member(".", .object(JSONObject()))) }
    for entry in entries {
      members.append(JSONObject.Member(entry.element.text, .object(entry.children.emit(withSelf: entry.isMember))))
    }
    return JSONObject(unchecked: members)
  }

  /// Reads `fieldsV1`. Elements of unknown kinds are left out.
  public init(fieldsV1 value: JSONValue) throws(FieldsError) {
    self = try Self.read(value).set
  }

  private static func read(_ value: JSONValue) throws(FieldsError) -> (set: FieldSet, isMember: Bool) {
    var isMember = false
    var entries: [Entry] = []
    var isSorted = true
    if !value.isNull && value.object == nil {
      throw FieldsError("readObjectCB: expect { or n, but found \(value.encoded().text)")
    }
    for member in value.object?.members ?? [] {
      if member.name == "." {
        isMember = true
        continue
      }
      guard let element = try PathElement.parse(member.name) else { continue }
      let child = try read(member.value)
      let entry = Entry(element: element, isMember: child.isMember, children: child.set)
      if let last = entries.last, PathElement.compare(last.element, element) >= 0 { isSorted = false }
      entries.append(entry)
    }
    if isSorted { return (FieldSet(sorted: entries), isMember || entries.isEmpty) }
    // Out of order, or an element twice (`v:1` and `v:1.0`): as a union, which sorts and joins.
    return (FieldSet.union(of: entries.map { FieldSet(sorted: [$0]) }), isMember || entries.isEmpty)
  }
}
