import ByteBuffers
import JSON
import Machinery
import Schema

@testable import FieldManagement

/// Nodes, as FieldManager sees them.
enum Fixture {
  static let model = TypeModel.builtin
  static func type() throws -> TypeModel.TypeID {
    guard let type = model.type("io.k8s.api.core.v1.Node") else { throw FieldsError("no facts about nodes") }
    return type
  }
  static func schema() throws -> MergeSchema { MergeSchema(model, root: try type()) }

  static func node(_ text: String) throws -> JSONValue {
    var value = try JSONValue(parsing: text)
    value["kind"] = "Node"
    value["apiVersion"] = "v1"
    return try model.decode(tree: value, as: try type()).value
  }

  static func manager() throws -> FieldManager {
    FieldManager(
      model, type: try type(), kind: GroupVersionKind(GroupVersion(version: "v1"), kind: "Node"), empty: try node("{}"))
  }

  static func writer(_ name: String, _ subresource: String = "") -> FieldManager.Writer {
    FieldManager.Writer(
      name: name, subresource: subresource,
      resetFields: FieldSet(fields: subresource.isEmpty ? [["status"]] : [["spec"]]))
  }

  /// `config` with a head.
  static func config(_ text: String) throws -> JSONValue {
    var value = try JSONValue(parsing: text)
    value["kind"] = "Node"
    value["apiVersion"] = "v1"
    return value
  }
}

/// A node that several managers write, one after another.
struct Bench {
  let manager: FieldManager
  var live: JSONValue?
  var now: Int64 = 1_000

  init(_ live: String? = nil) throws {
    manager = try Fixture.manager()
    self.live = try live.map(Fixture.node)
    self.live?["metadata"]?["uid"] = "u"
  }

  /// Throws what apply throws; otherwise the node is what came of it.
  mutating func apply(_ name: String, _ config: String, force: Bool = false, subresource: String = "") throws {
    now += 1
    let merged = try manager.apply(
      live: live, config: try Fixture.config(config), writer: Fixture.writer(name, subresource), force: force, now: now)
    live = try Fixture.model.decode(tree: merged, as: try Fixture.type()).value
  }

  mutating func update(_ name: String, subresource: String = "", _ change: (inout JSONValue) -> Void) throws {
    now += 1
    var new = try live ?? Fixture.node("{}")
    change(&new)
    manager.update(live: live, new: &new, writer: Fixture.writer(name, subresource), now: now)
    live = new
  }

  /// `one Apply: {…}` for each entry.
  var owners: [String] {
    (live?["metadata"]?["managedFields"]?.array ?? []).map { entry in
      let name = entry["manager"]?.string ?? ""
      let part = entry["subresource"]?.string.map { "/" + $0 } ?? ""
      return "\(name)\(part) \(entry["operation"]?.string ?? ""): \(entry["fieldsV1"]?.encoded().text ?? "")"
    }
  }
}
