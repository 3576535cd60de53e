import Access
import JSON
import Machinery
import Testing

@Suite struct `The work of questions of access is bounded` {
  @Test(.timeLimit(.minutes(2))) func `extras by the thousand are put together by their keys`() throws {
    let extras = (0..<30_000).map { (name: "impersonate-extra-k\($0 % 20_000)", value: "v\($0)") }
    let user = try #require(try Impersonation(headers: [("impersonate-user", "a")] + extras)).user
    #expect(user.extra.count == 20_000 && user.extra[3].key == "k3" && user.extra[3].values == ["v3", "v20003"])
  }

  @Test func `a field selector that is too long to be looked at asks for all objects`() throws {
    func name(_ selector: String) -> String {
      RequestInfo(method: "GET", path: "/api/v1/nodes") { $0 == "fieldSelector" ? selector : nil }.name
    }
    #expect(name("metadata.name=a") == "a")
    #expect(name("metadata.name=a" + String(repeating: ",metadata.name!=b", count: 10_000)) == "")
  }
}
