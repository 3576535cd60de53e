import ByteBuffers
import Cryptography
import JSON
import Machinery
import Schema

/// Writes paths in a dialect of OpenAPI.
struct OpenAPIWriter {
  let dialect: OpenAPIDialect
  /// Swagger only: parameters that are written once and referred to, by what they say.
  private(set) var sharedParameters: [String: JSONValue] = [:]

  init(_ dialect: OpenAPIDialect) { self.dialect = dialect }

  /// A `paths` object, sorted.
  mutating func paths(_ paths: [APIPath]) -> JSONObject {
    var object = JSONObject()
    for path in paths.sorted(by: { $0.path < $1.path }) { object[path.path] = item(path) }
    return object
  }

  private mutating func item(_ path: APIPath) -> JSONValue {
    let shared = path.sharedParameters
    var object = JSONObject()
    for operation in path.operations { object[operation.method] = self.operation(operation, without: shared) }
    if !shared.isEmpty { object["parameters"] = .array(shared.map { parameter($0) }) }
    return .object(object)
  }

  private mutating func operation(_ operation: APIOperation, without shared: [APIParameter]) -> JSONValue {
    var object: JSONObject = [
      "tags": [.string(operation.tag)], "description": .string(operation.description),
      "operationId": .string(operation.id),
    ]
    if dialect == .v2 {
      object["consumes"] = .array((operation.body?.types ?? operation.consumes).map { .string($0) })
      object["produces"] = .array(operation.produces.map { .string($0) })
    }
    var parameters = operation.parameters.filter { !shared.contains($0) }.sorted(by: APIParameter.precedes).map {
      (name: $0.name, value: parameter($0))
    }
    if let body = operation.body {
      switch dialect {
      case .v2:
        parameters.append(("body", self.body(body)))
        parameters.sort { $0.name < $1.name }
      case .v3:
        var request: JSONObject = ["content": content([body.schema], body.types)]
        if body.isRequired { request["required"] = true }
        object["requestBody"] = .object(request)
      }
    }
    if !parameters.isEmpty { object["parameters"] = .array(parameters.map(\.value)) }
    object["responses"] = responses(operation)
    if dialect == .v2 { object["schemes"] = ["https"] }
    if let action = operation.action { object["x-kubernetes-action"] = .string(action) }
    if let kind = operation.kind {
      object["x-kubernetes-group-version-kind"] = [
        "group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind),
      ]
    }
    return .object(object)
  }

  private func content(_ schemas: [String], _ types: [String]) -> JSONValue {
    let references = schemas.map(dialect.reference)
    let schema: JSONValue = references.count == 1 ? references[0] : ["anyOf": .array(references)]
    return .object(JSONObject(uniquing: types.map { JSONObject.Member($0, ["schema": schema]) }))
  }

  private func responses(_ operation: APIOperation) -> JSONValue {
    let names = [200: "OK", 201: "Created", 202: "Accepted"]
    var object = JSONObject()
    for (code, schemas) in operation.answers {
      var response: JSONObject = ["description": .string(names[code] ?? "")]
      switch dialect {
      // Swagger has no word for a choice.
      case .v2: response["schema"] = schemas.first.map(dialect.reference)
      case .v3: response["content"] = content(schemas, operation.produces)
      }
      object[String(code)] = .object(response)
    }
    object["401"] = ["description": "Unauthorized"]
    return .object(object)
  }

  // MARK: parameters

  private mutating func parameter(_ parameter: APIParameter) -> JSONValue {
    var object: JSONObject = [
      "name": .string(parameter.name), "in": .string(parameter.place.rawValue),
      "description": .string(parameter.description),
    ]
    if parameter.place == .path { object["required"] = true }
    let type: JSONObject = ["type": .string(parameter.type), "uniqueItems": true]
    guard dialect == .v2 else {
      object["schema"] = .object(type)
      return .object(object)
    }
    for member in type.members { object[member.name] = member.value }
    // kubectl up to 1.27 looks for these two in the operations themselves, and a name says whose it is.
    let isUnshared = ["name", "dryRun", "fieldValidation"].contains(parameter.name)
    return isUnshared ? .object(object) : share(parameter.name, .object(object))
  }

  private mutating func body(_ body: APIOperation.Body) -> JSONValue {
    var object: JSONObject = ["name": "body", "in": "body", "schema": dialect.reference(body.schema)]
    if body.isRequired { object["required"] = true }
    // Bodies of the machinery's own types serve many resources, others only one.
    return body.schema.hasPrefix("io.k8s.apimachinery") ? share("body", .object(object)) : .object(object)
  }

  /// Keeps a parameter for the document's end. Its name tells different ones of one name apart.
  /// (`collectSharedParameters`.)
  private mutating func share(_ name: String, _ value: JSONValue) -> JSONValue {
    let digest = Base64.text(Array(Digest.sha256.bytes(value.encoded().array).prefix(6)))
    let key = name + "-" + digest.map { $0 == "+" ? "-" : $0 == "/" ? "_" : $0 }
    sharedParameters[key] = value
    return ["$ref": .string("#/parameters/\(key)")]
  }
}
