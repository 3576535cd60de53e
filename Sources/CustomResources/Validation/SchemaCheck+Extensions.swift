import JSON
import Machinery

/// What `x-kubernetes-*` may say.
extension SchemaCheck {
  mutating func extensions(_ schema: JSONValue, _ path: FieldPath) {
    if schema["x-kubernetes-preserve-unknown-fields"]?.bool == false {
      let place = path.child("x-kubernetes-preserve-unknown-fields").description
      errors.append(.invalid(place, bare: "false", "must be true or undefined"))
    }
    let type = schema.text("type")
    if let mapType = schema["x-kubernetes-map-type"]?.string {
      if type != "object" { typeFault(type, path, "must be object if x-kubernetes-map-type is specified") }
      if !["atomic", "granular"].contains(mapType) {
        errors.append(.notSupported(path.child("x-kubernetes-map-type").description, mapType, ["atomic", "granular"]))
      }
    }
    let listType = schema["x-kubernetes-list-type"]?.string
    let items = schema.there("items")
    if let listType {
      if type != "array" {
        typeFault(type, path, "must be array if x-kubernetes-list-type is specified")
      } else if tolerance.requiresAtomicSets, listType == "set", let items, items.object != nil {
        setItems(items, path.child("items"))
      }
      if !["atomic", "set", "map"].contains(listType) {
        let place = path.child("x-kubernetes-list-type").description
        errors.append(.notSupported(place, listType, ["atomic", "set", "map"]))
      }
    }
    let keys = schema.list("x-kubernetes-list-map-keys").compactMap(\.string)
    if !keys.isEmpty, listType != "map" {
      let detail = "must be map if x-kubernetes-list-map-keys is non-empty"
      let place = path.child("x-kubernetes-list-type")
      if let listType {
        errors.append(.invalid(place.description, listType, detail))
      } else {
        require(place, detail)
      }
    }
    if listType == "map" { map(keys, items, path) }
    if tolerance.requiresGoodMapKeys { errors += Self.keyFaults(schema, path) }
  }

  private mutating func typeFault(_ type: String, _ path: FieldPath, _ detail: String) {
    let place = path.child("type")
    if type.isEmpty { require(place, detail) } else { errors.append(.invalid(place.description, type, detail)) }
  }

  /// Items of a set are compared as a whole.
  private mutating func setItems(_ items: JSONValue, _ path: FieldPath) {
    let detail = "must be atomic as item of a list with x-kubernetes-list-type=set"
    let listType = items["x-kubernetes-list-type"]?.string
    let shown = listType.map { JSONValue.string($0).encoded().text } ?? "null"
    switch items.text("type") {
    case "array":
      if let listType, listType != "atomic" {
        errors.append(.invalid(path.child("x-kubernetes-list-type").description, bare: shown, detail))
      }
    case "object":
      if items["x-kubernetes-map-type"]?.string != "atomic" {
        // Upstream shows the other type.
        errors.append(.invalid(path.child("x-kubernetes-map-type").description, bare: shown, detail))
      }
    default: break
    }
  }

  private mutating func map(_ keys: [String], _ items: JSONValue?, _ path: FieldPath) {
    let place = path.child("x-kubernetes-list-map-keys")
    if keys.isEmpty { require(place, "must not be empty if x-kubernetes-list-type is map") }
    guard let items else {
      return require(path.child("items"), "must have a schema if x-kubernetes-list-type is map")
    }
    if items.object == nil {
      let detail = "must only have a single schema if x-kubernetes-list-type is map"
      return errors.append(.invalid(path.child("items").description, bare: OlderForm.items(items), detail))
    }
    let type = items.text("type")
    if type != "object" {
      let detail = "must be object if parent array's x-kubernetes-list-type is map"
      return errors.append(.invalid(path.child("items").child("type").description, type, detail))
    }
    let shown = JSONValue.array(keys.map(JSONValue.string)).encoded().text
    var seen = Set<ByteString>()
    for key in keys {
      if let property = items.map("properties").first(where: { $0.name == key })?.value {
        if ["array", "object"].contains(property.text("type")) {
          let fault = path.child("items").child("properties").key(key).child("type").description
          // Upstream shows the items' type.
          errors.append(
            .invalid(fault, type, "must be a scalar type if parent array's x-kubernetes-list-type is map"))
        }
      } else {
        errors.append(.invalid(place.description, bare: shown, "entries must all be names of item properties"))
      }
      if !seen.insert(ByteString(key)).inserted {
        errors.append(.invalid(place.description, bare: shown, "must not contain duplicate entries"))
      }
    }
  }

