/// Kubernetes' own functions of lists. (apiserver `library/lists.go`)
extension LibraryFunction {
  static var comparisons: [LibraryFunction] {
    ComparableTypes.all.map { type in
      LibraryFunction("isSorted", "list_\(type)_is_sorted_bool", "list(\(type)).() -> bool") {
        a throws(LibraryFault) in
        .bool(try isSorted(try a.list(0)))
      }
    }
      + ["int", "uint", "double", "duration"].map { type in
        LibraryFunction("sum", "list_\(type)_sum_\(type)", "list(\(type)).() -> \(type)") { a throws(LibraryFault) in
          var sum = Value.zero(of: type)
          for value in try a.list(0) { sum = try sum.adding(value) }
          return sum
        }
      }
      + ComparableTypes.all.map { type in
        LibraryFunction("max", "list_\(type)_max_\(type)", "list(\(type)).() -> \(type)") { a throws(LibraryFault) in
          try extreme(try a.list(0), "max", -1)
        }
      }
      + ComparableTypes.all.map { type in
        LibraryFunction("min", "list_\(type)_min_\(type)", "list(\(type)).() -> \(type)") { a throws(LibraryFault) in
          try extreme(try a.list(0), "min", 1)
        }
      }
      + [
        LibraryFunction("indexOf", "list_a_index_of_int", "list(A).(A) -> int") { a throws(LibraryFault) in
          let wanted = a[1]
          return .int(Int64(try a.list(0).firstIndex { $0.isEqual(to: wanted) } ?? -1))
        },
        LibraryFunction("lastIndexOf", "list_a_last_index_of_int", "list(A).(A) -> int") { a throws(LibraryFault) in
          let wanted = a[1]
          return .int(Int64(try a.list(0).lastIndex { $0.isEqual(to: wanted) } ?? -1))
        },
      ]
  }

  private static func isSorted(_ list: [Value]) throws(LibraryFault) -> Bool {
    var last: Value?
    for value in list {
      guard value.isComparable else { throw .noSuchOverload }
      if let last, last.order(to: value) == 1 { return false }
      last = value
    }
    return true
  }

  /// Values that are in no order with it do not take its place.
  private static func extreme(_ list: [Value], _ name: String, _ worse: Int) throws(LibraryFault) -> Value {
    var found: Value?
    for value in list {
      guard value.isComparable else { throw .noSuchOverload }
      guard let best = found else {
        found = value
        continue
      }
      if best.order(to: value) == worse { found = value }
    }
    guard let found else { throw .text("\(name) called on empty list") }
    return found
  }
}
