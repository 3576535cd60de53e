import ByteBuffers
import JSON
import Machinery
import Testing

@testable import FieldManagement
@testable import Schema

/// A kind in two versions that differ in how lists and maps merge.
private struct TwoVersions {
  static func facts(_ items: String, _ map: String) -> String {
    """
    T test.Root /v1/Root
    kind s e
    apiVersion s e
    metadata Rtest.Meta e
    items [Rtest.Item e \(items)
    words [s e lt=set ps=merge
    names {s e \(map)
    T test.Meta -
    name s e
    uid s e
    managedFields [{s e lt=atomic
    T test.Item -
    k s e
    v s e
    """
  }
  let old: FieldManager
  let new: FieldManager
  let newSchema: MergeSchema

  init() throws {
    let before = TypeModel(facts: Self.facts("lt=map mk=k", ""))
    let after = TypeModel(facts: Self.facts("lt=atomic", "mt=atomic"))
    guard let a = before.type("test.Root"), let b = after.type("test.Root") else {
      throw FieldsError("the facts have no root")
    }
    newSchema = MergeSchema(after, root: b)
    let empty: JSONValue = ["kind": "Root", "apiVersion": "g/v1", "metadata": [:]]
    let version = GroupVersion(group: "g", version: "v1")
    old = FieldManager(
      before, type: a, kind: GroupVersionKind(version, kind: "Root"), empty: empty, others: ["g/v2": newSchema])
    var later = empty
    later["apiVersion"] = "g/v2"
    new = FieldManager(
      after, type: b, kind: GroupVersionKind(GroupVersion(group: "g", version: "v2"), kind: "Root"), empty: later,
      others: ["g/v1": MergeSchema(before, root: a)])
  }

  static func config(_ version: String, _ text: String) throws -> JSONValue {
    var config = try JSONValue(parsing: text)
    config["kind"] = "Root"
    config["apiVersion"] = .string("g/" + version)
    config["metadata"] = ["name": "x"]
    return config
  }

  static func writer(_ name: String) -> FieldManager.Writer {
    FieldManager.Writer(name: name, subresource: "", resetFields: FieldSet())
  }

  static func owners(_ object: JSONValue) -> [String] {
    (object["metadata"]?["managedFields"]?.array ?? []).map {
      "\($0["manager"]?.string ?? "") \($0["operation"]?.string ?? "") \($0["apiVersion"]?.string ?? ""): \($0["fieldsV1"]?.encoded().text ?? "")"
    }
  }
}

