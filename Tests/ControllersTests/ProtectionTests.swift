import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import Controllers
@testable import Resources

@Suite struct `Controllers that let go of what nobody uses` {
  private static let claims = Bench.kind("persistentvolumeclaims", "PersistentVolumeClaim")
  private static let volumes = Bench.kind("persistentvolumes", "PersistentVolume", namespaced: false)
  private static let classes = Bench.kind(
    "volumeattributesclasses.storage.k8s.io", "VolumeAttributesClass", namespaced: false)
  private static let pods = Bench.kind("pods", "Pod")

  private func hasFinalizer(
    _ bench: Bench, _ plural: String, _ name: String, in namespace: String = "", _ finalizer: String
  ) async throws {
    try await eventually("\(name) to have \(finalizer)") {
      try await bench.get(plural, name, in: namespace)?["metadata"]?["finalizers"] == [.string(finalizer)]
    }
  }

  @Test func `a claim stays as long as a pod on a node uses it`() async throws {
    try await Bench.with([Self.claims, Self.pods]) { bench in
      try await bench.make("namespaces", "a")
      let claims = try bench["persistentvolumeclaims"]
      let controller = ClaimProtection(claims: claims, pods: try bench["pods"], bench.client)
      try await bench.running(controller) {
        for name in ["used", "unused"] {
          try await bench.make("persistentvolumeclaims", name, in: "a")
          try await hasFinalizer(bench, "persistentvolumeclaims", name, in: "a", "kubernetes.io/pvc-protection")
        }
        let volume: JSONValue = ["name": "v", "persistentVolumeClaim": ["claimName": "used"]]
        try await bench.make("pods", "p", in: "a", ["spec": ["nodeName": "n", "volumes": [volume]]])
        for name in ["used", "unused"] { try await bench.delete("persistentvolumeclaims", name, in: "a") }
        try await bench.isGone("persistentvolumeclaims", "unused", in: "a")
        #expect(try await controller.sync(ObjectName("used", namespace: "a")) == .done)
        #expect(try await bench.get("persistentvolumeclaims", "used", in: "a") != nil)
        try await bench.delete("pods", "p", in: "a")
        try await bench.isGone("persistentvolumeclaims", "used", in: "a")
      }
    }
  }

  @Test func `without pods nobody uses a claim`() async throws {
    try await Bench.with([Self.claims]) { bench in
      try await bench.make("namespaces", "a")
      let controller = ClaimProtection(claims: try bench["persistentvolumeclaims"], pods: nil, bench.client)
      try await bench.running(controller) {
        let held: JSONValue = ["metadata": ["finalizers": ["kubernetes.io/pvc-protection"]]]
        try await bench.make("persistentvolumeclaims", "c", in: "a", held)
        try await bench.delete("persistentvolumeclaims", "c", in: "a")
        try await bench.isGone("persistentvolumeclaims", "c", in: "a")
      }
    }
  }

  @Test func `a volume stays as long as it is bound`() async throws {
    try await Bench.with([Self.volumes]) { bench in
      try await bench.running(VolumeProtection(volumes: try bench["persistentvolumes"], bench.client)) {
        try await bench.make("persistentvolumes", "v")
        try await hasFinalizer(bench, "persistentvolumes", "v", "kubernetes.io/pv-protection")
        try await bench.change("persistentvolumes", "v", through: .status) { $0["status"] = ["phase": "Bound"] }
        try await bench.delete("persistentvolumes", "v")
        #expect(try await bench.get("persistentvolumes", "v") != nil)
        try await bench.change("persistentvolumes", "v", through: .status) { $0["status"] = ["phase": "Released"] }
        try await bench.isGone("persistentvolumes", "v")
      }
    }
  }

  @Test func `a class stays as long as a claim or a volume names it`() async throws {
    try await Bench.with([Self.claims, Self.volumes, Self.classes]) { bench in
      try await bench.make("namespaces", "a")
      let controller = AttributesClassProtection(
        classes: try bench["volumeattributesclasses"], claims: try bench["persistentvolumeclaims"],
        volumes: try bench["persistentvolumes"], bench.client)
      let names: JSONValue = ["spec": ["volumeAttributesClassName": "gold"]]
      try await bench.running(controller) {
        try await bench.make("volumeattributesclasses", "gold", ["driverName": "d"])
        try await hasFinalizer(bench, "volumeattributesclasses", "gold", "kubernetes.io/vac-protection")
        try await bench.make("persistentvolumeclaims", "c", in: "a", names)
        try await bench.make("persistentvolumes", "v", names)
        try await bench.delete("volumeattributesclasses", "gold")
        try await bench.delete("persistentvolumeclaims", "c", in: "a")
        #expect(try await controller.sync(ObjectName("gold")) == .done)
        #expect(try await bench.get("volumeattributesclasses", "gold") != nil)
        try await bench.change("persistentvolumes", "v") { $0["spec"]?["volumeAttributesClassName"] = nil }
        try await bench.isGone("volumeattributesclasses", "gold")
      }
    }
  }

  private static let claim: JSONValue = [
    "metadata": ["name": "p-v", "ownerReferences": [["uid": "u", "controller": true]]]
  ]

  @Test(
    arguments: [
      (["claimName": "p-v"], nil, "n", [:], true), (["claimName": "p-v"], nil, "", [:], false),
      (["claimName": "other"], nil, "n", [:], false), (nil, [:], "n", ["uid": "u"], true),
      (nil, [:], "n", ["uid": "another"], false),
      (nil, [:], "n", ["uid": "u", "deletionTimestamp": "x", "deletionGracePeriodSeconds": 0], false),
      (["claimName": "p-v"], nil, "n", ["deletionTimestamp": "x", "deletionGracePeriodSeconds": 0], true),
    ] as [(JSONValue?, JSONValue?, JSONValue, JSONValue, Bool)])
  func `a pod uses what it names, and what was made for it as long as it runs`(
    claim: JSONValue?, ephemeral: JSONValue?, node: JSONValue, meta: JSONValue, uses: Bool
  ) {
    var volume: JSONValue = ["name": "v"]
    volume["persistentVolumeClaim"] = claim
    volume["ephemeral"] = ephemeral
    var pod: JSONValue = ["metadata": meta, "spec": ["nodeName": node, "volumes": [volume]]]
    pod["metadata"]?["name"] = "p"
    #expect(PodClaims.uses(pod, Self.claim) == uses)
  }
}
