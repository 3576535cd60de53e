import JSON
import Machinery
import Registry

/// Metrics in v1's annotations, where each member of a source stands by itself, and as they are stored.
enum AutoscalerMetrics {
  /// What is to be scaled by, or how much of it there is.
  enum Side { case specs, statuses }

  /// What v1 has in a source, in Go's order.
  private enum Kind { case text, percent, amount, optionalAmount, selector, reference }

  private static func source(_ name: String, _ side: Side) -> [(String, Kind)] {
    let isSpec = side == .specs
    return switch name {
    case "object":
      [
        ("target", .reference), ("metricName", .text), (isSpec ? "targetValue" : "currentValue", .amount),
        ("selector", .selector), ("averageValue", .optionalAmount),
      ]
    case "pods":
      [
        ("metricName", .text), (isSpec ? "targetAverageValue" : "currentAverageValue", .amount),
        ("selector", .selector),
      ]
    case "external":
      [
        ("metricName", .text), ("metricSelector", .selector),
        isSpec ? ("targetValue", .optionalAmount) : ("currentValue", .amount),
        (isSpec ? "targetAverageValue" : "currentAverageValue", .optionalAmount),
      ]
    default:
      [
        ("name", .text), (isSpec ? "targetAverageUtilization" : "currentAverageUtilization", .percent),
        isSpec ? ("targetAverageValue", .optionalAmount) : ("currentAverageValue", .amount),
      ] + (name == "containerResource" ? [("container", .text)] : [])
    }
  }

  private static let names = ["object", "pods", "resource", "containerResource", "external"]

  // MARK: from v1

  /// The metrics of an annotation as they are stored; nil where it can't be read.
  static func toV2(_ annotation: JSONValue, _ side: Side) -> [JSONValue]? {
    guard let list = annotation.array else { return annotation.isNull ? [] : nil }
    var metrics: [JSONValue] = []
    for item in list {
      guard item.isNull || item.object != nil, let type = read(item["type"], .text) else { return nil }
      var members = [JSONObject.Member("type", type)]
      for name in names {
        guard let given = item[name], !given.isNull else { continue }
        guard given.object != nil else { return nil }
        var flat: [String: JSONValue] = [:]
        for (member, kind) in source(name, side) {
          guard let value = read(given[member], kind) else { return nil }
          if !value.isNull { flat[member] = value }
        }
        members.append(JSONObject.Member(name, side == .specs ? spec(name, flat) : status(name, flat)))
      }
      metrics.append(.object(JSONObject(unchecked: members)))
    }
    return metrics
  }

  /// A member's value, its zero value where there is none; null for an absent pointer, nil for a wrong type.
  private static func read(_ value: JSONValue?, _ kind: Kind) -> JSONValue? {
    let value = value.flatMap { $0.isNull ? nil : $0 }
    switch kind {
    case .text: return value.map { $0.string == nil ? nil : $0 } ?? ""
    case .percent: return value.map { $0.int32 == nil ? nil : $0 } ?? .null
    case .selector: return value.map { $0.object == nil ? nil : $0 } ?? .null
    case .reference:
      guard let value else { return ["kind": "", "name": ""] }
      return value.object == nil ? nil : value
    case .amount, .optionalAmount:
      guard let value else { return kind == .amount ? "0" : .null }
      let text = value.string ?? value.int.map { String($0) } ?? ""
      return (try? Quantity.canonical(text)).map { .string($0) }
    }
  }

  private static func spec(_ name: String, _ flat: [String: JSONValue]) -> JSONValue {
    var target: JSONObject = [:]
    func set(_ type: String, value: JSONValue? = nil, average: JSONValue? = nil, percent: JSONValue? = nil) {
      target["type"] = .string(type)
      target["value"] = value
      target["averageValue"] = average
      target["averageUtilization"] = percent
    }
    switch name {
    case "object":
      let average = flat["averageValue"]
      let value = flat["targetValue"] ?? "0"
      // v1 can't leave the value out; a zero beside an average was none.
      set(
        average == nil ? "Value" : "AverageValue", value: average != nil && value == "0" ? nil : value, average: average
      )
      return ["describedObject": flat["target"] ?? [:], "target": .object(target), "metric": metric(flat, "selector")]
    case "pods":
      set("AverageValue", average: flat["targetAverageValue"])
      return ["metric": metric(flat, "selector"), "target": .object(target)]
    case "external":
      let value = flat["targetValue"]
      set(value == nil ? "AverageValue" : "Value", value: value, average: flat["targetAverageValue"])
      return ["metric": metric(flat, "metricSelector"), "target": .object(target)]
    default:
      let percent = flat["targetAverageUtilization"]
      set(percent == nil ? "AverageValue" : "Utilization", average: flat["targetAverageValue"], percent: percent)
      return named(flat, "target", .object(target))
    }
  }

