import ByteBuffers
import Foundation
import JSON
import TestSupport
import Testing

/// The replayer stands in for `replay.py`, so it has to find what that finds.
@Suite struct `The replayer` {
  static let files = [
    "crud", "delete", "errors", "patch", "status", "table", "apply", "watch", "namespaced", "builtin/core-events",
    "builtin/core-namespaces",
  ]

  /// Both look at conversations in each of which one thing is not as the server answers it.
  @Test(arguments: files) func `planted faults are found as replay.py finds them, in the same words`(
    _ file: String
  ) async throws {
    let source = Repository.root.appending(path: "Tests/Conformance/cases/\(file).json")
    var cases = try #require(try JSONValue(parsing: try String(contentsOf: source, encoding: .utf8)).array)
    var dice = Dice(17)
    for place in cases.indices { Self.plantFault(in: &cases[place], &dice) }
    let folder = try TemporaryFolder()
    let planted = folder.file("planted.json")
    try Data(ByteSlice(JSONValue.array(cases).encoded()).array).write(to: URL(filePath: planted))
    let report = folder.file("report.json")
    try await TestServer.with { server in
      var found: [String: [String]] = [:]
      var (requests, probes) = ((Int64(0), Int64(0)), (Int64(0), Int64(0)))
      let replayer = Replayer { try server.connect() }
      for conversation in try Conversation.read(URL(filePath: planted)) {
        let outcome = replayer.run(conversation)
        if !outcome.differences.isEmpty { found[conversation.name] = outcome.differences }
        requests = (requests.0 + Int64(outcome.requests.matching), requests.1 + Int64(outcome.requests.all))
        probes = (probes.0 + Int64(outcome.probes.matching), probes.1 + Int64(outcome.probes.all))
      }
      let script = Repository.root.appending(path: "Tests/Conformance/replay.py").path
      let result = try await run(
        ["python3", script, "--server", "http://127.0.0.1:\(server.port)", "--report", report, planted],
        within: .seconds(120))
      let told = try JSONValue(parsing: try String(contentsOfFile: report, encoding: .utf8))
      let failed = told["failed"]?.object?.members ?? []
      #expect(result.status == 1 && !failed.isEmpty, "\(result.output)")
      #expect(found.keys.sorted() == failed.map(\.name).sorted())
      for member in failed {
        // How an edit fails each language says in its own words.
        let edit = "the base lacks what this changes"
        let words = (member.value.array?.compactMap(\.string) ?? []).map { line in
          line.range(of: edit).map { String(line[..<$0.upperBound]) } ?? line
        }
        let ours = found[member.name] ?? []
        for (one, other) in zip(ours, words) where one != other { Issue.record("\(one)\nis in Python\n\(other)") }
        #expect(ours.count == words.count, "\(member.name)")
      }
      let counts = told["suites"]?.object?.members.first?.value.array?.compactMap(\.int) ?? []
      #expect(counts.count == 6 && counts.dropFirst(2) == [probes.0, probes.1, requests.0, requests.1], "\(counts)")
    }
  }

  /// Changes one of the values that some step of a conversation expects.
  private static func plantFault(in conversation: inout JSONValue, _ dice: inout Dice) {
    guard var steps = conversation["steps"]?.array else { return }
    let places = steps.indices.filter { steps[$0]["expect"] != nil || steps[$0]["sweep"] != nil }
    guard let place = places.randomElement(using: &dice) else { return }
    if var rows = steps[place]["sweep"]?["table"]?.array {
      for row in rows.indices {
        for name in ["causes", "but", "body", "warnings"] where rows[row][name] != nil && dice.one(in: 4) {
          if var value = rows[row][name], spoil(&value, &dice) { rows[row][name] = value }
        }
      }
      steps[place]["sweep"]?["table"] = .array(rows)
      conversation["steps"] = .array(steps)
      return
    }
    var expected = steps[place]["expect"] ?? .null
    let name = expected["events"] == nil ? "body" : "events"
    guard var body = expected[name] else { return }
    for _ in 0..<20 where !spoil(&body, &dice) {}
    expected[name] = body
    steps[place]["expect"] = expected
    conversation["steps"] = .array(steps)
  }

  /// False where it has found nothing to change.
  private static func spoil(_ value: inout JSONValue, _ dice: inout Dice) -> Bool {
    switch value {
    case .object(var object):
      guard let place = object.members.indices.randomElement(using: &dice) else { return false }
      let name = object.members[place].name
      // Events without a type that a watch has are told in other words.
      if name == "type" { return false }
      if Int.random(in: 0..<6, using: &dice) == 0, name != "object" {
        object[name] = nil
        value = .object(object)
        return true
      }
      var isChanged = false
      object.edit(at: place) { isChanged = spoil(&$0, &dice) }
      value = .object(object)
      return isChanged
    case .array(var elements):
      guard let place = elements.indices.randomElement(using: &dice) else { return false }
      let isChanged = spoil(&elements[place], &dice)
      value = .array(elements)
      return isChanged
    case .string(let text): value = .string(text + "!")
    case .int(let number): value = .int(number + 1)
    case .bool(let truth): value = .bool(!truth)
    default: return false
    }
    return true
  }

  @Test func `values are written and compared as Python does`() throws {
    let folder = try TemporaryFolder()
    // Each way of talking to the server shows what was sent.
    let text = #"{"a":[1,1.0,1e3,1e-7,99999999999999999999,true,null],"ü\n":"\u007f\ud83d\ude00<"}"#
    let file = folder.file("a.json")
    try #"[{"name":"x/y","steps":[{"do":"POST","path":"/p","body":\#(text)}]}]"#.write(
      toFile: file, atomically: true, encoding: .utf8)
    let steps = try #require(try Conversation.read(URL(filePath: file)).first).steps
    let sent = String(decoding: try #require(Replayer.bytes(steps.first?["body"])), as: UTF8.self)
    #expect(
      sent
        == #"{"a": [1, 1.0, 1000.0, 1e-07, 99999999999999999999, true, null], "\u00fc\n": "\u007f\ud83d\ude00<"}"#,
      "\(sent)")
  }
}
