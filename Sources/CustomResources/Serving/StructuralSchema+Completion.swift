import JSON

/// From what a client wrote, or what was stored, to what a schema holds. Recursion follows the value, whose depth is
/// bounded where it is read.
extension StructuralSchema {
  /// Drops what the schema does not know; returns the paths of that, sorted.
  /// (apiextensions-apiserver: `schema/pruning.PruneWithOptions`)
  /// `isResource`: it has apiVersion, kind and metadata, whatever the schema says.
  func prune(_ object: inout JSONValue, tellsUnknown: Bool, isResource: Bool = true) -> [String] {
    var pruning = Pruning(isTelling: tellsUnknown)
    pruning.prune(&object, self, isResource: isResource)
    return pruning.unknown.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Drops nulls where neither null is allowed nor a default stands for it. (`PruneNonNullableNullsWithoutDefaults`)
  static func dropNulls(_ value: inout JSONValue, _ schema: StructuralSchema?) {
    func isDropped(_ value: JSONValue, _ schema: StructuralSchema?) -> Bool {
      guard value.isNull, let schema else { return false }
      return !schema.isNullable && schema.defaultValue == nil
    }
    switch value {
    case .object(var object):
      value = .null
      let hasNulls = object.members.contains { isDropped($0.value, schema?.member($0.name)) }
      if hasNulls {
        object = JSONObject(unchecked: object.members.filter { !isDropped($0.value, schema?.member($0.name)) })
      }
      for place in object.members.indices {
        let inner = schema?.member(object.members[place].name)
        object.edit(at: place) { dropNulls(&$0, inner) }
      }
      value = .object(object)
    case .array(var items):
      value = .null
      for place in items.indices { dropNulls(&items[place], schema?.items) }
      value = .array(items)
    default: return
    }
  }

  /// Sets defaults where nothing is, and where there is a null that may not be. (`schema/defaulting.Default`)
  static func setDefaults(_ value: inout JSONValue, _ schema: StructuralSchema?) {
    guard let schema else { return }
    switch value {
    case .object(var object):
      value = .null
      for (name, inner) in schema.properties {
        guard let given = inner.defaultValue else { continue }
        if let present = object[name], !(present.isNull && !inner.isNullable) { continue }
        object[name] = given
      }
      for place in object.members.indices {
        let name = object.members[place].name
        if let inner = schema.property(name) {
          object.edit(at: place) { setDefaults(&$0, inner) }
        } else if case .schema(let inner)? = schema.additional {
          object.edit(at: place) { (value: inout JSONValue) in
            if value.isNull, !inner.isNullable, let given = inner.defaultValue { value = given }
            setDefaults(&value, inner)
          }
        }
      }
      value = .object(object)
    case .array(var items):
      value = .null
      for place in items.indices {
        if items[place].isNull, let inner = schema.items, !inner.isNullable, let given = inner.defaultValue {
          items[place] = given
        }
        setDefaults(&items[place], schema.items)
      }
      value = .array(items)
    default: return
    }
  }
}

/// One pruning.
private struct Pruning {
  let isTelling: Bool
  private(set) var unknown: [String] = []
  private var path: [String] = []
  /// As upstream, so that a body of unknown names can't grow the answer without end.
  private static let mostUnknown = 100

  init(isTelling: Bool) { self.isTelling = isTelling }

  private static let identity: Set<ByteString> = ["apiVersion", "kind", "metadata"]

  private mutating func tell(_ name: String) {
    guard isTelling, unknown.count < Self.mostUnknown else { return }
    unknown.append((path.isEmpty ? "" : path.joined() + ".") + name)
  }

  private enum Step { case name(String), place(Int) }

  private mutating func inside(
    _ step: Step, _ value: inout JSONValue, _ work: (inout Pruning, inout JSONValue) -> Void
  ) {
    if isTelling {
      switch step {
      case .name(let name): path.append(path.isEmpty ? name : "." + name)
      case .place(let place): path.append("[\(place)]")
      }
    }
    work(&self, &value)
    if isTelling { path.removeLast() }
  }

  /// `isResource`: the value is a whole object, whatever its schema says.
  mutating func prune(_ value: inout JSONValue, _ schema: StructuralSchema?, isResource: Bool = false) {
    let keeps = schema?.preservesUnknown == true
    switch value {
    case .object(var object):
      value = .null
      let hasIdentity = isResource || schema?.isEmbeddedResource == true
      var kept: [JSONObject.Member] = []
      kept.reserveCapacity(object.count)
      for var member in object.members {
        if hasIdentity, Self.identity.contains(ByteString(member.name)) {
          kept.append(member)
        } else if let inner = schema?.property(member.name) {
          inside(.name(member.name), &member.value) { $0.prune(&$1, inner) }
          kept.append(member)
        } else if case .schema(let inner)? = schema?.additional {
          inside(.name(member.name), &member.value) { $0.prune(&$1, inner) }
          kept.append(member)
        } else if keeps {
          kept.append(member)
        } else if case .allowed? = schema?.additional {
          inside(.name(member.name), &member.value) { $0.prune(&$1, nil) }
          kept.append(member)
        } else {
          tell(member.name)
        }
      }
      object = JSONObject(unchecked: kept)
      value = .object(object)
    case .array(var items):
      if keeps && schema?.items == nil { return }
      value = .null
      for place in items.indices {
        inside(.place(place), &items[place]) { pruning, item in
          if keeps { pruning.keep(&item, schema?.items) } else { pruning.prune(&item, schema?.items) }
        }
      }
      value = .array(items)
    default: return
    }
  }

  /// Inside of a list that keeps what is unknown. (`skipPrune`)
  private mutating func keep(_ value: inout JSONValue, _ schema: StructuralSchema?) {
    guard let schema else { return }
    switch value {
    case .object(var object):
      value = .null
      for place in object.members.indices {
        let name = object.members[place].name
        if schema.isEmbeddedResource, Self.identity.contains(ByteString(name)) { continue }
        guard let inner = schema.member(name) else { continue }
        object.edit(at: place) { (value: inout JSONValue) in
          inside(.name(name), &value) { $0.prune(&$1, inner) }
        }
      }
      value = .object(object)
    case .array(var items):
      value = .null
      for place in items.indices { inside(.place(place), &items[place]) { $0.keep(&$1, schema.items) } }
      value = .array(items)
    default: return
    }
  }
}
