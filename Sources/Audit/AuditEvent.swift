public import Access
public import ByteBuffers
import Glibc
public import JSON
public import Machinery
import Synchronization

/// A point in time as events show it.
public struct AuditTime: Sendable {
  let text: String

  public static func now() -> AuditTime {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return AuditTime(text: Timestamp.micro(Int64(now.tv_sec), now.tv_nsec))
  }
}

/// What is said of one request from its arrival to its end. Each stage makes an event of what is known by then.
/// (audit.k8s.io/v1 `Event`.)
///
/// Any thread: a request moves between its reactor and others, never in two places at once, but a deadline may end it
/// meanwhile.
public final class AuditRecord: Sendable {
  /// What the request brought.
  public struct Request: Sendable {
    public var auditID: String
    /// Path and query as the client sent them.
    public var uri: String
    public var userAgent: String
    /// The client's address last, before it those that proxies name.
    public var sourceIPs: [String]
    public var received: AuditTime

    public init(auditID: String, uri: String, userAgent: String, sourceIPs: [String], received: AuditTime) {
      self.auditID = auditID
      self.uri = uri
      self.userAgent = userAgent
      self.sourceIPs = sourceIPs
      self.received = received
    }
  }

  private struct State {
    var impersonated: UserInfo?
    var constraint = ""
    var name: String
    var namespace: String
    var uid = ""
    var resourceVersion = ""
    var requestObject: SharedBytes?
    var responseStatus: JSONObject?
    var responseObject: [ByteSlice]?
    var annotations: [String: String] = [:]
    var isComplete = false
  }

  private let trail: AuditTrail
  private let request: Request
  private let attributes: AccessAttributes
  private let isKnown: Bool
  private let decision: AuditPolicy.Decision
  private let state: Mutex<State>

  /// What clients send longer is cut. (`maxUserAgentLength`)
  private static let userAgentMax = 1_024
  /// What is sent to these is secret, or a token: it is shown where the policy asks for answers too, and not before.
  private static let secretive: Set<String> = ["secrets", "tokenreviews", "serviceaccounts/token"]

  init(
    _ trail: AuditTrail, _ request: Request, _ attributes: AccessAttributes, isKnown: Bool,
    _ decision: AuditPolicy.Decision
  ) {
    self.trail = trail
    self.request = request
    self.attributes = attributes
    self.isKnown = isKnown
    self.decision = decision
    state = Mutex(State(name: attributes.name, namespace: attributes.namespace))
  }

  /// Was nobody recognized? Then there is one event, of the refusal, and none of an arrival.
  public var isStranger: Bool { !isKnown }

  /// Is what was sent to be told?
  public var keepsRequest: Bool {
    guard decision.level >= .request else { return false }
    let what = attributes.subresource.isEmpty ? attributes.resource : "\(attributes.resource)/\(attributes.subresource)"
    return decision.level == .requestResponse || !Self.secretive.contains(what)
  }

  /// Is what was answered to be told?
  public var keepsResponse: Bool { decision.level == .requestResponse }

  /// `constraint`: the verb of the way in which it was allowed; empty for the old one.
  public func impersonated(_ user: UserInfo, constraint: String = "") {
    state.withLock { ($0.impersonated, $0.constraint) = (user, constraint) }
  }

  /// It was not let act as somebody else.
  public func refused(_ why: String) {
    annotate("authorization.k8s.io/decision", "forbid")
    annotate("authorization.k8s.io/reason", why)
  }

  /// The first value stays.
  public func annotate(_ key: String, _ value: String) {
    state.withLock { state in
      if state.annotations[key] == nil { state.annotations[key] = value }
    }
  }

  /// The object that a request is about, as it was read. What the path does not say of it is taken from its metadata.
  public func sent(_ object: JSONValue) {
    let bytes = keepsRequest ? shown(object).encoded() : nil
    let meta = object["metadata"]
    state.withLock { state in
      if state.namespace.isEmpty { state.namespace = meta?["namespace"]?.string ?? "" }
      if state.name.isEmpty { state.name = meta?["name"]?.string ?? "" }
      if state.uid.isEmpty { state.uid = meta?["uid"]?.string ?? "" }
      if state.resourceVersion.isEmpty { state.resourceVersion = meta?["resourceVersion"]?.string ?? "" }
      state.requestObject = bytes
    }
  }

  /// A patch or options, which say nothing of the object.
  public func sent(besides value: JSONValue) {
    guard keepsRequest else { return }
    let bytes = value.encoded()
    state.withLock { $0.requestObject = bytes }
  }

  /// The same as it came. What is no JSON is left out.
  public func sent(_ body: ByteSlice) {
    guard keepsRequest, let value = try? JSONValue(parsing: body) else { return }
    sent(besides: value)
  }

  private func shown(_ object: JSONValue) -> JSONValue {
    guard decision.omitsManagedFields else { return object }
    var object = object
    object["metadata"]?["managedFields"] = nil
    guard var items = object["items"]?.array else { return object }
    for place in items.indices { items[place]["metadata"]?["managedFields"] = nil }
    object["items"] = .array(items)
    return object
  }

  /// A stage is reached; its event goes to whoever keeps them.
  public func reached(_ stage: AuditStage) {
    guard !decision.omittedStages.contains(stage) else { return }
    let state = state.withLock { $0 }
    let time = stage == .requestReceived ? request.received : .now()
    trail.keep(event(stage, at: time, state)) { decision.level >= .request ? event(stage, at: time, bare(state)) : nil }
  }

