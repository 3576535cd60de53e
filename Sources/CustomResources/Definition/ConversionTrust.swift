public import JSON

/// The certificates by which a definition's conversion webhook is known. (apiserver: `webhook.ValidateCABundle`)
public enum ConversionTrust {
  /// As a definition gives them, in base64; empty for none.
  public static func bundle(of definition: JSONValue?) -> String {
    definition?["spec"]?["conversion"]?["webhook"]?["clientConfig"]?["caBundle"]?.string ?? ""
  }

  /// Why a bundle can't be used; nil where it can, or where there is none.
  public static func problem(_ bundle: String) -> String? {
    if bundle.isEmpty { return nil }
    if case .success(let bytes) = Base64.decodedAsInGo(Array(bundle.utf8)) {
      let text = String(decoding: bytes, as: UTF8.self)
      if ["-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"].allSatisfy({ text.contains($0) }) { return nil }
      if text.contains("-----BEGIN "), text.contains("-----END ") {
        return "unable to load root certificates: no valid certificate authority data seen"
      }
    }
    return "unable to load root certificates: unable to parse bytes as PEM block"
  }

  /// May a bundle be one that can't be used: before the definition is established, or because it was such a one before?
  public static func mayBeBad(after old: JSONValue?) -> Bool {
    guard let old, DefinitionStatus.isServed(old) else { return true }
    return problem(bundle(of: old)) != nil
  }
}
