import JSON
import Machinery
import RegularExpressions

/// What types and limits ask of values that have nothing in them.
extension ValueWalk {
  // MARK: types

  func typeFault(_ wanted: String, _ found: String) -> ValueFault {
    fault(.type, .string(found)) { "\($0) in body must be of type \(wanted): \(GoText.quoted(found))" }
  }

  /// (`typeValidator`)
  func typeFault(_ check: ValueCheck, _ value: JSONValue) -> ValueFault? {
    let type: String
    var isWhole = false
    switch value {
    case .bool: type = "boolean"
    case .string: type = "string"
    case .int, .number: type = "integer"
    case .double(let number):
      type = "number"
      isWhole = number == number.rounded(.towardZero) && abs(number) < 9_007_199_254_740_992
    case .array: type = "array"
    case .object, .unread, .null: type = "object"
    }
    let types = check.types
    func has(_ type: String) -> Bool { types.contains(type) }
    let isNumber = type == "integer" && has("number") || isWhole && has("integer")
    let isText = type == "string" || type == "array"
    if check.format != nil {
      if !isText, !(has(type) || isNumber) {
        let name = type == "integer" ? "int64" : type == "number" ? "float64" : ""
        return fault(.type, .string(name)) {
          "\($0) in body must be of type \(check.formatName): \(GoText.quoted(name))"
        }
      }
      if isText, !has("number"), !has("integer") { return nil }
    }
    return has(type) || isNumber ? nil : typeFault(types.joined(separator: ","), type)
  }

  /// (`basicCommonValidator`) Go converts what is given to the type of what is allowed.
  func enumeration(_ check: ValueCheck, _ value: JSONValue, _ found: inout ValueFaults) {
    let allowed = check.limits.enumeration
    if allowed.isEmpty { return }
    let isAllowed = allowed.contains { one in
      switch (value, one) {
      case (.null, _), (_, .null): false
      case (.double(let given), .int(let one)): Int64(exactly: given.rounded(.towardZero)) == one
      case (.int(let given), .double(let one)): Double(given) == one
      case (.int(let given), .string(let one)):
        one == (UInt32(exactly: given).flatMap(Unicode.Scalar.init).map { String($0) } ?? "\u{FFFD}")
      default: value.isSameValue(as: one)
      }
    }
    if !isAllowed { found.list.append(fault(.enumeration(allowed), value) { _ in "" }) }
  }

  // MARK: scalars

  func string(_ check: ValueCheck, _ text: String, _ found: inout ValueFaults) {
    if let fault = lengthFault(check, text) { found.list.append(fault) }
    guard case .text(let isGood)? = check.format else { return }
    if isGood(text) {
      found.matches += 1
    } else {
      found.list.append(
        fault(.type, .string(text)) { "\($0) in body must be of type \(check.formatName): \(GoText.quoted(text))" })
    }
    found.matches += 1
  }

  /// The first that does not hold. (`stringValidator`)
  private func lengthFault(_ check: ValueCheck, _ text: String) -> ValueFault? {
    let limits = check.limits
    if limits.maxLength != nil || limits.minLength != nil {
      let count = Int64(text.unicodeScalars.count)
      if let most = limits.maxLength, count > most { return fault(.tooLong(most)) { _ in "" } }
      if let least = limits.minLength, count < least {
        return fault(.other, .string(text)) { "\($0) in body should be at least \(least) chars long" }
      }
    }
    if let why = check.badPattern {
      return fault(.other, .string(text)) {
        "\($0) in body should match '\(limits.pattern), but pattern is invalid: \(why)'"
      }
    }
    if let pattern = check.pattern, !pattern.matches(text) {
      return fault(.other, .string(text)) { "\($0) in body should match '\(limits.pattern)'" }
    }
    return nil
  }

  /// (`numberValidator`)
  func number(_ check: ValueCheck, _ value: JSONValue, _ found: inout ValueFaults) {
    let limits = check.limits
    if let fault = rangeFault(check, value, "Checked") { found.list.append(fault) }
    if let factor = limits.multipleOf { multiple(check, value, factor, &found) }
    if let least = limits.minimum { boundary(check, value, least, isMaximum: false, &found) }
    if let most = limits.maximum { boundary(check, value, most, isMaximum: true, &found) }
  }

