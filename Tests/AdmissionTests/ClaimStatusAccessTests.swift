import Access
import JSON
import Machinery
import Registry
import Testing

@testable import Admission

@Suite struct `Rights to the status of a claim` {
  /// Allows what it is told, and says what it was asked.
  private struct Rights: Authorizer {
    let allowed: Set<String>
    func authorize(_ attributes: AccessAttributes) -> AccessVerdict {
      let question =
        "\(attributes.verb) \(attributes.resource)/\(attributes.subresource) \(attributes.namespace)/\(attributes.name)"
      return .now(allowed.contains(question) ? .allow : .noOpinion("because"))
    }
    func rules(for user: UserInfo, namespace: String) -> AccessRules { AccessRules() }
  }

  private static let user = UserInfo(
    name: "system:serviceaccount:ns:driver", extra: [("authentication.kubernetes.io/node-name", ["n1"])])

  private static func claim(node: String?, device: String?) -> JSONValue {
    var status: JSONValue = [:]
    if let node {
      status["allocation"] = [
        "nodeSelector": [
          "nodeSelectorTerms": [
            ["matchFields": [["key": "metadata.name", "operator": "In", "values": [.string(node)]]]]
          ]
        ]
      ]
    }
    if let device { status["devices"] = [["driver": "x.example.org", "pool": "p", "device": .string(device)]] }
    return ["metadata": ["name": "c"], "status": status]
  }

  private static func causes(
    _ new: JSONValue, _ old: JSONValue, _ allowed: Set<String>, isPatch: Bool = false
  ) async -> [String] {
    let request = AdmissionRequest(
      .update, GroupResource(group: "resource.k8s.io", resource: "resourceclaims"), name: "c", namespace: "ns",
      subresource: .status, isPatch: isPatch, new: new, old: old)
    do throws(Status) {
      try await ClaimStatusAccess(Rights(allowed: allowed)).validate(request, by: user)
      return []
    } catch { return error.details?.causes.map { "\($0.field): \($0.message)" } ?? [error.message] }
  }

  private static let binding = "update resourceclaims/binding /"

  @Test func `who allocates has to be let bind`() async {
    let (none, given) = (Self.claim(node: nil, device: nil), Self.claim(node: "n1", device: nil))
    #expect(await Self.causes(given, none, [Self.binding]) == [])
    #expect(await Self.causes(given, given, []) == [])
    #expect(
      await Self.causes(given, none, []) == [
        "status.allocation: Forbidden: changing status.allocation or status.reservedFor requires "
          + "resource=\"resourceclaims/binding\", verb=\"update\" permission: resourceclaims.resource.k8s.io is "
          + "forbidden: User \"system:serviceaccount:ns:driver\" cannot update resource \"resourceclaims/binding\" in "
          + "API group \"resource.k8s.io\" at the cluster scope: because"
      ])
  }

  @Test func `who tells of devices has to be let do so for their driver`() async {
    let (before, after) = (Self.claim(node: "n1", device: nil), Self.claim(node: "n1", device: "d"))
    #expect(await Self.causes(after, before, ["associated-node:update resourceclaims/driver ns/x.example.org"]) == [])
    #expect(await Self.causes(after, before, ["arbitrary-node:update resourceclaims/driver ns/x.example.org"]) == [])
    let patched = await Self.causes(after, before, [], isPatch: true)
    #expect(patched.count == 1)
    #expect(patched.first?.contains("verb=\"[associated-node:patch arbitrary-node:patch]\" permission: ") == true)
    // Elsewhere it speaks of any node.
    let (here, there) = (Self.claim(node: "n2", device: nil), Self.claim(node: "n2", device: "d"))
    #expect(
      await Self.causes(there, here, ["associated-node:update resourceclaims/driver ns/x.example.org"]).count == 1)
  }
}
