import ByteBuffers
import JSON
import Machinery
import Testing

@testable import FieldManagement
@testable import Schema

/// Structs that are one value wherever they stand: members, items of lists that merge by keys, items of sets and
/// entries of maps.
@Suite struct `Structs that are owned as a whole` {
  private static let facts = """
    T test.Root /v1/Root
    kind s e
    apiVersion s e
    metadata Rtest.Meta e
    selector *Rtest.LabelSelector e
    references [Rtest.Reference e lt=map mk=name ps=merge pk=name
    named {Rtest.Reference e
    T test.Meta -
    name s e
    uid s e
    managedFields [{s e lt=atomic
    T test.LabelSelector - atomic
    matchLabels {s e
    T test.Reference - atomic
    name s e
    key s e
    """
  private let manager: FieldManager
  private var live: JSONValue?
  private var now: Int64 = 0

  init() throws {
    let model = TypeModel(facts: Self.facts)
    guard let type = model.type("test.Root") else { throw FieldsError("the facts have no root") }
    let empty: JSONValue = ["kind": "Root", "apiVersion": "v1", "metadata": [:]]
    manager = FieldManager(
      model, type: type, kind: GroupVersionKind(GroupVersion(version: "v1"), kind: "Root"), empty: empty)
  }

  private mutating func apply(_ name: String, _ text: String, force: Bool = false) throws {
    now += 1
    var config = try JSONValue(parsing: text)
    config["kind"] = "Root"
    config["apiVersion"] = "v1"
    config["metadata"] = ["name": "x"]
    let writer = FieldManager.Writer(name: name, subresource: "", resetFields: FieldSet())
    live = try manager.apply(live: live, config: config, writer: writer, force: force, now: now)
  }

  private mutating func update(_ name: String, _ change: (inout JSONValue) -> Void) throws {
    now += 1
    guard var new = live else { return }
    change(&new)
    manager.update(
      live: live, new: &new, writer: FieldManager.Writer(name: name, subresource: "", resetFields: FieldSet()), now: now
    )
    live = new
  }

  private var owners: [String] {
    (live?["metadata"]?["managedFields"]?.array ?? []).map {
      "\($0["manager"]?.string ?? ""): \($0["fieldsV1"]?.encoded().text ?? "")"
    }
  }

  @Test mutating func `whoever applies one owns it, and nothing inside of it by itself`() throws {
    try apply(
      "one", #"{"selector":{"matchLabels":{"a":"1"}},"references":[{"name":"p","key":"k"}],"named":{"n":{"name":"q"}}}"#
    )
    #expect(owners == [#"one: {"f:named":{"f:n":{}},"f:references":{"k:{\"name\":\"p\"}":{}},"f:selector":{}}"#])
  }

  @Test mutating func `another value of any part of it is a conflict on the whole, and force replaces the whole`()
    throws
  {
    try apply(
      "one",
      #"{"selector":{"matchLabels":{"a":"1"}},"references":[{"name":"p","key":"k"}],"named":{"n":{"name":"q","key":"k"}}}"#
    )
    let config = #"{"selector":{"matchLabels":{"b":"1"}},"references":[{"name":"p"}],"named":{"n":{"name":"q"}}}"#
    let status = #expect(throws: Status.self) { try apply("two", config) }
    #expect(status?.code == 409)
    #expect(status?.details?.causes.map(\.field) == [".selector", ".named.n", #".references[name="p"]"#])
    try apply("two", config, force: true)
    #expect(
      live?["selector"] == ["matchLabels": ["b": "1"]] && live?["references"] == [["name": "p"]]
        && live?["named"] == ["n": ["name": "q"]])
    #expect(owners == [#"two: {"f:named":{"f:n":{}},"f:references":{"k:{\"name\":\"p\"}":{}},"f:selector":{}}"#])
  }

  @Test mutating func `an update of a part takes the whole, and a whole that nobody owns any more goes`() throws {
    try apply("one", #"{"references":[{"name":"p","key":"k"},{"name":"q"}]}"#)
    try update("two") { $0["references"] = [["name": "p", "key": "other"], ["name": "q"]] }
    #expect(
      owners == [
        #"one: {"f:references":{"k:{\"name\":\"q\"}":{}}}"#, #"two: {"f:references":{"k:{\"name\":\"p\"}":{}}}"#,
      ])
    try apply("one", "{}")
    #expect(live?["references"] == [["name": "p", "key": "other"]])
  }

  @Test mutating func `equal values are shared`() throws {
    try apply("one", #"{"references":[{"name":"p","key":"k"}]}"#)
    try apply("two", #"{"references":[{"key":"k","name":"p"}]}"#)
    #expect(owners.count == 2)
  }

  /// What older daemons wrote into managedFields.
  @Test func `ownership of parts from before becomes ownership of the whole`() throws {
    var bench = try Bench(
      #"{"metadata":{"name":"a","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"o","uid":"u"}]}}"#)
    bench.live?["metadata"]?["managedFields"] = [
      [
        "manager": "one", "operation": "Apply", "apiVersion": "v1", "fieldsType": "FieldsV1",
        "fieldsV1": [
          "f:metadata": [
            "f:ownerReferences": [
              #"k:{"uid":"u"}"#: [".": [:], "f:kind": [:], "f:name": [:], "f:uid": [:], "f:apiVersion": [:]]
            ]
          ]
        ],
      ]
    ]
    let config =
      #"{"metadata":{"name":"a","ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"o","uid":"u","controller":true}]}}"#
    let status = #expect(throws: Status.self) { try bench.apply("two", config) }
    #expect(status?.details?.causes.map(\.field) == [#".metadata.ownerReferences[uid="u"]"#])
    try bench.apply("two", config, force: true)
    #expect(bench.owners == [#"two Apply: {"f:metadata":{"f:ownerReferences":{"k:{\"uid\":\"u\"}":{}}}}"#])
    try bench.apply("two", #"{"metadata":{"name":"a"}}"#)
    #expect(bench.live?["metadata"]?["ownerReferences"] == nil)
  }
}