  /// Does a number fit the type? (`IsValueValidAgainstRange`)
  private func rangeFault(_ check: ValueCheck, _ value: JSONValue, _ what: String) -> ValueFault? {
    let type = check.soleType
    let format = check.format
    let isGood: Bool
    switch (type, format) {
    case ("integer", .int32?): isGood = Self.whole(value).map { Int32(exactly: $0) != nil } ?? false
    case ("integer", _): isGood = Self.whole(value) != nil
    case ("number", .float?): isGood = Float(Self.double(value)).isFinite
    default: isGood = true
    }
    if isGood { return nil }
    let form = format == nil ? "(default format)" : "with format \(check.formatName)"
    return fault(.nameless) { "\(what) value must be of type \(type) \(form) in \($0)" }
  }

  private static func double(_ value: JSONValue) -> Double {
    switch value {
    case .int(let number): Double(number)
    case .double(let number): number
    default: 0
    }
  }

  private static func whole(_ value: JSONValue) -> Int64? {
    switch value {
    case .int(let number): number
    case .double(let number): Int64(exactly: number)
    default: nil
    }
  }

  private func multiple(_ check: ValueCheck, _ value: JSONValue, _ factor: Double, _ found: inout ValueFaults) {
    let range = rangeFault(check, .double(factor), "MultipleOf")
    if let range { found.list.append(range) }
    if range == nil, case .int(let number) = value {
      let whole = Int64(exactly: factor.rounded(.towardZero)) ?? .max
      if whole <= 0 { return found.list.append(mustBePositive(String(whole))) }
      if number % whole != 0 { found.list.append(notMultiple(value, String(whole))) }
      return
    }
    if factor <= 0 { return found.list.append(mustBePositive(GoText.general("\(factor)"))) }
    let number = Self.double(value)
    let times = factor < 1 ? 1 / factor * number : number / factor
    if !Self.isWhole(times) { found.list.append(notMultiple(value, GoText.general("\(factor)"))) }
  }

  private func mustBePositive(_ factor: String) -> ValueFault {
    fault(.other, nil) { "factor MultipleOf declared for \($0) must be positive: \(factor)" }
  }

  private func notMultiple(_ value: JSONValue, _ factor: String) -> ValueFault {
    fault(.other, value) { "\($0) in body should be a multiple of \(factor)" }
  }

  /// As good as whole. (`swag.IsFloat64AJSONInteger`)
  private static func isWhole(_ number: Double) -> Bool {
    guard number.isFinite, abs(number) < 9_007_199_254_740_992 else { return false }
    let rest = abs(number - number.rounded(.towardZero))
    if rest == 0 { return true }
    let sum = abs(number) + abs(number.rounded(.towardZero))
    if number == 0 || rest < .leastNormalMagnitude { return rest < 1e-9 * .leastNormalMagnitude }
    return rest / min(sum, .greatestFiniteMagnitude) < 1e-9
  }

  private func boundary(
    _ check: ValueCheck, _ value: JSONValue, _ bound: Double, isMaximum: Bool, _ found: inout ValueFaults
  ) {
    let range = rangeFault(check, .double(bound), isMaximum ? "Maximum boundary" : "Minimum boundary")
    if let range { found.list.append(range) }
    let isExclusive = isMaximum ? check.limits.isExclusiveMaximum : check.limits.isExclusiveMinimum
    func broken<N: Comparable>(_ number: N, _ bound: N) -> Bool {
      isMaximum
        ? isExclusive ? number >= bound : number > bound
        : isExclusive ? number <= bound : number < bound
    }
    let text: String
    if range == nil, case .int(let number) = value {
      // Go cuts the bound to a whole number.
      let whole = Int64(exactly: bound.rounded(.towardZero)) ?? (bound < 0 ? .min : .max)
      guard broken(number, whole) else { return }
      text = String(whole)
    } else {
      guard broken(Self.double(value), bound) else { return }
      text = GoText.general("\(bound)")
    }
    let relation = (isMaximum ? "less" : "greater") + " than" + (isExclusive ? "" : " or equal to")
    found.list.append(fault(.other, value) { "\($0) in body should be \(relation) \(text)" })
  }
}