  private static func status(_ name: String, _ flat: [String: JSONValue]) -> JSONValue {
    var current: JSONObject = [:]
    switch name {
    case "object":
      current["value"] = flat["currentValue"]
      current["averageValue"] = flat["averageValue"]
      return [
        "metric": metric(flat, "selector"), "current": .object(current), "describedObject": flat["target"] ?? [:],
      ]
    case "pods":
      current["averageValue"] = flat["currentAverageValue"]
      return ["metric": metric(flat, "selector"), "current": .object(current)]
    case "external":
      current["value"] = flat["currentValue"]
      current["averageValue"] = flat["currentAverageValue"]
      return ["metric": metric(flat, "metricSelector"), "current": .object(current)]
    default:
      current["averageValue"] = flat["currentAverageValue"]
      current["averageUtilization"] = flat["currentAverageUtilization"]
      return named(flat, "current", .object(current))
    }
  }

  private static func metric(_ flat: [String: JSONValue], _ selector: String) -> JSONValue {
    var metric: JSONObject = ["name": flat["metricName"] ?? ""]
    metric["selector"] = flat[selector]
    return .object(metric)
  }

  private static func named(_ flat: [String: JSONValue], _ member: String, _ value: JSONValue) -> JSONValue {
    var named: JSONObject = ["name": flat["name"] ?? ""]
    named[member] = value
    named["container"] = flat["container"]
    return .object(named)
  }

  /// Conditions of an annotation; nil where they can't be read.
  static func conditions(_ annotation: JSONValue) -> JSONValue? {
    guard let list = annotation.array else { return nil }
    var conditions: [JSONValue] = []
    for item in list {
      guard item.isNull || item.object != nil else { return nil }
      var members: [JSONObject.Member] = []
      for name in ["type", "status", "lastTransitionTime", "reason", "message"] {
        let value = item[name].flatMap { $0.isNull ? nil : $0 }
        if let value, value.string == nil { return nil }
        if name == "lastTransitionTime" {
          if let text = value?.string, (try? Timestamp.parse(text)) == nil { return nil }
          if let value { members.append(JSONObject.Member(name, value)) }
        } else {
          members.append(JSONObject.Member(name, value ?? ""))
        }
      }
      conditions.append(.object(JSONObject(unchecked: members)))
    }
    return .array(conditions)
  }

  // MARK: to v1

  static func toV1(_ metrics: [JSONValue], _ side: Side) -> JSONValue {
    .array(
      metrics.map { metric in
        var members = [JSONObject.Member("type", metric["type"] ?? "")]
        for name in names {
          guard let given = metric[name], !given.isNull else { continue }
          members.append(
            JSONObject.Member(
              name, .object(JSONObject(unchecked: source(name, side).compactMap { flat($0, given, name, side) }))))
        }
        return .object(JSONObject(unchecked: members))
      })
  }

  private static func flat(
    _ member: (String, Kind), _ given: JSONValue, _ name: String, _ side: Side
  ) -> JSONObject.Member? {
    let amounts = given[side == .specs ? "target" : "current"]
    func present(_ value: JSONValue?) -> JSONValue? { value.flatMap { $0.isNull ? nil : $0 } }
    let value: JSONValue?
    switch member.0 {
    case "target": value = given["describedObject"] ?? ["kind": "", "name": ""]
    case "metricName": value = given["metric"]?["name"] ?? ""
    case "selector", "metricSelector": value = present(given["metric"]?["selector"])
    case "name", "container": value = given[member.0] ?? ""
    case "targetValue", "currentValue": value = present(amounts?["value"])
    case "targetAverageUtilization", "currentAverageUtilization": value = present(amounts?["averageUtilization"])
    default: value = present(amounts?["averageValue"])
    }
    if let value { return JSONObject.Member(member.0, value) }
    return member.1 == .amount ? JSONObject.Member(member.0, "0") : nil
  }
}
