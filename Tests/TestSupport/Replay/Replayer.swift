import ByteBuffers
import Glibc
public import JSON

/// Holds recorded conversations against a server, as `Tests/Conformance/replay.py` does and with its normalisation,
/// over whatever connections it is given. Blocks its thread.
///
/// Steps of kinds that need servers of their own (webhooks) or custom resources (CEL) are replay.py's alone; here they
/// are differences.
public final class Replayer {
  /// Makes a connection; its descriptor is the receiver's.
  public typealias Connect = () throws -> Int32

  private let connect: Connect
  private let token: String?
  /// Time in which no further event of a watch may come.
  private let quiet: Duration
  /// Rows of sweeps that are not asked.
  let leavesOut: (JSONValue) -> Bool
  private var connection: ReplayConnection?
  static let patience = Duration.seconds(8)

  // Of the conversation that runs.
  var normaliser = Normaliser()
  var differences: [String] = []
  private var matchingRequests = 0
  private var checks: [ByteString: Bool] = [:]

  public init(
    token: String? = nil, quiet: Duration = .milliseconds(50),
    leavingOut leavesOut: @escaping (JSONValue) -> Bool = { _ in false }, connect: @escaping Connect
  ) {
    self.connect = connect
    self.leavesOut = leavesOut
    self.token = token
    self.quiet = quiet
  }

  public func run(_ conversation: Conversation) -> Conversation.Outcome {
    (normaliser, differences, matchingRequests, checks) = (Normaliser(), [], 0, [:])
    do {
      try steps(try conversation.writtenOut(), "step")
    } catch {
      differences.append("\(type(of: error)): \(error)")
    }
    var outcome = Conversation.Outcome(differences: differences)
    outcome.requests = (matchingRequests, conversation.steps.asked)
    outcome.probes = (checks.values.count { $0 }, conversation.steps.counted)
    return outcome
  }

  // MARK: requests

  /// One request, on the connection that is kept, or on another if the server has ended that.
  func request(
    _ method: String, _ path: String, _ body: [UInt8]? = nil, _ headers: JSONValue? = nil
  ) throws
    -> ReplayAnswer
  {
    let deadline = ContinuousClock.now + .seconds(30)
    for isAgain in [false, true] {
      do {
        let kept = try connection ?? ReplayConnection(try connect())
        connection = kept
        try kept.send(method, path, fields(headers, hasBody: body != nil), body)
        let (status, fields) = try kept.head(method, until: deadline)
        let answer = ReplayAnswer(status: status, headers: fields, body: try kept.body(until: deadline))
        if kept.willClose { connection = nil }
        return answer
      } catch {
        connection = nil
        if isAgain { throw error }
      }
    }
    throw ReplayConnection.Broken(description: "no answer")
  }

  private func fields(_ headers: JSONValue?, hasBody: Bool) -> [(name: String, value: String)] {
    var fields: [(name: String, value: String)] = []
    for member in headers?.object?.members ?? [] {
      let values = member.value.array ?? [member.value]
      fields += values.filter { !$0.isNull }.map { (member.name, $0.pythonText) }
    }
    func lacks(_ name: String) -> Bool { !fields.contains { $0.name.lowercased() == name } }
    if let token, lacks("authorization") { fields.append(("Authorization", "Bearer \(token)")) }
    if hasBody && lacks("content-type") { fields.append(("Content-Type", "application/json")) }
    return fields
  }

  /// What is sent for a body: texts as they are, else JSON.
  public static func bytes(_ body: JSONValue?) -> [UInt8]? {
    switch body {
    case nil, .null?: nil
    case .string(let text)?: Array(text.utf8)
    case let value?: Array(PythonJSON.text(value).utf8)
    }
  }

  private func call(_ step: JSONValue) throws -> ReplayAnswer {
    var body = Self.bytes(step["body"].map(normaliser.fill))
    if let text = step["body64"]?.string {
      let bytes = Array(text.utf8)
      body = bytes.withUnsafeBytes { Base64.decode($0) }.map { ByteSlice($0).withUnsafeBytes { Array($0) } } ?? []
    }
    return try request(
      step["do"]?.string ?? "GET", normaliser.fill(step["path"]?.string ?? ""), body,
      step["headers"].map(normaliser.fill))
  }

  // MARK: comparing

  func differ(_ place: String, _ message: String) { differences.append("\(place): \(message)") }

  func check(_ name: String, _ place: String, _ message: String? = nil) {
    checks[name] = (checks[name] ?? true) && message == nil
    if let message { differ("\(place) \(name)", message) }
  }

