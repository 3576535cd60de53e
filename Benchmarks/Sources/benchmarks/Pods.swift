import LoadClient

/// Pods: what lists of few of many cost, and a pod beside a node of the same size.
enum Pods {
  private static let all = "/api/v1/pods"
  private static func namespace(_ number: Int) -> String { "/api/v1/namespaces/team-\(number)" }

  // MARK: few of many

  /// 10,000 pods, 20 in each namespace, on each node and with each value of a label, beside a daemon that has no others
  /// than those that are listed.
  static func lists() throws {
    let (count, each) = (10_000, 20)
    let (full, _) = try Servers.binnacle(port: 18_088, [], database: "pods")
    defer { full.stop() }
    let (small, _) = try Servers.binnacle(port: 18_089, [], database: "few-pods")
    defer { small.stop() }
    let groups = count / each
    try makeNamespaces(groups, port: 18_088)
    try makeNamespaces(groups, port: 18_089)
    let writers = 16
    for (port, isSmall) in [(18_088, false), (18_089, true)] {
      try Measurements.each(count, writers: writers) {
        let client = try Client(port: port)
        return { number in
          let (team, node, app) = (number / each, number % groups, number * 7 % groups)
          if isSmall && team != 3 && node != 3 && app != 3 { return }
          let body = json("pod-\(number)", node: "node-\(node)", app: "app-\(app)")
          let answer = try client.call("POST", namespace(team) + "/pods", body: body)
          guard answer.status == 201 else { throw Failure("POST of a pod answered \(answer.status)") }
        }
      }
    }
    for (what, path) in [
      ("namespace", namespace(3) + "/pods"), ("node", all + "?fieldSelector=spec.nodeName%3Dnode-3"),
      ("label", all + "?labelSelector=app%3Dapp-3"),
    ] {
      let body = try Client(port: 18_088).call("GET", path, keepsBody: true).body
      let found = Measurements.count("\"nodeName\":", in: body)
      guard found == each else { throw Failure("LIST of one \(what) has \(found) pods") }
      let rates = try Measurements.inTurns(
        rounds: 5, connections: 4, [(full, 18_088, path), (small, 18_089, path)])
      Benchmarks.row(
        "LIST of one \(what), \(each) of \(count) pods, CPU each", "\(Benchmarks.text(1e6 / rates[0], 0)) µs",
        "of few \(Benchmarks.text(1e6 / rates[1], 0)) µs", rates[1] / rates[0], "1.2")
    }
  }

