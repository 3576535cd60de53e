import JSON
import Machinery
import Testing

@testable import CustomResources
@testable import Registry

@Suite struct `The scale of a custom kind` {
  private func view(
    _ specReplicas: String = ".spec.replicas", labelSelector: String = ".status.selector"
  ) throws -> SubresourceView {
    let scale = CustomScale(
      specReplicas: specReplicas, statusReplicas: ".status.replicas", labelSelector: labelSelector)
    let part = scale.subresource(replicas: ["g/v1": specReplicas, "g/v2": nil], isNamespaced: true)
    return try #require(part.view)
  }

  private func refusal(_ object: JSONValue, _ view: SubresourceView) -> Status? {
    do throws(Status) {
      _ = try view.view(of: object)
      return nil
    } catch { return error }
  }

  @Test func `shows what stands at the paths`() throws {
    let object = try JSONValue(
      parsing: """
        {"apiVersion":"g/v1","kind":"K","metadata":{"name":"a","namespace":"n","uid":"u","labels":{"x":"y"}},
        "spec":{"replicas":3},"status":{"replicas":2,"selector":"app=x"}}
        """)
    let text =
      #"{"kind":"Scale","apiVersion":"autoscaling/v1","metadata":{"name":"a","namespace":"n","uid":"u"},"#
      + #""spec":{"replicas":3},"status":{"replicas":2,"selector":"app=x"}}"#
    #expect(try view().view(of: object).encoded().text == text)
  }

  @Test func `is none where the number is missing, or is no number`() throws {
    let view = try view(".spec.size.wanted")
    let missing = refusal(["spec": [:]], view)
    #expect(missing?.code == 500)
    #expect(
      missing?.message == #"Internal error occurred: the spec replicas field ".spec.size.wanted" does not exist"#)
    #expect(
      refusal(["spec": ["size": ["wanted": "x"]]], view)?.message
        == ".spec.size.wanted accessor error: x is of the type string, expected int64")
    #expect(
      refusal(["spec": ["size": 3]], view)?.message
        == ".spec.size.wanted accessor error: 3 is of the type int64, expected map[string]interface{}")
  }

  @Test func `tells of a body of another kind what kube-apiserver tells`() throws {
    let view = try view()
    do throws(Status) {
      _ = try view.reader.decode(tree: ["kind": "K", "apiVersion": "autoscaling/v1"], validation: .warn)
      Issue.record("it was read")
    } catch {
      let scheme = #""k8s.io/apiextensions-apiserver/pkg/apiserver/customresource_handler.go:781""#
      #expect(error.message == "no kind is registered for the type v1.Scale in scheme \(scheme)")
    }
  }
}