  /// A row that was told about already.
  func fail(_ name: String) { checks[name] = false }

  func compare(_ place: String, _ want: JSONValue, _ got: JSONValue) {
    switch (want, got) {
    case (.object(let a), .object(let b)):
      let names = Set((a.members + b.members).map { ByteString($0.name) }).map(\.text).sorted(by: <)
      for name in names {
        switch (a[name], b[name]) {
        case (let want, nil): differ("\(place)/\(name)", "missing, want \(PythonJSON.short(want))")
        case (nil, let got?): differ("\(place)/\(name)", "unexpected \(PythonJSON.short(got))")
        case (let want?, let got?): compare("\(place)/\(name)", want, got)
        }
      }
    case (.array(let a), .array(let b)):
      guard a.count == b.count else {
        return differ(
          place,
          "\(b.count) items, want \(a.count): got \(PythonJSON.short(got)), want \(PythonJSON.short(want))")
      }
      for (index, (x, y)) in zip(a, b).enumerated() { compare("\(place)/\(index)", x, y) }
    default:
      if !want.isSamePythonValue(as: got) {
        differ(place, "got \(PythonJSON.short(got)), want \(PythonJSON.short(want))")
      }
    }
  }

  // MARK: steps

  func steps(_ steps: [JSONValue], _ place: String) throws {
    for (index, step) in steps.enumerated() {
      let at = "\(place) \(index)"
      let before = differences.count
      if let method = step["do"]?.string {
        try answer(step, "\(at) \(method) \(step["path"]?.string ?? "")")
        if differences.count == before { matchingRequests += 1 }
      } else if let path = step["watch"]?.string {
        try watch(step, "\(at) watch \(path)")
        if differences.count == before { matchingRequests += 1 }
      } else if let paths = step["reset"]?.array {
        for path in paths.compactMap(\.string) { _ = try request("DELETE", normaliser.fill(path)) }
      } else if let seconds = step["sleep"] {
        usleep(UInt32((Double(PythonJSON.text(seconds)) ?? 0) * 1_000_000))
      } else if let path = step["await"]?.string {
        try wait(step, "\(at) await \(path)")
      } else if let probes = step["probes"] {
        try self.probes(probes, at)
      } else if let sweep = step["sweep"] {
        try self.sweep(sweep, step, at)
      } else if let requests = step["setup"]?.array {
        for one in requests { _ = try call(one) }
      } else if let claims = step["assert"]?.array {
        for claim in claims { try hold(claim.array ?? [], at) }
      } else {
        differ(at, "this replayer knows no step of \(step.object?.members.map(\.name) ?? [])")
      }
    }
  }

  /// What is no number is compared as one: the conversation ends.
  private struct ValueError: Error, CustomStringConvertible {
    let text: String
    var description: String { "invalid literal for int() with base 10: \(Replayer.quoted(text))" }
  }

  private func hold(_ claim: [JSONValue], _ place: String) throws {
    guard claim.count == 3, let sign = claim[1].string else { return differ(place, "no assertion: \(claim)") }
    let (x, y) = (normaliser.fill(claim[0]), normaliser.fill(claim[2]))
    let holds: Bool
    switch sign {
    case "==": holds = x.isSamePythonValue(as: y)
    case "!=": holds = !x.isSamePythonValue(as: y)
    default:
      let numbers = try [x, y].map { value throws(ValueError) in
        guard let number = Int(value.pythonText) else { throw ValueError(text: value.pythonText) }
        return number
      }
      let (a, b) = (numbers[0], numbers[1])
      holds = sign == "<" ? a < b : a > b
    }
    if !holds {
      differ(
        place,
        "\(claim[0].pythonText) \(sign) \(claim[2].pythonText) does not hold: \(x.pythonText), \(y.pythonText)")
    }
  }

  private func holds(_ until: JSONValue, _ answer: ReplayAnswer) -> Bool {
    if let status = until["status"]?.int, Int(status) != answer.status { return false }
    if let text = until["text"]?.string,
      !String(decoding: answer.body, as: UTF8.self).contains(normaliser.fill(text))
    {
      return false
    }
    return holds(where: until["where"], answer.body)
  }

  private func holds(where rules: JSONValue?, _ body: [UInt8]) -> Bool {
    let rules = rules?.object?.members ?? []
    if rules.isEmpty { return true }
    guard let document = try? PythonJSON.parse(body) else { return false }
    return rules.allSatisfy { rule in
      (try? Pointer.get(rule.name, of: document)).map { $0.isSamePythonValue(as: rule.value) } ?? false
    }
  }

