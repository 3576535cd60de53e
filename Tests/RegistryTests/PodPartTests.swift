import ByteBuffers
import JSON
import Machinery
import Registry
import Testing

@testable import Resources

@Suite struct `Parts of pods` {
  @Test(arguments: [
    ("nginx", true), ("nginx:latest", true), ("nginx:1.2", false), ("registry.example:5000/a/nginx", true),
    ("registry.example:5000/a/nginx:1", false), ("localhost/x", true), ("Upper/x", true), ("Upper", false),
    ("nginx@sha256:\(String(repeating: "a", count: 64))", false), ("nginx@sha256:ab", false), ("", false),
    ("a__b", true), ("a___b", false), ("a-.b", false), ("nginx:.bad", false),
    (String(repeating: "a", count: 64), false),
  ])
  func `images without a tag are the latest`(_ image: String, _ isLatest: Bool) {
    #expect(ImageName.isLatest(image) == isLatest)
  }

  @Test(arguments: [
    (#"{"containers": [{}]}"#, "BestEffort"),
    (#"{"containers": [{"resources": {"requests": {"cpu": "0"}}}]}"#, "BestEffort"),
    (#"{"containers": [{"resources": {"requests": {"cpu": "1"}}}]}"#, "Burstable"),
    (#"{"containers": [{"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]}"#, "Burstable"),
    (
      #"{"containers": [{"resources": {"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": "1", "memory": "1Gi"}}}]}"#,
      "Guaranteed"
    ),
    (
      #"{"resources": {"requests": {"cpu": "1", "memory": "1"}, "limits": {"cpu": "1", "memory": "1"}}, "containers": [{}]}"#,
      "Guaranteed"
    ),
    (#"{"resources": {"limits": {"cpu": "1"}}, "containers": [{}]}"#, "Burstable"),
  ])
  func `the quality of service follows requests and limits`(_ spec: String, _ wanted: String) throws {
    #expect(PodQoS.qosClass(of: try JSONValue(parsing: spec)) == wanted)
  }

  @Test func `sidecars count beside the containers, init containers before them`() throws {
    let spec = try JSONValue(
      parsing: """
        {"containers": [{"resources": {"requests": {"cpu": "100m"}}}, {"resources": {"requests": {"cpu": "200m"}}}],
         "initContainers": [{"restartPolicy": "Always", "resources": {"requests": {"cpu": "50m"}}},
                            {"resources": {"requests": {"cpu": "1", "memory": "1Mi"}}}]}
        """)
    let sums = PodResourceRules.sums(of: "requests", spec)
    #expect(sums.map { "\($0.name)=\($0.sum)" } == ["cpu=1050m", "memory=1Mi"])
  }

  @Test(arguments: [
    ("100m", "900m", "1"), ("1Gi", "1Gi", "2Gi"), ("0", "1Ki", "1Ki"), ("1", "500m", "1500m"),
  ])
  func `quantities add up`(_ a: String, _ b: String, _ sum: String) throws {
    #expect(try Quantity(parsing: a).adding(Quantity(parsing: b))?.description == sum)
  }

  @Test func `what upstream shows of its own types has Go's names and leaves nothing out`() throws {
    let profile: JSONValue = ["type": "Unconfined", "localhostProfile": "x"]
    let shown = InternalForm.text(of: profile, as: "io.k8s.api.core.v1.SeccompProfile")
    #expect(shown == #"{"Type":"Unconfined","LocalhostProfile":"x"}"#)
  }

  @Test func `members are set where the type has them`() throws {
    let order = TypeOrder("io.k8s.api.core.v1.ContainerPort")
    var port: JSONValue = ["name": "a", "containerPort": 1, "hostIP": "x"]
    order.set("protocol", "TCP", in: &port)
    order.set("hostPort", 2, in: &port)
    order.set("name", "b", in: &port)
    #expect(port.encoded().text == #"{"name":"b","hostPort":2,"containerPort":1,"protocol":"TCP","hostIP":"x"}"#)
  }

  @Test func `a pod that nobody runs goes at once`() throws {
    func grace(_ text: String, _ asked: Int64? = nil) throws -> Int64 {
      PodPreparation.grace(try JSONValue(parsing: text), asked: asked)
    }
    let running = #"{"spec": {"nodeName": "n", "terminationGracePeriodSeconds": 30}, "status": {"phase": "Running"}}"#
    #expect(try grace(running) == 30)
    #expect(try grace(running, 5) == 5)
    #expect(try grace(running, -1) == 1)
    #expect(try grace(#"{"spec": {"terminationGracePeriodSeconds": 30}}"#) == 0)
    #expect(try grace(#"{"spec": {"nodeName": "n"}, "status": {"phase": "Failed"}}"#, 9) == 0)
  }
}
