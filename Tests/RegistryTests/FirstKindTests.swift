import ByteBuffers
import Cacher
import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources

extension Bench {
  private func body(of text: String) throws -> JSONValue { try body(text) }

  fileprivate func create(_ text: String, in namespace: String) async throws -> (object: JSONValue, warnings: [String])
  {
    let result = try await store.create(try body(of: text), namespace: namespace, options: WriteOptions(.create))
    return (try JSONValue(parsing: result.object.object), result.warnings)
  }

  fileprivate func put(
    _ text: String, _ name: String, in namespace: String, isDryRun: Bool = false
  ) async throws -> (object: JSONValue, code: Int) {
    var options = WriteOptions(.update)
    if isDryRun { options.dryRun = ["All"] }
    let result = try await store.update(name, namespace: namespace, body: try body(of: text), options: options)
    return (try JSONValue(parsing: result.object.object), result.code)
  }
}

@Suite struct `Leases` {
  @Test func `are created by PUT, and replaced by who names what it replaces`() async throws {
    let bench = try await Bench.make(.leases)
    let made = try await bench.put(#"{"metadata":{"name":"a"},"spec":{"holderIdentity":"x"}}"#, "a", in: "n")
    #expect(made.code == 201 && made.object["spec"] == ["holderIdentity": "x"])
    await #expect {
      _ = try await bench.put(#"{"metadata":{"name":"a"},"spec":{"holderIdentity":"y"}}"#, "a", in: "n")
    } throws: {
      ($0 as? Status)?.code == 422
        && ($0 as? Status)?.message.contains(#"metadata.resourceVersion: Invalid value: 0: must be specified"#) == true
    }
    let version = try #require(made.object["metadata"]?["resourceVersion"]?.string)
    let text = #"{"metadata":{"name":"a","resourceVersion":"\#(version)"},"spec":{"holderIdentity":"y"}}"#
    #expect(try await bench.put(text, "a", in: "n").object["spec"] == ["holderIdentity": "y"])
    await bench.destroy()
  }

  @Test func `lose what belongs to coordinated election, but not what they have already`() async throws {
    let bench = try await Bench.make(.leases)
    let elected = #""strategy":"OldestEmulationVersion","preferredHolder":"p""#
    let made = try await bench.create(#"{"metadata":{"name":"a"},"spec":{"holderIdentity":"x",\#(elected)}}"#, in: "n")
    #expect(made.object["spec"] == ["holderIdentity": "x"])
    let version = try #require(made.object["metadata"]?["resourceVersion"]?.string)
    let meta = #""metadata":{"name":"a","resourceVersion":"\#(version)"}"#
    #expect(try await bench.put("{\(meta),\"spec\":{\(elected)}}", "a", in: "n").object["spec"] == [:])

    let definition = ResourceDefinition.leases
    var new: JSONValue = ["spec": ["strategy": "b", "preferredHolder": "p"]]
    definition.main.prepareForUpdate(&new, old: ["spec": ["strategy": "a"]])
    #expect(new == ["spec": ["strategy": "b"]])
    await bench.destroy()
  }

  @Test func `a dry run names the key and keeps the link as upstream does, before the storage`() async throws {
    let bench = try await Bench.make(.leases)
    let made = try await bench.create(#"{"metadata":{"name":"a"}}"#, in: "n")
    let version = try #require(made.object["metadata"]?["resourceVersion"]?.string)
    for (isDryRun, key) in [(true, "Key: /leases/n/a,"), (false, "Key: /registry/leases/n/a,")] {
      await #expect {
        _ = try await bench.put(#"{"metadata":{"name":"a","uid":"other"}}"#, "a", in: "n", isDryRun: isDryRun)
      } throws: { ($0 as? Status)?.message.contains(key) == true }
      let linked = #"{"metadata":{"name":"a","selfLink":"/x","resourceVersion":"\#(version)"}}"#
      let link = try await bench.put(linked, "a", in: "n", isDryRun: isDryRun).object["metadata"]?["selfLink"]
      #expect(link == (isDryRun ? "/x" : nil))
    }
    await bench.destroy()
  }

  @Test func `a dry run leaves nothing behind, and whoever may not create does not by PUT`() async throws {
    let bench = try await Bench.make(.leases)
    for name in ["a", "b"] {
      let text = #"{"metadata":{"name":"\#(name)"},"spec":{"holderIdentity":"x"}}"#
      #expect(try await bench.put(text, name, in: "n", isDryRun: true).code == 201)
    }
    #expect(bench.store.codec.underWay.count == 0)
    var options = WriteOptions(.update)
    options.authorizeCreate = { () async throws(Status) in
      throw .forbidden(GroupResource(group: "coordination.k8s.io", resource: "leases"), name: "a", "no")
    }
    let body = try bench.body(#"{"metadata":{"name":"a"},"spec":{}}"#)
    await #expect { _ = try await bench.store.update("a", namespace: "n", body: body, options: options) } throws: {
      ($0 as? Status)?.code == 403
    }
    await #expect { _ = try await bench.store.get("a", namespace: "n") } throws: { ($0 as? Status)?.code == 404 }
    await bench.destroy()
  }

  @Test func `another namespace than the path's is refused before anything is looked up`() async throws {
    let bench = try await Bench.make(.leases)
    for uid in ["", #","uid":"other""#] {
      let text = #"{"metadata":{"name":"a","namespace":"m"\#(uid)},"spec":{}}"#
      await #expect { _ = try await bench.put(text, "a", in: "n") } throws: { ($0 as? Status)?.code == 400 }
    }
    await bench.destroy()
  }
}

@Suite struct `Config maps` {
  @Test func `count texts and bytes in their table`() throws {
    let data = #""data":{"x":"1","y":"2"},"binaryData":{"z":"AA=="}"#
    let counted = try cells(.configMaps, #"{"metadata":{"name":"a"},\#(data)}"#)
    #expect(counted == ["a", 3, "<unknown>"])
    #expect(try cells(.configMaps, #"{"metadata":{"name":"a"}}"#) == ["a", 0, "<unknown>"])
  }
}

@Suite struct `Secrets` {
  @Test func `texts become data, win over it, and are never shown`() async throws {
    let bench = try await Bench.make(.secrets)
    let made = try await bench.create(
      #"{"metadata":{"name":"a"},"immutable":false,"data":{"b":"Yg==","a":"eA=="},"stringData":{"a":"won","c":""}}"#,
      in: "n")
    #expect(
      made.object.encoded().text.hasSuffix(
        #","immutable":false,"data":{"a":"d29u","b":"Yg==","c":""},"type":"Opaque"}"#), "\(made.object)")
    #expect(made.warnings.isEmpty)
    // Data alone come to stand where the type has them.
    let other = try await bench.create(#"{"stringData":{"k":"v"},"type":"t","metadata":{"name":"b"}}"#, in: "n")
    #expect(other.object.encoded().text.hasSuffix(#","data":{"k":"dg=="},"type":"t"}"#), "\(other.object)")
    let changed = try await bench.store.patch(
      "a", namespace: "n", kind: .merge, body: ByteSlice(SharedBytes(#"{"stringData":{"b":"B"}}"#)),
      options: WriteOptions(.patch))
    let after = try JSONValue(parsing: changed.object.object)
    #expect(after["data"] == ["a": "d29u", "b": "Qg==", "c": ""] && after["stringData"] == nil)
    await bench.destroy()
  }

  @Test(arguments: [("abc", 0), ("abcde", 4), ("ab=c", 2), ("ab==x", 4), ("a!bc", 1), ("=abc", 0)])
  func `data that are no base64 are refused in Go's words`(text: String, place: Int) async throws {
    let bench = try await Bench.make(.secrets)
    await #expect {
      _ = try await bench.create(#"{"metadata":{"name":"a"},"data":{"k":"\#(text)"}}"#, in: "n")
    } throws: {
      ($0 as? Status)?.message
        == #"Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte \#(place)"#
    }
    await bench.destroy()
  }

  @Test(arguments: [(#"YWJj\n"#, "YWJj"), (#"YW\r\nJj"#, "YWJj"), ("YR==", "YQ=="), (#"YQ=\n="#, "YQ==")])
  func `data are written anew, as Go does`(given: String, shown: String) async throws {
    let bench = try await Bench.make(.secrets)
    let made = try await bench.create(#"{"metadata":{"name":"a"},"data":{"k":"\#(given)"}}"#, in: "n")
    #expect(made.object["data"]?["k"] == .string(shown))
    await bench.destroy()
  }

  @Test func `are selected by their type, and by nothing that they do not have`() async throws {
    let fields = ResourceDefinition.secrets.selectableFields
    #expect(fields.names == ["metadata.name", "metadata.namespace", "type"])
    #expect(fields.problem(with: "data") == "field label not supported: data")
    #expect(
      try cells(.secrets, #"{"metadata":{"name":"a"},"data":{"x":"MQ=="},"type":"t"}"#) == ["a", "t", 1, "<unknown>"])
  }

  @Test func `a certificate and key that do not fit each other are warned about`() async throws {
    let bench = try await Bench.make(.secrets)
    let made = try await bench.create(
      #"{"metadata":{"name":"a"},"type":"kubernetes.io/tls","stringData":{"tls.crt":"x","tls.key":"y"}}"#, in: "n")
    #expect(made.warnings == ["tls: failed to find any PEM data in certificate input"])
    await bench.destroy()
  }
}

private func cells(_ definition: ResourceDefinition, _ text: String) throws -> [JSONValue] {
  let root = try JSONTape.parse(SharedBytes(text)).root
  return definition.columns.map { $0.cell(root, 0) }
}

@Suite struct `Definitions` {
  @Test func `the fields that watches are told apart by can be selected by`() {
    func problems(_ trigger: String) -> [String] {
      ResourceDefinition(
        "leases.coordination.k8s.io", kind: "Lease", scope: .namespaced, folder: "leases", versions: [.v1], rules: [],
        selectableFields: [SelectableField("spec.holderIdentity")], trigger: trigger
      ).problems
    }
    #expect(problems("spec.holderIdentity") == [])
    #expect(problems("spec.x") == ["leases.coordination.k8s.io: the trigger is no selectable field"])
  }

  @Test func `every one is whole, and no two have a folder or a name in common`() {
    let all = BuiltInResources.all()
    #expect(all.flatMap(\.problems) == [])
    #expect(Set(all.map(\.folder)).count == all.count && Set(all.map { "\($0.groupResource)" }).count == all.count)
  }
}
