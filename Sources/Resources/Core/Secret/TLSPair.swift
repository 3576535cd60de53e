import CCrypto

/// A certificate and its private key, as secrets hold them.
enum TLSPair {
  /// Why they can't be served with, in Go's words; nil when they can. (`tls.X509KeyPair`)
  static func problem(certificates: [UInt8], key: [UInt8]) -> String? {
    var skipped: [String] = []
    var leaf: [UInt8]?
    var blocks = PEMBlocks(certificates)
    while leaf == nil, let block = blocks.next() {
      if block.type == "CERTIFICATE" { leaf = block.bytes } else { skipped.append(block.type) }
    }
    guard let leaf else { return "tls: " + missingCertificate(skipped) }
    skipped = []
    var secret: [UInt8]?
    blocks = PEMBlocks(key)
    while secret == nil, let block = blocks.next() {
      if block.type == "PRIVATE KEY" || block.type.hasSuffix(" PRIVATE KEY") {
        secret = block.bytes
      } else {
        skipped.append(block.type)
      }
    }
    guard let secret else { return "tls: " + missingKey(skipped) }
    return problem(leaf, secret)
  }

  private static func missingCertificate(_ skipped: [String]) -> String {
    if skipped.isEmpty { return "failed to find any PEM data in certificate input" }
    if skipped.count == 1, skipped[0].hasSuffix("PRIVATE KEY") {
      return "failed to find certificate PEM data in certificate input, but did find a private key; "
        + "PEM inputs may have been switched"
    }
    return #"failed to find "CERTIFICATE" PEM block in certificate input after skipping PEM blocks of the "#
      + "following types: [\(skipped.joined(separator: " "))]"
  }

  private static func missingKey(_ skipped: [String]) -> String {
    if skipped.isEmpty { return "failed to find any PEM data in key input" }
    if skipped == ["CERTIFICATE"] { return "found a certificate rather than a key in the PEM for the private key" }
    return #"failed to find PEM block with type ending in "PRIVATE KEY" in key input after skipping PEM blocks of the "#
      + "following types: [\(skipped.joined(separator: " "))]"
  }

  /// Both in DER. Errors stay in OpenSSL's queue: whoever reads that clears it before.
  private static func problem(_ leaf: [UInt8], _ secret: [UInt8]) -> String? {
    let (certificate, isWhole) = leaf.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      let certificate = d2i_X509(nil, &place, bytes.count)
      return (certificate, place == bytes.baseAddress.map { $0 + bytes.count })
    }
    guard let certificate else { return "x509: malformed certificate" }
    defer { X509_free(certificate) }
    if !isWhole { return "x509: trailing data" }
    guard let key = key(secret) else { return "tls: failed to parse private key" }
    defer { EVP_PKEY_free(key) }
    guard let known = X509_get0_pubkey(certificate), isServed(known) else {
      return "tls: unknown public key algorithm"
    }
    guard isServed(key) else { return "tls: found unknown private key type in PKCS#8 wrapping" }
    if EVP_PKEY_get_base_id(key) != EVP_PKEY_get_base_id(known) {
      return "tls: private key type does not match public key type"
    }
    return EVP_PKEY_eq(key, known) == 1 ? nil : "tls: private key does not match public key"
  }

  /// A key in PKCS#8, PKCS#1 or SEC 1. Its algorithm is looked at first: others are computed with while they are read, as
  /// long as their numbers are.
  private static func key(_ secret: [UInt8]) -> OpaquePointer? {
    secret.withUnsafeBufferPointer { bytes in
      var place = bytes.baseAddress
      if let wrapped = d2i_PKCS8_PRIV_KEY_INFO(nil, &place, bytes.count) {
        defer { PKCS8_PRIV_KEY_INFO_free(wrapped) }
        var algorithm: OpaquePointer?
        guard PKCS8_pkey_get0(&algorithm, nil, nil, nil, wrapped) == 1,
          [NID_rsaEncryption, NID_X9_62_id_ecPublicKey, NID_ED25519, NID_X25519].contains(OBJ_obj2nid(algorithm))
        else { return nil }
        return EVP_PKCS82PKEY(wrapped)
      }
      for kind in [EVP_PKEY_RSA, EVP_PKEY_EC] {
        place = bytes.baseAddress
        if let key = d2i_PrivateKey(kind, nil, &place, bytes.count) { return key }
      }
      return nil
    }
  }

  private static func isServed(_ key: OpaquePointer) -> Bool {
    [EVP_PKEY_RSA, EVP_PKEY_EC, EVP_PKEY_ED25519].contains(EVP_PKEY_get_base_id(key))
  }
}