  private func wait(_ step: JSONValue, _ place: String) throws {
    let seconds = differences.isEmpty ? Double(step["seconds"]?.pythonText ?? "10") ?? 10 : 0.5
    let deadline = ContinuousClock.now + .seconds(seconds)
    while true {
      let answer = try request("GET", normaliser.fill(step["await"]?.string ?? ""))
      if answer.status == Int(step["status"]?.int ?? 200) && holds(where: step["where"], answer.body) { return }
      if ContinuousClock.now > deadline {
        let shown = PythonJSON.short(String(decoding: answer.body, as: UTF8.self), 200)
        return differ(place, "still \(answer.status) after \(seconds) s: \(shown)")
      }
      usleep(10_000)
    }
  }

  private func answer(_ step: JSONValue, _ place: String) throws {
    var answer = try call(step)
    if let until = step["until"] {
      let seconds = differences.isEmpty ? Double(step["seconds"]?.pythonText ?? "10") ?? 10 : 1
      let deadline = ContinuousClock.now + .seconds(seconds)
      while !holds(until, answer) && ContinuousClock.now < deadline {
        usleep(20_000)
        answer = try call(step)
      }
    }
    let kind = answer.header("content-type") ?? ""
    let whole = String(decoding: answer.body, as: UTF8.self)
    let body: JSONValue
    if kind.contains("json") && !answer.body.isEmpty {
      do { body = try PythonJSON.parse(answer.body) } catch {
        return differ(place, "body is not JSON: \(error): \(PythonJSON.short(whole, 200))")
      }
    } else {
      body = .string(whole)
    }
    for capture in step["capture"]?.object?.members ?? [] {
      if let value = try? Pointer.get(capture.value.string ?? "", of: body) {
        normaliser.capture(capture.name, value)
      } else {
        differ(
          place,
          "nothing at \(capture.value.pythonText) to capture as \(capture.name) in \(PythonJSON.short(body))")
      }
    }
    let got = try body.string.map { .string(normaliser.text($0)) } ?? normaliser.prepare(body, step)
    let want = step["expect"] ?? .null
    if Int64(answer.status) != want["status"]?.int {
      differ(place, "status \(answer.status), want \(want["status"]?.pythonText ?? "None"): \(PythonJSON.short(body))")
    }
    if let type = want["type"]?.string, replace(" ", in: kind, with: "") != type {
      differ(place, "content type '\(kind)', want '\(type)'")
    }
    for header in want["headers"]?.object?.members ?? [] {
      let got = self.header(header.name, of: answer, sorted: Normaliser.isTrue(step["anyOrder"]))
      if got != header.value.string {
        differ(place, "header \(header.name) is \(Self.quoted(got)), want \(Self.quoted(header.value.string))")
      }
    }
    guard let expected = want["body"] else { return }
    if let object = expected.object, object.count == 1, let parts = object["contains"]?.array {
      for part in parts.compactMap(\.string) where !whole.contains(part) {
        differ(place, "answer lacks \(Self.quoted(part))")
      }
    } else {
      compare(place, try expected.string.map { .string($0) } ?? normaliser.prepare(expected, step), got)
    }
  }

  /// `repr(text)`, but for what cannot be printed.
  private static func quoted(_ text: String?) -> String {
    guard var text else { return "None" }
    for (plain, escaped) in [("\\", "\\\\"), ("\n", "\\n"), ("\r", "\\r"), ("\t", "\\t")] {
      text = replace(plain, in: text, with: escaped)
    }
    guard text.utf8.contains(UInt8(ascii: "'")) else { return "'\(text)'" }
    return text.utf8.contains(UInt8(ascii: "\"")) ? "'\(replace("'", in: text, with: "\\'"))'" : "\"\(text)\""
  }

  /// Of a header that is given several times the last counts, but of warnings all.
  private func header(_ name: String, of answer: ReplayAnswer, sorted: Bool) -> String? {
    guard name == "warning" else { return answer.header(name) }
    return warnings(of: answer).map { sorted ? Self.sortedWarnings($0) : $0 }
  }

  func warnings(of answer: ReplayAnswer) -> String? {
    let all = answer.headers.filter { $0.name == "warning" }.map(\.value)
    return all.isEmpty ? nil : all.joined(separator: ", ")
  }

