import Machinery

/// Quantities, versions and named formats. (apiserver `library/quantity.go`, `library/semverlib.go`,
/// `library/format.go`)
extension LibraryFunction {
  private static var quantity: String { "kubernetes.Quantity" }

  static var quantities: [LibraryFunction] {
    [
      LibraryFunction("quantity", "string_to_quantity", "(string) -> \(quantity)") { a throws(LibraryFault) in
        let text = try a.text(0)
        do throws(Quantity.ParseError) { return .object(.quantity(try Quantity(parsing: text))) } catch {
          throw .text("\(error)")
        }
      },
      LibraryFunction("isQuantity", "is_quantity_string", "(string) -> bool") { a throws(LibraryFault) in
        let text = try a.text(0)
        return .bool((try? Quantity(parsing: text)) != nil)
      },
      LibraryFunction("sign", "quantity_sign", "(\(quantity)) -> int") { a throws(LibraryFault) in
        .int(Int64(try a.quantity(0).sign))
      },
      LibraryFunction("isGreaterThan", "quantity_is_greater_than", "\(quantity).(\(quantity)) -> bool") {
        a throws(LibraryFault) in
        .bool(try a.quantity(0) > a.quantity(1))
      },
      LibraryFunction("isLessThan", "quantity_is_less_than", "\(quantity).(\(quantity)) -> bool") {
        a throws(LibraryFault) in
        .bool(try a.quantity(0) < a.quantity(1))
      },
      LibraryFunction("compareTo", "quantity_compare_to", "\(quantity).(\(quantity)) -> int") {
        a throws(LibraryFault) in
        order(try a.quantity(0), try a.quantity(1))
      },
      LibraryFunction("asApproximateFloat", "quantity_get_float", "\(quantity).() -> double") {
        a throws(LibraryFault) in
        .double(try a.quantity(0).approximateFloat)
      },
      LibraryFunction("asInteger", "quantity_get_int", "\(quantity).() -> int") { a throws(LibraryFault) in
        guard let value = try a.quantity(0).int64 else { throw .text("cannot convert value to integer") }
        return .int(value)
      },
      LibraryFunction("isInteger", "quantity_is_integer", "\(quantity).() -> bool") { a throws(LibraryFault) in
        .bool(try a.quantity(0).int64 != nil)
      },
      LibraryFunction("add", "quantity_add", "\(quantity).(\(quantity)) -> \(quantity)") { a throws(LibraryFault) in
        try made(try a.quantity(0).sum(try a.quantity(1)))
      },
      LibraryFunction("add", "quantity_add_int", "\(quantity).(int) -> \(quantity)") { a throws(LibraryFault) in
        try made(try a.quantity(0).sum(Quantity(whole: try a.int(1))))
      },
      LibraryFunction("sub", "quantity_sub", "\(quantity).(\(quantity)) -> \(quantity)") { a throws(LibraryFault) in
        try made(try a.quantity(0).difference(try a.quantity(1)))
      },
      LibraryFunction("sub", "quantity_sub_int", "\(quantity).(int) -> \(quantity)") { a throws(LibraryFault) in
        try made(try a.quantity(0).difference(Quantity(whole: try a.int(1))))
      },
    ]
  }

  private static func made(_ quantity: Quantity?) throws(LibraryFault) -> Value {
    guard let quantity else { throw .tooLarge }
    return .object(.quantity(quantity))
  }

  private static func order<T: Comparable>(_ a: T, _ b: T) -> Value { .int(a < b ? -1 : a > b ? 1 : 0) }

  // MARK: versions

  private static var version: String { "kubernetes.Semver" }

  static var versions: [LibraryFunction] {
    [
      LibraryFunction("semver", "string_to_semver", "(string) -> \(version)") { a throws(LibraryFault) in
        .object(.version(try version(try a.text(0), isTolerant: false)))
      },
      LibraryFunction("semver", "string_bool_to_semver", "(string, bool) -> \(version)") { a throws(LibraryFault) in
        .object(.version(try version(try a.text(0), isTolerant: try a.bool(1))))
      },
      LibraryFunction("isSemver", "is_semver_string", "(string) -> bool") { a throws(LibraryFault) in
        let text = try a.text(0)
        return .bool((try? version(text, isTolerant: false)) != nil)
      },
      LibraryFunction("isSemver", "is_semver_string_bool", "(string, bool) -> bool") { a throws(LibraryFault) in
        let (text, isTolerant) = (try a.text(0), try a.bool(1))
        return .bool((try? version(text, isTolerant: isTolerant)) != nil)
      },
      LibraryFunction("isGreaterThan", "semver_is_greater_than", "\(version).(\(version)) -> bool") {
        a throws(LibraryFault) in
        .bool(try a.version(0) > a.version(1))
      },
      LibraryFunction("isLessThan", "semver_is_less_than", "\(version).(\(version)) -> bool") {
        a throws(LibraryFault) in
        .bool(try a.version(0) < a.version(1))
      },
      LibraryFunction("compareTo", "semver_compare_to", "\(version).(\(version)) -> int") { a throws(LibraryFault) in
        order(try a.version(0), try a.version(1))
      },
      LibraryFunction("major", "semver_major", "\(version).() -> int") { a throws(LibraryFault) in
        .int(Int64(truncatingIfNeeded: try a.version(0).major))
      },
      LibraryFunction("minor", "semver_minor", "\(version).() -> int") { a throws(LibraryFault) in
        .int(Int64(truncatingIfNeeded: try a.version(0).minor))
      },
      LibraryFunction("patch", "semver_patch", "\(version).() -> int") { a throws(LibraryFault) in
        .int(Int64(truncatingIfNeeded: try a.version(0).patch))
      },
    ]
  }

  private static func version(_ text: String, isTolerant: Bool) throws(LibraryFault) -> SemanticVersion {
    do throws(SemanticVersion.Malformed) {
      return try isTolerant ? SemanticVersion(tolerating: text) : SemanticVersion(parsing: text)
    } catch { throw .text("\(error)") }
  }

  // MARK: formats

  private static var format: String { "kubernetes.NamedFormat" }

  static var formats: [LibraryFunction] {
    [
      LibraryFunction("format.named", "format-named", "(string) -> optional(\(format))") { a throws(LibraryFault) in
        .optional(NamedFormat.named(try a.text(0)).map { .object(.format($0)) })
      },
      LibraryFunction("validate", "format-validate", "\(format).(string) -> optional(list(string))") {
        a throws(LibraryFault) in
        guard case .format(let format) = try a.object(0) else { throw .noSuchOverload }
        let faults = format.faults(try a.text(1))
        return .optional(faults.isEmpty ? nil : .texts(faults))
      },
    ]
      + NamedFormat.all.map { named in
        LibraryFunction("format.\(named.name)", "format.\(named.name)", "() -> \(format)") { _ throws(LibraryFault) in
          .object(.format(named))
        }
      }
  }
}
