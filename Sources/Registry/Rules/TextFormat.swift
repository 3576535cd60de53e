public import Machinery

/// How a text has to be made.
public struct TextFormat: Sendable {
  /// What is wrong with a text, a line each.
  public let problems: @Sendable (String) -> [String]

  public init(_ problems: @escaping @Sendable (String) -> [String]) { self.problems = problems }

  /// `example.com` (k8s-long-name)
  public static let dns1123Subdomain = TextFormat(NameValidation.dns1123Subdomain)
  /// `my-name` (k8s-short-name)
  public static let dns1123Label = TextFormat(NameValidation.dns1123Label)
  /// `my-name`, but not `1st`
  public static let dns1035Label = TextFormat(NameValidation.dns1035Label)
  /// `example.com/name` (k8s-label-key)
  public static let labelKey = TextFormat(NameValidation.qualifiedName)
  public static let qualifiedName = labelKey
  /// (k8s-label-value)
  public static let labelValue = TextFormat(NameValidation.labelValue)
  /// `key.name`, `KEY_NAME`
  public static let configMapKey = TextFormat(NameValidation.configMapKey)
  /// `my_name`
  public static let cIdentifier = TextFormat(NameValidation.cIdentifier)
  /// No `/`, `%`, `.` or `..` (k8s-path-segment-name)
  public static let pathSegment = TextFormat(NameValidation.pathSegmentName)
  /// A finalizer with a domain, or one of Kubernetes' own.
  public static let kubeFinalizer = TextFormat { name in
    let isKnown =
      name.utf8.contains(UInt8(ascii: "/")) || name == "kubernetes" || name == "orphan" || name == "foregroundDeletion"
    return isKnown ? [] : ["name is neither a standard finalizer name nor is it fully qualified"]
  }
  /// (k8s-uuid)
  public static let uuid = TextFormat { isUUID($0) ? [] : ["must be a lowercase UUID in 8-4-4-4-12 format"] }

  private static func isUUID(_ text: String) -> Bool {
    guard text.utf8.count == 36 else { return false }
    for (place, byte) in text.utf8.enumerated() {
      let isGood =
        [8, 13, 18, 23].contains(place)
        ? byte == UInt8(ascii: "-")
        : (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
          || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
      if !isGood { return false }
    }
    return true
  }
}

/// How names of objects have to be made.
public struct NameForm: Sendable {
  public let rule: MetaValidation.NameRule

  public init(_ rule: @escaping MetaValidation.NameRule) { self.rule = rule }

  /// `example.com`; a prefix for generated names may end in a dash.
  public static let subdomain = NameForm(MetaValidation.subdomainName)
  /// `my-name`, likewise
  public static let label = NameForm(MetaValidation.labelName)
  /// Whatever a path can hold.
  public static let pathSegment = NameForm { name, _ in NameValidation.pathSegmentName(name) }
}
