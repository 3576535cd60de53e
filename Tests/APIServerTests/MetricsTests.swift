import Foundation
import Testing

@testable import APIServer

@Suite struct `Metrics` {
  /// The value of the one sample that begins so.
  private func value(_ text: String, _ sample: String) -> Double? {
    let lines = text.split(separator: "\n").filter { $0.hasPrefix(sample) }
    #expect(lines.count <= 1, "\(sample) stands \(lines.count) times")
    return lines.first?.split(separator: " ").last.flatMap { Double($0) }
  }

  @Test func `requests are counted under kube-apiserver's names, labels and buckets`() async throws {
    try await TestServer.with { server in
      try server.createNode("a")
      for _ in 0..<3 { _ = try server.call("GET", "/api/v1/nodes/a") }
      _ = try server.call("GET", "/api/v1/nodes/missing")
      _ = try server.call("GET", "/api/v1/nodes")
      _ = try server.call("GET", "/api/v1/nodes?limit=1")
      _ = try server.call(
        "PATCH", "/api/v1/nodes/a/status?dryRun=All", "{}", headers: ["Content-Type": "application/merge-patch+json"])
      _ = try server.call(
        "PATCH", "/api/v1/nodes/a?fieldManager=me", #"{"kind":"Node","apiVersion":"v1"}"#,
        headers: ["Content-Type": "application/apply-patch+yaml"])
      _ = try server.call("GET", "/api/v1/nodes?watch=true&timeoutSeconds=1")
      _ = try server.call("GET", "/version")
      _ = try server.call("GET", "/no/such/path")

      let answer = try server.call("GET", "/metrics")
      #expect(answer.code == 200)
      #expect(answer.header("Content-Type") == "text/plain; version=0.0.4; charset=utf-8")
      let text = answer.text
      func requests(_ labels: String) -> Double? { value(text, "apiserver_request_total{\(labels)}") }
      let nodes = #"group="",version="v1",resource="nodes""#
      #expect(
        requests(#"verb="GET",dry_run="",\#(nodes),subresource="",scope="resource",component="apiserver",code="200""#)
          == 3)
      #expect(
        requests(#"verb="GET",dry_run="",\#(nodes),subresource="",scope="resource",component="apiserver",code="404""#)
          == 1)
      #expect(
        requests(#"verb="LIST",dry_run="",\#(nodes),subresource="",scope="cluster",component="apiserver",code="200""#)
          == 2)
      #expect(
        requests(#"verb="POST",dry_run="",\#(nodes),subresource="",scope="resource",component="apiserver",code="201""#)
          == 1)
      #expect(
        requests(
          #"verb="PATCH",dry_run="All",\#(nodes),subresource="status",scope="resource",component="apiserver",code="200""#
        ) == 1)
      #expect(
        requests(#"verb="APPLY",dry_run="",\#(nodes),subresource="",scope="resource",component="apiserver",code="200""#)
          == 1)
      #expect(
        requests(#"verb="WATCH",dry_run="",\#(nodes),subresource="",scope="cluster",component="apiserver",code="200""#)
          == 1)
      #expect(
        requests(
          #"verb="GET",dry_run="",group="",version="",resource="",subresource="/version",scope="",component="apiserver",code="200""#
        ) == 1)
      #expect(
        requests(
          #"verb="GET",dry_run="",group="",version="",resource="",subresource="",scope="",component="apiserver",code="404""#
        ) == 1)

      let gets = #"verb="GET",dry_run="",\#(nodes),subresource="",scope="resource",component="apiserver""#
      #expect(value(text, "apiserver_request_duration_seconds_count{\(gets)}") == 4)
      #expect(value(text, "apiserver_request_duration_seconds_bucket{\(gets),le=\"0.005\"}") != nil)
      #expect(value(text, "apiserver_request_duration_seconds_bucket{\(gets),le=\"60\"}") == 4)
      #expect(
        (value(
          text,
          #"apiserver_response_sizes_sum{verb="LIST",\#(nodes),subresource="",scope="cluster",component="apiserver"}"#)
          ?? 0) > 500)
      #expect(value(text, "apiserver_watch_events_total{\(nodes)}") == 1)
      #expect(
        value(text, "apiserver_watch_events_sizes_bucket{\(nodes),le=\"1024\"}") == 1
          && (value(text, "apiserver_watch_events_sizes_sum{\(nodes)}") ?? 0) > 200)
      #expect(value(text, #"apiserver_request_body_size_bytes_count{group="",resource="nodes",verb="create"}"#) == 1)
      #expect(value(text, #"apiserver_request_body_size_bytes_count{group="",resource="nodes",verb="patch"}"#) == 2)
      #expect(
        value(
          text,
          #"apiserver_longrunning_requests{verb="WATCH",\#(nodes),subresource="",scope="cluster",component="apiserver"}"#
        ) == 0)
    }
  }

  @Test func `a watch that is open is counted until it ends`() async throws {
    try await TestServer.with { server in
      let watch = try RawConnection(port: server.port)
      defer { watch.close() }
      try watch.send("GET", "/api/v1/nodes?watch=true&timeoutSeconds=30")
      let deadline = ContinuousClock.now + .seconds(10)
      while server.api.openWatches == 0, .now < deadline { try await Task.sleep(for: .milliseconds(5)) }
      let text = try server.call("GET", "/metrics").text
      #expect(
        text.contains(
          #"apiserver_longrunning_requests{verb="WATCH",group="",version="v1",resource="nodes",subresource="",scope="cluster",component="apiserver"} 1"#
        ))
    }
  }

  @Test func `only GET is answered, and clients can't make up series`() async throws {
    try await TestServer.with { server in
      #expect(try server.call("POST", "/metrics", "{}").code == 405)
      for place in 0..<50 { _ = try server.call("GET", "/made/up/\(place)") }
      let text = try server.call("GET", "/metrics").text
      #expect(!text.contains("made"))
    }
  }
}
