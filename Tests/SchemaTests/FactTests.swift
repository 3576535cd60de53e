import FoundationEssentials
import JSON
import TestSupport
import Testing

@testable import Schema

@Suite struct `Facts` {
  private static let generator = Repository.root.appending(path: "scripts/generate-schema")

  @Test func `are what their generator makes, and hold together`() async throws {
    let made = try await run(["python3", Self.generator.path, "--check"])
    #expect(made.status == 0, "\(made.output)")
    #expect(TypeModel.builtin.problems.isEmpty)
    #expect(!TypeModel.builtin.structures.isEmpty)
  }

  @Test func `of other types are what their generator makes, schemas that contain themselves among them`() async throws
  {
    let file = Repository.root.appending(path: "Tests/SchemaTests/Facts/other-types.facts")
    let kept = try String(contentsOf: file, encoding: .utf8)
    let names =
      [
        "Pod", "ConfigMap", "Secret", "Namespace", "Event",
      ].map { "io.k8s.api.core.v1.\($0)" } + [
        "io.k8s.api.coordination.v1.Lease", "io.k8s.api.coordination.v1.LeaseList",
        "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.CustomResourceDefinition",
        "io.k8s.api.admissionregistration.v1.MutatingAdmissionPolicy", "io.k8s.api.resource.v1.ResourceClaim",
      ]
    let made = try await run(["python3", Self.generator.path, "--facts-of"] + names)
    #expect(made.status == 0 && made.output == kept)
    #expect(TypeModel(facts: kept).problems.isEmpty)
  }

  @Test(arguments: [
    ("T a.Root -\nx Rb.Gone e", ["a.Root names b.Gone, of which there are no facts"]),
    ("T a.Root -\nx {[Rb.Gone e\ny *Ra.Root e", ["a.Root names b.Gone, of which there are no facts"]),
    ("T a.Root -\nx Ra.Root e", ["a.Root contains itself, by way of a.Root"]),
    (
      "T a.One -\nx Ra.Two e\nT a.Two -\ny s e\nx Ra.Three e\nT a.Three -\nx Ra.One e",
      ["a.One contains itself, by way of a.Three"]
    ),
    ("T a.One -\nx *Ra.One e\ny [Ra.One e\nz {Ra.One e", []),
  ])
  func `with a hole or without an end are told of, by type`(facts: String, problems: [String]) {
    let model = TypeModel(facts: facts)
    #expect(model.problems == problems)
    #expect(model.structures.isEmpty == !problems.isEmpty)
  }

  /// The generator says what it can't make of its data in one line, and leaves the sources as they are.
  @Test(arguments: [
    (
      "types[\"io.k8s.api.core.v1.NodeSpec\"][\"properties\"][\"taints\"][\"items\"][\"ref\"] = \"io.k8s.api.core.v1.Gone\"",
      "io.k8s.api.core.v1.Gone: nobody has facts about it, and io.k8s.api.core.v1.NodeSpec names it"
    ),
    (
      "structs.pop(\"k8s.io/api/core/v1.NodeSpec\")",
      "io.k8s.api.core.v1.NodeSpec: there is no Go struct k8s.io/api/core/v1.NodeSpec, so nobody knows its order"
    ),
    (
      "structs[\"k8s.io/api/core/v1.NodeSpec\"].append({\"json\": \"again\", \"go\": \"NodeSpec\"}); types[\"io.k8s.api.core.v1.NodeSpec\"][\"properties\"][\"again\"] = {\"ref\": \"io.k8s.api.core.v1.NodeSpec\"}",
      "io.k8s.api.core.v1.NodeSpec: it contains itself, by way of itself"
    ),
  ])
  func `that can't be right are refused with one line, and nothing is written`(change: String, why: String) async throws
  {
    let folder = try TemporaryFolder()
    let scripts = folder.file("scripts")
    let copy = try await run([
      "sh", "-c",
      "mkdir -p \(scripts) \(folder.file("Sources/Schema")) && cp -r \(Self.generator.path) \(Self.generator.path.replacing("generate-schema", with: "schema-facts")) \(scripts)/",
    ])
    #expect(copy.status == 0, "\(copy.output)")
    let spoil =
      "import json; p = \"\(scripts)/schema-facts/core.v1.json\"; d = json.load(open(p)); types, structs = d[\"types\"], d[\"structs\"]; \(change); json.dump(d, open(p, \"w\"))"
    let spoiled = try await run(["python3", "-c", spoil])
    #expect(spoiled.status == 0, "\(spoiled.output)")
    let made = try await run(["python3", scripts + "/generate-schema"])
    #expect(made.status == 1 && made.output == "generate-schema: \(why)\n", "\(made.output)")
    #expect(!FileManager.default.fileExists(atPath: folder.file("Sources/Schema/Facts")))
  }

  @Test func `without a description are listed, and stop nobody`() async throws {
    let listed = try await run(["python3", Self.generator.path, "--missing"])
    #expect(listed.status == 0, "\(listed.output)")
  }
}
