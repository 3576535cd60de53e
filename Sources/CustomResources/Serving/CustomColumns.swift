import JSON
import Machinery
import Registry

/// `additionalPrinterColumns`. (apiextensions-apiserver: `tableconvertor`)
enum CustomColumns {
  static func columns(of version: JSONValue) -> [TableColumn] {
    let given = version["additionalPrinterColumns"]?.array ?? []
    if given.isEmpty { return [.name, age] }
    return [.name] + given.map(column)
  }

  /// What kinds without columns of their own show.
  private static let age = column([
    "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp",
    "description":
      "When the object was created, in UTC: the server's clock at that time.",
  ])

  private static func column(_ column: JSONValue) -> TableColumn {
    let path = column["jsonPath"]?.string ?? ""
    let type = column["type"]?.string ?? ""
    let steps = path.split(separator: ".").map(String.init)
    return TableColumn(
      column["name"]?.string ?? "", type: type, format: column["format"]?.string ?? "",
      description: column["description"]?.string
        ?? "Custom resource definition column (in JSONPath format): \(path)",
      priority: Int(column["priority"]?.int ?? 0)
    ) { object, now in
      var node: JSONNode? = object
      for step in steps { node = node?[step] }
      return node.map { cell(JSONValue($0), type, now) } ?? .null
    }
  }

  /// (`cellForJSONValue`)
  private static func cell(_ value: JSONValue, _ type: String, _ now: Int64) -> JSONValue {
    switch (type, value) {
    case ("integer", .int), ("number", .int), ("number", .double), ("boolean", .bool), ("string", .string): value
    case ("integer", .double(let number)): Int64(exactly: number.rounded(.towardZero)).map { .int($0) } ?? .null
    case ("string", .null): .null
    case ("string", _): .string(value.encoded().text)
    case ("date", .string(let text)):
      if text.isEmpty {
        "<unknown>"
      } else {
        (try? Timestamp.parse(text)) == nil ? "<invalid>" : .string(Age.text(since: text, now: now))
      }
    default: .null
    }
  }
}
