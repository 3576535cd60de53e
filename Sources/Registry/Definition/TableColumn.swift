public import JSON
import Machinery

/// A column of a Table answer, with what stands in it.
public struct TableColumn: Sendable {
  /// `now`: seconds since 1970.
  public typealias Cell = @Sendable (_ object: JSONNode, _ now: Int64) -> JSONValue

  public let name: String
  public let type: String
  public let format: String
  public let description: String
  public let priority: Int
  public let cell: Cell

  public init(
    _ name: String, type: String = "string", format: String = "", description: String, priority: Int = 0,
    cell: @escaping Cell
  ) {
    self.name = name
    self.type = type
    self.format = format
    self.description = description
    self.priority = priority
    self.cell = cell
  }

  /// The object's name.
  public static let name = TableColumn(
    "Name", format: "name", description: "The object's name, unique among its kind in its namespace."
  ) { object, _ in .string(object["metadata"]?["name"]?.string ?? "") }

  /// How long ago the object was created.
  public static let age = TableColumn("Age", description: "How long ago the object was created.") { object, now in
    .string(Age.text(since: object["metadata"]?["creationTimestamp"]?.string, now: now))
  }

  /// When the object was created: what kinds without columns of their own show. (`rest.NewDefaultTableConvertor`)
  public static let createdAt = TableColumn(
    "Created At", type: "date", description: "When the object was created."
  ) { object, _ in
    .string(object["metadata"]?["creationTimestamp"]?.string ?? "")
  }

  /// A cell of the age that no column is defined for, as addresses show it. It has to be the last.
  public static let ageWithoutName = TableColumn("", description: "", cell: age.cell)
  /// Are its cells told of before the rows?
  public var isDefined: Bool { !name.isEmpty }

  /// The text of a member, by its path with dots; empty where there is none.
  public static func text(
    _ name: String, at path: String, description: String, priority: Int = 0
  ) -> TableColumn {
    let path = path.split(separator: ".").map(String.init)
    return TableColumn(name, description: description, priority: priority) { object, _ in
      .string(FieldReader(object).text(path) ?? "")
    }
  }

  /// How many entries these top-level maps have.
  public static func count(_ name: String, of maps: [String], description: String) -> TableColumn {
    TableColumn(name, description: description) { object, _ in
      .int(maps.reduce(0) { sum, map in sum + Int64(object[map]?.members.reduce(0) { count, _ in count + 1 } ?? 0) })
    }
  }
}
