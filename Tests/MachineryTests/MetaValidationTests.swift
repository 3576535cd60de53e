import JSON
import Machinery
import Testing

@Suite struct `Metadata rules` {
  static func created(_ meta: JSONObject, isNamespaced: Bool = false) -> [String] {
    MetaValidation.validate(meta, isNamespaced: isNamespaced, nameRule: MetaValidation.subdomainName).map(\.message)
  }
  static func updated(_ new: JSONObject, _ old: JSONObject) -> [String] {
    MetaValidation.validateUpdate(new, old).map(\.message)
  }

  @Test func `a plain object passes`() {
    #expect(
      Self.created([
        "name": "a", "labels": ["a/b": "c"], "annotations": ["X": "any text"], "finalizers": ["example.com/f"],
      ]) == [])
    #expect(Self.created(["name": "a", "namespace": "b"], isNamespaced: true) == [])
  }

  @Test func `names and namespaces are asked for, or forbidden`() {
    #expect(Self.created([:]) == ["metadata.name: Required value: name or generateName is required"])
    #expect(
      Self.created(["name": "a", "namespace": "b"]) == ["metadata.namespace: Forbidden: not allowed on this type"])
    #expect(Self.created(["name": "a"], isNamespaced: true) == ["metadata.namespace: Required value"])
    #expect(
      Self.created(["name": "a", "namespace": "b.c"], isNamespaced: true) == [
        "metadata.namespace: Invalid value: \"b.c\": must not contain dots"
      ])
    #expect(
      Self.created(["name": "a", "generation": -1]) == [
        "metadata.generation: Invalid value: -1: must be greater than or equal to 0"
      ])
  }

  @Test func `a prefix may end in a dash`() {
    #expect(Self.created(["name": "ab-x", "generateName": "ab-"]) == [])
    #expect(Self.created(["name": "a", "generateName": "B-"]).isEmpty == true)  // upstream cuts one character too many
    #expect(Self.created(["name": "a", "generateName": "BB-"]).count == 1)
  }

  @Test func `owners must be named, and one of them may control`() {
    let owner: JSONValue = ["apiVersion": "v1", "kind": "Pod", "name": "p", "uid": "u", "controller": true]
    #expect(Self.created(["name": "a", "ownerReferences": [owner]]) == [])
    #expect(
      Self.created(["name": "a", "ownerReferences": [["apiVersion": "a/b/c", "kind": "", "name": "", "uid": ""]]]) == [
        "metadata.ownerReferences.apiVersion: Invalid value: \"a/b/c\": version must not be empty",
        "metadata.ownerReferences.kind: Invalid value: \"\": must not be empty",
        "metadata.ownerReferences.name: Invalid value: \"\": must not be empty",
        "metadata.ownerReferences.uid: Invalid value: \"\": must not be empty",
      ])
    #expect(
      Self.created(["name": "a", "ownerReferences": [["apiVersion": "v1", "kind": "Event", "name": "e", "uid": "u"]]])
        == [
          #"metadata.ownerReferences: Invalid value: {"apiVersion":"v1","kind":"Event","name":"e","uid":"u"}: /v1, Kind=Event is disallowed from being an owner"#
        ])
    #expect(
      Self.created(["name": "a", "ownerReferences": [owner, owner]]).first?.hasSuffix(
        "Only one reference can have Controller set to true. Found \"true\" in references for Pod/p and Pod/p") == true)
  }

  @Test func `annotations have a size, finalizers a form, managers a length`() {
    let big = String(repeating: "x", count: 256 << 10)
    #expect(
      Self.created(["name": "a", "annotations": ["k": .string(big)]]) == [
        "metadata.annotations: Too long: may not be more than 262144 bytes"
      ])
    #expect(
      Self.created(["name": "a", "finalizers": ["orphan", "foregroundDeletion"]]) == [
        #"metadata.finalizers: Invalid value: ["orphan","foregroundDeletion"]: finalizer orphan and foregroundDeletion cannot be both set"#
      ])
    #expect(
      Self.created(["name": "a", "managedFields": [["manager": "m\u{7}", "operation": "Eat", "fieldsType": "V2"]]]) == [
        #"metadata.managedFields[0].operation: Invalid value: "Eat": must be `Apply` or `Update`"#,
        #"metadata.managedFields[0].fieldsType: Invalid value: "V2": must be `FieldsV1`"#,
        #"metadata.managedFields[0].manager: Invalid value: "m\a": invalid character U+0007 (at position 1)"#,
      ])
  }

  @Test func `an update keeps identity`() {
    let old: JSONObject = [
      "name": "a", "uid": "u", "resourceVersion": "5", "generation": 2, "creationTimestamp": "2026-01-02T03:04:05Z",
    ]
    #expect(Self.updated(old, old) == [])
    #expect(
      Self.updated(["name": "b", "uid": "v"], old) == [
        "metadata.resourceVersion: Invalid value: \"\": must be specified for an update",
        "metadata.generation: Invalid value: 0: must not be decremented",
        "metadata.name: Invalid value: \"b\": field is immutable",
        "metadata.uid: Invalid value: \"v\": field is immutable",
        "metadata.creationTimestamp: Invalid value: null: field is immutable",
      ])
  }

  @Test func `no finalizer may be added to what is going`() {
    let old: JSONObject = [
      "name": "a", "resourceVersion": "5", "deletionTimestamp": "2026-01-02T03:04:05Z", "finalizers": ["x/a"],
    ]
    var new = old
    new["finalizers"] = ["x/a", "x/c", "x/b"]
    #expect(
      Self.updated(new, old) == [
        #"metadata.finalizers: Forbidden: no new finalizers can be added if the object is being deleted, found new finalizers []string{"x/b", "x/c"}"#
      ])
    new["finalizers"] = []
    #expect(Self.updated(new, old) == [])
  }
}
