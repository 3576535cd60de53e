import ByteBuffers
import Cacher
import JSON
import Machinery
import TestSupport
import Testing

@testable import Registry
@testable import Resources

/// A deployment, seen as a scale.
private struct ScaleBench {
  static let part = Subresource("scale")
  let bench: Bench

  static func make() async throws -> ScaleBench {
    let scales = ScaleBench(bench: try await Bench.make(.deployments))
    let body = try scales.bench.body(
      """
      {"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"a"},"spec":{"replicas":2,
      "selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},
      "spec":{"containers":[{"name":"c","image":"i"}]}}}}
      """)
    _ = try await scales.bench.store.create(body, namespace: "n", options: options(.create, by: "maker"))
    return scales
  }

  static func options(_ verb: WriteOptions.Verb, by manager: String) -> WriteOptions {
    var options = WriteOptions(verb)
    options.fieldManager = manager
    return options
  }

  func put(_ metadata: JSONValue, _ spec: JSONValue, by manager: String = "scaler") async throws -> JSONValue {
    let store = bench.store
    let view = try #require(store.view(at: Self.part))
    var body: JSONValue = ["kind": "Scale", "apiVersion": "autoscaling/v1", "spec": spec]
    var whole = metadata
    whole["name"] = "a"
    body["metadata"] = whole
    let read = try view.reader.decode(tree: body, validation: .strict).object
    let result = try await store.update(
      "a", namespace: "n", body: read, subresource: Self.part, options: Self.options(.update, by: manager))
    return try JSONValue(parsing: try store.shown(result.object, through: view).object)
  }

  func merge(_ patch: String, by manager: String = "scaler") async throws -> JSONValue {
    let store = bench.store
    let view = try #require(store.view(at: Self.part))
    let result = try await store.patch(
      "a", namespace: "n", kind: .merge, body: ByteSlice(SharedBytes(patch)), subresource: Self.part,
      options: Self.options(.patch, by: manager))
    return try JSONValue(parsing: try store.shown(result.object, through: view).object)
  }

  func deployment() async throws -> JSONValue {
    try JSONValue(parsing: try await bench.store.get("a", namespace: "n").object)
  }

  /// Who owns the field, and whether a time says since when.
  func owners() async throws -> [String] {
    (try await deployment()["metadata"]?["managedFields"]?.array ?? []).compactMap { entry in
      guard entry["fieldsV1"]?["f:spec"]?["f:replicas"] != nil else { return nil }
      return "\(entry["manager"]?.string ?? "") \(entry["subresource"]?.string ?? "-") "
        + "\(entry["apiVersion"]?.string ?? "") \(entry["time"] == nil ? "no time" : "time")"
    }
  }

  func refusal(_ write: () async throws -> JSONValue) async throws -> Status {
    do {
      let made = try await write()
      Issue.record("made \(made.encoded().text)")
      return .internalError("no refusal")
    } catch let status as Status { return status }
  }
}

@Suite struct `A scale` {
  @Test func `changes the object, and takes the field over`() async throws {
    let scales = try await ScaleBench.make()
    #expect(try await scales.owners() == ["maker - apps/v1 time"])
    let scale = try await scales.put([:], ["replicas": 5])
    #expect(scale["spec"]?.encoded().text == #"{"replicas":5}"#)
    #expect(scale["status"]?.encoded().text == #"{"replicas":0,"selector":"app=web"}"#)
    #expect(
      scale["metadata"]?.object?.members.map(\.name) == [
        "name", "namespace", "uid", "resourceVersion", "creationTimestamp",
      ])
    let deployment = try await scales.deployment()
    #expect(deployment["spec"]?["replicas"]?.int == 5)
    #expect(deployment["metadata"]?["generation"]?.int == 2)
    #expect(try await scales.owners() == ["scaler scale apps/v1 no time"])
    await scales.bench.destroy()
  }

  @Test func `of the number that is there already takes nothing over`() async throws {
    let scales = try await ScaleBench.make()
    _ = try await scales.put([:], ["replicas": 5])
    _ = try await scales.merge(#"{"spec":{"replicas":5}}"#, by: "other")
    #expect(try await scales.owners() == ["scaler scale apps/v1 no time"])
    #expect(try await scales.deployment()["metadata"]?["generation"]?.int == 2)
    await scales.bench.destroy()
  }

  @Test func `without a number is one of none, and then nobody owns the field`() async throws {
    let scales = try await ScaleBench.make()
    let scale = try await scales.merge(#"{"spec":{"replicas":null}}"#)
    #expect(scale["spec"]?.encoded().text == "{}")
    #expect(try await scales.deployment()["spec"]?["replicas"]?.int == 0)
    #expect(try await scales.owners() == [])
    await scales.bench.destroy()
  }

  @Test func `refuses what is wrong with it in its own name, and conflicts in the object's`() async throws {
    let scales = try await ScaleBench.make()
    let negative = try await scales.refusal { try await scales.merge(#"{"spec":{"replicas":-1}}"#) }
    #expect(negative.code == 422)
    #expect(
      negative.message
        == #"Scale.autoscaling "a" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0"#)
    let label = try await scales.refusal { try await scales.merge(#"{"metadata":{"labels":{"-":"x"}}}"#) }
    #expect(label.message.hasPrefix(#"Scale.autoscaling "a" is invalid: metadata.labels: Invalid value: "-": "#))
    let stale = try await scales.refusal { try await scales.put(["resourceVersion": "1"], ["replicas": 5]) }
    #expect(stale.message.hasPrefix(#"Operation cannot be fulfilled on deployments.apps "a": the object has been"#))
    let other = try await scales.refusal { try await scales.merge(#"{"metadata":{"uid":"x"}}"#) }
    let uid = try await scales.deployment()["metadata"]?["uid"]?.string ?? ""
    #expect(other.code == 409)
    #expect(
      other.message
        == #"Operation cannot be fulfilled on deployments/scale.apps "a": "#
        + "Precondition failed: UID in precondition: x, UID in object meta: \(uid)")
    #expect(try await scales.deployment()["spec"]?["replicas"]?.int == 2)
    await scales.bench.destroy()
  }

  @Test func `keeps what clients write beside the number to itself`() async throws {
    let scales = try await ScaleBench.make()
    _ = try await scales.merge(#"{"metadata":{"labels":{"x":"y"}},"status":{"replicas":9},"spec":{"replicas":3}}"#)
    let deployment = try await scales.deployment()
    #expect(deployment["metadata"]?["labels"] == nil)
    #expect(deployment["status"]?["replicas"] == nil)
    #expect(deployment["spec"]?["replicas"]?.int == 3)
    await scales.bench.destroy()
  }
}
