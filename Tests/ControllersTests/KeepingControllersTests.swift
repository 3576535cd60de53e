import JSON
import Machinery
import Registry
import TestSupport
import Testing

@testable import Controllers
@testable import Resources

@Suite struct `Controllers that keep something in each namespace` {
  private static let accounts = Bench.kind("serviceaccounts", "ServiceAccount")

  @Test func `the account default is there in old and new namespaces, and comes back`() async throws {
    try await Bench.with([Self.accounts]) { bench in
      try await bench.make("namespaces", "old")
      let controller = DefaultServiceAccounts(
        accounts: try bench["serviceaccounts"], namespaces: bench.namespaces, bench.client)
      try await bench.running(controller) {
        try await bench.make("namespaces", "new")
        for name in ["old", "new"] {
          try await eventually("an account in \(name)") {
            try await bench.get("serviceaccounts", "default", in: name) != nil
          }
        }
        let first = try await bench.get("serviceaccounts", "default", in: "old")
        try await bench.delete("serviceaccounts", "default", in: "old")
        try await eventually("another account") {
          let second = try await bench.get("serviceaccounts", "default", in: "old")
          return second != nil && second?["metadata"]?["uid"] != first?["metadata"]?["uid"]
        }
        // Nothing is made in one that goes.
        try await bench.delete("namespaces", "new")
        try await bench.delete("serviceaccounts", "default", in: "new")
        _ = try await controller.sync(ObjectName("new"))
        #expect(try await bench.get("serviceaccounts", "default", in: "new") == nil)
      }
    }
  }

  @Test func `the certificates are there in each namespace, as they should be`() async throws {
    try await Bench.with([.configMaps]) { bench in
      try await bench.make("namespaces", "a")
      try await bench.make("configmaps", "kube-root-ca.crt", in: "a", ["data": ["ca.crt": "old", "b": "c"]])
      let controller = RootCAPublisher(
        "PEM", configMaps: try bench["configmaps"], namespaces: bench.namespaces, bench.client)
      func isRight(_ namespace: String) async throws {
        try await eventually("certificates in \(namespace)") {
          let configMap = try await bench.get("configmaps", "kube-root-ca.crt", in: namespace)
          let annotation = configMap?["metadata"]?["annotations"]?["kubernetes.io/description"]?.string ?? ""
          return configMap?["data"] == ["ca.crt": "PEM"] && annotation.hasPrefix("Contains a CA bundle")
        }
      }
      try await bench.running(controller) {
        try await bench.make("namespaces", "b")
        for name in ["a", "b"] { try await isRight(name) }
        try await bench.delete("configmaps", "kube-root-ca.crt", in: "a")
        try await isRight("a")
        try await bench.change("configmaps", "kube-root-ca.crt", in: "b") { $0["data"]?["ca.crt"] = "other" }
        try await isRight("b")
      }
    }
  }

  @Test func `the system's namespaces are made once and again, and the hook says when`() async throws {
    try await Bench.with { bench in
      let hook = SystemNamespaces(bench.namespaces, bench.client)
      #expect { try hook.check() } throws: {
        "\($0)"
          == "the system's namespaces are not there yet: default, kube-node-lease, kube-public, kube-system"
      }
      try await bench.running(hook) {
        try await eventually("the hook to be done") {
          try hook.check()
          return true
        }
        #expect(try await bench.namespaces.all().count == 4)
        let first = try await bench.get("namespaces", "kube-node-lease")
        try await bench.delete("namespaces", "kube-node-lease")
        try await bench.change("namespaces", "kube-node-lease", through: Subresource("finalize")) {
          $0["spec"]?["finalizers"] = []
        }
        try await eventually("it to be made again") {
          let second = try await bench.get("namespaces", "kube-node-lease")
          return second != nil && second?["metadata"]?["uid"] != first?["metadata"]?["uid"]
        }
      }
    }
  }
}