  static func sortedWarnings(_ text: String) -> String {
    let parts = replace(", 299 - ", in: text, with: "\u{0}").utf8.split(
      separator: 0, omittingEmptySubsequences: false
    ).map { String($0) ?? "" }
    return parts.enumerated().map { $0.offset == 0 ? $0.element : "299 - \($0.element)" }.sorted(by: <)
      .joined(separator: ", ")
  }

  // MARK: watches

  private func watch(_ step: JSONValue, _ place: String) throws {
    let want = step["expect"] ?? .null
    let expected = want["events"]?.array
    let stream = ReplayConnection(try connect())
    try stream.send(
      "GET", normaliser.fill(step["watch"]?.string ?? ""),
      fields(step["headers"].map(normaliser.fill), hasBody: false), nil)
    let (status, _) = try stream.head("GET", until: .now + Self.patience)
    guard status == 200 else {
      let body = try PythonJSON.parse(try stream.body(until: .now + Self.patience))
      let got = try normaliser.prepare(body, step)
      guard Int64(status) == want["status"]?.int else {
        return differ(
          place, "status \(status), want \(want["status"]?.pythonText ?? "None"): \(PythonJSON.short(got))")
      }
      return compare(place, want["body"] ?? .null, got)
    }
    // What comes meanwhile waits in the connection.
    try steps(step["steps"]?.array ?? [], place)
    let events = try self.events(
      of: stream, expected: expected?.count, mustEnd: Normaliser.isTrue(step["closes"]), place)
    var got: [JSONValue] = []
    for event in events {
      for capture in step["captureEvents"]?.object?.members ?? [] {
        guard let rule = capture.value.array, rule.count == 2, rule[0].int.map({ Int($0) }) == got.count else {
          continue
        }
        if let value = try? Pointer.get(rule[1].string ?? "", of: event) {
          normaliser.capture(capture.name, value)
        } else {
          differ(place, "nothing at \(rule[1].pythonText) of event \(got.count)")
        }
      }
      got.append([
        "type": event["type"] ?? .null, "object": try normaliser.prepare(event["object"] ?? .null, step),
      ])
    }
    if Normaliser.isTrue(step["unordered"]) {
      got = Normaliser.sorted(got) { PythonJSON.text($0, sorted: true) }
    }
    guard want["status"]?.int == 200, let expected else {
      return differ(place, "status 200, want \(want["status"]?.pythonText ?? "None")")
    }
    let types = { (events: [JSONValue]) in events.map { $0["type"]?.string ?? "" } }
    guard types(got) == types(expected) else {
      return differ(place, "events \(Self.summary(got)), want \(Self.summary(expected))")
    }
    let wanted = try expected.map { event -> JSONValue in
      ["type": event["type"] ?? .null, "object": try normaliser.prepare(event["object"] ?? .null, step)]
    }
    compare("\(place) events", .array(wanted), .array(got))
  }

  /// The events of a watch: waits for as many as are expected, and a moment for others, which would be too many.
  /// Bookmarks that come now and then count for nothing.
  private func events(
    of stream: ReplayConnection, expected: Int?, mustEnd: Bool, _ place: String
  ) throws -> [JSONValue] {
    var events: [JSONValue] = []
    var hasEnded = false
    func read(until deadline: ContinuousClock.Instant, _ isEnough: () -> Bool) throws {
      while !hasEnded && !isEnough() {
        switch try stream.bodyLine(until: deadline) {
        case .late: return
        case .end: hasEnded = true
        case .line(let bytes):
          let event = try PythonJSON.parse(bytes)
          let marks = event["object"]?["metadata"]?["annotations"]
          if event["type"] == "BOOKMARK" && marks?["k8s.io/initial-events-end"] == nil { continue }
          events.append(event)
        }
      }
    }
    do {
      try read(until: .now + Self.patience) { events.count >= expected ?? 0 }
      try read(until: .now + quiet) { false }
      if mustEnd { try read(until: .now + Self.patience) { false } }
    } catch {
      // What is no event, and a connection that breaks, show as events that are missing.
    }
    if mustEnd && !hasEnded { differ(place, "the server did not end the watch") }
    return events
  }

  private static func summary(_ events: [JSONValue]) -> String {
    let texts = events.map { event -> String in
      let object = event["object"]
      let name = object?["metadata"]?["name"] ?? object?["reason"] ?? ""
      return "'\(event["type"]?.string ?? "") \(name.pythonText)'"
    }
    return "[\(texts.joined(separator: ", "))]"
  }
}