  /// Keys have to be there, and no item of a set or map may be null. (`validateMapListKeysMapSet`)
  static func keyFaults(_ schema: JSONValue, _ path: FieldPath) -> [FieldError] {
    guard let listType = schema["x-kubernetes-list-type"]?.string, ["set", "map"].contains(listType),
      let items = schema.there("items"), items.object != nil
    else { return [] }
    var errors: [FieldError] = []
    if items.isTrue("nullable") {
      let detail = "cannot be nullable when x-kubernetes-list-type is \(listType)"
      errors.append(.forbidden(path.child("items").child("nullable").description, detail))
    }
    if listType == "set" { return errors }
    let required = Set(items.list("required").compactMap(\.string).map { ByteString($0) })
    for key in schema.list("x-kubernetes-list-map-keys").compactMap(\.string) {
      guard let property = items.map("properties").first(where: { $0.name == key })?.value else { continue }
      let place = path.child("items").child("properties").key(key)
      if !required.contains(ByteString(key)), property.there("default") == nil {
        errors.append(
          .required(
            place.child("default").description,
            "this property is in x-kubernetes-list-map-keys, so it must have a default or be a required property"))
      }
      if property.isTrue("nullable") {
        errors.append(
          .forbidden(
            place.child("nullable").description,
            "this property is in x-kubernetes-list-map-keys, so it cannot be nullable"))
      }
    }
    return errors
  }

  // MARK: rules, before anybody compiles them

  /// `fields`: the schema in which a rule's path has to lead somewhere; nil where that is not asked.
  mutating func ruleForm(_ rule: JSONValue, _ path: FieldPath, _ fields: JSONValue?) {
    func hasBreaks(_ text: String) -> Bool { text.utf8.contains { $0 == 0x0A || $0 == 0x0D } }
    func invalid(_ name: String, _ text: String, _ detail: String) -> FieldError {
      .invalid(path.child(name).description, text, detail)
    }
    let (text, message) = (GoText.trimmed(rule.text("rule")), GoText.trimmed(rule.text("message")))
    if text.isEmpty {
      require(path.child("rule"), "rule is not specified")
    } else if !rule.text("message").isEmpty, message.isEmpty {
      errors.append(invalid("message", rule.text("message"), "must be non-empty if specified"))
    } else if hasBreaks(message) {
      errors.append(invalid("message", rule.text("message"), "must not contain line breaks"))
    } else if hasBreaks(text), message.isEmpty {
      require(path.child("message"), "message must be specified if rule contains line breaks")
    }
    let expression = rule.text("messageExpression")
    if !expression.isEmpty, GoText.trimmed(expression).isEmpty {
      require(path.child("messageExpression"), "messageExpression must be non-empty if specified")
    }
    let reasons = ["FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"]
    if let reason = rule["reason"]?.string, !reasons.contains(reason) {
      let fault = FieldError.notSupported(path.child("reason").description, reason, reasons)
      let shown = JSONValue.string(reason).encoded().text
      errors.append(FieldError(fault.kind, fault.field, value: shown, detail: fault.detail))
    }
    let field = rule.text("fieldPath")
    if field.isEmpty { return }
    if GoText.trimmed(field).isEmpty { errors.append(invalid("fieldPath", field, "must be non-empty if specified")) }
    if hasBreaks(field) { errors.append(invalid("fieldPath", field, "must not contain line breaks")) }
    if let fields, (try? SchemaPath(field, in: fields)) == nil {
      errors.append(invalid("fieldPath", field, "must be a valid path"))
    }
  }
}
