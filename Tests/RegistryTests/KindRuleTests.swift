import ByteBuffers
import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources
@testable import Schema

/// The members that the rules name, until the kinds are served.
private let facts = """
  T io.k8s.api.coordination.v1.Lease coordination.k8s.io/v1/Lease
  metadata Rmeta.v1.ObjectMeta e
  spec Rcoordination.v1.LeaseSpec e
  T io.k8s.api.coordination.v1.LeaseSpec -
  leaseDurationSeconds *i e
  leaseTransitions *i e
  strategy *s e go=v1.CoordinatedLeaseStrategy
  preferredHolder *s e
  T io.k8s.api.core.v1.ConfigMap /v1/ConfigMap
  metadata Rmeta.v1.ObjectMeta e
  immutable *b e
  data {s e
  binaryData {y e
  T io.k8s.api.core.v1.Secret /v1/Secret
  metadata Rmeta.v1.ObjectMeta e
  immutable *b e
  data {y e
  type s e go=v1.SecretType
  T io.k8s.api.core.v1.Namespace /v1/Namespace
  metadata Rmeta.v1.ObjectMeta e
  spec Rcore.v1.NamespaceSpec e
  status Rcore.v1.NamespaceStatus e
  T io.k8s.api.core.v1.NamespaceSpec -
  finalizers [s e
  T io.k8s.api.core.v1.NamespaceStatus -
  phase s e go=v1.NamespacePhase
  T io.k8s.api.core.v1.Event /v1/Event
  metadata Rmeta.v1.ObjectMeta a
  involvedObject Rcore.v1.ObjectReference a
  reason s e
  message s e
  source Rcore.v1.EventSource e
  firstTimestamp t e
  lastTimestamp t e
  count i e
  type s e
  eventTime u e
  series *Rcore.v1.EventSeries e
  action s e
  related *Rcore.v1.ObjectReference e
  reportingComponent s a
  reportingInstance s a
  T io.k8s.api.core.v1.ObjectReference -
  kind s e
  namespace s e
  T io.k8s.api.core.v1.EventSource -
  component s e
  host s e
  T io.k8s.api.core.v1.EventSeries -
  count i e
  lastObservedTime u e
  T io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta -
  name s e
  """

@Suite struct `Rules of the first kinds` {
  private static let model = TypeModel(facts: facts)

  private func compiled(_ rules: [Rule], _ kind: String) throws -> CompiledRules {
    let rules = CompiledRules(
      rules, type: try #require(Self.model.type("io.k8s.api.\(kind)")), model: Self.model,
      isNamespaced: kind != "core.v1.Namespace")
    #expect(rules.problems == [])
    return rules
  }

  private func object(_ members: JSONValue, _ meta: JSONValue = [:]) -> JSONValue {
    var metadata = JSONObject(dictionaryLiteral: ("name", "a"), ("namespace", "b"), ("resourceVersion", "1"))
    for member in meta.object?.members ?? [] { metadata[member.name] = member.value }
    var object = members
    object["metadata"] = .object(metadata)
    return object
  }

