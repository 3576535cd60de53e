import ByteBuffers
public import JSON

/// Rules for `metadata`, as apimachinery's `ValidateObjectMeta` and `ValidateObjectMetaUpdate`.
public enum MetaValidation {
  /// What is wrong with a name; `isPrefix` is true for generateName.
  public typealias NameRule = @Sendable (_ name: String, _ isPrefix: Bool) -> [String]

  /// Names that are DNS subdomains; a prefix may end in a dash.
  public static let subdomainName: NameRule = { name, isPrefix in
    NameValidation.dns1123Subdomain(isPrefix ? maskingTrailingDash(name) : name)
  }

  /// Names that are DNS labels.
  public static let labelName: NameRule = { name, isPrefix in
    NameValidation.dns1123Label(isPrefix ? maskingTrailingDash(name) : name)
  }

  /// Upstream cuts two characters where it replaces one; so does this, or some prefixes would be judged otherwise.
  private static func maskingTrailingDash(_ name: String) -> String {
    name.utf8.count > 1 && name.hasSuffix("-") ? name.dropLast(2) + "a" : name
  }

  static let annotationLimit = 256 << 10

  /// Checks `metadata` of an object that is to be stored.
  public static func validate(_ meta: JSONObject, isNamespaced: Bool, nameRule: NameRule) -> [FieldError] {
    var errors: [FieldError] = []
    let name = meta["name"]?.string ?? ""
    if let prefix = meta["generateName"]?.string, !prefix.isEmpty {
      errors += nameRule(prefix, true).map { .invalid("metadata.generateName", prefix, $0) }
    }
    if name.isEmpty {
      errors.append(.required("metadata.name", "name or generateName is required"))
    } else {
      errors += nameRule(name, false).map { .invalid("metadata.name", name, $0) }
    }
    let namespace = meta["namespace"]?.string ?? ""
    if isNamespaced {
      if namespace.isEmpty {
        errors.append(.required("metadata.namespace", ""))
      } else {
        errors += NameValidation.dns1123Label(namespace).map { .invalid("metadata.namespace", namespace, $0) }
      }
    } else if !namespace.isEmpty {
      errors.append(.forbidden("metadata.namespace", "not allowed on this type"))
    }
    if let generation = meta["generation"]?.int, generation < 0 {
      errors.append(.invalid("metadata.generation", bare: String(generation), "must be greater than or equal to 0"))
    }
    errors += labels(meta) + annotations(meta) + owners(meta)
    return errors + finalizers(meta) + managedFields(meta)
  }

  /// Checks what an update may change. `new` must carry a resourceVersion already. `isKnownGood`: `validate` has found
  /// nothing in it, so that there is no need to look again at what both look at; upstream does, and so complains twice.
  public static func validateUpdate(_ new: JSONObject, _ old: JSONObject, isKnownGood: Bool = false) -> [FieldError] {
    var errors: [FieldError] = []
    if old["deletionTimestamp"] != nil {
      let before = Set<ByteString>((old["finalizers"]?.array ?? []).compactMap(\.string))
      let added = Set<ByteString>((new["finalizers"]?.array ?? []).compactMap(\.string)).subtracting(before).map(\.text)
        .sorted()
      if !added.isEmpty {
        let list = "[]string{" + added.map { GoText.quoted($0) }.joined(separator: ", ") + "}"
        errors.append(
          .forbidden(
            "metadata.finalizers",
            "no new finalizers can be added if the object is being deleted, found new finalizers \(list)"))
      }
    }
    if (new["resourceVersion"]?.string ?? "").isEmpty {
      errors.append(.invalid("metadata.resourceVersion", "", "must be specified for an update"))
    }
    let generation = new["generation"]?.int ?? 0
    if generation < old["generation"]?.int ?? 0 {
      errors.append(.invalid("metadata.generation", bare: String(generation), "must not be decremented"))
    }
    for field in ["name", "namespace", "uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds"]
    where new[field] != old[field] {
      errors.append(.invalid("metadata.\(field)", bare: shown(new[field], field), "field is immutable"))
    }
    return isKnownGood ? errors : errors + labels(new) + annotations(new) + owners(new) + managedFields(new)
  }

  /// A value as Go prints it in "Invalid value".
  private static func shown(_ value: JSONValue?, _ field: String) -> String {
    switch value {
    case .string(let text)?: GoText.quoted(text)
    case .int(let number)?: String(number)
    default:
      field == "deletionTimestamp" || field == "deletionGracePeriodSeconds" || field == "creationTimestamp"
        ? "null" : "\"\""
    }
  }

  /// What is wrong with the metadata that a template gives to what is made from it. (`ValidateTemplateObjectMeta`)
  public static func templateErrors(_ meta: JSONObject) -> [FieldError] {
    let others = meta.members.filter { member in
      switch member.value {
      case .null: false
      case .string(let text): !text.isEmpty
      case .int(let number): number != 0
      default: member.name != "annotations" && member.name != "labels"
      }
    }
    // Upstream makes the member's name from Go's.
    return annotations(meta) + labels(meta)
      + others.map { .forbidden("metadata.\($0.name == "uid" ? "uID" : $0.name)", "cannot be set") }
  }