  private func bare(_ state: State) -> State {
    var state = state
    (state.requestObject, state.responseObject) = (nil, nil)
    state.annotations[AuditTruncation.annotation] = "true"
    return state
  }

  /// The request was answered with a code and, where that was a Status, with that. `object`: the answer as one document
  /// of JSON, where there is one. Only the first end counts; `stage` is the one that it makes an event of.
  public func answered(_ code: Int, _ status: Status?, object: [ByteSlice]?, stage: AuditStage = .responseComplete) {
    let isFirst = state.withLock { state in
      guard !state.isComplete else { return false }
      state.isComplete = stage == .responseComplete
      var shown: JSONObject = ["metadata": [:]]
      if let status, let json = status.json.object {
        for member in json.members where !["kind", "apiVersion", "metadata", "code"].contains(member.name) {
          shown[member.name] = member.value
        }
      }
      shown["code"] = .int(Int64(code))
      state.responseStatus = shown
      return true
    }
    guard isFirst else { return }
    if keepsResponse, let object {
      let kept = decision.omitsManagedFields ? withoutManagedFields(object) : object
      state.withLock { $0.responseObject = kept }
    }
    reached(stage)
  }

  /// A stream is over, or the client was gone before it began.
  public func ended() {
    let wasAnswered = state.withLock { state in
      defer { state.isComplete = true }
      guard !state.isComplete else { return false }
      if state.responseStatus == nil {
        state.responseStatus = [
          "metadata": [:], "status": "Success", "message": "Connection closed early", "code": 200,
        ]
      }
      return true
    }
    if wasAnswered { reached(.responseComplete) }
  }

  private func withoutManagedFields(_ document: [ByteSlice]) -> [ByteSlice] {
    var writer = JSONWriter(capacity: document.reduce(0) { $0 + $1.count })
    for slice in document { writer.raw(slice) }
    let whole = ByteSlice(writer.finish())
    guard let value = try? JSONValue(parsing: whole) else { return document }
    return [ByteSlice(shown(value).encoded())]
  }

  /// One line of JSON, in the order of Go's struct. The bodies are not copied.
  private func event(_ stage: AuditStage, at time: AuditTime, _ state: State) -> AuditLine {
    var event: JSONObject = [
      "kind": "Event", "apiVersion": "audit.k8s.io/v1", "level": .string(decision.level.rawValue),
      "auditID": .string(request.auditID), "stage": .string(stage.rawValue),
      "requestURI": .string(request.uri), "verb": .string(attributes.verb),
      "user": isKnown ? attributes.user.json : [:],
    ]
    if let user = state.impersonated { event["impersonatedUser"] = user.json }
    if !state.constraint.isEmpty {
      event["authenticationMetadata"] = ["impersonationConstraint": .string(state.constraint)]
    }
    if !request.sourceIPs.isEmpty { event["sourceIPs"] = .array(request.sourceIPs.map { .string($0) }) }
    if !request.userAgent.isEmpty {
      let isLong = request.userAgent.utf8.count > Self.userAgentMax
      event["userAgent"] = .string(
        isLong
          ? String(decoding: request.userAgent.utf8.prefix(Self.userAgentMax), as: UTF8.self) + "...TRUNCATED"
          : request.userAgent)
    }
    if attributes.isResource {
      let parts = [
        ("resource", attributes.resource), ("namespace", state.namespace), ("name", state.name), ("uid", state.uid),
        ("apiGroup", attributes.group),
        ("apiVersion", attributes.version), ("resourceVersion", state.resourceVersion),
        ("subresource", attributes.subresource),
      ]
      event["objectRef"] = .object(
        JSONObject(unchecked: parts.filter { !$0.1.isEmpty }.map { JSONObject.Member($0.0, .string($0.1)) }))
    }
    if let status = state.responseStatus { event["responseStatus"] = .object(status) }
    var tail: JSONObject = [
      "requestReceivedTimestamp": .string(request.received.text), "stageTimestamp": .string(time.text),
    ]
    if !state.annotations.isEmpty {
      tail["annotations"] = .object(
        JSONObject(
          unchecked: state.annotations.sorted { $0.key < $1.key }.map { JSONObject.Member($0.key, .string($0.value)) }))
    }
    let head = event.encodedText.dropLast()
    let end = "," + tail.encodedText.dropFirst()
    var line = AuditLine()
    var text = String(head)
    if let object = state.requestObject {
      line.add(text + #","requestObject":"#)
      line.add(ByteSlice(object))
      text = ""
    }
    if let object = state.responseObject {
      line.add(text + #","responseObject":"#)
      for slice in object { line.add(slice) }
      text = ""
    }
    line.add(text + end)
    return line
  }
}

extension JSONObject {
  fileprivate var encodedText: String { JSONValue.object(self).encoded().text }
}

/// An event as bytes: one document of JSON without a newline at its end.
public struct AuditLine: Sendable {
  public private(set) var slices: [ByteSlice] = []
  public private(set) var count = 0

  mutating func add(_ slice: ByteSlice) {
    slices.append(slice)
    count += slice.count
  }

  mutating func add(_ text: String) { add(ByteSlice(SharedBytes(text))) }
}
