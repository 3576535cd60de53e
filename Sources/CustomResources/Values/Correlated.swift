import JSON

/// A value that was there, with what tells which of its parts a part of the new one replaces. (`CorrelatedObject`)
struct Correlated {
  let value: JSONValue
  let schema: StructuralSchema

  init(_ value: JSONValue, _ schema: StructuralSchema) {
    self.value = value
    self.schema = schema
  }

  func member(_ name: String) -> Correlated? {
    guard let inner = schema.member(name), let value = value[name] else { return nil }
    return Correlated(value, inner)
  }

  /// The item of the same key, in lists that have keys. (`CorrelatedObject.Index`)
  func item(_ item: JSONValue) -> Correlated? {
    guard schema.listType == .map, let inner = schema.items, let items = value.array, item.object != nil else {
      return nil
    }
    let keys = schema.listMapKeys
    func key(_ item: JSONValue, _ name: String) -> JSONValue? { item[name] ?? inner.property(name)?.defaultValue }
    let found = items.first { other in
      other.object != nil
        && keys.allSatisfy { name in
          switch (key(item, name), key(other, name)) {
          case (let a?, let b?): a.isSameValue(as: b)
          case (nil, nil): true
          default: false
          }
        }
    }
    return found.map { Correlated($0, inner) }
  }

  func isSame(as new: JSONValue) -> Bool { value.isSameValue(as: new) }
}