  @Test func leases() throws {
    let rules = try compiled(LeaseRules.all, "coordination.v1.Lease")
    func said(_ spec: JSONValue) -> [String] { rules.check(object(["spec": spec])).map(\.message) }
    #expect(
      said(["leaseDurationSeconds": 1, "leaseTransitions": 0, "strategy": "a.b/C", "preferredHolder": "x"]) == [])
    #expect(said(["strategy": "OldestEmulationVersion"]) == [] && said(["preferredHolder": ""]) == [])
    #expect(
      said(["leaseDurationSeconds": 0, "leaseTransitions": -1, "strategy": "Mine"]) == [
        "spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0",
        "spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0",
        #"spec.strategy.strategy: Unsupported value: "Mine": supported values: "OldestEmulationVersion""#,
      ])
    #expect(
      said(["strategy": "/x", "preferredHolder": "x"]) == [
        #"spec.strategy.strategy: Invalid value: "/x": prefix part must be non-empty"#
      ])
    #expect(
      said(["preferredHolder": "x"]) == [
        "spec.preferredHolder: Forbidden: may only be specified if `strategy` is defined"
      ])
    // Leases take any finalizer that is a name.
    #expect(rules.check(object([:], ["finalizers": ["mine"]])) == [])
  }

  @Test func configmaps() throws {
    let rules = try compiled(ConfigMapRules.all, "core.v1.ConfigMap")
    let good = object(["data": ["a": "x"], "binaryData": ["b": "AAEC"]])
    #expect(rules.check(good) == [] && rules.check(good, old: good) == [])
    #expect(
      rules.check(object(["data": ["a": "x", "..": ""], "binaryData": ["a": "AAEC", "b c": "AAEC"]])).map(\.field) == [
        "data[..]", "data[a]", "binaryData[b c]",
      ])
    let frozen = object(["immutable": true, "data": ["a": "x"]])
    #expect(
      rules.check(object(["data": ["a": "y"], "binaryData": ["b": "AAEC"]]), old: frozen).map(\.message) == [
        "immutable: Forbidden: field is immutable when `immutable` is set",
        "data: Forbidden: field is immutable when `immutable` is set",
        "binaryData: Forbidden: field is immutable when `immutable` is set",
      ])
    #expect(rules.check(object(["immutable": true, "data": ["a": "x"]], ["labels": ["a": "b"]]), old: frozen) == [])
    let text = JSONValue.string(String(repeating: "x", count: 1 << 20))
    #expect(rules.check(object(["data": ["a": text]])) == [])
    #expect(
      rules.check(object(["data": ["a": text], "binaryData": ["b": "AA=="]])).map(\.message) == [
        ": Too long: may not be more than 1048576 bytes"
      ])
  }

  @Test(arguments: [
    (#"{"type":"Opaque","data":{"a":"eA=="}}"#, []),
    (#"{"type":"Opaque","data":{"a b":"eA=="}}"#, ["data[a b]"]),
    (
      #"{"type":"kubernetes.io/service-account-token"}"#,
      ["metadata.annotations[kubernetes.io/service-account.name]"]
    ),
    (#"{"type":"kubernetes.io/dockercfg"}"#, ["data[.dockercfg]"]),
    (#"{"type":"kubernetes.io/dockercfg","data":{".dockercfg":"bm90"}}"#, ["data[.dockercfg]"]),
    (#"{"type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":null}}"#, ["data[.dockerconfigjson]"]),
    (#"{"type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":"W10="}}"#, ["data[.dockerconfigjson]"]),
    (#"{"type":"kubernetes.io/dockerconfigjson","data":{".dockerconfigjson":"e30="}}"#, []),
    (#"{"type":"kubernetes.io/basic-auth"}"#, ["data[username]", "data[password]"]),
    (#"{"type":"kubernetes.io/basic-auth","data":{"password":""}}"#, []),
    (#"{"type":"kubernetes.io/ssh-auth","data":{"ssh-privatekey":""}}"#, ["data[ssh-privatekey]"]),
    (#"{"type":"kubernetes.io/tls","data":{"tls.crt":""}}"#, ["data[tls.key]"]),
  ])
  func secrets(body: String, fields: [String]) throws {
    let rules = try compiled(SecretRules.all, "core.v1.Secret")
    let secret = object(try JSONValue(parsing: body))
    #expect(rules.check(secret).map(\.field) == fields)
  }

  @Test func `of a secret's data nothing is shown, and its type stays`() throws {
    let rules = try compiled(SecretRules.all, "core.v1.Secret")
    let old = object(["type": "Opaque"])
    let new = object(["type": "kubernetes.io/dockercfg", "data": [".dockercfg": "bm90"]])
    #expect(
      rules.check(new, old: old).map(\.message) == [
        #"type: Invalid value: "kubernetes.io/dockercfg": field is immutable"#,
        #"data[.dockercfg]: Invalid value: "<secret contents redacted>": "#
          + "invalid character 'o' in literal null (expecting 'u')",
      ])
    let list = object(["type": "kubernetes.io/dockercfg", "data": [".dockercfg": "W10="]])
    #expect(
      rules.check(list).map(\.detail) == [
        "json: cannot unmarshal array into Go value of type map[string]interface {}"
      ])
  }

  @Test func namespaces() throws {
    let rules = try compiled(NamespaceRules.all, "core.v1.Namespace")
    func namespace(_ members: JSONValue, _ meta: JSONValue = [:]) -> JSONValue {
      var namespace = object(members, meta)
      namespace["metadata"]?["namespace"] = nil
      return namespace
    }
    let good = namespace(["spec": ["finalizers": ["kubernetes"]], "status": ["phase": "Active"]])
    for part in [Subresource.main, .status] { #expect(rules.check(good, old: good, subresource: part) == []) }
    #expect(rules.check(good) == [])
    let bad = namespace(["spec": ["finalizers": ["kubernetes", "mine"]]], ["name": "a.b"])
    #expect(rules.check(bad).map(\.field) == ["metadata.name", "spec.finalizers"])
    #expect(rules.check(bad, old: bad, subresource: NamespaceRules.finalize).map(\.field) == ["spec.finalizers[1]"])
    #expect(
      rules.check(namespace(["status": ["phase": "Terminating"]]), old: good, subresource: .status).map(\.message) == [
        #"status.Phase: Invalid value: "Terminating": may only be 'Active' if `deletionTimestamp` is empty"#
      ])
    let going = namespace(["status": ["phase": "Active"]], ["deletionTimestamp": "2026-01-01T00:00:00Z"])
    #expect(
      rules.check(going, old: going, subresource: .status).map(\.message) == [
        #"status.Phase: Invalid value: "Active": may only be 'Terminating' if `deletionTimestamp` is not empty"#
      ])
  }

  @Test func `events of the core group are asked little`() throws {
    let rules = try compiled(EventRules.all, "core.v1.Event")
    let good = object(["involvedObject": ["namespace": "b"]])
    #expect(rules.check(good) == [])
    let other = object(["involvedObject": ["namespace": "c"], "reason": "changed"])
    #expect(
      rules.check(other, old: good).map(\.message) == [
        #"involvedObject.namespace: Invalid value: "c": does not match event.namespace"#
      ])
    let new = object(["eventTime": "2026-01-01T00:00:00.000000Z", "involvedObject": ["namespace": "c"]])
    #expect(
      rules.check(new).map(\.field) == [
        "reportingComponent", "reportingComponent", "reportingComponent", "reportingInstance", "action", "reason",
      ])
    // Cluster-scoped things have their events in two namespaces.
    let cluster = object(["involvedObject": [:]], ["namespace": "kube-system"])
    #expect(rules.check(cluster).map(\.field) == ["involvedObject.namespace"])
    let newer = object(
      [
        "involvedObject": [:], "eventTime": "2026-01-01T00:00:00.000000Z", "reportingComponent": "c",
        "reportingInstance": "i", "action": "a", "reason": "r",
      ], ["namespace": "kube-system"])
    #expect(rules.check(newer) == [])
  }

  @Test func `events of events.k8s.io are asked more, and change little`() throws {
    let rules = try compiled(EventRules.all, "core.v1.Event")
    let good = object([
      "involvedObject": ["kind": "Pod", "namespace": "b"], "reason": "r", "message": "m", "type": "Normal",
      "eventTime": "2026-01-01T00:00:00.000000Z", "action": "a", "reportingComponent": "c", "reportingInstance": "i",
    ])
    let strict = [EventRules.strict]
    #expect(rules.check(good, options: strict) == [] && rules.check(good, old: good, options: strict) == [])
    let bad = object([
      "involvedObject": ["namespace": "b"], "source": ["component": "x"], "firstTimestamp": "2026-01-01T00:00:00Z",
      "count": 1, "type": "Odd", "series": ["count": 1],
    ])
    #expect(
      rules.check(bad, options: strict).map(\.message) == [
        #"series.count: Invalid value: "": should be at least 2"#, "series.lastObservedTime: Required value",
        "eventTime: Required value", #"type: Invalid value: "": has invalid value: Odd"#,
        #"firstTimestamp: Invalid value: "": needs to be unset"#, #"count: Invalid value: "": needs to be unset"#,
        #"source: Invalid value: "": needs to be unset"#,
      ])
    var changed = good
    changed["involvedObject"] = ["kind": "Node", "namespace": "b", "uid": "u"]
    changed["reason"] = "s"
    changed["count"] = 2
    changed["related"] = ["kind": "Pod"]
    changed["reportingComponent"] = "d"
    changed["lastTimestamp"] = "2026-01-01T00:00:00Z"
    let stays = "field is immutable"
    #expect(
      rules.check(changed, old: good, options: strict).map(\.message) == [
        "involvedObject: Invalid value: "
          + #"{"Kind":"Node","Namespace":"b","Name":"","UID":"u","APIVersion":"","ResourceVersion":"","FieldPath":""}"#
          + ": \(stays)",
        #"reason: Invalid value: "s": \#(stays)"#,
        #"lastTimestamp: Invalid value: "2026-01-01T00:00:00Z": \#(stays)"#, "count: Invalid value: 2: \(stays)",
        #"reason: Invalid value: "s": \#(stays)"#,
        "related: Invalid value: "
          + #"{"Kind":"Pod","Namespace":"","Name":"","UID":"","APIVersion":"","ResourceVersion":"","FieldPath":""}"#
          + ": \(stays)",
        #"reportingController: Invalid value: "d": \#(stays)"#,
      ])
  }
}
