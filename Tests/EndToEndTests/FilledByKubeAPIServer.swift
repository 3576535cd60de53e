import Foundation
import JSON
import TestSupport
import Testing

/// A prefix that kube-apiserver has filled: everything of a kind that is served can be read, and is answered as
/// kube-apiserver answered it; what is of other kinds is counted and left alone.
@Suite struct `Storage that kube-apiserver has filled` {
  private struct Recording: Decodable {
    /// Keys of etcd, with their values in base64.
    let keys: [String: String]

    /// Paths, with what a GET of each answered.
    static func answers(_ data: Data) throws -> JSONValue? {
      try JSONValue(parsing: String(decoding: data, as: UTF8.self))["answers"]
    }
  }

  @Test(arguments: ["json", "protobuf"])
  func `is verified, and answered as kube-apiserver answered it`(form: String) async throws {
    let file = Repository.root.appending(path: "Tests/Conformance/storage/\(form).json")
    let data = try Data(contentsOf: file)
    let keys = try JSONDecoder().decode(Recording.self, from: data).keys
    let answers = try #require(try Recording.answers(data)?.object)
    #expect(keys.count > 200 && answers.count > 50)
    let etcd = try await EtcdServer.start(.v3_4)
    let gateway = EtcdGateway(port: etcd.clientPort)
    for (key, value) in keys { try await gateway.put(key, #require(Data(base64Encoded: value))) }

    let daemon = try Daemon.over(etcd: etcd)
    defer { daemon.stop() }
    let verified = try await run(
      [Daemon.program, "storage", "verify"] + daemon.storageArguments, within: .seconds(60))
    #expect(verified.status == 0 && verified.output.contains("all is well"), "\(verified.output)")

    // Nobody changes what is there while it is read.
    try await daemon.launch(arguments: ["--controllers=-*"])
    var (compared, unstored, served) = (0, [String](), [String: Set<String>]())
    for (path, recorded) in answers.members.map({ ($0.name, $0.value) }) {
      let parts = path.split(separator: "/").map(String.init)
      let place = parts.first == "api" ? 2 : 3
      let version = "/" + parts.prefix(place).joined(separator: "/")
      let rest = parts.dropFirst(place)
      guard let plural = rest.count >= 4 && rest.first == "namespaces" ? rest.dropFirst(2).first : rest.first else {
        Issue.record("\(path) is no path of an object")
        continue
      }
      if served[version] == nil { served[version] = try await resources(daemon, version) }
      guard served[version]?.contains(plural) == true else { continue }
      let name = rest.count >= 4 ? "/\(parts[place + 1])/\(parts[place + 3])" : "/\(parts[place + 1])"
      guard keys.keys.contains(where: { $0.hasSuffix(name) }) else {
        unstored.append(plural)
        continue
      }
      let answer = try #require(await HTTPProbe.answer(port: daemon.port, path: path, timeoutSeconds: 10))
      #expect(answer.status == 200, "\(path): \(answer.body)")
      var (want, got) = (recorded, try JSONValue(parsing: answer.body))
      // The revisions are this etcd's.
      want["metadata"]?["resourceVersion"] = nil
      got["metadata"]?["resourceVersion"] = nil
      #expect(got == want, "\(path)")
      compared += 1
    }
    #expect(compared > 40)
    // Of two events it has answers, but no keys.
    #expect(unstored == ["events", "events"])
    // Of what nobody here knows nothing is lost.
    let unknown = verified.output.firstMatch(of: #/(\d+) keys under /registry/ are/#).flatMap { Int($0.output.1) } ?? 0
    var kept = 0
    for (key, value) in keys where try await gateway.get(key) == Data(base64Encoded: value) { kept += 1 }
    #expect(kept >= max(unknown, compared))
  }

  /// What discovery says that is served there; nothing for a version that isn't.
  private func resources(_ daemon: Daemon, _ version: String) async throws -> Set<String> {
    let answer = try #require(await HTTPProbe.answer(port: daemon.port, path: version, timeoutSeconds: 10))
    guard answer.status == 200 else { return [] }
    let list = try JSONValue(parsing: answer.body)["resources"]?.array ?? []
    return Set(list.compactMap { $0["name"]?.string })
  }
}
