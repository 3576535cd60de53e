import JSON
import Machinery

/// What is asked of what a version may have of its own, or all versions alike: columns, sub-resources, selectable
/// fields.
enum VersionParts {
  static let selectableMax = 8

  /// (`ValidateCustomResourceColumnDefinition`)
  static func column(_ column: JSONValue, at path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if column.text("name").isEmpty { errors.append(.required(path.child("name").description, "")) }
    let (type, format, jsonPath) = (column.text("type"), column.text("format"), column.text("jsonPath"))
    let types = ["boolean", "date", "integer", "number", "string"]
    let typeDetail = "must be one of \(types.joined(separator: ","))"
    if type.isEmpty {
      errors.append(.required(path.child("type").description, typeDetail))
    } else if !types.contains(type) {
      errors.append(.invalid(path.child("type").description, type, typeDetail))
    }
    let formats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"]
    if !format.isEmpty, !formats.contains(format) {
      let detail = "must be one of \(formats.joined(separator: ","))"
      errors.append(.invalid(path.child("format").description, format, detail))
    }
    if jsonPath.isEmpty {
      errors.append(.required(path.child("JSONPath").description, ""))
    } else if !jsonPath.hasPrefix(".") {
      errors.append(.invalid(path.child("JSONPath").description, jsonPath, Self.noDot))
    }
    return errors
  }

  private static let noDot = "must be a simple json path starting with ."

  /// (`ValidateCustomResourceDefinitionSubresources`)
  static func subresources(_ value: JSONValue?, at path: FieldPath) -> [FieldError] {
    guard let scale = value?.there("scale") else { return [] }
    var errors: [FieldError] = []
    for (name, prefix) in [("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")] {
      let text = scale.text(name)
      let place = path.child("scale").child(name).description
      if text.isEmpty {
        errors.append(.required(place, ""))
      } else if !text.hasPrefix(".") {
        errors.append(.invalid(place, text, noDot))
      } else if !text.hasPrefix("\(prefix).") {
        errors.append(.invalid(place, text, "should be a json path under \(prefix)"))
      }
    }
    let selector = scale.text("labelSelectorPath")
    let place = path.child("scale").child("labelSelectorPath").description
    if selector.isEmpty { return errors }
    if !selector.hasPrefix(".") {
      errors.append(.invalid(place, selector, noDot))
    } else if ![".spec.", ".status."].contains(where: selector.hasPrefix) {
      let shown = JSONValue.string(selector).encoded().text
      errors.append(.invalid(place, bare: shown, "should be a json path under either .spec or .status"))
    }
    return errors
  }

  /// (`ValidateCustomResourceSelectableFields`) `mayBeMany`: they were too many before.
  static func selectableFields(
    _ fields: [JSONValue], in schema: JSONValue, at path: FieldPath, mayBeMany: Bool
  ) -> [FieldError] {
    var errors: [FieldError] = []
    var seen = Set<ByteString>()
    for (index, field) in fields.enumerated() {
      let place = path.index(index).child("jsonPath").description
      let text = field.text("jsonPath")
      if text.isEmpty {
        errors.append(.required(place, ""))
        continue
      }
      do throws(SchemaPath.Failure) {
        let found = try SchemaPath(text, in: schema, allowsBrackets: false)
        if found.root == "metadata" {
          errors.append(.invalid(place, text, "must not point to fields in metadata"))
        }
        if !["string", "boolean", "integer"].contains(found.schema?.text("type") ?? "") {
          let detail =
            "must point to a field of type string, boolean or integer. Enum string fields and strings with formats "
            + "are allowed."
          errors.append(.invalid(place, text, detail))
        }
        if !seen.insert(ByteString(found.text)).inserted {
          errors.append(.duplicate(place, bare: GoText.quoted(text)))
        }
      } catch { errors.append(.invalid(place, text, "is an invalid path: \(error)")) }
    }
    if seen.count > selectableMax, !mayBeMany {
      errors.append(.tooMany(path.description, count: seen.count, limit: selectableMax))
    }
    return errors
  }

  /// (`validateDeprecationWarning`)
  static func deprecation(_ version: JSONValue, at path: FieldPath) -> [FieldError] {
    guard let warning = version["deprecationWarning"]?.string else { return [] }
    // A pointer, which messages print as JSON.
    func fault(_ detail: String) -> FieldError {
      .invalid(path.child("deprecationWarning").description, bare: JSONValue.string(warning).encoded().text, detail)
    }
    if !version.isTrue("deprecated") { return [fault("can only be set for deprecated versions")] }
    var errors: [FieldError] = []
    if warning.utf8.count > 256 { errors.append(fault("must be <= 256 characters long")) }
    if warning.isEmpty { errors.append(fault("must not be an empty string")) }
    var place = 0
    for scalar in warning.unicodeScalars {
      if !GoText.isPrintable(scalar) {
        let detail = "must only contain printable UTF-8 characters; non-printable character found at index \(place)"
        errors.append(fault(detail))
        break
      }
      place += UTF8.width(scalar)
    }
    return errors
  }
}