  /// Label keys and values; keys in order, which Go leaves to chance.
  private static func labels(_ meta: JSONObject) -> [FieldError] {
    var errors: [FieldError] = []
    for label in meta["labels"]?.object?.members ?? [] {
      let value = label.value.string ?? ""
      errors += NameValidation.qualifiedName(label.name).map { .invalid("metadata.labels", label.name, $0) }
      errors += NameValidation.labelValue(value).map { .invalid("metadata.labels", value, $0) }
    }
    return errors
  }

  private static func annotations(_ meta: JSONObject) -> [FieldError] {
    let members = meta["annotations"]?.object?.members ?? []
    var errors: [FieldError] = []
    for annotation in members {
      errors += NameValidation.qualifiedName(annotation.name.lowercased()).map {
        .invalid("metadata.annotations", annotation.name, $0)
      }
    }
    if members.reduce(0, { $0 + $1.name.utf8.count + ($1.value.string ?? "").utf8.count }) > annotationLimit {
      errors.append(.tooLong("metadata.annotations", limit: annotationLimit))
    }
    return errors
  }

  private static func owners(_ meta: JSONObject) -> [FieldError] {
    let field = "metadata.ownerReferences"
    var errors: [FieldError] = []
    var controller: String?
    // Each complaint about a second controller shows the whole list: made once, and not more of them than a client
    // could read.
    lazy var shown = (meta["ownerReferences"] ?? .null).encoded().text
    var shownBytes = 0
    for owner in meta["ownerReferences"]?.array ?? [] {
      let version = owner["apiVersion"]?.string ?? ""
      let kind = owner["kind"]?.string ?? ""
      let name = owner["name"]?.string ?? ""
      let parts = version.split(separator: "/", omittingEmptySubsequences: false)
      if parts.count > 2 || parts.last?.isEmpty != false {
        errors.append(.invalid("\(field).apiVersion", version, "version must not be empty"))
      }
      if kind.isEmpty { errors.append(.invalid("\(field).kind", kind, "must not be empty")) }
      if name.isEmpty { errors.append(.invalid("\(field).name", name, "must not be empty")) }
      if (owner["uid"]?.string ?? "").isEmpty { errors.append(.invalid("\(field).uid", "", "must not be empty")) }
      if version == "v1" && kind == "Event" {
        errors.append(.invalid(field, bare: owner.encoded().text, "/v1, Kind=Event is disallowed from being an owner"))
      }
      if owner["controller"]?.bool == true {
        if let first = controller {
          guard shownBytes <= FieldError.textMax else { continue }
          shownBytes += shown.utf8.count
          errors.append(
            .invalid(
              field, bare: shown,
              "Only one reference can have Controller set to true. Found \"true\" in references for \(first) and \(kind)/\(name)"
            ))
        } else {
          controller = "\(kind)/\(name)"
        }
      }
    }
    return errors
  }

  private static func managedFields(_ meta: JSONObject) -> [FieldError] {
    var errors: [FieldError] = []
    for (place, entry) in (meta["managedFields"]?.array ?? []).enumerated() {
      let path = FieldPath("metadata", "managedFields").index(place)
      let operation = entry["operation"]?.string ?? ""
      if operation != "Apply" && operation != "Update" {
        errors.append(.invalid(path.child("operation").description, operation, "must be `Apply` or `Update`"))
      }
      let type = entry["fieldsType"]?.string ?? ""
      if !type.isEmpty && type != "FieldsV1" {
        errors.append(.invalid(path.child("fieldsType").description, type, "must be `FieldsV1`"))
      }
      errors += fieldManager(entry["manager"]?.string ?? "", path.child("manager"))
      if (entry["subresource"]?.string ?? "").utf8.count > 256 {
        errors.append(.tooLong(path.child("subresource").description, limit: 256))
      }
    }
    return errors
  }

  /// Rules for the name of a field manager, in metadata and in options. (`ValidateFieldManager`)
  public static func fieldManager(_ name: String, _ path: FieldPath) -> [FieldError] {
    var errors: [FieldError] = []
    if name.utf8.count > 128 { errors.append(.tooLong(path.description, limit: 128)) }
    var position = 0
    for scalar in name.unicodeScalars {
      if !GoText.isPrintable(scalar) {
        errors.append(
          .invalid(path.description, name, "invalid character \(GoText.codePoint(scalar)) (at position \(position))"))
      }
      position += scalar.utf8.count
    }
    return errors
  }

  private static func finalizers(_ meta: JSONObject) -> [FieldError] {
    let names = (meta["finalizers"]?.array ?? []).compactMap(\.string)
    var errors = names.flatMap { name in
      NameValidation.qualifiedName(name).map { FieldError.invalid("metadata.finalizers", name, $0) }
    }
    if names.contains("orphan") && names.contains("foregroundDeletion") {
      errors.append(
        .invalid(
          "metadata.finalizers", bare: (meta["finalizers"] ?? .null).encoded().text,
          "finalizer orphan and foregroundDeletion cannot be both set"))
    }
    return errors
  }
}
