import ByteBuffers
import JSON
import Registry

/// Between events of the core group, which are stored, and those of events.k8s.io. They say the same by other names.
/// (Kubernetes: pkg/apis/events/v1/conversion.go)
enum EventConversion {
  static let inEventsV1 = ServedVersion.Conversion(
    toStored: { renamed($0, toCore) }, fromStored: { renamed($0, fromCore) }, field: field)

  private static let names: [(core: ByteString, events: ByteString)] = [
    ("involvedObject", "regarding"), ("message", "note"), ("source", "deprecatedSource"),
    ("firstTimestamp", "deprecatedFirstTimestamp"), ("lastTimestamp", "deprecatedLastTimestamp"),
    ("count", "deprecatedCount"), ("reportingComponent", "reportingController"),
  ]
  private static let toCore = Dictionary(uniqueKeysWithValues: names.map { ($0.events, $0.core.text) })
  private static let fromCore = Dictionary(uniqueKeysWithValues: names.map { ($0.core, $0.events.text) })

  private static func renamed(_ event: JSONValue, _ names: [ByteString: String]) -> JSONValue {
    guard let members = event.object?.members else { return event }
    return .object(
      JSONObject(unchecked: members.map { JSONObject.Member(names[ByteString($0.name)] ?? $0.name, $0.value) }))
  }

  /// The core group's name of a selectable field; nil for those that events.k8s.io does not have.
  private static func field(_ name: String) -> String? {
    switch name {
    case "metadata.name", "metadata.namespace", "reason", "type": return name
    case "reportingController": return "reportingComponent"
    default:
      let parts = name.split(separator: ".", maxSplits: 1)
      guard parts.count == 2, parts[0] == "regarding" else { return nil }
      let field = "involvedObject.\(parts[1])"
      return EventFields.selectable.contains { $0.name == field } ? field : nil
    }
  }
}
