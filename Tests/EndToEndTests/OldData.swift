import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

/// What earlier builds have stored is served on: the same objects under the same revisions, watches resume, updates go
/// on. (`Samples/README.md`)
@Suite struct `Old data` {
  /// One storage as a build left it, with what that build answered.
  struct Sample: Sendable, CustomTestStringConvertible {
    let build: String
    let storage: String

    static let all = ["8edea65"].flatMap { build in
      ["sqlite", "etcd-json", "etcd-protobuf"].map { Sample(build: build, storage: $0) }
    }
    var testDescription: String { "\(storage) of \(build)" }
    var folder: URL { Repository.root.appending(path: "Tests/EndToEndTests/Samples/\(build)") }

    func answers() throws -> JSONValue {
      try JSONValue(parsing: String(contentsOf: folder.appending(path: "\(storage).json"), encoding: .utf8))
    }
  }

  private static let nodes = "/api/v1/nodes"

  @Test(arguments: Sample.all) func `is served on`(_ sample: Sample) async throws {
    let answers = try sample.answers()
    let folder = try TemporaryFolder()
    let daemon = try await daemon(sample, answers, folder)
    defer { daemon.stop() }

    func get(_ path: String) throws -> String {
      let answer = try #require(HTTPProbe.request(port: daemon.port, path: path, timeoutSeconds: 10))
      #expect(answer.status == 200)
      return answer.body
    }
    // The old build knew nothing that a server holds from the start: that is new, and counts in a list's revision.
    func revision(_ object: JSONValue?) throws -> Int {
      try #require(object?["metadata"]?["resourceVersion"]?.string.flatMap { Int($0) })
    }
    let newest = try revision(answers["list"])
    var list = try #require(answers["list"])
    let found = try JSONValue(parsing: get(Self.nodes))
    #expect(try revision(found) > newest)
    list["metadata"]?["resourceVersion"] = found["metadata"]?["resourceVersion"]
    #expect(found == list)
    let objects = try #require(answers["objects"]?.object)
    #expect(objects.members.count == 3)
    for object in objects.members {
      #expect(try JSONValue(parsing: get("\(Self.nodes)/\(object.name)")) == object.value)
    }

    // A watch goes on where the old build's clients have stood.
    let after = try #require(answers["after"]?.string)
    let watch = "\(Self.nodes)?watch=true&resourceVersion=\(after)&timeoutSeconds=1"
    let seen = try get(watch).split(separator: "\n").map { try JSONValue(parsing: String($0)) }
    #expect(seen == answers["events"]?.array)

    // An update that starts from what was read then is written, one that is older is not.
    var changed = try #require(objects["busy"])
    changed["metadata"]?["labels"]?["new"] = "yes"
    let body = changed.encoded()
    let written = await HTTPProbe.answer(
      "PUT", port: daemon.port, path: "\(Self.nodes)/busy", body: body.text, timeoutSeconds: 10)
    #expect(written?.status == 200)
    let new = try JSONValue(parsing: try #require(written).body)
    #expect(new["metadata"]?["labels"]?["new"] == "yes" && new["status"] == changed["status"])
    #expect(new["metadata"]?["uid"] == changed["metadata"]?["uid"])
    #expect(try revision(new) > revision(found))
    let late = await HTTPProbe.answer(
      "PUT", port: daemon.port, path: "\(Self.nodes)/busy", body: body.text, timeoutSeconds: 10)
    #expect(late?.status == 409)
  }

  /// Today's daemon over a copy of the sample.
  private func daemon(_ sample: Sample, _ answers: JSONValue, _ folder: TemporaryFolder) async throws -> Daemon {
    let daemon: Daemon
    if sample.storage == "sqlite" {
      let database = folder.file("data")
      try FileManager.default.createDirectory(atPath: database, withIntermediateDirectories: true)
      try FileManager.default.copyItem(
        at: sample.folder.appending(path: "sqlite.db"), to: URL(filePath: "\(database)/binnacle.db"))
      daemon = try Daemon.over(database: database)
    } else {
      let etcd = try await EtcdServer.start(.v3_4)
      for change in try #require(answers["history"]?.array) { try await make(change, in: etcd) }
      daemon = try Daemon.over(etcd: etcd)
    }
    try await daemon.launch()
    return daemon
  }

  /// Makes one change again, under the revision that it had.
  private func make(_ change: JSONValue, in etcd: EtcdServer) async throws {
    let key = try #require(change["key"]?.string)
    let (path, body) =
      if let value = change["value"]?.string {
        ("/v3/kv/put", #"{"key":"\#(key)","value":"\#(value)"}"#)
      } else {
        ("/v3/kv/deleterange", #"{"key":"\#(key)"}"#)
      }
    let answer = await HTTPProbe.answer("POST", port: etcd.clientPort, path: path, body: body, timeoutSeconds: 10)
    let header = try JSONValue(parsing: try #require(answer).body)["header"]
    #expect(header?["revision"]?.string == change["revision"]?.int.map { "\($0)" })
  }
}
