import ByteBuffers
import Cacher
import JSON
import Machinery
import Registry
import TestSupport
import Testing

/// How a number is written counts where a patch is applied to text: JSON and merge patches. Strategic patches, applied
/// configurations and YAML have values.
@Suite struct `Numbers as they are written` {
  private static let size = "Go struct field ContainerImage.status.images.sizeBytes of type int64"
  private static let port = "Go struct field DaemonEndpoint.status.daemonEndpoints.kubeletEndpoint.Port of type int32"

  private func failure(_ bench: Bench, _ kind: PatchKind, _ patch: String) async -> Status? {
    do {
      _ = try await bench.patch("a", kind, patch, .status)
      return nil
    } catch { return error as? Status }
  }

  @Test(arguments: ["1.0", "1e3", "1E3", "1.5", "9223372036854775808", "10e-1"])
  func `a merge or JSON patch must write an integer as one`(number: String) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"},"status":{"images":[{"names":["i"],"sizeBytes":7}]}}"#)
    for (kind, patch) in [
      (PatchKind.merge, #"{"status":{"images":[{"names":["i"],"sizeBytes":\#(number)}]}}"#),
      (.json, #"[{"op":"add","path":"/status/images/0/sizeBytes","value":\#(number)}]"#),
      (
        .json,
        #"[{"op":"add","path":"/status/images/0/x","value":\#(number)},{"op":"move","from":"/status/images/0/x","path":"/status/images/0/sizeBytes"}]"#
      ),
    ] {
      let status = await failure(bench, kind, patch)
      #expect(status?.code == 422 && status?.details?.causes.first?.field == "patch")
      #expect(status?.message.hasSuffix("json: cannot unmarshal number \(number) into \(Self.size)") == true)
      #expect(
        status?.message.contains(#"\"sizeBytes\":\#(number)"#) == true, "the patched object is shown as it was written")
    }
    #expect(try await bench.get("a")["status"]?["images"]?.array?.first?["sizeBytes"] == 7)
    await bench.destroy()
  }

  @Test(arguments: ["80.0", "8e1", "2147483648", "-2147483649"])
  func `32 bits are no more`(number: String) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let status = await failure(
      bench, .merge, #"{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":\#(number)}}}}"#)
    #expect(
      status?.code == 422
        && status?.message.hasSuffix("json: cannot unmarshal number \(number) into \(Self.port)") == true)
    await bench.destroy()
  }

  @Test(
    arguments: [
      ("1.0", 1), ("1e3", 1_000), ("9007199254740993", 9_007_199_254_740_993), ("1e300", Int64.min), ("-0.0", nil),
    ] as [(String, Int64?)])
  func `a strategic patch has values, and what is too large wraps as Go converts it`(
    number: String, value: Int64?
  ) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let patched = try await bench.patch(
      "a", .strategic, #"{"status":{"images":[{"names":["i"],"sizeBytes":\#(number)}]}}"#, .status)
    #expect(patched["status"]?["images"]?.array?.first?["sizeBytes"]?.int == value)
    await bench.destroy()
  }

  @Test(
    arguments: [("80.0", 80), ("2147483648", -2_147_483_648), ("4294967297", 1), ("3e9", -1_294_967_296)]
      as [(String, Int64)])
  func `32 bits of a strategic patch or an applied configuration`(number: String, value: Int64) async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let change = #"{"status":{"daemonEndpoints":{"kubeletEndpoint":{"Port":\#(number)}}}}"#
    let patched = try await bench.patch("a", .strategic, change, .status)
    #expect(patched["status"]?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.int == value)
    var config = try JSONValue(parsing: change)
    config["apiVersion"] = "v1"
    config["kind"] = "Node"
    config["metadata"] = ["name": "a"]
    var options = WriteOptions(.patch)
    options.fieldManager = "m"
    options.force = true
    let applied = try await bench.store.apply(
      "a", namespace: "", config: config, subresource: .status, options: options)
    #expect(
      try JSONValue(parsing: applied.object.object)["status"]?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"]?.int
        == value)
    await bench.destroy()
  }

  @Test func `what is no whole number is refused by all of them`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    let status = await failure(bench, .strategic, #"{"status":{"images":[{"names":["i"],"sizeBytes":1.5}]}}"#)
    #expect(status?.code == 422 && status?.message.hasSuffix("cannot convert float64 to int64") == true)
    await bench.destroy()
  }

  @Test func `a quantity keeps the form in which a merge patch wrote it`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"}}"#)
    #expect(
      try await bench.patch("a", .merge, #"{"status":{"capacity":{"cpu":1e3,"memory":1.50}}}"#, .status)["status"]?[
        "capacity"] == ["cpu": "1e3", "memory": "1500m"])
    #expect(
      try await bench.patch("a", .strategic, #"{"status":{"capacity":{"cpu":1e3}}}"#, .status)["status"]?["capacity"]?[
        "cpu"] == "1k")
    await bench.destroy()
  }

  @Test func `a JSON patch tests numbers as they are written`() async throws {
    let bench = try await Bench.make()
    try await bench.create(#"{"metadata":{"name":"a"},"status":{"images":[{"names":["i"],"sizeBytes":7}]}}"#)
    #expect(await failure(bench, .json, #"[{"op":"test","path":"/status/images/0/sizeBytes","value":7}]"#) == nil)
    #expect(
      await failure(bench, .json, #"[{"op":"test","path":"/status/images/0/sizeBytes","value":7.0}]"#)?.code == 422)
    await bench.destroy()
  }

  @Test(arguments: ["1.0", "1e3"]) func `a body of a creation must write an integer as one too`(
    number: String
  ) async throws {
    let bench = try await Bench.make()
    let status = #expect(throws: Status.self) {
      try bench.body(#"{"status":{"images":[{"names":["i"],"sizeBytes":\#(number)}]}}"#)
    }
    #expect(
      status?.code == 400
        && status?.message.hasSuffix("json: cannot unmarshal number \(number) into \(Self.size)") == true)
    await bench.destroy()
  }
}
