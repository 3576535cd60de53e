import ByteBuffers
import Cacher
import JSON
import Machinery
import Schema
import Storage
import Testing

@testable import Registry

/// What the writer of an object knows of its bytes is what a parse finds in them.
@Suite struct `An object that was encoded here` {
  private static let codec = ResourceCodec(NodeStrategy())

  private static func facts(_ object: CachedObject) -> [String] {
    [
      object.document.text, "\(object.objectEnd)", "\(object.itemOffset)", "\(object.revisionRange)",
      "\(object.labels.pairs)", "\(object.fields.pairs)", "\(object.lease)", "\(object.isStale)", object.key,
    ]
  }

  @Test(
    arguments: [
      #"{"name":"a"}"#, #"{"name":"a","uid":"u"}"#, #"{"name":"a","generateName":"g","selfLink":"/x","uid":"u"}"#,
      #"{"name":"a","uid":"u","resourceVersion":"7","creationTimestamp":"2026-01-02T03:04:05Z"}"#,
      #"{"resourceVersion":"7","name":"a","labels":{"b":"x","a":"","resourceVersion":"y"}}"#,
      #"{"labels":{"é\"":"\\"},"name":"a"}"#, #"{"name":"a","annotations":{"k":"<&>\n"},"finalizers":["f"]}"#,
      #"{"resourceVersion":"7"}"#, "{}",
    ], [#"{}"#, #"{"unschedulable":true}"#, #"{"unschedulable":false,"podCIDR":"x"}"#])
  func `is served as a parse would have it`(metadata: String, spec: String) throws {
    let tree = try JSONValue(
      parsing: #"{"kind":"Node","apiVersion":"v1","metadata":\#(metadata),"spec":\#(spec),"status":{}}"#)
    let encoded = Self.codec.encode(tree)
    var bare = tree
    bare["metadata"]?["resourceVersion"] = nil
    bare["metadata"]?["selfLink"] = nil
    #expect(encoded.value.text == bare.encoded().text + "\n")
    let stored = StoredObject(
      key: "/registry/minions/a", value: encoded.value, revision: Revision(1_234), lease: 5, isStale: true)
    let isEmpty = bare["metadata"]?.object?.isEmpty == true
    #expect((encoded.outline == nil) == isEmpty)
    if isEmpty { return }
    let parsed = try Self.codec.decode(stored)
    #expect(Self.facts(try Self.codec.decode(stored, encoded: encoded)) == Self.facts(parsed))
    // The event that shows the write finds the same.
    Self.codec.underWay.note(stored.key, encoded)
    #expect(Self.facts(try Self.codec.decode(stored)) == Self.facts(parsed))
    Self.codec.underWay.forget(stored.key)
    // Never stored: without a revision, or with the client's.
    #expect(try Self.codec.unstored(encoded, key: "k", resourceVersion: "").object.text == bare.encoded().text)
    let given = try Self.codec.unstored(encoded, key: "k", resourceVersion: "a\"b")
    #expect(try JSONValue(parsing: given.object)["metadata"]?["resourceVersion"] == "a\"b")
  }

  @Test func `that is no object of the resource is parsed`() throws {
    for text in [
      #"{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}"#, #"{"kind":"Node","apiVersion":"v1"}"#,
      #"{"kind":"Node","apiVersion":"v1","metadata":7}"#, "[]",
    ] { #expect(Self.codec.encode(try JSONValue(parsing: text)).outline == nil) }
    #expect(
      ResourceCodec(NodeStrategy(), mediaType: .protobuf).encode(
        ["kind": "Node", "apiVersion": "v1", "metadata": ["name": "a"]]
      ).outline == nil)
  }

  @Test func `is known only by its own bytes`() throws {
    let known = Self.codec.encode(["kind": "Node", "apiVersion": "v1", "metadata": ["name": "a", "uid": "u"]])
    let other = Self.codec.encode([
      "kind": "Node", "apiVersion": "v1", "metadata": ["name": "abc", "labels": ["l": "1"]],
    ])
    let stored = StoredObject(key: "k", value: other.value, revision: Revision(9))
    let parsed = try Self.codec.decode(stored)
    #expect(Self.facts(try Self.codec.decode(stored, encoded: known)) == Self.facts(parsed))
    Self.codec.underWay.note("k", known)
    defer { Self.codec.underWay.forget("k") }
    #expect(Self.facts(try Self.codec.decode(stored)) == Self.facts(parsed))
  }
}
