/// What a call has cost, by its arguments and its answer. (apiserver `CostEstimator.CallCost`, cel-go `ext/lists.go`,
/// `ext/sets.go` and `interpreter/runtimecost.go`)
enum LibraryCost<Value: LibraryValue> {
  /// Of a call whose arguments are all there, the receiver first; `&&`, `||` and `?:` are none.
  static func cost(_ function: String, _ overload: String, _ arguments: [Value], _ result: Value?) -> UInt64 {
    extensions(overload, arguments, result) ?? kubernetes(function, overload, arguments, result)
      ?? standard(overload, arguments)
  }

  /// Characters, bytes, elements or entries; 1 for what has none. (`actualSize`)
  static func size(_ value: Value) -> UInt64 {
    if let count = value.count { return UInt64(count) }
    return switch value.view {
    case .string(let text): UInt64(text.unicodeScalars.count)
    case .bytes(let bytes): UInt64(bytes.count)
    case .object(let object): object.size ?? 1
    case .optional(let inner?): size(inner)
    default: 1
    }
  }

  /// Rounded up.
  private static func characters(_ size: UInt64, times: Double = 1) -> UInt64 {
    UInt64(clamping: (Double(size) * times * CELPrice.character).rounded(.up))
  }

  private static func regex(_ text: UInt64, _ pattern: UInt64) -> UInt64 {
    let one = UInt64(clamping: ((1 + Double(text)) * CELPrice.character).rounded(.up))
    return one.times(UInt64(clamping: (Double(pattern) * CELPrice.regexCharacter).rounded(.up)))
  }

  // MARK: cel-go

  private static func standard(_ overload: String, _ arguments: [Value]) -> UInt64 {
    guard let first = arguments.first else { return 1 }
    switch overload {
    case "starts_with_string", "ends_with_string", "string_to_bytes", "bytes_to_string", "strings_quote",
      "string_format":
      return characters(size(first))
    default: break
    }
    guard arguments.count > 1 else { return 1 }
    let second = arguments[1]
    switch overload {
    case "in_list": return size(second)
    case "less_string", "greater_string", "less_equals_string", "greater_equals_string", "less_bytes", "greater_bytes",
      "less_equals_bytes", "greater_equals_bytes", "equals", "not_equals":
      return characters(min(size(first), size(second)))
    case "add_string", "add_bytes": return characters(size(first) + size(second))
    case "matches_string": return regex(size(first), size(second))
    case "contains_string": return characters(size(first)).times(characters(size(second)))
    default: return 1
    }
  }

  private static func extensions(_ overload: String, _ arguments: [Value], _ result: Value?) -> UInt64? {
    switch overload {
    case "list_sets_contains_list", "list_sets_intersects_list", "list_sets_equivalent_list":
      guard arguments.count == 2 else { return nil }
      let both = size(arguments[0]).times(size(arguments[1]))
      return UInt64(1).adding(overload == "list_sets_equivalent_list" ? both.times(UInt64(2)) : both)
    case "list_slice", "lists_range", "list_reverse": return result.map { allocating(1, size($0)) }
    case "list_flatten": return arguments.first.map { allocating(1, size($0)) }
    case "list_flatten_int":
      guard arguments.count == 2, case .int(let depth) = arguments[1].view else { return nil }
      return allocating(Double(depth), size(arguments[0]))
    case "list_distinct": return arguments.first.map(selfComparing)
    default: break
    }
    guard overload.hasPrefix("list_") else { return nil }
    if overload.hasSuffix("_sort") { return arguments.first.map(selfComparing) }
    if overload.hasSuffix("_sortByAssociatedKeys"), arguments.count == 2 { return selfComparing(arguments[1]) }
    return nil
  }

  private static func allocating(_ factor: Double, _ size: UInt64) -> UInt64 {
    UInt64(clamping: Double(size) * factor).adding(1 + CELPrice.list)
  }

  private static func selfComparing(_ list: Value) -> UInt64 {
    let count = size(list)
    var factor = 2.0
    switch list.elements?.first?.view {
    case .string?, .bytes?: factor += CELPrice.character
    default: break
    }
    return allocating(factor, count.times(count))
  }

  // MARK: Kubernetes

  private static func kubernetes(
    _ function: String, _ overload: String, _ arguments: [Value], _ result: Value?
  ) -> UInt64? {
    switch function {
    case "format.named", "masked", "prefixLength", "family", "isUnspecified", "isLoopback", "isLinkLocalMulticast",
      "isLinkLocalUnicast", "isGlobalUnicast", "sign", "asInteger", "isInteger", "asApproximateFloat", "isGreaterThan",
      "isLessThan", "compareTo", "add", "sub", "major", "minor", "patch", "getScheme", "getHostname", "getHost",
      "getPort", "getEscapedPath", "getQuery":
      return 1
    default: break
    }
    guard let first = arguments.first else { return nil }
    switch function {
    case "isSorted", "sum", "max", "min", "indexOf", "lastIndexOf": return traversal(first)
    case "ip" where overload == "cidr_ip": return 1
    case "url", "lowerAscii", "upperAscii", "substring", "trim", "cidr", "isIP", "isCIDR", "ip", "quantity",
      "isQuantity", "semver", "isSemver":
      return characters(size(first))
    case "replace", "split", "ip.isCanonical": return characters(size(first), times: 2)
    case "join": return result.map { characters(size($0), times: 2) }
    default: break
    }
    guard arguments.count > 1 else { return nil }
    let second = arguments[1]
    switch (function, first.view) {
    case ("find", _), ("findAll", _): return regex(size(first), size(second))
    case ("containsIP", _):
      let cost = characters(size(first) + size(first))
      return overload == "cidr_contains_ip_string" ? cost.adding(characters(size(second))) : cost
    case ("containsCIDR", _):
      let cost = characters(size(first) + size(first)).adding(characters(size(first)) + 1)
      return overload == "cidr_contains_cidr_string" ? cost.adding(characters(size(second))) : cost
    case ("validate", .object(.format(let format))): return regex(size(second), UInt64(format.regexSize))
    case ("_==_", .object): return 1
    default: return nil
    }
  }

  /// What walking through all of a value costs, rounded down for each part.
  private static func traversal(_ value: Value) -> UInt64 {
    switch value.view {
    case .string(let text): return UInt64(Double(text.utf8.count) * CELPrice.character)
    case .bytes(let bytes): return UInt64(Double(bytes.count) * CELPrice.character)
    case .list(let elements): return elements.reduce(0) { $0.adding(traversal($1)) }
    case .map(let entries):
      return entries.reduce(0) { $0.adding(traversal($1.key)).adding(traversal($1.value)) }
    default: return 1
    }
  }
}
