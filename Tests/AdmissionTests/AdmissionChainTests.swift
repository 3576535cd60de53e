import Access
import ByteBuffers
import JSON
import Machinery
import Registry
import Synchronization
import Testing

@testable import Admission
@testable import Resources

@Suite struct `The admission chain` {
  /// Notes that it was asked, and refuses who is named.
  private final class Noting: AdmissionPlugin {
    static let name = "Noting"
    let label: String
    let refuses: Bool
    let concern: String
    let asked: Journal

    init(_ label: String, refuses: Bool = false, concern: String = "nodes", _ asked: Journal) {
      self.label = label
      self.refuses = refuses
      self.concern = concern
      self.asked = asked
    }

    func concerns(_ user: UserInfo, _ resource: ResourceInfo) -> Bool { resource.plural == concern }
    func mutate(_ request: inout AdmissionRequest, by user: UserInfo) async throws(Status) {
      asked.lines.withLock { $0.append("\(label) \(user.name)") }
      if refuses { throw .forbidden(request.resource, name: request.name, label) }
      let seen = request.new?["seen"]?.string ?? ""
      request.new?["seen"] = .string(seen + label)
    }
    func validate(_ request: AdmissionRequest, by user: UserInfo) async throws(Status) {
      asked.lines.withLock { $0.append("\(label) sees \(request.new?["seen"]?.string ?? "")") }
    }
  }

  private final class Journal: Sendable { let lines = Mutex<[String]>([]) }

  private static let nodes = ResourceDefinition.nodes.infos[0]
  private static let write = AdmissionRequest(
    .create, GroupResource(group: "", resource: "nodes"), name: "n", new: ["metadata": ["name": "n"]])

  @Test func `plug-ins are asked in order, and the first refusal is told`() async throws {
    let journal = Journal()
    let chain = AdmissionChain([
      Noting("a", journal), Noting("other", concern: "namespaces", journal), Noting("b", refuses: true, journal),
      Noting("c", journal),
    ])
    let admission = try #require(chain.admission(of: UserInfo(name: "u"), on: Self.nodes))
    await #expect { try await admission.admit(Self.write) } throws: {
      ($0 as? Status)?.message == #"nodes "n" is forbidden: b"#
    }
    #expect(journal.lines.withLock { $0 } == ["a u", "b u"])
  }

  @Test func `what one makes of the object the next are shown, and then all are asked about the whole`() async throws {
    let journal = Journal()
    let chain = AdmissionChain([Noting("a", journal), Noting("b", journal)])
    let admission = try #require(chain.admission(of: UserInfo(name: "u"), on: Self.nodes))
    try await admission.admit(Self.write)
    #expect(journal.lines.withLock { $0 } == ["a u", "b u", "a sees ab", "b sees ab"])
  }

  @Test func `where no plug-in has anything to say, nobody is asked`() {
    let chain = AdmissionChain([Noting("a", concern: "namespaces", Journal()), NodeRestriction()])
    #expect(chain.admission(of: UserInfo(name: "u"), on: Self.nodes) == nil)
    let node = UserInfo(name: "system:node:n", groups: ["system:nodes"])
    #expect(chain.admission(of: node, on: Self.nodes) != nil)
  }

  @Test(
    arguments: [
      ("a", nil, "a"), ("", "b-", "b-"), ("", nil, "Unknown"),
    ] as [(String, String?, String)])
  func `a refusal names what has no name yet by how that will begin`(name: String, base: String?, shown: String) {
    var request = Self.write
    request = AdmissionRequest(
      .create, request.resource, name: name, new: ["metadata": base.map { ["generateName": .string($0)] } ?? [:]])
    #expect(request.shownName == shown)
  }
}
