import ByteBuffers
import JSON
import Machinery
import Testing

@testable import FieldManagement

@Suite struct `Field ownership` {
  @Test func `what is applied is owned, what is left out later goes, what others own stays`() throws {
    var bench = try Bench()
    try bench.apply(
      "one",
      #"{"metadata":{"name":"a","labels":{"x":"1","y":"1"}},"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}}"#)
    #expect(
      bench.owners == [#"one Apply: {"f:metadata":{"f:labels":{"f:x":{},"f:y":{}}},"f:spec":{"f:taints":{}}}"#],
      "taints are atomic")
    try bench.apply("two", #"{"metadata":{"name":"a","labels":{"y":"1","z":"1"}}}"#)
    try bench.apply("one", #"{"metadata":{"name":"a"}}"#)
    #expect(bench.live?["metadata"]?["labels"] == ["y": "1", "z": "1"] && bench.live?["spec"] == [:])
    #expect(
      bench.owners == [#"two Apply: {"f:metadata":{"f:labels":{"f:y":{},"f:z":{}}}}"#], "who owns nothing is forgotten")
    try bench.apply("two", #"{"metadata":{"name":"a"}}"#)
    #expect(bench.live?["metadata"]?["labels"] == nil && bench.live?["metadata"]?["managedFields"] == nil)
  }

  @Test func `conflicts name every field and manager, and force takes the fields over`() throws {
    var bench = try Bench()
    try bench.apply("one", #"{"metadata":{"name":"a","labels":{"x":"1"}}}"#)
    try bench.update("two") { $0["metadata"]?["labels"]?["y"] = "2" }
    try bench.update("three") { $0["spec"]?["unschedulable"] = true }
    let config = #"{"metadata":{"name":"a","labels":{"x":"9","y":"9"}},"spec":{"unschedulable":false}}"#
    #expect {
      try bench.apply("four", config)
    } throws: { error in
      let status = error as? Status
      return status?.code == 409 && status?.reason == "Conflict"
        && status?.message
          == "Apply failed with 3 conflicts: conflicts with \"one\":\n- .metadata.labels.x\nconflicts with \"three\" using v1:\n- .spec.unschedulable\nconflicts with \"two\" using v1:\n- .metadata.labels.y"
        && status?.details?.causes.map(\.field) == [".metadata.labels.x", ".spec.unschedulable", ".metadata.labels.y"]
        && status?.details?.causes.last?.message == #"conflict with "two" using v1"#
    }
    try bench.apply("four", config, force: true)
    #expect(
      bench.owners == [#"four Apply: {"f:metadata":{"f:labels":{"f:x":{},"f:y":{}}},"f:spec":{"f:unschedulable":{}}}"#])
  }

  @Test func `a value that two managers want is shared, and an applier that wants another one conflicts with both`()
    throws
  {
    var bench = try Bench()
    try bench.apply("one", #"{"metadata":{"name":"a","labels":{"x":"1"}}}"#)
    try bench.apply("two", #"{"metadata":{"name":"a","labels":{"x":"1"}}}"#)
    #expect { try bench.apply("one", #"{"metadata":{"name":"a","labels":{"x":"2"}}}"#) } throws: {
      ($0 as? Status)?.message == #"Apply failed with 1 conflict: conflict with "two": .metadata.labels.x"#
    }
    // An applier that only joined has no time: nothing of the object changed with it.
    let times = (bench.live?["metadata"]?["managedFields"]?.array ?? []).map {
      ($0["manager"]?.string ?? "", $0["time"] != nil)
    }
    #expect(times.map(\.0) == ["two", "one"] && times.map(\.1) == [false, true])
  }

  @Test func `lists merge by their keys, and each item has owners of its own`() throws {
    var bench = try Bench(#"{"metadata":{"name":"a"}}"#)
    try bench.apply(
      "kubelet",
      #"{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"True"}],"addresses":[{"type":"Hostname","address":"h"}]}}"#,
      subresource: "status")
    try bench.apply(
      "npd", #"{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Kernel","status":"False"}]}}"#,
      subresource: "status")
    #expect(bench.live?["status"]?["conditions"]?.array?.compactMap { $0["type"]?.string } == ["Ready", "Kernel"])
    #expect(
      bench.owners == [
        #"kubelet/status Apply: {"f:status":{"f:addresses":{"k:{\"type\":\"Hostname\"}":{".":{},"f:address":{},"f:type":{}}},"f:conditions":{"k:{\"type\":\"Ready\"}":{".":{},"f:status":{},"f:type":{}}}}}"#,
        #"npd/status Apply: {"f:status":{"f:conditions":{"k:{\"type\":\"Kernel\"}":{".":{},"f:status":{},"f:type":{}}}}}"#,
      ])
    #expect {
      try bench.apply(
        "npd", #"{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"False"}]}}"#,
        subresource: "status")
    } throws: {
      ($0 as? Status)?.details?.causes.map(\.field) == [#".status.conditions[type="Ready"].status"#]
        && ($0 as? Status)?.details?.causes.first?.message == #"conflict with "kubelet" with subresource "status""#
    }
    try bench.apply("npd", #"{"metadata":{"name":"a"},"status":{}}"#, subresource: "status")
    #expect(bench.live?["status"]?["conditions"]?.array?.compactMap { $0["type"]?.string } == ["Ready"])
  }

  @Test func `an update owns what it adds or changes, loses nothing else, and moves its time only then`() throws {
    var bench = try Bench()
    try bench.update("creator") {
      $0["metadata"]?["name"] = "a"
      $0["metadata"]?["labels"] = ["x": "1"]
      $0["status"]?["phase"] = "Running"
    }
    #expect(
      bench.owners == [#"creator Update: {"f:metadata":{"f:labels":{".":{},"f:x":{}}}}"#],
      "names and what this write can't change have no owner")
    let before = bench.live
    try bench.update("other") { _ in }
    #expect(bench.live == before)
    try bench.update("other") { $0["metadata"]?["labels"]?["x"] = "2" }
    #expect(
      bench.owners == [
        #"creator Update: {"f:metadata":{"f:labels":{}}}"#, #"other Update: {"f:metadata":{"f:labels":{"f:x":{}}}}"#,
      ])
    try bench.update("kubelet", subresource: "status") {
      $0["status"]?["phase"] = "Pending"
      $0["spec"]?["unschedulable"] = true
    }
    #expect(bench.owners.last == #"kubelet/status Update: {"f:status":{"f:phase":{}}}"#)
  }

  @Test func `managedFields can be cleared, then only an apply brings them back`() throws {
    for empty: JSONValue in [[], [[:]]] {
      var bench = try Bench()
      try bench.update("creator") { $0["metadata"]?["labels"] = ["x": "1"] }
      bench.live?["metadata"]?["uid"] = "u"
      try bench.update("cleaner") {
        $0["metadata"]?["managedFields"] = empty
        $0["metadata"]?["labels"]?["z"] = "1"
      }
      #expect(bench.owners == [])
      try bench.update("other") { $0["metadata"]?["labels"]?["y"] = "1" }
      #expect(bench.owners == [])
      try bench.apply("one", #"{"metadata":{"name":"a","labels":{"n":"1"}}}"#)
      #expect(
        bench.owners == [
          #"one Apply: {"f:metadata":{"f:labels":{"f:n":{}}}}"#,
          #"before-first-apply Update: {"f:metadata":{"f:labels":{".":{},"f:x":{},"f:y":{},"f:z":{}}}}"#,
        ])
    }
  }

  @Test func `managedFields that can't be read count as none sent, and an update with broken ones never fails`() throws
  {
    var bench = try Bench()
    try bench.update("creator") { $0["metadata"]?["labels"] = ["x": "1"] }
    let owners = bench.owners
    for broken: JSONValue in [
      [["manager": "m"]],
      [["manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": ["q": [:]]]],
      "text",
    ] {
      try bench.update("other") { $0["metadata"]?["managedFields"] = broken }
      #expect(bench.owners == owners)
    }
    try bench.update("other") {
      $0["metadata"]?["managedFields"] = [
        [
          "manager": "m", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV1",
          "fieldsV1": ["f:spec": [:]],
        ]
      ]
    }
    #expect(bench.owners == [#"m Update: {"f:spec":{}}"#], "a client may write them itself")
  }

  @Test
  func `a manager of a subresource comes before the same without in messages, as names are sorted in upstream's JSON`()
    throws
  {
    var bench = try Bench(#"{"metadata":{"name":"a"}}"#)
    try bench.apply("m", #"{"metadata":{"name":"a","labels":{"x":"1"}}}"#)
    try bench.apply("m", #"{"metadata":{"name":"a","annotations":{"x":"1"}}}"#, subresource: "status")
    try bench.update("a b") { $0["metadata"]?["labels"]?["y"] = "1" }
    try bench.update("a") { $0["metadata"]?["labels"]?["z"] = "1" }
    #expect {
      try bench.apply("four", #"{"metadata":{"name":"a","labels":{"x":"9","y":"9","z":"9"},"annotations":{"x":"9"}}}"#)
    } throws: {
      ($0 as? Status)?.message
        == "Apply failed with 4 conflicts: conflicts with \"a b\" using v1:\n- .metadata.labels.y\nconflicts with \"a\" using v1:\n- .metadata.labels.z\nconflicts with \"m\" with subresource \"status\":\n- .metadata.annotations.x\nconflicts with \"m\":\n- .metadata.labels.x"
    }
  }

  @Test func `null and empty values in a configuration`() throws {
    var bench = try Bench()
    try bench.apply(
      "one",
      #"{"metadata":{"name":"a","labels":{"x":"1"},"finalizers":["f/a"]},"spec":{"providerID":"p","unschedulable":true}}"#
    )
    // A scalar of null removes; an empty map removes nothing that others could own, but what one leaves out of it goes.
    try bench.apply(
      "two", #"{"metadata":{"name":"a","labels":null,"annotations":{},"finalizers":[]},"spec":{"providerID":null}}"#,
      force: true)
    #expect(
      bench.live?["metadata"]?["labels"] == ["x": "1"] && bench.live?["spec"] == ["unschedulable": true]
        && bench.live?["metadata"]?["finalizers"] == ["f/a"])
    #expect(
      bench.owners.first { $0.hasPrefix("two") }
        == #"two Apply: {"f:metadata":{"f:annotations":{},"f:labels":{}},"f:spec":{"f:providerID":{}}}"#)
    try bench.apply("one", #"{"metadata":{"name":"a"}}"#)
    #expect(
      bench.live?["metadata"]?["labels"] == nil && bench.live?["metadata"]?["finalizers"] == nil
        && bench.live?["spec"] == [:])
  }

  @Test func `paths name text as Go quotes it`() {
    #expect(
      PathElement.key([PathElement.Key("a", "x<\u{7}\"é"), PathElement.Key("n", 8080), PathElement.Key("t", true)])
        .description == #"[a="x<\a\"é",n=8080,t=true]"#)
    #expect(
      PathElement.value(.int(1)) == PathElement.value(.double(1))
        && PathElement.value(.int(1)).hashValue == PathElement.value(.double(1)).hashValue)
    #expect(PathElement.field("e\u{301}") != PathElement.field("é"), "by bytes")
  }

  @Test func `there are never more than ten updaters, the oldest are joined`() throws {
    var bench = try Bench()
    try bench.update("m0") { $0["metadata"]?["labels"] = ["x": "0"] }
    for n in 1..<25 { try bench.update("m\(n)") { $0["metadata"]?["labels"]?["l\(n)"] = "1" } }
    #expect(bench.owners.count == 10)
    #expect(
      bench.owners.first?.hasPrefix(#"ancient-changes Update: {"f:metadata":{"f:labels":{".":{},"f:l1":{},"#) == true)
    let all = bench.owners.reduce(into: Set<String>()) { all, line in
      for n in 1..<25 where line.contains(#""f:l\#(n)":"#) { all.insert("l\(n)") }
    }
    #expect(all.count == 24)
  }

  @Test func `kubectl takes over what its client-side apply owned, and keeps the annotation true`() throws {
    let annotation = "kubectl.kubernetes.io/last-applied-configuration"
    var bench = try Bench()
    let last = #"{"apiVersion":"v1","kind":"Node","metadata":{"annotations":{},"labels":{"x":"1","y":"1"},"name":"a"}}"#
    try bench.update("kubectl-client-side-apply") {
      $0["metadata"]?["name"] = "a"
      $0["metadata"]?["labels"] = ["x": "1", "y": "1"]
      $0["metadata"]?["annotations"] = .object(JSONObject(uniquing: [JSONObject.Member(annotation, .string(last))]))
    }
    try bench.update("other") { $0["metadata"]?["labels"]?["y"] = "2" }
    let config = #"{"metadata":{"name":"a","labels":{"x":"9"}}}"#
    #expect { try bench.apply("somebody", config) } throws: { ($0 as? Status)?.code == 409 }
    try bench.apply("kubectl", config)
    #expect(bench.live?["metadata"]?["labels"]?["x"] == "9")
    #expect(
      bench.live?["metadata"]?["annotations"]?[annotation]?.string
        == #"{"apiVersion":"v1","kind":"Node","metadata":{"labels":{"x":"9"},"name":"a"}}"# + "\n")
    #expect { try bench.apply("kubectl", #"{"metadata":{"name":"a","labels":{"y":"9"}}}"#) } throws: {
      ($0 as? Status)?.message == #"Apply failed with 1 conflict: conflict with "other" using v1: .metadata.labels.y"#
    }
  }

  @Test(arguments: [
    (#"{"kind":"Pod"}"#, 400, "invalid object type: /v1, Kind=Pod"),
    (#"{"apiVersion":"v2"}"#, 400, "invalid object type: /v2, Kind=Node"),
    (#"{"metadata":{"managedFields":[{}]}}"#, 400, "metadata.managedFields must be nil"),
    (#"{"metadata":{"managedFields":[]}}"#, 400, "metadata.managedFields must be nil"),
    (
      #"{"metadata":{"managedFields":["x"]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .metadata.managedFields[0]: expected map, got &{x}"
    ),
    (
      #"{"spec":{"unschedulable":{"b":[1,null,"x"],"a":true}}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .spec.unschedulable: expected boolean, got &{map[a:true b:[1 <nil> x]]}"
    ),
    (
      #"{"status":{"capacity":{"cpu":[1]},"conditions":[{"type":"a","lastHeartbeatTime":{}}]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): errors:\n  .status.capacity.cpu: expected any scalar, got &{[1]}\n  .status.conditions[type=\"a\"].lastHeartbeatTime: expected any scalar, got &{map[]}"
    ),
    (
      #"{"metadata":{"finalizers":["a",null]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .metadata.finalizers: element 1: associative list without keys has an element that's an explicit null"
    ),
    (
      #"{"metadata":{"finalizers":[{}]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .metadata.finalizers: element 0: associative list without keys has an element that's a map type"
    ),
    (
      #"{"metadata":"x"}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .metadata: expected map, got &{x}"
    ),
    (
      #"{"metadata":{"name":"a"},"spec":{"nope":1}}"#, 500,
      "failed to create typed patch object (/a; /v1, Kind=Node): .spec.nope: field not declared in schema"
    ),
    (
      #"{"spec":{"unschedulable":"x"}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .spec.unschedulable: expected boolean, got &{x}"
    ),
    (
      #"{"spec":{"providerID":1}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .spec.providerID: expected string, got &value.valueUnstructured{Value:1}"
    ),
    (
      #"{"status":{"conditions":[{"type":"a"},{"type":"a"}]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .status.conditions: duplicate entries for key [type=\"a\"]"
    ),
    (
      #"{"metadata":{"ownerReferences":[null]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): .metadata.ownerReferences: element 0: associative list with keys may not have a null element"
    ),
    (
      #"{"spec":{"taints":[{"k":1}],"podCIDRs":["a","a"]}}"#, 500,
      "failed to create typed patch object (/; /v1, Kind=Node): errors:\n  .spec.taints[0].k: field not declared in schema\n  .spec.podCIDRs: duplicate entries for key [=\"a\"]"
    ),
  ]) func `a configuration that is none is refused`(text: String, code: Int, message: String) throws {
    let manager = try Fixture.manager()
    var config = try Fixture.config("{}")
    for member in try JSONValue(parsing: text).object?.members ?? [] { config[member.name] = member.value }
    #expect {
      try manager.apply(live: nil, config: config, writer: Fixture.writer("m"), force: false, now: 1)
    } throws: {
      ($0 as? Status)?.code == code && ($0 as? Status)?.message == message
    }
  }

  @Test func `a client without a field manager is known by the first part of its User-Agent`() {
    #expect(FieldManager.manager(named: "", userAgent: "kubectl/v1.36 (linux/amd64)") == "kubectl")
    #expect(FieldManager.manager(named: "x", userAgent: "kubectl") == "x")
    #expect(
      FieldManager.manager(named: "", userAgent: "a\u{7}b" + String(repeating: "ö", count: 100)) == "ab"
        + String(repeating: "ö", count: 63))
  }

  @Test(arguments: [
    (["a", "b", "c"], ["c", "a"], ["b", "c", "a"]),
    (["a", "b"], ["b", "a"], ["b", "a"]),
    (["a", "b", "c"], ["x"], ["a", "b", "c", "x"]),
    (["a", "b", "c", "d"], ["b", "x", "d"], ["a", "b", "c", "x", "d"]),
    ([], ["x", "y"], ["x", "y"]),
  ]) func `a merged set keeps the order of what is applied`(old: [String], new: [String], expected: [String]) throws {
    let schema = try Fixture.schema()
    func node(_ cidrs: [String]) -> JSONValue { ["metadata": ["finalizers": .array(cidrs.map { .string($0) })]] }
    #expect(schema.merge(node(old), node(new))["metadata"]?["finalizers"]?.array?.compactMap(\.string) == expected)
  }
}
