import ByteBuffers
import Capacity
import JSON
import Machinery
import Registry
import Schema

/// A request body as JSON, whatever it came as.
struct RequestBody {
  let json: ByteSlice
  /// Complaints that only the original text shows: names given twice in YAML. A strict refusal quotes go-yaml's one
  /// error, warnings come one by one.
  private var duplicates: [String] = []
  func problems(_ validation: FieldValidation) -> [String] {
    if duplicates.isEmpty || validation != .strict { return duplicates }
    return ["yaml: unmarshal errors:\n  " + duplicates.joined(separator: "\n  ")]
  }

  /// Reads the body; YAML apart from the reactor, as even a short text may stand for a long one.
  static func read(_ context: RequestContext, _ reader: ObjectReader) async throws(Status) -> RequestBody {
    guard Negotiation.input(contentType: context.contentType) == .yaml else { return try RequestBody(context, reader) }
    return try await onWorkThreads { () throws(Status) in try RequestBody(context, reader) }
  }

  /// The body of an apply: YAML, of which JSON is a part. Strict validation refuses names given twice, others are
  /// warned of them.
  static func configuration(
    _ context: RequestContext, validation: FieldValidation
  ) async throws(Status) -> (JSONValue, warnings: [String]) {
    // Most clients send JSON, which is read much faster; what is odd about it is left to the reader of YAML.
    if let tape = try? JSONTape.parse(context.body, limits: .tree), tape.root.kind == .object,
      !tape.root.hasRepeatedNames
    {
      return (JSONValue(tape.root), [])
    }
    let body = context.body
    let (value, duplicates) = try await onWorkThreads { () throws(Status) -> (JSONValue, [String]) in
      var duplicates: [String] = []
      do { return (try JSONValue(yaml: body, duplicates: &duplicates), duplicates) } catch {
        throw .badRequest("error decoding YAML: error converting YAML to JSON: \(error)")
      }
    }
    // Go reads null into a map as nothing at all.
    if value.isNull { return ([:], []) }
    guard value.object != nil else {
      throw .badRequest(
        "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal \(value.goKind) into Go value of type map[string]interface {}"
      )
    }
    if duplicates.isEmpty || validation == .ignore { return (value, []) }
    let text = "yaml: unmarshal errors:\n  " + duplicates.joined(separator: "\n  ")
    if validation == .strict { throw .badRequest("error strict decoding YAML: error converting YAML to JSON: \(text)") }
    return (value, duplicates)
  }

  /// Is it long work to read a body and to go on with what it says? A short text may stand for a long one: YAML has
  /// aliases, and a JSON patch may copy what it copied.
  static func isLong(_ body: ByteSlice, contentType: String?) -> Bool {
    if body.count == 0 { return false }
    if body.count > WorkThreads.inlineBytesMax { return true }
    guard let contentType, contentType != MediaType.json.rawValue, contentType != MediaType.protobuf.rawValue else {
      return false
    }
    return body.withUnsafeBytes { bytes in
      switch Negotiation.name(of: contentType[...]) {
      // Most of these are JSON. What has no anchor has no aliases either.
      case MediaType.applyPatch: bytes.first != UInt8(ascii: "{") || bytes.contains(UInt8(ascii: "&"))
      // The name of the operation may be written with escapes.
      case MediaType.jsonPatch: bytes.contains("copy".utf8) || bytes.contains(UInt8(ascii: "\\"))
      default: Negotiation.input(contentType: contentType) == .yaml
      }
    }
  }

  private init(_ context: RequestContext, _ reader: ObjectReader) throws(Status) {
    let media = Negotiation.input(contentType: context.contentType)
    if media != nil { try context.checkBody() }
    switch media {
    case .json: json = context.body
    case .yaml:
      do {
        let value = try JSONValue(yaml: context.body, duplicates: &duplicates)
        json = ByteSlice(value.encoded())
      } catch {
        throw Status.badRequest(
          "the object provided is unrecognized (must be of type \(reader.info.kind)): \(error) (\(ObjectReader.summary(context.body)))"
        )
      }
    case .protobuf: json = try reader.json(ofProtobuf: context.body)
    case nil: throw Status.unsupportedMediaType(accepted: MediaType.all)
    }
  }
}

extension JSONNode {
  /// Does any object in it have two members of one name?
  fileprivate var hasRepeatedNames: Bool {
    switch kind {
    case .object:
      var seen: Set<ByteString> = []
      for (name, value) in members {
        if !seen.insert(name.string ?? "").inserted || value.hasRepeatedNames { return true }
      }
      return false
    case .array: return elements.contains { $0.hasRepeatedNames }
    default: return false
    }
  }
}