@Suite struct `Field ownership across versions` {
  @Test func `each manager owns fields of the version it wrote in, and conflicts are found there`() throws {
    let kind = try TwoVersions()
    var live = try kind.old.apply(
      live: nil, config: try TwoVersions.config("v1", #"{"items":[{"k":"a","v":"1"}],"words":["p"]}"#),
      writer: TwoVersions.writer("one"), force: false, now: 1)
    live["metadata"]?["uid"] = "u"
    var later = try #require(FieldManager.renamed(live, "g/v2"))
    later = try kind.new.apply(
      live: later, config: try TwoVersions.config("v2", #"{"words":["q"]}"#), writer: TwoVersions.writer("two"),
      force: false, now: 2)
    #expect(
      TwoVersions.owners(later) == [
        #"one Apply g/v1: {"f:items":{"k:{\"k\":\"a\"}":{".":{},"f:k":{},"f:v":{}}},"f:words":{"v:\"p\"":{}}}"#,
        #"two Apply g/v2: {"f:words":{"v:\"q\"":{}}}"#,
      ])
    // In v2 the list is one value; in the version of the other manager it is the item's member that changes.
    let clash = try TwoVersions.config("v2", #"{"items":[{"k":"a","v":"2"}],"words":["q"]}"#)
    #expect {
      try kind.new.apply(live: later, config: clash, writer: TwoVersions.writer("two"), force: false, now: 3)
    } throws: {
      ($0 as? Status)?.details?.causes.map(\.field) == [#".items[k="a"].v"#]
    }
    let forced = try kind.new.apply(live: later, config: clash, writer: TwoVersions.writer("two"), force: true, now: 3)
    #expect(
      TwoVersions.owners(forced) == [
        #"one Apply g/v1: {"f:items":{"k:{\"k\":\"a\"}":{".":{},"f:k":{}}},"f:words":{"v:\"p\"":{}}}"#,
        #"two Apply g/v2: {"f:items":{},"f:words":{"v:\"q\"":{}}}"#,
      ])
  }

  @Test func `an applier may move to another version, and what it leaves out goes`() throws {
    let kind = try TwoVersions()
    var live = try kind.old.apply(
      live: nil, config: try TwoVersions.config("v1", #"{"names":{"a":"1","b":"1"},"words":["p","q"]}"#),
      writer: TwoVersions.writer("one"), force: false, now: 1)
    live["metadata"]?["uid"] = "u"
    let later = try kind.new.apply(
      live: FieldManager.renamed(live, "g/v2"),
      config: try TwoVersions.config("v2", #"{"names":{"a":"1"},"words":["q"]}"#), writer: TwoVersions.writer("one"),
      force: false, now: 2)
    #expect(later["apiVersion"] == "g/v2" && later["names"] == ["a": "1"] && later["words"] == ["q"])
    #expect(TwoVersions.owners(later) == [#"one Apply g/v2: {"f:names":{},"f:words":{"v:\"q\"":{}}}"#])
  }

  @Test func `what was owned in a version that is not served is forgotten at the next write`() throws {
    let kind = try TwoVersions()
    var live = try TwoVersions.config("v1", #"{"words":["p"]}"#)
    live["metadata"] = [
      "name": "x", "uid": "u",
      "managedFields": [
        [
          "manager": "gone", "operation": "Update", "apiVersion": "g/v0", "fieldsType": "FieldsV1",
          "fieldsV1": ["f:words": ["v:\"p\"": [:]]],
        ],
        [
          "manager": "stays", "operation": "Update", "apiVersion": "g/v1", "fieldsType": "FieldsV1",
          "fieldsV1": ["f:words": ["v:\"p\"": [:]]],
        ],
      ],
    ]
    var new = live
    new["words"] = ["p", "q"]
    kind.old.update(live: live, new: &new, writer: TwoVersions.writer("other"), now: 1)
    #expect(
      TwoVersions.owners(new) == [
        #"stays Update g/v1: {"f:words":{"v:\"p\"":{}}}"#, #"other Update g/v1: {"f:words":{"v:\"q\"":{}}}"#,
      ])
    // That somebody owned fields at all still counts: the writer is tracked.
    live["metadata"]?["managedFields"] = [
      [
        "manager": "gone", "operation": "Update", "apiVersion": "g/v0", "fieldsType": "FieldsV1",
        "fieldsV1": ["f:words": [:]],
      ]
    ]
    new = live
    new["words"] = ["p", "q"]
    kind.old.update(live: live, new: &new, writer: TwoVersions.writer("other"), now: 1)
    #expect(TwoVersions.owners(new) == [#"other Update g/v1: {"f:words":{"v:\"q\"":{}}}"#])
  }

  @Test(arguments: [
    // Owned inside of what is one value now.
    (
      #"{"f:items":{"k:{\"k\":\"a\"}":{".":{},"f:v":{}}},"f:words":{"v:\"p\"":{}}}"#,
      #"{"f:items":{},"f:words":{"v:\"p\"":{}}}"#
    ),
    (#"{"f:names":{".":{},"f:a":{}}}"#, #"{"f:names":{}}"#),
    // Owned as one value, which it no longer is, or never seen in the type.
    (#"{"f:words":{}}"#, #"{"f:words":{}}"#), (#"{"f:nope":{"f:x":{}}}"#, #"{"f:nope":{"f:x":{}}}"#),
  ]) func `sets that an older form of the type left behind are put right`(before: String, after: String) throws {
    let kind = try TwoVersions()
    let set = try FieldSet(fieldsV1: try JSONValue(parsing: before))
    #expect((kind.newSchema.reconciled(set) ?? set).fieldsV1.encoded().text == after)
  }

  @Test func `an item without its key can't be applied`() throws {
    let kind = try TwoVersions()
    #expect {
      try kind.old.apply(
        live: nil, config: try TwoVersions.config("v1", #"{"items":[{"v":"1"}]}"#), writer: TwoVersions.writer("one"),
        force: false, now: 1)
    } throws: {
      ($0 as? Status)?.message
        == #"failed to create typed patch object (/x; g/v1, Kind=Root): .items: element 0: associative list with keys has an element that omits all key fields ["k"] (and doesn't have default values for any key fields)"#
    }
  }

  @Test func `a stored set of the older form is written back in the newer at the next write`() throws {
    let kind = try TwoVersions()
    var live = try TwoVersions.config("v2", #"{"items":[{"k":"a","v":"1"}],"words":["p"]}"#)
    live["metadata"] = [
      "name": "x", "uid": "u",
      "managedFields": [
        [
          "manager": "one", "operation": "Apply", "apiVersion": "g/v2", "fieldsType": "FieldsV1",
          "fieldsV1": ["f:items": ["k:{\"k\":\"a\"}": [".": [:], "f:v": [:]]]],
        ]
      ],
    ]
    var new = live
    kind.new.update(live: live, new: &new, writer: TwoVersions.writer("other"), now: 1)
    #expect(TwoVersions.owners(new) == [#"one Apply g/v2: {"f:items":{}}"#])
    #expect {
      try kind.new.apply(
        live: new, config: try TwoVersions.config("v2", #"{"items":[]}"#), writer: TwoVersions.writer("two"),
        force: false, now: 2)
    } throws: {
      ($0 as? Status)?.details?.causes.map(\.field) == [".items"]
    }
  }
}