  private static func makeNamespaces(_ count: Int, port: Int) throws {
    let client = try Client(port: port)
    for number in 0..<count {
      let answer = try client.call(
        "POST", "/api/v1/namespaces", body: Array(#"{"metadata":{"name":"team-\#(number)"}}"#.utf8))
      guard answer.status == 201 else { throw Failure("POST of a namespace answered \(answer.status)") }
    }
  }

  // MARK: beside nodes

  /// GET, LIST and PUT of pods beside those of nodes of the same size.
  static func besideNodes() throws {
    let count = 1_000
    let (binnacle, _) = try Servers.binnacle(port: 18_088, [], database: "pods-and-nodes")
    defer { binnacle.stop() }
    let client = try Client(port: 18_088)
    try makeNamespaces(1, port: 18_088)
    func post(_ path: String, _ body: [UInt8]) throws -> Int {
      let answer = try client.call("POST", path, body: body, keepsBody: true)
      guard answer.status == 201 else { throw Failure("POST of \(path) answered \(answer.status)") }
      return answer.body.count
    }
    let (nodes, pods) = ("/api/v1/nodes", namespace(0) + "/pods")
    let bare = try post(pods, json("bare", node: "a", app: "a"))
    let size = try post(nodes, Nodes.json(Nodes.name(0)))
    let padding = size - bare
    for number in 1..<count { _ = try post(nodes, Nodes.json(Nodes.name(number))) }
    for number in 1..<count { _ = try post(pods, json(Nodes.name(number), node: "a", app: "a", padding: padding)) }
    for (what, path, connections) in [("GET one", "/\(Nodes.name(17))", 32), ("LIST \(count)", "", 4)] {
      let rates = try Measurements.inTurns(
        rounds: 7, connections: connections, [(binnacle, 18_088, pods + path), (binnacle, 18_088, nodes + path)])
      Benchmarks.row(
        "\(what) of pods (\(size) bytes), requests a CPU second", Benchmarks.text(rates[0], 0),
        "of nodes \(Benchmarks.text(rates[1], 0))", rates[0] / rates[1], "0.9")
    }
    var found: (pods: [Double], nodes: [Double]) = ([], [])
    for _ in 0..<5 {
      found.pods.append(
        try puts(binnacle, pods) { json(Nodes.name($0), node: "a", app: "a", padding: padding, counter: $1) })
      found.nodes.append(try puts(binnacle, nodes) { Nodes.json(Nodes.name($0), counter: $1) })
    }
    let (ours, theirs) = (found.pods.sorted()[2], found.nodes.sorted()[2])
    Benchmarks.row(
      "PUT of a pod (SQLite), CPU each", "\(Benchmarks.text(ours, 0)) µs", "of a node \(Benchmarks.text(theirs, 0)) µs",
      ours / theirs, "at most 1.5")
  }

  /// Microseconds of CPU a PUT.
  private static func puts(
    _ child: Child, _ path: String, _ body: @escaping @Sendable (Int, Int) -> [UInt8]
  ) throws -> Double {
    let rate = try Measurements.writing(child, writers: 16, seconds: 2) { writer in
      let client = try Client(port: 18_088)
      let number = writer + 1
      let template = Nodes.Template(of: body(number, 0))
      var counter = 0
      return {
        counter += 1
        let answer = try client.call("PUT", "\(path)/\(Nodes.name(number))", body: template.bytes(counter))
        guard answer.status == 200 else { throw Failure("PUT answered \(answer.status)") }
      }
    }
    return 1e6 / rate.perCPUSecond
  }

  /// A pod of three containers as a deployment makes it.
  static func json(_ name: String, node: String, app: String, padding: Int = 0, counter: Int = 0) -> [UInt8] {
    let containers = ["server", "proxy", "exporter"].enumerated().map { place, name in
      let variables = (0..<4).map { #"{"name":"SETTING_\#($0)","value":"value of the setting \#($0)"}"# }
      let probe = #"{"httpGet":{"path":"/healthz","port":\#(8080 + place)},"periodSeconds":10}"#
      return
        #"{"name":"\#(name)","image":"registry.example.com/team/\#(name):1.2.\#(place)","args":["--port=\#(8080 + place)","--verbose"],"ports":[{"name":"port-\#(place)","containerPort":\#(8080 + place)}],"env":[\#(variables.joined(separator: ","))],"resources":{"limits":{"cpu":"1","memory":"512Mi"},"requests":{"cpu":"100m","memory":"128Mi"}},"readinessProbe":\#(probe),"livenessProbe":\#(probe),"volumeMounts":[{"name":"data","mountPath":"/data"},{"name":"config","mountPath":"/etc/config"}]}"#
    }
    let text =
      #"{"kind":"Pod","apiVersion":"v1","metadata":{"name":"\#(name)","labels":{"app":"\#(app)","pod-template-hash":"5d8c7f9b6","tier":"backend"},"annotations":{"counter":"\#(counter)","padding":"\#(String(repeating: "x", count: max(0, padding)))"}},"spec":{"nodeName":"\#(node)","serviceAccountName":"default","containers":[\#(containers.joined(separator: ","))],"volumes":[{"name":"data","emptyDir":{}},{"name":"config","configMap":{"name":"settings"}}],"terminationGracePeriodSeconds":30}}"#
    return Array(text.utf8)
  }
}
