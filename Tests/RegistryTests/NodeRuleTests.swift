import ByteBuffers
import Cacher
import JSON
import Machinery
import TestSupport
import Testing

@testable import Registry
@testable import Resources

@Suite struct `Rules of nodes` {
  @Test func `what the server no longer knows is dropped from a new node and kept in one that has it (semantics 2.2)`()
    async throws
  {
    let bench = try await Bench.make()
    let made = try await bench.create(
      #"{"metadata":{"name":"a"},"spec":{"configSource":{"configMap":{"name":"x","namespace":"y","kubeletConfigKey":"k"}}},"status":{"config":{"error":"e"}}}"#
    )
    #expect(made["spec"]?["configSource"] == nil && made["status"]?["config"] == nil)
    let patched = try await bench.patch(
      "a", .merge, #"{"spec":{"configSource":{"configMap":{"name":"x","namespace":"y","kubeletConfigKey":"k"}}}}"#)
    #expect(patched["spec"]?["configSource"] == nil)
    let status = try await bench.patch("a", .merge, #"{"status":{"config":{"error":"e"}}}"#, .status)
    #expect(status["status"]?["config"] == nil)
    await bench.destroy()
  }

  @Test func `the two fields for the pods' networks are one (semantics 2.3)`() async throws {
    let bench = try await Bench.make()
    for (name, spec) in [
      ("a", #""podCIDR":"10.0.0.0/24""#), ("b", #""podCIDRs":["10.0.0.0/24"]"#),
      ("c", #""podCIDR":"10.0.0.0/24","podCIDRs":["10.9.0.0/24"]"#),
    ] {
      let made = try await bench.create(#"{"metadata":{"name":"\#(name)"},"spec":{\#(spec)}}"#)
      #expect(made["spec"]?.encoded().text == #"{"podCIDR":"10.0.0.0/24","podCIDRs":["10.0.0.0/24"]}"#)
      #expect(
        made["metadata"]?["managedFields"]?.array?.first?["fieldsV1"]?.encoded().text
          == #"{"f:spec":{"f:podCIDR":{},"f:podCIDRs":{".":{},"v:\"10.0.0.0/24\"":{}}}}"#)
    }
    for patch in [
      #"{"spec":{"podCIDR":"10.1.0.0/24","podCIDRs":["10.1.0.0/24"]}}"#, #"{"spec":{"podCIDR":null,"podCIDRs":null}}"#,
    ] {
      await #expect { try await bench.patch("a", .merge, patch) } throws: {
        ($0 as? Status)?.message
          == #"Node "a" is invalid: spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" to valid"#
      }
    }
    let dual = try await bench.create(#"{"metadata":{"name":"d"},"spec":{"podCIDRs":["10.0.0.0/24","fd00::/64"]}}"#)
    #expect(dual["spec"]?["podCIDR"] == "10.0.0.0/24")
    await bench.destroy()
  }

  @Test func `the pods' networks are strict, and what is not canonical is warned of with every write of the spec`()
    async throws
  {
    let bench = try await Bench.make()
    for (cidr, detail) in [
      ("10.0.0.1/24", "must not have bits set beyond the prefix length"),
      ("010.0.0.0/24", "must not have leading 0s in IP or prefix length"),
      ("10.0.0.0/024", "must not have leading 0s in IP or prefix length"),
      ("::ffff:10.0.0.0/120", "must not have an IPv4-mapped IPv6 address"),
    ] {
      for spec in [#""podCIDR":"\#(cidr)""#, #""podCIDRs":["\#(cidr)"]"#] {
        await #expect { try await bench.create(#"{"metadata":{"name":"a"},"spec":{\#(spec)}}"#) } throws: {
          ($0 as? Status)?.message == #"Node "a" is invalid: spec.podCIDRs[0]: Invalid value: "\#(cidr)": \#(detail)"#
        }
      }
    }
    await #expect {
      try await bench.create(#"{"metadata":{"name":"a"},"spec":{"podCIDRs":["10.0.0.0/24","x"]}}"#)
    } throws: {
      ($0 as? Status)?.details?.causes.map(\.message) == [
        #"Invalid value: "x": must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"#,
        "Internal error: invalid PodCIDRs. failed to check with dual stack with error:invalid CIDR[1]: <nil> (invalid CIDR address: x)",
        #"Invalid value: ["10.0.0.0/24","x"]: may specify no more than one CIDR for each IP family"#,
      ]
    }
    let warning =
      #"spec.podCIDRs[0]: IPv6 CIDR value "2001:DB8::/64" should be in RFC 5952 canonical format ("2001:db8::/64")"#
    let body = try bench.body(#"{"metadata":{"name":"a"},"spec":{"podCIDR":"2001:DB8::/64"}}"#)
    #expect(try await bench.store.create(body, namespace: "", options: WriteOptions(.create)).warnings == [warning])
    let label = ByteSlice(SharedBytes(#"{"metadata":{"labels":{"x":"y"}}}"#))
    #expect(
      try await bench.store.patch("a", namespace: "", kind: .merge, body: label, options: WriteOptions(.patch)).warnings
        == [warning])
    let more = ByteSlice(SharedBytes(#"{"metadata":{"labels":{"x":"z"}}}"#))
    #expect(
      try await bench.store.patch(
        "a", namespace: "", kind: .merge, body: more, subresource: .status, options: WriteOptions(.patch)
      ).warnings == [])
    await bench.destroy()
  }

  @Test func `identities are set once (semantics 2.3)`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    #expect(try await bench.patch("a", .merge, #"{"spec":{"providerID":"p://1"}}"#)["spec"]?["providerID"] == "p://1")
    await #expect { try await bench.patch("a", .merge, #"{"spec":{"providerID":"p://2"}}"#) } throws: {
      ($0 as? Status)?.details?.causes.first?.field == "spec.providerID"
    }
    await #expect { try await bench.patch("a", .merge, #"{"spec":{"externalID":"e"}}"#) } throws: {
      ($0 as? Status)?.details?.causes.first?.message == "Forbidden: may not be updated"
    }
    await bench.destroy()
  }

  @Test func `a main update complains twice in the causes and once in the message (semantics 2.5)`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    await #expect { try await bench.patch("a", .merge, #"{"spec":{"taints":[{"key":"k"}]}}"#) } throws: { error in
      guard let status = error as? Status else { return false }
      return status.message == #"Node "a" is invalid: metadata.taints[0].effect: Required value"#
        && status.details?.causes.count == 2
        && status.details?.causes.allSatisfy { $0.field == "metadata.taints[0].effect" } == true
    }
    await bench.destroy()
  }

  @Test func `taints whose keys are equivalent as text are not the same`() {
    let taints: JSONValue = [["key": "\u{212B}", "effect": "NoExecute"], ["key": "\u{C5}", "effect": "NoExecute"]]
    let node: JSONValue = ["metadata": ["name": "a"], "spec": ["taints": taints]]
    #expect(ResourceDefinition.nodes.rules.check(node).allSatisfy { $0.kind != .duplicate })
  }

  @Test func `an update looks at finalizers as a creation does, and at what is left of a removed feature`() {
    let reference: JSONValue = ["name": "x", "namespace": "y", "kubeletConfigKey": "k"]
    let old: JSONValue = [
      "metadata": ["name": "a", "resourceVersion": "1"], "spec": ["configSource": ["configMap": reference]],
    ]
    func fields(_ new: JSONValue, _ subresource: Subresource = .main) -> [String] {
      ResourceDefinition.nodes.rules.check(new, old: old, subresource: subresource).map(\.field)
    }
    #expect(fields(old) == [] && fields(old, .status) == [])
    var new = old
    new["metadata"]?["finalizers"] = ["mine"]
    #expect(fields(new) == ["metadata.finalizers[0]", "metadata.finalizers[0]"])
    #expect(fields(new, .status) == ["metadata.finalizers[0]"])
    new = old
    new["spec"]?["configSource"] = ["configMap": ["name": "X", "uid": "u"]]
    new["status"] = ["config": ["active": ["configMap": reference], "assigned": [:]]]
    let spec = ["uid", "namespace", "name", "kubeletConfigKey"].map { "spec.configSource.configMap.\($0)" }
    let status = ["assigned", "active.configMap.uid", "active.configMap.resourceVersion"].map { "status.config.\($0)" }
    #expect(fields(new, .status) == spec + status)
  }

  @Test func `a taint or an address that is there twice is shown as Go holds it (semantics 2.6)`() async throws {
    let bench = try await Bench.make()
    await #expect {
      try await bench.create(
        #"{"metadata":{"name":"a"},"spec":{"taints":[{"key":"k","effect":"NoSchedule"},{"key":"k","effect":"NoExecute"},{"key":"k","value":"v","effect":"NoSchedule","timeAdded":"2026-01-02T03:04:05Z"}]}}"#
      )
    } throws: {
      ($0 as? Status)?.details?.causes == [
        Status.Cause(
          reason: "FieldValueDuplicate",
          message:
            #"Duplicate value: {"Key":"k","Value":"v","Effect":"NoSchedule","TimeAdded":"2026-01-02T03:04:05Z"}: taints must be unique by key and effect pair"#,
          field: "metadata.taints[2]")
      ]
    }
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    await #expect {
      try await bench.patch(
        "a", .merge, #"{"status":{"addresses":[{"type":"A","address":"a"},{"type":"A","address":"a"}]}}"#, .status)
    } throws: {
      ($0 as? Status)?.message
        == #"Node "a" is invalid: status.addresses[1]: Duplicate value: {"Type":"A","Address":"a"}"#
    }
    // /status does not look at what only the main resource is asked for.
    _ = try await bench.patch("a", .merge, #"{"status":{"nodeInfo":{"swap":{"capacity":0}}}}"#, .status)
    await bench.destroy()
  }

  @Test func `annotations that hold JSON, and names of features, are looked into`() async throws {
    let bench = try await Bench.make()
    func annotated(_ key: String, _ text: String) -> String {
      let node: JSONValue = [
        "metadata": ["name": "a", "annotations": ["scheduler.alpha.kubernetes.io/\(key)": .string(text)]]
      ]
      return node.encoded().text
    }
    func features(_ names: [String]) -> String {
      let node: JSONValue = [
        "metadata": ["name": "a"], "status": ["declaredFeatures": .array(names.map { .string($0) })],
      ]
      return node.encoded().text
    }
    let bad: [(String, String)] = [
      (annotated("taints", "{"), "metadata.annotations"), (annotated("taints", "{}"), "metadata.annotations"),
      (annotated("taints", #"[{"key":"k"}]"#), "metadata.annotations.scheduler.alpha.kubernetes.io/taints[0].effect"),
      (annotated("preferAvoidPods", "["), "metadata.annotations.AvoidPods"),
      (
        annotated("preferAvoidPods", #"{"preferAvoidPods":[{}]}"#),
        "metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature"
      ),
      (
        annotated("preferAvoidPods", #"{"preferAvoidPods":[{"podSignature":{"podController":{"kind":"x"}}}]}"#),
        "metadata.annotations.scheduler.alpha.kubernetes.io/preferAvoidPods[0].PodSignature.PodController.Controller"
      ),
      (features(["a"]), "status.declaredFeatures[0]"), (features(["A/"]), "status.declaredFeatures[0]"),
      (features(["B", "A"]), "status.declaredFeatures[1]"),
      (features(["A", "A"]), "status.declaredFeatures[1]"),
    ]
    for (node, field) in bad {
      await #expect("\(node)") { try await bench.create(node) } throws: {
        ($0 as? Status)?.details?.causes.map(\.field) == [field]
      }
    }
    for (place, node) in [
      annotated("taints", ""), annotated("taints", #"[{"key":"k","effect":"NoSchedule"}]"#),
      annotated("preferAvoidPods", "{}"),
      annotated("preferAvoidPods", #"{"preferAvoidPods":[{"podSignature":{"podController":{"controller":true}}}]}"#),
      features(["A", "A/b", "B9"]),
    ].enumerated() {
      try await bench.create(node.replacing(#""name":"a""#, with: #""name":"good-\#(place)""#))
    }
    #expect(
      try await bench.patch("good-4", .merge, #"{"status":{"declaredFeatures":["C"]}}"#, .status)["status"]?[
        "declaredFeatures"] == ["C"])
    await #expect {
      try await bench.patch("good-4", .merge, #"{"status":{"declaredFeatures":["c"]}}"#, .status)
    } throws: {
      ($0 as? Status)?.details?.causes.map(\.field) == ["status.declaredFeatures[0]"]
    }
    await bench.destroy()
  }

  @Test func `taints are replaced as a whole, conditions and addresses by type (semantics 2.7)`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"},"spec":{"taints":[{"key":"k","effect":"NoSchedule"}]}}"#)
    #expect(
      try await bench.patch("a", .strategic, #"{"spec":{"taints":[{"key":"l","effect":"NoExecute"}]}}"#)["spec"]?[
        "taints"]?.array?.count == 1)
    _ = try await bench.patch(
      "a", .strategic,
      #"{"status":{"conditions":[{"type":"A","status":"True"}],"addresses":[{"type":"H","address":"h"}]}}"#, .status)
    let patched = try await bench.patch(
      "a", .strategic,
      #"{"status":{"conditions":[{"type":"B","status":"False"},{"type":"A","status":"False"}],"addresses":[{"type":"H","address":"i"}]}}"#,
      .status)
    #expect(patched["status"]?["conditions"]?.array?.count == 2 && patched["status"]?["addresses"]?.array?.count == 1)
    await bench.destroy()
  }

  @Test func `a replacement needs no revision, and its uid is a condition (semantics 2.9)`() async throws {
    let bench = try await Bench.make()
    let made = try await bench.create(#"{"metadata":{"name":"a"}}"#)
    func put(_ meta: String, _ name: String = "a") async throws -> JSONValue {
      try JSONValue(
        parsing: try await bench.store.update(
          name, namespace: "", body: try bench.body(#"{"metadata":{\#(meta)}}"#), options: WriteOptions(.update)
        ).object.object)
    }
    let changed = try await put(
      #""name":"a","labels":{"x":"1"},"creationTimestamp":"2001-01-01T00:00:00Z","generation":7"#)
    #expect(
      changed["metadata"]?["uid"] == made["metadata"]?["uid"]
        && changed["metadata"]?["creationTimestamp"] == made["metadata"]?["creationTimestamp"])
    #expect(changed["metadata"]?["generation"] == nil)
    let revision = made["metadata"]?["resourceVersion"]?.string ?? ""
    await #expect { _ = try await put(#""name":"a","resourceVersion":"\#(revision)""#) } throws: {
      ($0 as? Status)?.code == 409
    }
    await #expect { _ = try await put(#""name":"a","uid":"other""#) } throws: {
      ($0 as? Status)?.code == 409
        && ($0 as? Status)?.message.contains("Precondition failed: UID in precondition: other, UID in object meta: ")
          == true
        && ($0 as? Status)?.message.contains("Key: /registry/minions/a") == true
    }
    await #expect { _ = try await put(#""name":"b""#, "b") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test func `a removal's conditions name the kind (semantics 2.15)`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    for change in [{ $0.uid = "x" }, { $0.resourceVersion = "1" }] as [@Sendable (inout DeleteOptions) -> Void] {
      var options = DeleteOptions()
      change(&options)
      let asked = options
      await #expect { _ = try await bench.store.delete("a", namespace: "", options: asked) } throws: {
        ($0 as? Status)?.code == 409 && ($0 as? Status)?.details?.kind == "Node"
      }
    }
    await bench.destroy()
  }

  @Test(arguments: [("Foreground", "foregroundDeletion"), ("Orphan", "orphan")])
  func `a propagation policy leaves its finalizer for a garbage collector (semantics 2.16)`(
    policy: String, finalizer: String
  ) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    var options = DeleteOptions()
    options.propagationPolicy = policy
    guard case .pending(let object) = try await bench.store.delete("a", namespace: "", options: options) else {
      Issue.record("it is gone"); return
    }
    #expect(try JSONValue(parsing: object.object)["metadata"]?["finalizers"] == [.string(finalizer)])
    options.propagationPolicy = "Background"
    guard case .gone = try await bench.store.delete("a", namespace: "", options: options) else {
      Issue.record("it stays"); return
    }
    await bench.destroy()
  }

  @Test func `cells are those of kubectl get nodes (semantics 2.40)`() throws {
    func cells(_ text: String) throws -> [JSONValue] {
      let root = try JSONTape.parse(SharedBytes(text)).root
      return ResourceDefinition.nodes.columns.map { $0.cell(root, 100) }
    }
    #expect(
      ResourceDefinition.nodes.columns.map(\.name) == [
        "Name", "Status", "Roles", "Age", "Version", "Internal-IP", "External-IP", "OS-Image", "Kernel-Version",
        "Container-Runtime",
      ])
    #expect(ResourceDefinition.nodes.columns.map(\.priority) == [0, 0, 0, 0, 0, 1, 1, 1, 1, 1])
    #expect(
      try cells(#"{"metadata":{"name":"a"}}"#) == [
        "a", "Unknown", "<none>", "<unknown>", "", "<none>", "<none>", "<unknown>", "<unknown>", "<unknown>",
      ])
    let whole =
      #"{"metadata":{"name":"a","creationTimestamp":"1970-01-01T00:00:10Z","labels":{"node-role.kubernetes.io/worker":"","node-role.kubernetes.io/":"","kubernetes.io/role":"edge","node-role.kubernetes.io/edge":"x"}},"spec":{"unschedulable":true},"status":{"conditions":[{"type":"MemoryPressure","status":"True"},{"type":"Ready","status":"True"}],"addresses":[{"type":"Hostname","address":"h"},{"type":"InternalIP","address":"10.0.0.1"},{"type":"InternalIP","address":"10.0.0.2"},{"type":"ExternalIP","address":"1.2.3.4"}],"nodeInfo":{"kubeletVersion":"v1","osImage":"Debian","kernelVersion":"6.1","architecture":"amd64","containerRuntimeVersion":"cri://1"}}}"#
    #expect(
      try cells(whole) == [
        "a", "Ready,SchedulingDisabled", "edge,worker", "90s", "v1", "10.0.0.1", "1.2.3.4", "Debian", "6.1 (amd64)",
        "cri://1",
      ])
    #expect(
      try cells(#"{"metadata":{"name":"a"},"status":{"conditions":[{"type":"Ready","status":"Unknown"}]}}"#)[1]
        == "NotReady")
  }
}
