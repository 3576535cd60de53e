import ByteBuffers
import JSON
import Machinery
import Testing

@Suite struct `Statuses` {
  static let nodes = GroupResource(resource: "nodes")
  static let leases = GroupResource(group: "coordination.k8s.io", resource: "leases")

  @Test func `members stand in kube-apiserver's order`() {
    #expect(
      Status.notFound(Self.nodes, "n").json.encoded().text
        == #"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","message":"nodes \"n\" not found","reason":"NotFound","details":{"name":"n","kind":"nodes"},"code":404}"#
    )
  }

  @Test func `a deletion's success names the object and has no code`() {
    let status = Status(
      code: 0, reason: "", message: "", details: Status.Details(name: "n", kind: "nodes", uid: "u"), isSuccess: true)
    #expect(
      status.json.encoded().text
        == #"{"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":"n","kind":"nodes","uid":"u"}}"#
    )
    #expect(status.httpCode == 200)
  }

  @Test func `causes follow the errors, the message tells each once`() {
    let error = FieldError.forbidden("spec.podCIDRs", "no")
    let status = Status.invalid("Node", name: "n", [error, error])
    #expect(status.message == #"Node "n" is invalid: spec.podCIDRs: Forbidden: no"#)
    #expect(
      status.json["details"]?["causes"]?.encoded().text
        == #"[{"reason":"FieldValueForbidden","message":"Forbidden: no","field":"spec.podCIDRs"},{"reason":"FieldValueForbidden","message":"Forbidden: no","field":"spec.podCIDRs"}]"#
    )
  }

  @Test(arguments: [
    (Status.alreadyExists(nodes, "n"), 409, "AlreadyExists", #"nodes "n" already exists"#),
    (
      .conflict(leases, "l", "changed"), 409, "Conflict",
      #"Operation cannot be fulfilled on leases.coordination.k8s.io "l": changed"#
    ),
    (
      .generateNameConflict(nodes, "n"), 409, "AlreadyExists",
      #"nodes "n" already exists, the server was not able to generate a unique name for the object"#
    ),
    (.forbidden(leases, name: "l", "no"), 403, "Forbidden", #"leases.coordination.k8s.io "l" is forbidden: no"#),
    (.forbidden(nodes, "no"), 403, "Forbidden", "nodes is forbidden: no"),
    (.forbidden(nil, "no"), 403, "Forbidden", "forbidden: no"),
    (.unauthorized(), 401, "Unauthorized", "not authorized"),
    (
      .methodNotSupported(nodes, action: "watch"), 405, "MethodNotAllowed",
      #"watch is not supported on resources of kind "nodes""#
    ),
    (.expired("old"), 410, "Expired", "old"), (.gone("old"), 410, "Gone", "old"),
    (.serviceUnavailable("later"), 503, "ServiceUnavailable", "later"),
    (.internalError("boom"), 500, "InternalError", "Internal error occurred: boom"),
    (.timeout("slow"), 504, "Timeout", "Timeout: slow"),
    (
      .serverTimeout(nodes, operation: "get", retryAfterSeconds: 2), 500, "ServerTimeout",
      "The get operation against nodes could not be completed at this time, please try again."
    ),
  ])
  func `errors carry upstream's code, reason and message`(status: Status, code: Int, reason: String, message: String) {
    #expect(status.code == code)
    #expect(status.reason == reason)
    #expect(status.message == message)
    #expect(status.json["status"] == "Failure")
  }
}
