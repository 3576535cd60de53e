/// Values that may be there. (cel-go `cel/library.go`)
extension LibraryFunction {
  static var optionals: [LibraryFunction] {
    [
      LibraryFunction("optional.of", "optional_of", "(V) -> optional(V)") { a throws(LibraryFault) in .optional(a[0]) },
      LibraryFunction("optional.ofNonZeroValue", "optional_ofNonZeroValue", "(V) -> optional(V)") {
        a throws(LibraryFault) in
        .optional(a[0].isZero ? nil : a[0])
      },
      LibraryFunction("optional.none", "optional_none", "() -> optional(V)") { _ throws(LibraryFault) in .optional(nil)
      },
      LibraryFunction("value", "optional_value", "optional(V).() -> V") { a throws(LibraryFault) in
        guard let value = try a.optional(0) else { throw .text("optional.none() dereference") }
        return value
      },
      LibraryFunction("hasValue", "optional_hasValue", "optional(V).() -> bool") { a throws(LibraryFault) in
        .bool(try a.optional(0) != nil)
      },
      // An evaluator looks at the argument of these two only where the receiver is not there; they cost nothing.
      LibraryFunction("or", "optional_or_optional", "optional(V).(optional(V)) -> optional(V)") {
        a throws(LibraryFault) in
        try a.optional(0) == nil ? a[1] : a[0]
      },
      LibraryFunction("orValue", "optional_orValue_value", "optional(V).(V) -> V") { a throws(LibraryFault) in
        try a.optional(0) ?? a[1]
      },
      LibraryFunction("first", "list_first", "list(V).() -> optional(V)") { a throws(LibraryFault) in
        .optional(try a.list(0).first)
      },
      LibraryFunction("last", "list_last", "list(V).() -> optional(V)") { a throws(LibraryFault) in
        .optional(try a.list(0).last)
      },
      LibraryFunction("optional.unwrap", "optional_unwrap", "(list(optional(V))) -> list(V)") {
        a throws(LibraryFault) in
        try unwrap(try a.list(0))
      },
      LibraryFunction("unwrapOpt", "optional_unwrapOpt", "list(optional(V)).() -> list(V)") {
        a throws(LibraryFault) in
        try unwrap(try a.list(0))
      },
    ]
  }

  private static func unwrap(_ list: [Value]) throws(LibraryFault) -> Value {
    var values: [Value] = []
    for value in list {
      guard case .optional(let inner) = value.view else {
        throw .text("value \(ValueFormat<Value>.shown(value)) is not optional")
      }
      if let inner { values.append(inner) }
    }
    return .list(values)
  }
}
