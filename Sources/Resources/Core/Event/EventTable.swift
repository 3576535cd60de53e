import JSON
import Machinery
import Registry

/// The columns of `kubectl get events`. (Kubernetes: pkg/printers/internalversion, printEvent)
enum EventTable {
  static let columns: [TableColumn] = [
    TableColumn("Last Seen", description: "How long ago it was seen last.") { event, now in
      .string(lastSeen(event, now))
    },
    .text("Type", at: "type", description: "Normal or Warning."),
    .text("Reason", at: "reason", description: "Why it came to this, in one word."),
    TableColumn("Object", description: "Kind and name of what the event is about.") { event, _ in
      .string(target(event["involvedObject"]))
    },
    .text(
      "Subobject", at: "involvedObject.fieldPath", description: "The part of it that the event is about.", priority: 1),
    TableColumn("Source", description: "Who reports it.", priority: 1) { event, _ in .string(source(event)) },
    TableColumn("Message", description: "What has happened, for people to read.") { event, _ in
      .string(trimmed(event["message"]?.string ?? ""))
    },
    TableColumn("First Seen", description: "How long ago it was seen first.", priority: 1) { event, now in
      .string(firstSeen(event, now))
    },
    TableColumn("Count", description: "How often it was seen.", priority: 1) { event, _ in .int(count(event)) },
    TableColumn(
      "Name", format: "name", description: "The event's name, unique in its namespace.", priority: 1,
      cell: TableColumn.name.cell),
  ]

  private static func lastSeen(_ event: JSONNode, _ now: Int64) -> String {
    if let series = series(event) { return Age.text(since: series["lastObservedTime"]?.string, now: now) }
    return event["lastTimestamp"]?.string.map { Age.text(since: $0, now: now) } ?? firstSeen(event, now)
  }

  private static func firstSeen(_ event: JSONNode, _ now: Int64) -> String {
    Age.text(since: event["firstTimestamp"]?.string ?? event["eventTime"]?.string, now: now)
  }

  /// Events that are no series are counted by those who still do, else they stand for themselves.
  private static func count(_ event: JSONNode) -> Int64 {
    if let series = series(event) { return series["count"]?.int ?? 0 }
    let count = event["count"]?.int ?? 0
    return count == 0 ? 1 : count
  }

  private static func series(_ event: JSONNode) -> JSONNode? {
    event["series"].flatMap { $0.isNull ? nil : $0 }
  }

  private static func target(_ object: JSONNode?) -> String {
    let kind = (object?["kind"]?.string ?? "").lowercased()
    let name = object?["name"]?.string ?? ""
    return name.isEmpty ? kind : "\(kind)/\(name)"
  }

  private static func source(_ event: JSONNode) -> String {
    func first(_ texts: String?...) -> String { texts.lazy.compactMap(\.self).first { !$0.isEmpty } ?? "" }
    let component = first(event["source"]?["component"]?.string, event["reportingComponent"]?.string)
    let instance = first(event["source"]?["host"]?.string, event["reportingInstance"]?.string)
    return instance.isEmpty ? component : "\(component), \(instance)"
  }

  private static func trimmed(_ text: String) -> String {
    let scalars = text.unicodeScalars.drop { $0.properties.isWhitespace }
    guard let last = scalars.lastIndex(where: { !$0.properties.isWhitespace }) else { return "" }
    return String(scalars[...last])
  }
}
