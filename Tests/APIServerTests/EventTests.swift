import ByteBuffers
import JSON
import Machinery
import Registry
import Testing

@testable import APIServer
@testable import Resources
@testable import Schema

@Suite struct `Events in every form of answer` {
  private static let core = "/api/v1/namespaces/default/events"
  private static let events = "/apis/events.k8s.io/v1/namespaces/default/events"

  private static func with(_ body: @Sendable (TestServer) async throws -> Void) async throws {
    try await TestServer.with(kinds: [.events(timeToLive: nil)]) { server in
      let made = try server.call(
        "POST", core,
        #"{"metadata":{"name":"e","labels":{"x":"1"}},"involvedObject":{"kind":"Pod","name":"p","namespace":"default"},"message":" said ","count":3,"type":"Normal","source":{"component":"c","host":"h"},"firstTimestamp":"2026-01-01T00:00:00Z"}"#
      )
      #expect(made.code == 201, "\(made.text)")
      try await body(server)
    }
  }

  @Test func `one object is in the version asked for, however it is asked for`() async throws {
    try await Self.with { server in
      let path = Self.events + "/e"
      // The short way of plain reads, and the long one.
      let plain = try server.call("GET", path)
      let event = try plain.json()
      #expect(try server.call("GET", path + "?pretty=false").json() == event)
      #expect(
        event["apiVersion"] == "events.k8s.io/v1" && event["note"] == " said " && event["deprecatedCount"] == 3
          && event["regarding"]?["name"] == "p" && event["message"] == nil)
      let core = try server.call("GET", Self.core + "/e").json()
      #expect(
        event["metadata"] == core["metadata"]
          && event["metadata"]?["resourceVersion"]?.string?.isEmpty == false)
      #expect(try server.call("GET", path + "?pretty=true").json() == event)
      let yaml = try server.call("GET", path, headers: ["Accept": "application/yaml"]).text
      #expect(yaml.contains("apiVersion: events.k8s.io/v1") && yaml.contains("deprecatedCount: 3"))
      let message = try server.call("GET", path, headers: ["Accept": "application/vnd.kubernetes.protobuf"]).body
      let envelope = try ProtobufEnvelope(ByteSlice(SharedBytes(message)))
      #expect(envelope.apiVersion == "events.k8s.io/v1" && envelope.kind == "Event")
      let type = try #require(TypeModel.builtin.type("io.k8s.api.events.v1.Event"))
      #expect(try TypeModel.builtin.decodeProtobuf(envelope.raw, as: type)["note"] == " said ")
      let partial = try server.call(
        "GET", path, headers: ["Accept": "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"]
      ).json()
      #expect(partial["metadata"] == event["metadata"])
    }
  }

  @Test func `lists are in the version asked for, and tables are the same`() async throws {
    try await Self.with { server in
      let item = try server.call("GET", Self.events + "/e").json()
      var bare = item
      bare["kind"] = nil
      bare["apiVersion"] = nil
      for path in [Self.events, Self.events + "?limit=5", "/apis/events.k8s.io/v1/events"] {
        let list = try server.call("GET", path).json()
        #expect(list["kind"] == "EventList" && list["apiVersion"] == "events.k8s.io/v1")
        #expect(list["items"]?.array == [bare])
      }
      let message = try server.call("GET", Self.events, headers: ["Accept": "application/vnd.kubernetes.protobuf"]).body
      let type = try #require(TypeModel.builtin.type("io.k8s.api.events.v1.EventList"))
      let list = try TypeModel.builtin.decodeProtobuf(
        try ProtobufEnvelope(ByteSlice(SharedBytes(message))).raw, as: type)
      #expect(list["items"]?.array?.first?["deprecatedSource"] == ["component": "c", "host": "h"])
      let header = ["Accept": "application/json;as=Table;v=v1;g=meta.k8s.io"]
      let table = try server.call("GET", Self.events + "?includeObject=Object", headers: header).json()
      let cells = table["rows"]?.array?.first?["cells"]?.array ?? []
      #expect(cells.count == 10 && cells[1] == "Normal" && cells[3] == "pod/p" && cells[5] == "c, h")
      #expect(cells[6] == "said" && cells[8] == 3 && cells[9] == "e")
      #expect(table["rows"]?.array?.first?["object"] == item)
      #expect(
        table["columnDefinitions"]?.array?.map { $0["name"]?.string ?? "" } == [
          "Last Seen", "Type", "Reason", "Object", "Subobject", "Source", "Message", "First Seen", "Count", "Name",
        ])
      #expect(table["columnDefinitions"]?.array?.last?["priority"] == 1)
      let core = try server.call("GET", Self.core, headers: header).json()["rows"]?.array?.first
      #expect(core?["cells"]?.array?.dropFirst() == cells.dropFirst())
      let none = try server.call(
        "GET", Self.events + "?fieldSelector=type%3DWarning",
        headers: ["Accept": "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"]
      ).json()
      #expect(none["items"] == .null)
    }
  }

  @Test func `a watch sees writes by the other group in its own version`() async throws {
    try await Self.with { server in
      let watch = try WatchReader(server, Self.events + "?watch=true")
      let core = try WatchReader(server, Self.core + "?watch=true")
      for step in ["ADDED", "MODIFIED", "DELETED"] {
        switch step {
        case "MODIFIED":
          let changed = try server.call(
            "PATCH", Self.core + "/e", #"{"count":4}"#, headers: ["Content-Type": "application/merge-patch+json"])
          #expect(changed.code == 200)
        case "DELETED":
          let gone = try server.call("DELETE", Self.events + "/e?propagationPolicy=Foreground").json()
          #expect(gone["status"] == "Success" && gone["details"]?["group"] == "events.k8s.io")
        default: break
        }
        let event = try #require(try watch.nextEvent())
        let count: JSONValue = step == "ADDED" ? 3 : 4
        #expect(event["type"]?.string == step && event["object"]?["apiVersion"] == "events.k8s.io/v1")
        #expect(event["object"]?["deprecatedCount"] == count && event["object"]?["count"] == nil)
        let same = try #require(try core.nextEvent())
        #expect(same["object"]?["count"] == count && same["object"]?["metadata"] == event["object"]?["metadata"])
      }
      watch.close()
      core.close()
    }
  }

  @Test func `discovery and the schemas tell of both groups`() async throws {
    try await Self.with { server in
      for root in ["/api/v1", "/apis/events.k8s.io/v1"] {
        let entry = try server.call("GET", root).json()["resources"]?.array?.first { $0["name"] == "events" }
        #expect(entry?["shortNames"] == ["ev"] && entry?["singularName"] == "event" && entry?["kind"] == "Event")
        // Of what is stored, which is one.
        #expect(entry?["storageVersionHash"] == "r2yiGXH7wu8=", "\(root)")
      }
      let schema = try server.call("GET", "/openapi/v3/apis/events.k8s.io/v1").json()
      #expect(schema["components"]?["schemas"]?["io.k8s.api.events.v1.Event"]?["properties"]?["note"] != nil)
      #expect(schema["paths"]?["/apis/events.k8s.io/v1/namespaces/{namespace}/events/{name}"] != nil)
    }
  }
}
