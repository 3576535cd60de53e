import ByteBuffers
import JSON
import Schema

/// The document as the message `APIGroupDiscoveryList`. (apidiscovery.k8s.io/v2 `generated.proto`; as in Go, texts are
/// written even when they are empty, and lists only when they are not.)
extension AggregatedDiscovery {
  static func message(of document: JSONValue) -> [ByteSlice] {
    var writer = ProtobufWriter(.builtin)
    metadata(.object(JSONObject()), "ListMeta", to: &writer)
    for group in elements(document["items"]) {
      writer.message(2) { writer in
        metadata(group["metadata"] ?? [:], "ObjectMeta", to: &writer)
        for version in elements(group["versions"]) { writer.message(2) { Self.version(version, to: &$0) } }
      }
    }
    return ProtobufForm.enveloped(
      [ByteSlice(SharedBytes(writer.bytes))], apiVersion: text(document["apiVersion"]), kind: text(document["kind"]))
  }

  private static func metadata(_ value: JSONValue, _ type: String, to writer: inout ProtobufWriter) {
    guard let type = TypeModel.builtin.type("io.k8s.apimachinery.pkg.apis.meta.v1.\(type)") else { return }
    let root = try? JSONTape.parse(ByteSlice(value.encoded())).root
    writer.message(1) { $0.structure(root, type) }
  }

  private static func version(_ version: JSONValue, to writer: inout ProtobufWriter) {
    writer.text(text(version["version"]), 1)
    for resource in elements(version["resources"]) { writer.message(2) { Self.resource(resource, to: &$0) } }
    writer.text(text(version["freshness"]), 3)
  }

  private static func resource(_ resource: JSONValue, to writer: inout ProtobufWriter) {
    writer.text(text(resource["resource"]), 1)
    kind(resource["responseKind"], to: &writer)
    writer.text(text(resource["scope"]), 3)
    writer.text(text(resource["singularResource"]), 4)
    for verb in elements(resource["verbs"]) { writer.text(text(verb), 5) }
    for name in elements(resource["shortNames"]) { writer.text(text(name), 6) }
    for category in elements(resource["categories"]) { writer.text(text(category), 7) }
    for subresource in elements(resource["subresources"]) {
      writer.message(8) { writer in
        writer.text(text(subresource["subresource"]), 1)
        kind(subresource["responseKind"], to: &writer)
        for verb in elements(subresource["verbs"]) { writer.text(text(verb), 4) }
      }
    }
  }

  private static func kind(_ kind: JSONValue?, to writer: inout ProtobufWriter) {
    guard let kind else { return }
    writer.message(2) { writer in
      writer.text(text(kind["group"]), 1)
      writer.text(text(kind["version"]), 2)
      writer.text(text(kind["kind"]), 3)
    }
  }

  private static func elements(_ list: JSONValue?) -> [JSONValue] { list?.array ?? [] }
  private static func text(_ value: JSONValue?) -> String { value?.string ?? "" }
}
