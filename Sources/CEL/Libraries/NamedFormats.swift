import Machinery

/// The formats that a text can be held against by name, with what is wrong with it. (apiserver
/// `pkg/cel/library/format.go`)
struct NamedFormat: Sendable {
  /// As it is called in expressions.
  let name: String
  /// As upstream's is as long, or is guessed to be: it prices a validation.
  let regexSize: Int
  /// What is wrong with a text; nothing where all is well.
  let faults: @Sendable (String) -> [String]

  static let all: [NamedFormat] = [
    NamedFormat(name: "dns1123Label", regexSize: 30, faults: NameValidation.dns1123Label),
    NamedFormat(name: "dns1123Subdomain", regexSize: 60, faults: NameValidation.dns1123Subdomain),
    NamedFormat(name: "dns1035Label", regexSize: 30, faults: NameValidation.dns1035Label),
    NamedFormat(name: "qualifiedName", regexSize: 60, faults: NameValidation.qualifiedName),
    NamedFormat(name: "dns1123LabelPrefix", regexSize: 30) { NameValidation.dns1123Label(masked($0)) },
    NamedFormat(name: "dns1123SubdomainPrefix", regexSize: 60) { NameValidation.dns1123Subdomain(masked($0)) },
    NamedFormat(name: "dns1035LabelPrefix", regexSize: 30) { NameValidation.dns1035Label(masked($0)) },
    NamedFormat(name: "labelValue", regexSize: 40, faults: NameValidation.labelValue),
    NamedFormat(name: "uri", regexSize: 1_103, faults: uri),
    NamedFormat(name: "uuid", regexSize: 70) { OpenAPIFormats.isUUID($0) ? [] : ["does not match the UUID format"] },
    NamedFormat(name: "byte", regexSize: 84) { OpenAPIFormats.isBase64($0) ? [] : ["invalid base64"] },
    NamedFormat(name: "date", regexSize: 71) { OpenAPIFormats.isDate($0) ? [] : ["invalid date"] },
    NamedFormat(name: "datetime", regexSize: 71) { OpenAPIFormats.isDateTime($0) ? [] : ["invalid datetime"] },
  ]

  static func named(_ name: String) -> NamedFormat? { all.first { $0.name == name } }

  /// A name is going to stand behind the dash. (`maskTrailingDash`)
  private static func masked(_ text: String) -> String {
    text.utf8.count > 1 && text.utf8.last == UInt8(ascii: "-")
      ? String(decoding: text.utf8.dropLast(2) + [UInt8(ascii: "a")], as: UTF8.self) : text
  }

  private static func uri(_ text: String) -> [String] {
    do throws(GoURL.Failure) { _ = try GoURL(requesting: text) } catch { return [error.description] }
    return []
  }
}
