import ByteBuffers
import JSON
import Machinery
import Registry
import TestSupport
import Testing

/// Objects as large as they may be: lists of which each element used to be compared with all before it.
@Suite struct `The work of a write is bounded` {
  private static let count = Tools.isFullRun ? 20_000 : 8_000

  @Test(.timeLimit(.minutes(3))) func `owners and addresses by the thousand are compared by their bytes`() async throws
  {
    let bench = try await Bench.make()
    let owners = (0..<Self.count).map { #"{"apiVersion":"v1","kind":"Pod","name":"p\#($0)","uid":"u\#($0)"}"# }
    let result = try await bench.store.create(
      try bench.body(
        #"{"metadata":{"name":"a","ownerReferences":[\#((owners + [owners[7]]).joined(separator: ","))]}}"#),
      namespace: "", options: WriteOptions(.create))
    #expect(result.warnings.count == 1 && result.warnings[0].hasSuffix("duplicate UID(s) observed: u7"))
    #expect(try await bench.get("a")["metadata"]?["ownerReferences"]?.array?.count == Self.count)

    try await bench.create(#"{"metadata":{"name":"b"}}"#)
    let addresses = (0..<Self.count).map { #"{"type":"InternalIP","address":"a\#($0)"}"# }
    func patch(_ list: [String]) async throws -> JSONValue {
      try await bench.patch("b", .merge, #"{"status":{"addresses":[\#(list.joined(separator: ","))]}}"#, .status)
    }
    #expect(try await patch(addresses)["status"]?["addresses"]?.array?.count == Self.count)
    await #expect { try await patch(addresses + [addresses[3]]) } throws: {
      ($0 as? Status)?.details?.causes.map(\.field) == ["status.addresses[\(Self.count)]"]
    }
    // Later writes of the same object, small ones too.
    #expect(
      try await bench.patch("b", .merge, #"{"metadata":{"labels":{"x":"1"}}}"#)["metadata"]?["labels"] == ["x": "1"])
    guard case .gone = try await bench.store.delete("b", namespace: "", options: DeleteOptions()) else {
      Issue.record("it is still there")
      return
    }
    await bench.destroy()
  }

  @Test func `a patch of more operations than there may be is refused in kube-apiserver's words`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let operations = [String](repeating: #"{"op":"test","path":"/kind","value":"Node"}"#, count: 10_001).joined(
      separator: ",")
    await #expect { try await bench.patch("a", .json, "[\(operations)]") } throws: { error in
      guard let status = error as? Status else { return false }
      return status.code == 413 && status.reason == "RequestEntityTooLarge" && status.details == nil
        && status.message
          == "Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001"
    }
    let deep = (0..<16).map {
      #"{"op":"copy","from":"/metadata/annotations","path":"/metadata/annotations\#(String(repeating: "/a", count: 1 << $0))"}"#
    }.joined(separator: ",")
    for options in [[], ["All"]] {
      var write = WriteOptions(.patch)
      write.dryRun = options
      await #expect {
        try await bench.store.patch(
          "a", namespace: "", kind: .json,
          body: ByteSlice(SharedBytes(#"[{"op":"add","path":"/metadata/annotations","value":{"a":0}},\#(deep)]"#)),
          options: write)
      } throws: { ($0 as? Status)?.code == 422 }
    }
    let moves = [String](
      repeating: #"{"op":"move","from":"/status/list/0","path":"/status/list/199999"}"#, count: 9_999
    ).joined(separator: ",")
    let list = #"{"op":"add","path":"/status","value":{"list":[0\#(String(repeating: ",0", count: 199_999))]}}"#
    await #expect { try await bench.patch("a", .json, "[\(list),\(moves)]") } throws: {
      ($0 as? Status)?.message == "Request entity too large: the JSON patch takes more than 20000000 steps"
    }
    await bench.destroy()
  }

  @Test(.timeLimit(.minutes(3)), arguments: [PatchKind.merge, .strategic]) func `long lists are merged`(
    kind: PatchKind
  ) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let count = Self.count / 2
    let conditions = (0..<count).map { #"{"type":"t\#($0)","status":"True"}"# }.joined(separator: ",")
    let made = try await bench.patch("a", kind, #"{"status":{"conditions":[\#(conditions)]}}"#, .status)
    #expect(made["status"]?["conditions"]?.array?.count == count)
    await bench.destroy()
  }

  @Test(.timeLimit(.minutes(3))) func `labels and finalizers by the thousand are written and selected`() async throws {
    let bench = try await Bench.make()
    let labels = (0..<Self.count).map { #""k\#($0)":"v""# }.joined(separator: ",")
    let finalizers = (0..<Self.count).map { #""example.com/f\#($0)""# }.joined(separator: ",")
    try await bench.create(#"{"metadata":{"name":"a","labels":{\#(labels)},"finalizers":[\#(finalizers)]}}"#)
    var options = ListOptions()
    options.labelSelector = (0..<Self.count).map { "k\($0)=v" }.joined(separator: ",")
    #expect(options.areSelectorsLong)
    #expect(try await bench.store.list(try bench.store.prepareList(options, namespace: "")).objects.count == 1)
    options.labelSelector += ",k1!=v"
    options.readSelectors()
    #expect(try await bench.store.list(try bench.store.prepareList(options, namespace: "")).objects.isEmpty)
    guard case .pending = try await bench.store.delete("a", namespace: "", options: DeleteOptions()) else {
      Issue.record("it is gone")
      return
    }
    await bench.destroy()
  }
}
