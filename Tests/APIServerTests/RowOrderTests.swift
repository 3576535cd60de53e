import JSON
import Registry
import Testing

@testable import APIServer
@testable import Resources

@Suite struct `The order of rows` {
  @Test func `flow schemas stand in a table as they are asked, and in a list by name`() async throws {
    try await TestServer.with(kinds: [.flowSchemas]) { server in
      let path = "/apis/flowcontrol.apiserver.k8s.io/v1/flowschemas"
      for (name, precedence) in [("b", 9), ("c", 3), ("a", 9)] {
        let body = """
          {"metadata":{"name":"\(name)"},"spec":{"priorityLevelConfiguration":{"name":"p"},\
          "matchingPrecedence":\(precedence)}}
          """
        #expect(try server.call("POST", path, body).code == 201)
      }
      let list = try server.call("GET", path).json()
      #expect(list["items"]?.array?.map { $0["metadata"]?["name"] } == ["a", "b", "c"])
      let accept = "application/json;as=Table;v=v1;g=meta.k8s.io"
      let table = try server.call("GET", path, headers: ["Accept": accept]).json()
      #expect(table["rows"]?.array?.map { $0["cells"]?.array?.first } == ["c", "a", "b"])
      #expect(table["rows"]?.array?.first?["cells"]?.array?.dropFirst().prefix(3) == ["p", 3, "<none>"])
    }
  }
}
