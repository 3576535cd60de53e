import JSON
import Machinery
import Registry

/// What `kubectl get pods` shows. (Kubernetes: pkg/printers/internalversion, `printPod`)
enum PodTable {
  static let columns: [TableColumn] = [
    .name,
    TableColumn("Ready", description: "How many of its containers are ready.") { pod, now in
      .string(PodSummary(pod, now: now).ready)
    },
    TableColumn("Status", description: "What it is doing, or why it does not.") { pod, now in
      .string(PodSummary(pod, now: now).reason)
    },
    TableColumn("Restarts", description: "How often its containers began anew, and when last.") { pod, now in
      .string(PodSummary(pod, now: now).restarts)
    },
    .age,
    TableColumn("IP", description: "Where it can be reached.", priority: 1) { pod, _ in
      .string(shown(pod["status"]?["podIPs"]?.elements.first { _ in true }?["ip"]?.string))
    },
    TableColumn("Node", description: "Where it runs.", priority: 1) { pod, _ in
      .string(shown(pod["spec"]?["nodeName"]?.string))
    },
    TableColumn("Nominated Node", description: "Where room is made for it.", priority: 1) { pod, _ in
      .string(shown(pod["status"]?["nominatedNodeName"]?.string))
    },
    TableColumn("Readiness Gates", description: "How many of its own conditions hold.", priority: 1) { pod, _ in
      .string(gates(pod))
    },
  ]

  private static func shown(_ text: String?) -> String { text.map { $0.isEmpty ? "<none>" : $0 } ?? "<none>" }

  private static func gates(_ pod: JSONNode) -> String {
    var count = 0
    var held = 0
    guard let gates = pod["spec"]?["readinessGates"] else { return "<none>" }
    for gate in gates.elements {
      count += 1
      guard let type = gate["conditionType"]?.string, let conditions = pod["status"]?["conditions"] else { continue }
      for condition in conditions.elements where condition["type"]?.isString(type) == true {
        if condition["status"]?.isString("True") == true { held += 1 }
        break
      }
    }
    return count == 0 ? "<none>" : "\(held)/\(count)"
  }
}

/// A pod's containers in a few words.
struct PodSummary {
  private(set) var reason: String
  private var restartCount: Int64 = 0
  private var readyCount = 0
  private var totalCount = 0
  /// When the last container ended that began anew; seconds since 1970.
  private var lastRestart: (text: String, seconds: Int64)?
  private let now: Int64
  /// Names of init containers that go on running.
  private var sidecars: [String] = []

  var ready: String { "\(readyCount)/\(totalCount)" }
  var restarts: String {
    guard restartCount != 0, let lastRestart else { return String(restartCount) }
    return "\(restartCount) (\(Age.text(since: lastRestart.text, now: now)) ago)"
  }

  init(_ pod: JSONNode, now: Int64) {
    self.now = now
    let status = pod["status"]
    let phase = status?["phase"]?.string ?? ""
    let given = status?["reason"]?.string ?? ""
    reason = given.isEmpty ? phase : given
    var isInitialized: Bool?
    var isReady = false
    for condition in Self.elements(status?["conditions"]) {
      let isTrue = condition["status"]?.isString("True") == true
      switch condition["type"]?.string ?? "" {
      case "PodScheduled":
        if condition["reason"]?.isString("SchedulingGated") == true { reason = "SchedulingGated" }
      case "Initialized": if isInitialized == nil { isInitialized = isTrue }
      case "Ready": isReady = isReady || isTrue
      default: break
      }
    }
    totalCount = Self.elements(pod["spec"]?["containers"]).count
    let initContainers = Self.elements(pod["spec"]?["initContainers"])
    sidecars = initContainers.filter { $0["restartPolicy"]?.isString("Always") == true }.map {
      $0["name"]?.string ?? ""
    }
    totalCount += sidecars.count
    let isInitializing = initialize(Self.elements(status?["initContainerStatuses"]), initContainers.count)
    if !isInitializing || isInitialized == true {
      run(Self.elements(status?["containerStatuses"]), isReady: isReady)
    }
    guard pod["metadata"]?["deletionTimestamp"] != nil else { return }
    if given == "NodeLost" {
      reason = "Unknown"
    } else if phase != "Succeeded" && phase != "Failed" {
      reason = "Terminating"
    }
  }

  private static func elements(_ node: JSONNode?) -> [JSONNode] {
    guard let node, node.kind == .array else { return [] }
    return Array(node.elements)
  }

  private mutating func note(_ container: JSONNode) {
    restartCount += container["restartCount"]?.int ?? 0
    guard let text = container["lastState"]?["terminated"]?["finishedAt"]?.string,
      let seconds = try? Timestamp.parse(text).seconds, seconds > lastRestart?.seconds ?? .min
    else { return }
    lastRestart = (text, seconds)
  }

  /// Is there still something to do before the containers begin? What the sidecars have restarted stays counted.
  private mutating func initialize(_ statuses: [JSONNode], _ count: Int) -> Bool {
    var ofSidecars = self
    defer { if !isInitializing { (restartCount, lastRestart) = (ofSidecars.restartCount, ofSidecars.lastRestart) } }
    for (place, container) in statuses.enumerated() {
      note(container)
      let isSidecar = sidecars.contains { container["name"]?.isString($0) == true }
      if isSidecar { ofSidecars.note(container) }
      let ended = Self.state("terminated", container)
      let waiting = Self.state("waiting", container)?["reason"]?.string ?? ""
      if let ended, ended["exitCode"]?.int ?? 0 == 0 { continue }
      if isSidecar, container["started"]?.bool == true {
        if container["ready"]?.bool == true { readyCount += 1 }
        continue
      }
      isInitializing = true
      if let ended {
        reason = "Init:" + Self.end(ended)
      } else if !waiting.isEmpty && waiting != "PodInitializing" {
        reason = "Init:\(waiting)"
      } else {
        reason = "Init:\(place)/\(count)"
      }
      sidecarTotals = (ofSidecars.restartCount, ofSidecars.lastRestart)
      return true
    }
    return false
  }

  private var isInitializing = false
  private var sidecarTotals: (Int64, (text: String, seconds: Int64)?) = (0, nil)

  private static func state(_ name: StaticString, _ container: JSONNode) -> JSONNode? {
    guard let state = container["state"]?[name], !state.isNull else { return nil }
    return state
  }

  private static func end(_ state: JSONNode) -> String {
    let reason = state["reason"]?.string ?? ""
    if !reason.isEmpty { return reason }
    let signal = state["signal"]?.int ?? 0
    return signal != 0 ? "Signal:\(signal)" : "ExitCode:\(state["exitCode"]?.int ?? 0)"
  }

  private mutating func run(_ statuses: [JSONNode], isReady: Bool) {
    if isInitializing { (restartCount, lastRestart) = sidecarTotals }
    var isRunning = false
    var failure = ""
    for container in statuses.reversed() {
      note(container)
      let waiting = Self.state("waiting", container)?["reason"]?.string ?? ""
      if !waiting.isEmpty {
        reason = waiting
      } else if let ended = Self.state("terminated", container) {
        reason = Self.end(ended)
        if ended["exitCode"]?.int ?? 0 != 0 { failure = reason }
      } else if container["ready"]?.bool == true, Self.state("running", container) != nil {
        isRunning = true
        readyCount += 1
      }
    }
    guard reason == "Completed" else { return }
    if isRunning && isReady {
      reason = "Running"
    } else if !failure.isEmpty {
      reason = failure
    } else if isRunning {
      reason = "NotReady"
    }
  }
}
