import JSON
import Machinery
import RegularExpressions

/// What `format` asks of a text or a number, where it asks something: most names ask nothing.
/// (apiextensions-apiserver: `StripUnsupportedFormatsPostProcessorForVersion`; kube-openapi: `strfmt`)
enum ValueFormat: Sendable {
  case int32, int64, float, double
  case text(@Sendable (String) -> Bool)

  /// nil for a name that is not known, or not for such values. `type`: the one that the value is of; empty for any.
  init?(_ name: String, of type: String) {
    switch type {
    case "integer":
      guard let format = ["int32": ValueFormat.int32, "int64": .int64][name] else { return nil }
      self = format
    case "number":
      guard let format = ["float": ValueFormat.float, "double": .double][name] else { return nil }
      self = format
    case "", "string":
      let plain = name.replacing("-", with: "")
      guard !name.isEmpty, let check = Self.texts[plain] else { return nil }
      self = .text(check)
    default: return nil
    }
  }

  private static func matches(_ pattern: String) -> @Sendable (String) -> Bool {
    guard let pattern = try? GoRegexp(pattern) else { return { _ in true } }
    return { pattern.matches($0) }
  }

  /// By their names without hyphens.
  private static let texts: [String: @Sendable (String) -> Bool] = [
    "uri": OpenAPIFormats.isURI, "email": OpenAPIFormats.isEmail, "hostname": hostname,
    "ipv4": { IPAddress($0)?.isIPv4 == true && !$0.contains(":") },
    "ipv6": { $0.contains(":") && IPAddress($0) != nil }, "cidr": { IPNetwork($0) != nil },
    "mac": OpenAPIFormats.isMAC, "uuid": { OpenAPIFormats.isUUID($0) },
    "uuid3": { OpenAPIFormats.isUUID($0, version: "3") },
    "uuid4": { OpenAPIFormats.isUUID($0, version: "4", isOfRFC4122: true) },
    "uuid5": { OpenAPIFormats.isUUID($0, version: "5", isOfRFC4122: true) },
    "isbn": { OpenAPIFormats.isISBN10($0) || OpenAPIFormats.isISBN13($0) }, "isbn10": OpenAPIFormats.isISBN10,
    "isbn13": OpenAPIFormats.isISBN13, "creditcard": creditCard,
    "ssn": { [matches = matches(#"^\d{3}[- ]?\d{2}[- ]?\d{4}$"#)] in $0.utf8.count == 11 && matches($0) },
    "hexcolor": matches("^#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})$"), "rgbcolor": rgb,
    "byte": OpenAPIFormats.isBase64,
    "bsonobjectid": matches("^[0-9a-fA-F]{24}$"), "date": OpenAPIFormats.isDate, "datetime": OpenAPIFormats.isDateTime,
    "duration": OpenAPIFormats.isDuration, "password": { _ in true },
    "k8sshortname": { NameValidation.dns1123Label($0).isEmpty },
    "k8slongname": { NameValidation.dns1123Subdomain($0).isEmpty },
  ]

  private static let hostname: @Sendable (String) -> Bool = {
    let one = #"[a-zA-Z0-9\p{S}\p{L}]"#
    let label = #"[a-zA-Z0-9-\p{S}\p{L}]"#
    let isHost = matches(
      "^(\(one)((-?\(one){0,62})?)|(\(one)((\(label){0,61}\(one))?)(\\.)){1,}([a-zA-Z\\p{L}]){2,63})$")
    return { isHost($0) && $0.utf8.count <= 255 && $0.split(separator: ".").allSatisfy { $0.utf8.count <= 63 } }
  }()

  private static let creditCard: @Sendable (String) -> Bool = {
    let isCard = matches(
      #"^(?:4[0-9]{12}(?:[0-9]{3})?|5[1-5][0-9]{14}|6(?:011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|"#
        + #"3(?:0[0-5]|[68][0-9])[0-9]{11}|(?:2131|1800|35\d{3})\d{11})$"#)
    return { text in
      let digits = text.utf8.filter { (0x30...0x39).contains($0) }
      guard isCard(String(decoding: digits, as: UTF8.self)) else { return false }
      // Every second digit from the end counts twice, and its own digits are added. (Luhn)
      let sum = digits.reversed().enumerated().reduce(0) { sum, place in
        let digit = Int(place.element - 0x30) * (place.offset % 2 == 0 ? 1 : 2)
        return sum + digit / 10 + digit % 10
      }
      return sum % 10 == 0
    }
  }()

  private static let rgb: @Sendable (String) -> Bool = {
    let part = #"\s*(0|[1-9]\d?|1\d\d?|2[0-4]\d|25[0-5])\s*"#
    return matches(#"^rgb\("# + [part, part, part].joined(separator: ",") + #"\)$"#)
  }()
}
