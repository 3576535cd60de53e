/// Lists, version 3, and sets. (cel-go `ext/lists.go`, `ext/sets.go`)
extension LibraryFunction {
  static var lists: [LibraryFunction] {
    [
      LibraryFunction("slice", "list_slice", "list(T).(int, int) -> list(T)") { a throws(LibraryFault) in
        try slice(try a.list(0), try a.int(1), try a.int(2))
      },
      LibraryFunction("flatten", "list_flatten", "list(list(T)).() -> list(T)") { a throws(LibraryFault) in
        .list(try flatten(try a.list(0), depth: 1))
      },
      LibraryFunction("flatten", "list_flatten_int", "list(dyn).(int) -> list(dyn)") { a throws(LibraryFault) in
        .list(try flatten(try a.list(0), depth: try a.int(1)))
      },
      LibraryFunction("lists.range", "lists_range", "(int) -> list(int)") { a throws(LibraryFault) in
        let count = try a.int(0)
        guard count <= listMax else { throw .tooLarge }
        return .list(count <= 0 ? [] : (0..<count).map { Value.int($0) })
      },
      LibraryFunction("reverse", "list_reverse", "list(T).() -> list(T)") { a throws(LibraryFault) in
        .list(try a.list(0).reversed())
      },
      LibraryFunction("distinct", "list_distinct", "list(T).() -> list(T)") { a throws(LibraryFault) in
        .list(try distinct(try a.list(0)))
      },
    ]
      + ComparableTypes.all.map { type in
        LibraryFunction("sort", "list_\(ComparableTypes.name(type))_sort", "list(\(type)).() -> list(\(type))") {
          a throws(LibraryFault) in
          .list(try sort(try a.list(0), by: try a.list(0)))
        }
      }
      + ComparableTypes.all.map { type in
        LibraryFunction(
          "@sortByAssociatedKeys", "list_\(ComparableTypes.name(type))_sortByAssociatedKeys",
          "list(T).(list(\(type))) -> list(T)"
        ) { a throws(LibraryFault) in
          .list(try sort(try a.list(0), by: try a.list(1)))
        }
      }
  }

  /// Elements of a list that is made from a number: the cost that one call may have is less.
  private static var listMax: Int64 { 1 << 20 }

  private static func slice(_ list: [Value], _ start: Int64, _ end: Int64) throws(LibraryFault) -> Value {
    let call = "cannot slice(\(start), \(end))"
    if start < 0 || end < 0 { throw .text("\(call), negative indexes not supported") }
    if start > end { throw .text("\(call), start index must be less than or equal to end index") }
    if end > Int64(list.count) { throw .text("\(call), list is length \(list.count)") }
    return .list(Array(list[Int(start)..<Int(end)]))
  }

  private static func flatten(_ list: [Value], depth: Int64) throws(LibraryFault) -> [Value] {
    if depth < 0 { throw .text("level must be non-negative") }
    var flat: [Value] = []
    for value in list {
      // As deep as a value is, which parser and checker have bounded.
      if depth > 0, let inner = value.elements {
        flat += try flatten(inner, depth: depth - 1)
      } else {
        flat.append(value)
      }
    }
    return flat
  }

  private static func distinct(_ list: [Value]) throws(LibraryFault) -> [Value] {
    // Each is held against all that were kept, which its price says too: what costs more than a call may is not begun.
    guard list.count <= 1_000 else { throw .tooLarge }
    var kept: [Value] = []
    for value in list where !kept.contains(where: { value.isEqual(to: $0) }) { kept.append(value) }
    return kept
  }

  private static func sort(_ list: [Value], by keys: [Value]) throws(LibraryFault) -> [Value] {
    guard list.count == keys.count else {
      throw .text(
        "@sortByAssociatedKeys() expected a list of the same size as the associated keys list, but got \(list.count) "
          + "and \(keys.count) elements respectively")
    }
    guard let first = keys.first else { return list }
    guard first.isComparable else { throw .text("list elements must be comparable") }
    if keys.count > 1, !keys.allSatisfy({ $0.typeName == first.typeName }) {
      throw .text("list elements must have the same type")
    }
    return keys.indices.sorted { a, b in keys[a].order(to: keys[b]) == -1 }.map { list[$0] }
  }

  static var sets: [LibraryFunction] {
    [
      LibraryFunction("sets.contains", "list_sets_contains_list", "(list(T), list(T)) -> bool") {
        a throws(LibraryFault) in
        let (one, other) = try pair(a)
        return .bool(contains(one, other))
      },
      LibraryFunction("sets.equivalent", "list_sets_equivalent_list", "(list(T), list(T)) -> bool") {
        a throws(LibraryFault) in
        let (one, other) = try pair(a)
        return .bool(contains(one, other) && contains(other, one))
      },
      LibraryFunction("sets.intersects", "list_sets_intersects_list", "(list(T), list(T)) -> bool") {
        a throws(LibraryFault) in
        let (one, other) = try pair(a)
        return .bool(one.contains { value in other.contains { $0.isEqual(to: value) } })
      },
    ]
  }

  /// Each of the one may be held against each of the other; what costs more than a call may is not begun.
  private static func pair(_ a: LibraryArguments<Value>) throws(LibraryFault) -> ([Value], [Value]) {
    let (one, other) = (try a.list(0), try a.list(1))
    guard UInt64(one.count).times(UInt64(other.count)) <= 1_000_000 else { throw .tooLarge }
    return (one, other)
  }

  private static func contains(_ list: [Value], _ others: [Value]) -> Bool {
    others.allSatisfy { value in list.contains { $0.isEqual(to: value) } }
  }
}
