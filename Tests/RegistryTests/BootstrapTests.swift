import ByteBuffers
import Foundation
import JSON
import Registry
import TestSupport
import Testing

@testable import Resources

@Suite struct `What a fresh server holds` {
  /// What a real server answered to a GET of all objects of a resource, without what it adds to each.
  private static func recorded(_ resource: String, _ conversation: String) throws -> [JSONValue] {
    let file = Repository.root.appending(path: "Tests/Conformance/cases/access/bootstrap.json")
    let conversations = try JSONValue(parsing: String(contentsOf: file, encoding: .utf8)).array ?? []
    let steps = conversations.first { $0["name"]?.string == "access/bootstrap/\(conversation)" }?["steps"]?.array ?? []
    let step = try #require(steps.first { $0["path"]?.string?.contains("/\(resource)?") == true })
    return (step["expect"]?["body"]?["items"]?.array ?? []).map(sent)
  }

  /// As it was sent to be created.
  private static func sent(_ object: JSONValue) -> JSONValue {
    var object = object
    for member in ["kind", "apiVersion"] { object[member] = nil }
    for member in ["uid", "resourceVersion", "creationTimestamp"] { object["metadata"]?[member] = nil }
    return object
  }

  @Test func `roles and bindings are those that a real server makes`() throws {
    let made = BootstrapRoles()
    let clusterBindings = try Self.recorded("clusterrolebindings", "bindings-whole")
    #expect(made.clusterRoleBindings.count == 50 && clusterBindings.count == 50)
    for binding in clusterBindings { #expect(made.clusterRoleBindings.contains(binding), "\(binding)") }
    #expect(made.roleBindings.count == 7)
    for binding in try Self.recorded("rolebindings", "bindings-whole") {
      #expect(made.roleBindings.contains(binding), "\(binding)")
    }
    let roles = try Self.recorded("roles", "namespaced-roles-whole")
    #expect(made.roles.count == 7 && roles.count == 7)
    for role in roles { #expect(made.roles.contains(role), "\(role)") }
    // Of cluster roles metadata alone is recorded, but for some.
    let metadata = try Self.recorded("clusterroles", "clusterroles").map { $0["metadata"] }
    #expect(Set(made.clusterRoles.map { $0["metadata"]?.encoded().text }) == Set(metadata.map { $0?.encoded().text }))
    #expect(made.clusterRoles.count == metadata.count)
  }

  @Test func `some cluster roles are recorded whole`() throws {
    let made = BootstrapRoles().clusterRoles
    let file = Repository.root.appending(path: "Tests/Conformance/cases/access/bootstrap.json")
    let conversations = try JSONValue(parsing: String(contentsOf: file, encoding: .utf8)).array ?? []
    let bodies = conversations.filter { $0["name"]?.string?.contains("/role-") == true }.compactMap {
      $0["steps"]?.array?.first?["expect"]?["body"]
    }
    #expect(bodies.count > 5)
    for body in bodies { #expect(made.contains(Self.sent(body)), "\(body)") }
  }

  @Test func `a role is written down with its rules and those who have it`() throws {
    let text = """
      role edit
        joins admin
        gathers edit
      role kube-system/helper
        get list of pods pods/log in core apps
            extensions named one two
        get at /healthz /version/*
        to user jane by others
        to account kube-system/helper
        to group helpers
      role system:nobody
        * of * in *
        to nobody
      """
    let made = BootstrapRoles([text])
    #expect(made.clusterRoles.map { $0["metadata"]?["name"] } == ["edit", "system:nobody"])
    let edit = try #require(made.clusterRoles.first)
    #expect(edit["rules"] == .null)
    #expect(
      edit["aggregationRule"]?.encoded().text
        == #"{"clusterRoleSelectors":[{"matchLabels":{"rbac.authorization.k8s.io/aggregate-to-edit":"true"}}]}"#)
    #expect(edit["metadata"]?["labels"]?["rbac.authorization.k8s.io/aggregate-to-admin"] == "true")
    let helper = try #require(made.roles.first)
    #expect(helper["metadata"]?["namespace"] == "kube-system")
    #expect(
      helper["rules"]?.encoded().text
        == #"[{"verbs":["get","list"],"apiGroups":["","apps","extensions"],"resources":["pods","pods/log"],"#
        + #""resourceNames":["one","two"]},{"verbs":["get"],"nonResourceURLs":["/healthz","/version/*"]}]"#)
    #expect(made.roleBindings.map { $0["metadata"]?["name"] } == ["others", "helper"])
    #expect(made.roleBindings.map { $0["subjects"]?.array?.count } == [1, 2])
    #expect(made.roleBindings.allSatisfy { $0["roleRef"]?["name"] == "helper" && $0["roleRef"]?["kind"] == "Role" })
    let nobody = try #require(made.clusterRoleBindings.first)
    #expect(nobody["metadata"]?["name"] == "system:nobody" && nobody["subjects"] == nil)
  }

  @Test func `all of it follows the rules of its kind`() {
    let roles = BootstrapRoles()
    let all: [(ResourceDefinition, [JSONValue])] = [
      (.clusterRoles, roles.clusterRoles), (.clusterRoleBindings, roles.clusterRoleBindings),
      (.roles, roles.roles), (.roleBindings, roles.roleBindings),
      (
        .priorityLevelConfigurations,
        BootstrapFlowControl.mandatoryPriorityLevels + BootstrapFlowControl.suggestedPriorityLevels
      ),
      (.flowSchemas, BootstrapFlowControl.mandatoryFlowSchemas + BootstrapFlowControl.suggestedFlowSchemas),
    ]
    for (definition, objects) in all {
      for object in objects {
        #expect(
          definition.complaints(about: object) == [], "\(definition.kind) \(object["metadata"]?["name"] ?? .null)")
      }
    }
  }
}
