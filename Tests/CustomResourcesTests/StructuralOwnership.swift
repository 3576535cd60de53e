@testable import CustomResources
import FieldManagement
import JSON
import Machinery
import Testing

/// What of a custom resource is owned by itself, by its schema.
@Suite("Ownership of custom resources")
struct StructuralOwnership {
  private func manager(_ spec: String) throws -> FieldManager {
    let schema = #"{"type": "object", "properties": {"metadata": {"type": "object"}, "spec": \#(spec)}}"#
    let version = try JSONValue(parsing: #"{"name": "v1", "schema": {"openAPIV3Schema": \#(schema)}}"#)
    return FieldManager(
      StructuralForm(version).ownership,
      kind: GroupVersionKind(GroupVersion(parsing: "g.io/v1"), kind: "Gadget"), empty: .object(JSONObject()),
      others: [:],
      convert: FieldManager.renamed)
  }

  private func apply(_ spec: String, under schema: String, metadata: String = "") throws -> JSONValue {
    let text = #"{"apiVersion": "g.io/v1", "kind": "Gadget", "metadata": {"name": "x"\#(metadata)}, "spec": \#(spec)}"#
    return try manager(schema).apply(
      live: nil, config: try JSONValue(parsing: text),
      writer: FieldManager.Writer(name: "me", subresource: "", resetFields: FieldSet()), force: false, now: 0)
  }

  private func owned(_ spec: String, under schema: String, metadata: String = "") throws -> String? {
    let entries = try apply(spec, under: schema, metadata: metadata)["metadata"]?["managedFields"]?.array
    return try #require(entries?.first)["fieldsV1"]?.sortedByName.encoded().text
  }

  private func problem(_ spec: String, under schema: String, metadata: String = "") throws -> String? {
    do {
      _ = try apply(spec, under: schema, metadata: metadata)
      return nil
    } catch let status as Status {
      #expect(status.code == 500)
      let start = "failed to create typed patch object (/x; g.io/v1, Kind=Gadget): "
      #expect(status.message.hasPrefix(start))
      return String(status.message.dropFirst(start.count))
    }
  }

  @Test(arguments: [
    // Members of a structure, entries of a map.
    (
      #"{"type": "object", "properties": {"a": {"type": "object", "properties": {"b": {"type": "string"}}}}}"#,
      #"{"a": {"b": "x"}}"#, #"{"f:spec":{"f:a":{"f:b":{}}}}"#
    ),
    (
      #"{"type": "object", "additionalProperties": {"type": "object", "properties": {"n": {"type": "integer"}}}}"#,
      #"{"a": {"n": 1}}"#, #"{"f:spec":{"f:a":{".":{},"f:n":{}}}}"#
    ),
    // As a whole.
    (
      #"{"type": "object", "x-kubernetes-map-type": "atomic", "properties": {"a": {"type": "string"}}}"#,
      #"{"a": "x"}"#, #"{"f:spec":{}}"#
    ),
    // Lists.
    (
      #"{"type": "object", "properties": {"l": {"type": "array", "items": {"type": "string"}}}}"#,
      #"{"l": ["a"]}"#, #"{"f:spec":{"f:l":{}}}"#
    ),
    (
      #"""
      {"type": "object", "properties": {"l": {
        "type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}}}
      """#,
      #"{"l": ["a"]}"#, #"{"f:spec":{"f:l":{"v:\"a\"":{}}}}"#
    ),
    (
      keyed, #"{"l": [{"port": 80, "x": 1}]}"#,
      #"{"f:spec":{"f:l":{"k:{\"port\":80,\"protocol\":\"TCP\"}":{".":{},"f:port":{},"f:x":{}}}}}"#
    ),
    // What is not known is owned by what it is.
    (
      #"""
      {"type": "object", "x-kubernetes-preserve-unknown-fields": true, "properties": {"a": {
        "type": "object", "properties": {"b": {"type": "integer"}}}}}
      """#,
      #"{"a": {"b": 1, "c": {"d": 1}}, "e": {"f": [1]}}"#,
      #"{"f:spec":{"f:a":{"f:b":{},"f:c":{".":{},"f:d":{}}},"f:e":{".":{},"f:f":{}}}}"#
    ),
    (
      #"""
      {"x-kubernetes-preserve-unknown-fields": true, "properties": {"l": {
        "type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"}}}
      """#,
      #"{"l": ["a"], "m": 1}"#, #"{"f:spec":{"f:l":{"v:\"a\"":{}},"f:m":{}}}"#
    ),
    // An object inside has metadata as every other.
    (
      #"{"type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true}"#,
      #"{"apiVersion": "v1", "kind": "K", "metadata": {"labels": {"a": "b"}, "finalizers": ["f/g"]}}"#,
      #"{"f:spec":{"f:apiVersion":{},"f:kind":{},"f:metadata":{"f:finalizers":{"v:\"f/g\"":{}},"f:labels":{"f:a":{}}}}}"#
    ),
  ])
  func `each part is owned as its schema says`(schema: String, spec: String, expected: String) throws {
    #expect(try owned(spec, under: schema) == expected)
  }

  private static let keyed = #"""
    {"type": "object", "properties": {"l": {
      "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["port", "protocol"],
      "items": {"type": "object", "required": ["port"], "properties": {
        "port": {"type": "integer"}, "protocol": {"type": "string", "default": "TCP"}, "x": {
          "x-kubernetes-int-or-string": true}}}},
      "s": {"type": "array", "items": {"type": "string"}, "x-kubernetes-list-type": "set"},
      "t": {"type": "string"}, "d": {"type": "string", "format": "date-time"}}}
    """#

  @Test func `metadata is owned as that of every object`() throws {
    #expect(
      try owned("{}", under: Self.keyed, metadata: #", "labels": {"a": "b"}"#)
        == #"{"f:metadata":{"f:labels":{"f:a":{}}},"f:spec":{}}"#)
    #expect(
      try problem("{}", under: Self.keyed, metadata: #", "nope": 1"#) == ".metadata.nope: field not declared in schema")
  }

  @Test(arguments: [
    (
      #"{"l": [{"port": 80}, {"port": 80, "protocol": "TCP"}]}"#,
      #".spec.l: duplicate entries for key [port=80,protocol="TCP"]"#
    ),
    (#"{"s": ["a", "a"]}"#, #".spec.s: duplicate entries for key [="a"]"#),
    (#"{"l": [1]}"#, ".spec.l: element 0: associative list with keys may not have non-map elements"),
    (#"{"nope": 1}"#, ".spec.nope: field not declared in schema"),
    (#"{"t": 1}"#, ".spec.t: expected string, got &value.valueUnstructured{Value:1}"),
    (#"{"l": {}}"#, ".spec.l: expected list, got &{map[]}"),
    (#"{"d": 1, "l": [{"port": 1, "x": "50%"}]}"#, nil),
  ])
  func `what does not fit is refused`(spec: String, expected: String?) throws {
    #expect(try problem(spec, under: Self.keyed) == expected)
  }
}
