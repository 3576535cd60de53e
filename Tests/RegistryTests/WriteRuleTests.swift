import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import TestSupport
import Testing

@Suite struct `Rules of writes` {
  @Test(arguments: [("x", 1), ("a.b", 1), ("kubernetes", 0), ("orphan", 0), ("example.com/x", 0)])
  func `a finalizer without a domain must be a standard one`(name: String, complaints: Int) async throws {
    let bench = try await Bench.make()
    let body = #"{"metadata":{"name":"a","finalizers":["\#(name)"]}}"#
    if complaints == 0 {
      try await bench.create(body)
    } else {
      await #expect { try await bench.create(body) } throws: {
        ($0 as? Status)?.message
          == "Node \"a\" is invalid: metadata.finalizers[0]: Invalid value: \"\(name)\": name is neither a standard finalizer name nor is it fully qualified"
      }
      // The update runs the checks of a creation too (semantics 2.5).
      try await bench.create(#"{"metadata":{"name":"a"}}"#)
      await #expect { try await bench.patch("a", .merge, #"{"metadata":{"finalizers":["\#(name)"]}}"#) } throws: {
        ($0 as? Status)?.details?.causes.first?.field == "metadata.finalizers[0]"
      }
    }
    await bench.destroy()
  }

  @Test func `the swap of a node is more than nothing`() async throws {
    let bench = try await Bench.make()
    await #expect {
      try await bench.create(#"{"metadata":{"name":"a"},"status":{"nodeInfo":{"swap":{"capacity":0}}}}"#)
    } throws: {
      ($0 as? Status)?.details?.causes == [
        Status.Cause(
          reason: "FieldValueInvalid", message: "Invalid value: 0: must be greater than zero",
          field: "metadata.nodeSwapStatus.capacity")
      ]
    }
    await bench.destroy()
  }

  @Test func `an owner that is named twice is kept once, with a warning (semantics 2.24)`() async throws {
    let bench = try await Bench.make()
    let owner = #"{"apiVersion":"v1","kind":"Pod","name":"p","uid":"u"}"#
    let other = #"{"apiVersion":"v1","kind":"Pod","name":"q","uid":"u"}"#
    let made = try await bench.store.create(
      try bench.body(#"{"metadata":{"name":"a","ownerReferences":[\#(owner),\#(other),\#(owner)]}}"#), namespace: "",
      options: WriteOptions(.create))
    let object = try JSONValue(parsing: made.object.object)
    #expect(object["metadata"]?["ownerReferences"]?.array?.count == 2)
    let end =
      "; API server dedups owner references in 1.20+, and may reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: u"
    #expect(made.warnings == [".metadata.ownerReferences contains duplicate entries" + end])
    var doubled = object
    doubled["metadata"]?["ownerReferences"] = .array(
      (object["metadata"]?["ownerReferences"]?.array ?? []) + (object["metadata"]?["ownerReferences"]?.array ?? []))
    let updated = try await bench.store.update("a", namespace: "", body: doubled, options: WriteOptions(.update))
    #expect(updated.warnings.count == 1 && updated.object.revision == made.object.revision, "nothing is left to write")
    let patch = #"[{"op":"add","path":"/metadata/ownerReferences/-","value":\#(owner)}]"#
    let patched = try await bench.store.patch(
      "a", namespace: "", kind: .json, body: ByteSlice(SharedBytes(patch)), options: WriteOptions(.patch))
    #expect(
      patched.warnings == [
        ".metadata.ownerReferences contains duplicate entries after mutating admission happens" + end
      ])
    await bench.destroy()
  }

  @Test func `nobody owns what a creation drops (semantics 2.12)`() async throws {
    let bench = try await Bench.make()
    let made = try await bench.create(
      #"{"metadata":{"name":"a","namespace":"n","uid":"mine","selfLink":"/x","creationTimestamp":"2020-01-01T00:00:00Z","deletionTimestamp":"2020-01-01T00:00:00Z","deletionGracePeriodSeconds":5}}"#
    )
    let meta = made["metadata"]
    for field in ["namespace", "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields"] {
      #expect(meta?[field] == nil, "\(field)")
    }
    #expect(meta?["uid"] != "mine" && meta?["creationTimestamp"] != "2020-01-01T00:00:00Z")
    await #expect { try await bench.create(#"{"metadata":{"name":"b","resourceVersion":"5"}}"#) } throws: {
      ($0 as? Status)?.code == 500 && ($0 as? Status)?.reason == ""
        && ($0 as? Status)?.message == "resourceVersion should not be set on objects to be created"
    }
    await bench.destroy()
  }

  @Test(arguments: ["0", "00", "abc", "-1", "99999999999999999999"])
  func `a creation with the revision of nothing, or with none that could be one, creates`(version: String) async throws
  {
    let bench = try await Bench.make()
    let body = #"{"metadata":{"name":"a","resourceVersion":"\#(version)"}}"#
    var options = WriteOptions(.create)
    options.dryRun = ["All"]
    let tried = try await bench.store.create(try bench.body(body), namespace: "", options: options)
    #expect(
      try JSONValue(parsing: tried.object.object)["metadata"]?["resourceVersion"]?.string == version,
      "a dry run answers with what was sent")
    let made = try await bench.create(body)
    #expect(Int(made["metadata"]?["resourceVersion"]?.string ?? "") ?? 0 > 0)
    await #expect { try await bench.create(body) } throws: { ($0 as? Status)?.reason == "AlreadyExists" }
    await bench.destroy()
  }

  @Test func `warnings that were due come with a refusal too`() async throws {
    let bench = try await Bench.make()
    let warning = #"spec.podCIDRs[0]: IPv6 CIDR value "FD00::/64" should be in RFC 5952 canonical format ("fd00::/64")"#
    let text = #"{"metadata":{"name":"a"},"spec":{"podCIDR":"FD00::/64"}}"#
    try await bench.create(text)
    let again = await #expect(throws: Status.self) {
      try await bench.store.create(
        try bench.body(text), namespace: "", options: WriteOptions(.create), warnings: ["first"])
    }
    #expect(again?.reason == "AlreadyExists" && again?.warnings == ["first", warning])
    let invalid = await #expect(throws: Status.self) {
      try await bench.store.create(
        try bench.body(#"{"metadata":{"name":"?"}}"#), namespace: "", options: WriteOptions(.create),
        warnings: ["first"])
    }
    #expect(invalid?.code == 422 && invalid?.warnings == ["first"])
    let conflict = await #expect(throws: Status.self) {
      let body = try bench.body(#"{"metadata":{"name":"a","resourceVersion":"1"}}"#)
      return try await bench.store.update(
        "a", namespace: "", body: body, options: WriteOptions(.update), warnings: ["first"])
    }
    #expect(conflict?.code == 409 && conflict?.warnings == ["first"])
    let patch = ByteSlice(SharedBytes(#"{"metadata":{"resourceVersion":"1"},"bogus":1}"#))
    let unknown = await #expect(throws: Status.self) {
      try await bench.store.patch("a", namespace: "", kind: .merge, body: patch, options: WriteOptions(.patch))
    }
    #expect(unknown?.code == 409 && unknown?.warnings == [#"unknown field "bogus""#])
    await bench.destroy()
  }

  @Test func `a dry run does not look at the revision of a creation`() async throws {
    let bench = try await Bench.make()
    var options = WriteOptions(.create)
    options.dryRun = ["All"]
    let tried = try await bench.store.create(
      try bench.body(#"{"metadata":{"name":"a","resourceVersion":"5\""}}"#), namespace: "", options: options)
    #expect(try JSONValue(parsing: tried.object.object)["metadata"]?["resourceVersion"] == "5\"")
    await bench.destroy()
  }

  @Test func `zero is no condition of an update, and revisions are compared as numbers`() async throws {
    let bench = try await Bench.make()
    let made = try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let revision = made["metadata"]?["resourceVersion"]?.string ?? ""
    func update(_ version: String, _ label: String) async throws -> JSONValue {
      let body = try bench.body(
        #"{"metadata":{"name":"a","resourceVersion":"\#(version)","labels":{"x":"\#(label)"}}}"#)
      return try JSONValue(
        parsing: try await bench.store.update("a", namespace: "", body: body, options: WriteOptions(.update)).object
          .object)
    }
    let second = try await update("00\(revision)", "1")
    #expect(second["metadata"]?["labels"] == ["x": "1"])
    await #expect { try await update(revision, "2") } throws: { ($0 as? Status)?.code == 409 }
    for version in ["0", "000", ""] {
      #expect(try await update(version, "v\(version)")["metadata"]?["labels"] == ["x": .string("v\(version)")])
    }
    for kind in [PatchKind.merge, .strategic] {
      #expect(
        try await bench.patch("a", kind, #"{"metadata":{"resourceVersion":"0","labels":{"x":"\#(kind)"}}}"#)[
          "metadata"]?["labels"] == ["x": .string("\(kind)")])
    }
    await #expect { try await bench.patch("a", .merge, #"{"metadata":{"resourceVersion":"1"}}"#) } throws: {
      ($0 as? Status)?.code == 409
    }
    await #expect {
      try await bench.store.update(
        "none", namespace: "", body: try bench.body(#"{"metadata":{"name":"none","resourceVersion":"0"}}"#),
        options: WriteOptions(.update))
    } throws: {
      ($0 as? Status)?.code == 404
    }
    var options = WriteOptions(.patch)
    options.fieldManager = "m"
    for name in ["a", "b"] {
      let config: JSONValue = [
        "kind": "Node", "apiVersion": "v1",
        "metadata": ["name": .string(name), "resourceVersion": "0", "annotations": ["k": "v"]],
      ]
      #expect(
        try await bench.store.apply(name, namespace: "", config: config, options: options).code
          == (name == "a" ? 200 : 201))
    }
    await bench.destroy()
  }

  @Test(arguments: [
    (
      #"{"kind":"Pod"}"#,
      #"Pod in version "v1" cannot be handled as a Node: converting (v1.Pod) to (core.Node): unknown conversion"#
    ),
    (
      #"{"kind":"NodeList"}"#,
      #"NodeList in version "v1" cannot be handled as a Node: converting (v1.NodeList) to (core.Node): unknown conversion"#
    ),
    (
      #"{"kind":"Status","apiVersion":"v1"}"#,
      #"Status in version "v1" cannot be handled as a Node: converting (v1.Status) to (core.Node): unknown conversion"#
    ),
    (
      #"{"kind":"Deployment","apiVersion":"apps/v1"}"#,
      #"Deployment in version "v1" cannot be handled as a Node: converting (v1.Deployment) to (core.Node): unknown conversion"#
    ),
    (
      #"{"kind":"node"}"#,
      #"node in version "v1" cannot be handled as a Node: no kind "node" is registered for version "v1" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30""#
    ),
    (
      #"{"apiVersion":"apps/v1"}"#,
      #"Node in version "v1" cannot be handled as a Node: no kind "Node" is registered for version "apps/v1" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30""#
    ),
    (
      #"{"kind":"Pod","apiVersion":"__internal"}"#,
      #"Pod in version "__internal" cannot be handled as a Node: converting (core.Pod) to (core.Node): unknown conversion"#
    ),
    (
      #"{"kind":"Foo","apiVersion":"__internal"}"#,
      #"Foo in version "__internal" cannot be handled as a Node: no kind "Foo" is registered for the internal version of group "" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30""#
    ),
    (
      #"{"apiVersion":"v1beta1"}"#,
      #"Node in version "v1beta1" cannot be handled as a Node: no kind "Node" is registered for version "v1beta1" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30""#
    ),
    (
      #"{"apiVersion":"__internal"}"#,
      "the API version in the data (__internal) does not match the expected API version (v1)"
    ),
    (
      #"{"apiVersion":"apps/"}"#,
      #"Node in version "" cannot be handled as a Node: Object 'apiVersion' is missing in '{"apiVersion":"apps/"}'"#
    ),
    (
      #"{"apiVersion":"a/b/c"}"#,
      #"the object provided is unrecognized (must be of type Node): unexpected GroupVersion string: a/b/c ({"apiVersion":"a/b/c"})"#
    ),
    (
      #"{"kind":5}"#,
      #"the object provided is unrecognized (must be of type Node): couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string ({"kind":5})"#
    ),
  ])
  func `a body of another kind is refused in upstream's words (semantics 2.12)`(
    body: String, message: String
  ) async throws {
    let bench = try await Bench.make()
    #expect { try bench.body(body) } throws: { ($0 as? Status)?.code == 400 && ($0 as? Status)?.message == message }
    await bench.destroy()
  }

  @Test(arguments: ["v1beta1", "nonsense", "a/b/c"])
  func `a strategic patch does not change the type, whatever it says`(version: String) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let patch = #"{"apiVersion":"\#(version)","kind":"Pod","metadata":{"labels":{"x":"y"}}}"#
    let patched = try await bench.patch("a", .strategic, patch)
    #expect(patched["apiVersion"] == "v1" && patched["kind"] == "Node" && patched["metadata"]?["labels"] == ["x": "y"])
    await bench.destroy()
  }

  @Test(arguments: [
    (
      #"{"apiVersion":"v1beta1"}"#,
      #"no kind "Node" is registered for version "v1beta1" in scheme "k8s.io/kubernetes/pkg/api/legacyscheme/scheme.go:30""#
    ),
    (#"{"kind":"Pod"}"#, "converting (v1.Pod) to (core.Node): unknown conversion"),
    (#"{"apiVersion":"a/b/c"}"#, "unexpected GroupVersion string: a/b/c"),
    (
      #"{"kind":5}"#,
      "couldn't get version/kind; json parse error: json: cannot unmarshal number into Go struct field .kind of type string"
    ),
  ])
  func `a merge patch must leave a type that can be read`(patch: String, why: String) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    await #expect { try await bench.patch("a", .merge, patch) } throws: {
      ($0 as? Status)?.code == 422 && ($0 as? Status)?.message.hasSuffix("}\": \(why)") == true
    }
    await bench.destroy()
  }

  @Test func `what etcd finds too large is written without its field owners (semantics 2.23)`() async throws {
    let etcd = try await EtcdServer.start(.v3_4)
    let bench = try await Bench.make(etcd: etcd)
    // A megabyte of labels, and more than that to say who owns them: etcd takes 1.5 MiB.
    let labels = (0..<40_000).map { #""label-number-\#($0)":"v""# }.joined(separator: ",")
    let made = try await bench.create(#"{"metadata":{"name":"a","labels":{\#(labels)}}}"#)
    #expect(made["metadata"]?["labels"]?.object?.count == 40_000 && made["metadata"]?["managedFields"] == nil)
    try await bench.create(#"{"metadata":{"name":"b"}}"#)
    let patched = try await bench.patch("b", .merge, #"{"metadata":{"labels":{\#(labels)}}}"#)
    #expect(patched["metadata"]?["labels"]?.object?.count == 40_000 && patched["metadata"]?["managedFields"] == nil)
    let more = (0..<60_000).map { #""label-number-\#($0)":"value""# }.joined(separator: ",")
    await #expect { try await bench.create(#"{"metadata":{"name":"c","labels":{\#(more)}}}"#) } throws: {
      ($0 as? Status)?.code == 500 && ($0 as? Status)?.reason == ""
        && ($0 as? Status)?.message.contains("request is too large") == true
    }
    await bench.destroy()
    try await etcd.stop()
  }
}
