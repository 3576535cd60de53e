import JSON
import Machinery

/// Maps of amounts by name, as defaulting leaves them.
enum ResourceLists {
  /// Rounds what is finer than a thousandth up to one. (Kubernetes: `SetDefaults_ResourceList`)
  static func roundUp(_ list: inout JSONValue?) {
    guard let members = list?.object?.members, members.contains(where: isFiner) else { return }
    list = .object(
      JSONObject(
        unchecked: members.map { member in
          guard let text = member.value.string, let amount = try? Quantity(parsing: text) else { return member }
          return JSONObject.Member(member.name, .string(amount.roundedUpToMilli.description))
        }))
  }

  /// May a canonical quantity have parts of a thousandth? Only with the suffixes n and u, an exponent or a fraction.
  private static func isFiner(_ member: JSONObject.Member) -> Bool {
    member.value.string?.utf8.contains { Array("nue.".utf8).contains($0) } ?? false
  }

  /// Are two maps of amounts the same? What is empty is as good as what is absent.
  static func areSame(_ a: JSONValue?, _ b: JSONValue?) -> Bool {
    let one = a?.object?.members ?? []
    let other = b?.object ?? JSONObject()
    return one.count == other.count
      && one.allSatisfy { member in
        guard let match = other[member.name] else { return false }
        return amount(member.value) == amount(match)
      }
  }

  /// What is not there counts as nothing.
  static func amount(_ value: JSONValue?) -> Quantity? { try? Quantity(parsing: value?.string ?? "0") }

  /// (`validateBasicResource`) The value at `path` must not be negative.
  static func basic(_ value: JSONValue, _ path: String) -> FieldError? {
    guard let whole = amount(value)?.wholeValue, whole < 0 else { return nil }
    return .invalid(path, bare: String(whole), "must be a valid resource quantity")
  }

  /// (`ValidatePositiveQuantityValue`)
  static func positive(_ value: JSONValue, _ path: String) -> FieldError? {
    guard let amount = amount(value) else { return nil }
    return amount.isBelowZero || amount.isZero
      ? .invalid(path, amount.description, "must be greater than zero") : nil
  }
}
