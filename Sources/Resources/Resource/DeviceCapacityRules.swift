import ByteBuffers
import JSON
import Machinery
import Registry

/// Rules for how much a device has of something, and how much of it may be asked for. (Kubernetes:
/// `validateMultiAllocatableDeviceCapacity` and its siblings of pkg/apis/resource/validation)
enum DeviceCapacityRules {
  /// `isShared`: several claims may have a part of the device.
  static func check(isShared: Bool, _ context: inout RuleContext) {
    guard let capacity = context.value, let policy = capacity["requestPolicy"], !policy.isNull else { return }
    guard isShared else {
      return context.report(.forbidden(context.path("requestPolicy"), "allowMultipleAllocations must be true"))
    }
    let most = quantity(capacity["value"]) ?? .zero
    context.look(at: policy, "requestPolicy") { check($0.value ?? .null, most, &$0) }
  }

  private static func quantity(_ value: JSONValue?) -> Quantity? {
    value?.string.flatMap { try? Quantity(parsing: $0) }
  }

  private static func check(_ policy: JSONValue, _ most: Quantity, _ context: inout RuleContext) {
    let values = (policy["validValues"]?.array ?? []).compactMap { quantity($0) }
    let range = policy["validRange"].flatMap { $0.isNull ? nil : $0 }
    let preset = quantity(policy["default"])
    if !values.isEmpty {
      if range != nil {
        let detail =
          #"exactly one policy can be specified, cannot specify "validValues" and "validRange" at the same time"#
        return context.report(.forbidden(context.path(), detail))
      }
      guard let preset else {
        return context.report(.required(context.path("default"), "required when validValues is defined"))
      }
      check(values, preset, most, &context)
    } else if let range {
      guard let preset else {
        return context.report(.required(context.path("default"), "required when validRange is defined"))
      }
      context.look(at: range, "validRange") { check(range: range, preset, most, &$0) }
    }
  }

  /// (`validateRequestPolicyValidValues`)
  private static func check(
    _ values: [Quantity], _ preset: Quantity, _ most: Quantity, _ context: inout RuleContext
  ) {
    func at(_ place: Int) -> String { context.path("validValues", .index(place)) }
    for place in values.indices.dropLast() where values[place] > values[place + 1] {
      let next = values[place + 1].description
      context.report(.invalid(at(place + 1), next, "values must be sorted in ascending order"))
    }
    let path = context.path("validValues")
    if values.count > 10 {
      context.report(.tooMany(path, count: values.count, limit: 10))
      // None of them has been looked at.
      return context.report(
        .invalid(path, preset.description, "default value is not valid according to the requestPolicy"))
    }
    for (place, value) in values.enumerated() where value > most {
      context.report(.invalid(at(place), value.description, "option is larger than capacity value: \(most)"))
    }
    var seen = Set<Int64>()
    for (place, value) in values.enumerated() {
      let whole = value.wholeValue ?? .max
      if !seen.insert(whole).inserted { context.report(.duplicate(at(place), bare: GoText.quoted("\(whole)"))) }
    }
    if !values.contains(preset) {
      context.report(.invalid(path, preset.description, "default value is not valid according to the requestPolicy"))
    }
  }

  /// (`validateRequestPolicyRange`)
  private static func check(
    range: JSONValue, _ preset: Quantity, _ most: Quantity, _ context: inout RuleContext
  ) {
    guard let least = quantity(range["min"]) else {
      return context.report(.required(context.path("min"), "required when validRange is defined"))
    }
    func complain(_ member: String, _ value: Quantity, _ detail: String, _ context: inout RuleContext) {
      context.report(.invalid(context.path(.member(member)), value.description, detail))
    }
    if least > most { complain("min", least, "min is larger than capacity value: \(most)", &context) }
    if preset < least { complain("min", preset, "default is less than min: \(least)", &context) }
    let upper = quantity(range["max"])
    if let upper {
      if least > upper { complain("max", least, "min is larger than max: \(upper)", &context) }
      if upper > most { complain("max", upper, "max is larger than capacity value: \(most)", &context) }
      if preset > upper { complain("max", preset, "default is more than max: \(upper)", &context) }
    }
    guard let step = quantity(range["step"]) else { return }
    if let sum = least.adding(step), sum > most {
      complain("step", step, "one step \(sum) is larger than capacity value: \(most)", &context)
    }
    for value in [preset, upper].compactMap({ $0 }) {
      let width = step.wholeValue ?? .max
      // Upstream divides by zero here, and the request fails.
      let (gap, isTooFar) = (value.wholeValue ?? .max).subtractingReportingOverflow(least.wholeValue ?? .max)
      if width != 0 && !isTooFar && gap % width == 0 { continue }
      complain("step", value, "value is not a multiple of a given step (\(step)) from (\(least))", &context)
    }
  }
}
