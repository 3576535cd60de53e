import JSON
import Machinery
import Testing

@testable import Registry
@testable import Resources

/// What recorded conversations don't show of the rules for volumes.
@Suite struct `Rules of volumes` {
  @Test(arguments: [
    ("iqn.2003-01.org.example:disk", true), ("iqn.2003-01.org.example", false), ("iqn.2003-1.org:x", false),
    ("iqn.2003-01.org:a b", false), ("iqn.2003-01.org:", false), ("iqn.2003-01.:x", false),
    ("iqnXiqn.2003-01.org:x", true), ("iqn", false), ("eui.02004567A425678D", true), ("eui.02004567A425678", false),
    ("eui\u{E4}02004567A425678D", true), ("naa.62004567BA64678D0123456789ABCDEF", true), ("naa.6", false),
    ("bad", nil), ("", nil),
  ])
  func `an initiator has one of three forms`(name: String, isGood: Bool?) { #expect(ISCSIRules.isGood(name) == isGood) }

  @Test(arguments: [
    ("host:1", true), ("host", false), ("", false), ("a:b:1", false), ("[::1]:1", true), ("[::1]", false),
    ("[::1", false), ("[::1]x:1", false), ("a]:1", false), ("[a[b]:1", false), (":", true),
  ])
  func `an address has a host and a port`(text: String, isOne: Bool) { #expect(HostAndPort.isOne(text) == isOne) }

  /// What an update of a volume says.
  private func said(_ new: JSONValue, _ old: JSONValue) -> [String] {
    func volume(_ more: JSONValue) -> JSONValue {
      var spec: JSONValue = ["capacity": ["storage": "1Gi"], "accessModes": ["ReadWriteOnce"], "volumeMode": "Block"]
      for member in more.object?.members ?? [] { spec[member.name] = member.value }
      return ["metadata": ["name": "a"], "spec": spec]
    }
    return ResourceDefinition.persistentVolumes.rules.check(volume(new), old: volume(old)).map(\.body)
  }

  @Test func `a label of a volume's affinity may take its new name and nothing else`() {
    func spec(_ key: String, _ values: JSONValue = ["a"]) -> JSONValue {
      let term: JSONValue = ["matchExpressions": [["key": .string(key), "operator": "In", "values": values]]]
      return ["hostPath": ["path": "/a"], "nodeAffinity": ["required": ["nodeSelectorTerms": [term]]]]
    }
    #expect(said(spec("kubernetes.io/os"), spec("beta.kubernetes.io/os")) == [])
    #expect(said(spec("beta.kubernetes.io/os"), spec("kubernetes.io/os")).count == 1)
    #expect(said(spec("kubernetes.io/os", ["b"]), spec("beta.kubernetes.io/os")).count == 1)
    #expect(said(spec("zone"), ["hostPath": ["path": "/a"]]) == [])
    #expect(said(["hostPath": ["path": "/a"]], spec("zone")).count == 1)
  }

  @Test func `a secret for growing may be given later and then stays`() {
    let plain: JSONValue = ["csi": ["driver": "d", "volumeHandle": "h"]]
    let secret: JSONValue = [
      "csi": ["driver": "d", "volumeHandle": "h", "controllerExpandSecretRef": ["name": "s", "namespace": "n"]]
    ]
    #expect(said(secret, plain) == [])
    #expect(said(plain, secret) == ["Forbidden: spec.persistentvolumesource is immutable after creation"])
  }

  @Test func `a claim grows only when bound and shrinks only to more than it has`() {
    func claim(_ request: String, phase: String = "Bound", class name: String? = "fast") -> JSONValue {
      [
        "metadata": ["name": "a", "namespace": "n", "resourceVersion": "1"],
        "spec": [
          "accessModes": ["ReadWriteOnce"], "resources": ["requests": ["storage": .string(request)]],
          "storageClassName": name.map { .string($0) } ?? .null, "volumeMode": "Block",
        ],
        "status": ["phase": .string(phase), "capacity": ["storage": "1Gi"]],
      ]
    }
    func said(_ new: JSONValue, _ old: JSONValue) -> [String] {
      ResourceDefinition.persistentVolumeClaims.rules.check(new, old: old).map(\.field)
    }
    #expect(said(claim("3Gi"), claim("2Gi")) == [])
    #expect(said(claim("3Gi", phase: "Pending"), claim("2Gi", phase: "Pending")) == ["spec"])
    // As much in other words is no change.
    #expect(said(claim("2048Mi", phase: "Pending"), claim("2Gi", phase: "Pending")) == [])
    #expect(said(claim("1500Mi"), claim("2Gi")) == [])
    #expect(said(claim("1Gi"), claim("2Gi")) == ["spec.resources.requests.storage"])
    #expect(said(claim("2Gi", class: "fast"), claim("2Gi", class: nil)) == [])
    #expect(said(claim("2Gi", class: "slow"), claim("2Gi")) == ["spec"])
    #expect(said(claim("2Gi", class: nil), claim("2Gi")) == ["spec"])
  }
}
