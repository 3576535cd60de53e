import Access
import ByteBuffers
import JSON
import Machinery
import Registry
import Testing

@testable import Admission

@Suite struct `Node restriction` {
  private static let nodes = GroupResource(group: "", resource: "nodes")
  private static let node = UserInfo(name: "system:node:n1", groups: ["system:nodes"])

  private func object(_ text: String) throws -> JSONValue { try JSONValue(parsing: text) }

  private func refusal(
    _ user: UserInfo, _ operation: AdmissionRequest.Operation, name: String = "n1", new: String? = nil,
    old: String? = nil
  ) throws -> String? {
    do throws(Status) {
      let new = new.flatMap { try? JSONValue(parsing: $0) }
      let old = old.flatMap { try? JSONValue(parsing: $0) }
      try NodeRestriction.check(
        AdmissionRequest(operation, Self.nodes, name: name, new: new, old: old), by: user)
      return nil
    } catch {
      #expect(error.code == 403)
      return error.message
    }
  }

  @Test func `only a node's identity is restricted`() throws {
    #expect(try refusal(UserInfo(name: "admin"), .update, name: "n2", new: "{}", old: "{}") == nil)
    #expect(try refusal(UserInfo(name: "system:node:n1"), .delete, name: "n2") == nil)
    #expect(
      try refusal(UserInfo(name: "system:node:", groups: ["system:nodes"]), .delete)?.contains(
        "could not determine node") == true)
  }

  @Test func `a node may not touch another node`() throws {
    for operation in [AdmissionRequest.Operation.create, .update, .delete] {
      #expect(
        try refusal(Self.node, operation, name: "n2", new: "{}", old: "{}")
          == #"nodes "n2" is forbidden: node "n1" is not allowed to modify node "n2""#)
      #expect(try refusal(Self.node, operation, new: "{}", old: "{}") == nil)
    }
  }

  @Test(arguments: [
    ("zone", true), ("example.com/x", true), ("kubernetes.io/hostname", true), ("topology.kubernetes.io/zone", true),
    ("node.kubernetes.io/anything", true),
    ("a.kubelet.kubernetes.io/x", true), ("node-restriction.kubernetes.io/x", false),
    ("a.node-restriction.kubernetes.io/x", false),
    ("node-role.kubernetes.io/control-plane", false), ("k8s.io/x", false), ("a.k8s.io/x", false),
    ("notkubernetes.io/x", true),
  ])
  func `labels that steer workloads are not a node's to set`(label: String, isAllowed: Bool) throws {
    let labelled = #"{"metadata":{"labels":{"\#(label)":"v"}}}"#
    #expect((try refusal(Self.node, .create, new: labelled) == nil) == isAllowed)
    #expect((try refusal(Self.node, .update, new: labelled, old: "{}") == nil) == isAllowed)
    #expect((try refusal(Self.node, .update, new: "{}", old: labelled) == nil) == isAllowed)
    // What stays as it is may stay.
    #expect(try refusal(Self.node, .update, new: labelled, old: labelled) == nil)
  }

  @Test func `taints and owners are not a node's to change, but to register with`() throws {
    let tainted = #"{"spec":{"taints":[{"key":"a","effect":"NoSchedule"}]}}"#
    #expect(try refusal(Self.node, .create, new: tainted) == nil)
    #expect(
      try refusal(Self.node, .update, new: tainted, old: "{}")?.hasSuffix(#"node "n1" is not allowed to modify taints"#)
        == true)
    #expect(try refusal(Self.node, .update, new: "{}", old: tainted) != nil)
    #expect(try refusal(Self.node, .update, new: tainted, old: tainted) == nil)
    let owned = #"{"metadata":{"ownerReferences":[{"name":"x"}]}}"#
    #expect(try refusal(Self.node, .update, new: owned, old: "{}")?.contains("ownerReferences") == true)
    #expect(try refusal(Self.node, .create, new: #"{"spec":{"configSource":{}}}"#)?.contains("configSource") == true)
  }

  @Test(.timeLimit(.minutes(2))) func `a node's labels by the thousand are compared in one pass`() throws {
    let user = UserInfo(name: "system:node:n1", groups: ["system:nodes"])
    func node(_ value: String, _ extra: String = "") throws -> JSONValue {
      try JSONValue(
        parsing:
          #"{"metadata":{"labels":{\#((0..<20_000).map { #""example.com/k\#($0)":"\#(value)""# }.joined(separator: ","))\#(extra)}}}"#
      )
    }
    let nodes = GroupResource(group: "", resource: "nodes")
    func check(_ new: JSONValue) throws {
      let request = AdmissionRequest(.update, nodes, name: "n1", new: new, old: try node("a"))
      try NodeRestriction.check(request, by: user)
    }
    try check(try node("b"))
    #expect {
      try check(try node("b", #","x.node-restriction.kubernetes.io/y":"1""#))
    } throws: {
      ($0 as? Status)?.message.hasSuffix("is not allowed to modify labels: x.node-restriction.kubernetes.io/y") == true
    }
  }
}
