import Access
import ByteBuffers
import JSON
import Machinery
import Registry
import Testing

@testable import Admission

@Suite struct `Admission of pods` {
  private func toleration(_ key: String, _ effect: String, _ seconds: Int64? = nil) -> JSONValue {
    var toleration: JSONValue = ["key": .string(key), "operator": "Exists", "effect": .string(effect)]
    if let seconds { toleration["tolerationSeconds"] = .int(seconds) }
    return toleration
  }

  @Test func `pods stay for five minutes where they do not say`() async throws {
    func tolerations(_ given: [JSONValue], _ part: Subresource = .main) async throws -> [JSONValue] {
      let pod: JSONValue = ["spec": ["containers": [], "tolerations": .array(given), "priority": 1]]
      var request = AdmissionRequest(.create, PodAdmission.pods, name: "a", subresource: part, new: pod)
      try await DefaultTolerationSeconds().mutate(&request, by: .unsecured)
      return request.new?["spec"]?["tolerations"]?.array ?? []
    }
    let filled = [
      toleration("node.kubernetes.io/not-ready", "NoExecute", 300),
      toleration("node.kubernetes.io/unreachable", "NoExecute", 300),
    ]
    func keys(_ list: [JSONValue]) -> [String] { list.map { $0["key"]?.string ?? "" } }
    #expect(keys(try await tolerations([])) == keys(filled))
    #expect(try await tolerations([], .status).isEmpty)
    #expect(try await tolerations([toleration("", "")]).count == 1)
    #expect(keys(try await tolerations([filled[0]])) == keys(filled))
  }

  @Test func `of two tolerations that say the same one is left`() {
    let wide = toleration("a", "")
    let narrow = toleration("a", "NoSchedule")
    #expect(TolerationMerge.all([narrow], [wide]) == [wide])
    #expect(TolerationMerge.all([wide], [narrow]) == [wide])
    #expect(TolerationMerge.all([narrow], [narrow]) == [narrow])
    let (short, long) = (toleration("a", "NoExecute", 5), toleration("a", "NoExecute", 50))
    #expect(TolerationMerge.all([short], [long]) == [long])
  }
}
