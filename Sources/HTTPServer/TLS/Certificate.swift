import ByteBuffers
import COpenSSL
import Cryptography
import Glibc

/// An X.509 certificate. Owns its handle.
final class Certificate {
  let handle: OpaquePointer

  /// Takes over a handle that OpenSSL made.
  init(adopting handle: OpaquePointer) { self.handle = handle }

  deinit { X509_free(handle) }

  /// All certificates of a PEM text, in order; other blocks are passed over.
  static func all(pem: [UInt8]) -> [Certificate] {
    guard let bio = MemoryBIO.holding(pem) else { return [] }
    var found: [Certificate] = []
    OpenSSLErrors.clear()
    while let handle = PEM_read_bio_X509(bio.handle, nil, nil, nil) { found.append(Certificate(adopting: handle)) }
    OpenSSLErrors.clear()  // that there are no more is told as an error
    return found
  }

  /// Certificates as bytes, one behind the other; such as can't be written are left out.
  static func der(of certificates: [Certificate]) -> [UInt8] {
    var bytes: [UInt8] = []
    for certificate in certificates {
      var made: UnsafeMutablePointer<UInt8>?
      let count = i2d_X509(certificate.handle, &made)
      guard count > 0, let made else { continue }
      bytes += UnsafeBufferPointer(start: made, count: Int(count))
      CRYPTO_free(made, "", 0)
    }
    return bytes
  }

  /// What `der(of:)` has written, up to what is no certificate.
  static func all(der bytes: [UInt8]) -> [Certificate] {
    bytes.withUnsafeBufferPointer { bytes in
      guard let start = bytes.baseAddress else { return [] }
      var found: [Certificate] = []
      var next: UnsafePointer<UInt8>? = start
      let end = start + bytes.count
      while let place = next, place < end, let handle = d2i_X509(nil, &next, end - place) {
        found.append(Certificate(adopting: handle))
      }
      OpenSSLErrors.clear()
      return found
    }
  }

  /// When it is good. Times that can't be read are never.
  static func validity(_ handle: OpaquePointer) -> Validity {
    func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int? {
      var parts = tm()
      return ASN1_TIME_to_tm(time, &parts) == 1 ? timegm(&parts) : nil
    }
    return Validity(
      from: seconds(X509_get0_notBefore(handle)) ?? .max, until: seconds(X509_get0_notAfter(handle)) ?? .min)
  }

  var pem: [UInt8]? {
    guard let bio = MemoryBIO(), PEM_write_bio_X509(bio.handle, handle) == 1 else { return nil }
    return bio.bytes
  }

  var hasExpired: Bool { X509_cmp_current_time(X509_get0_notAfter(handle)) < 0 }

  /// When it expires, as OpenSSL writes it.
  var expiry: String {
    guard let bio = MemoryBIO(), ASN1_TIME_print(bio.handle, X509_get0_notAfter(handle)) == 1 else {
      return "an unreadable time"
    }
    return String(decoding: bio.bytes, as: UTF8.self)
  }

  /// Values of the subject's attribute `id`, in order.
  func subject(_ id: Int32) -> [String] {
    guard let name = X509_get_subject_name(handle) else { return [] }
    var values: [String] = []
    var place = X509_NAME_get_index_by_NID(name, id, -1)
    while place >= 0 {
      if let entry = X509_NAME_get_entry(name, place), let text = Self.text(X509_NAME_ENTRY_get_data(entry)) {
        values.append(text)
      }
      place = X509_NAME_get_index_by_NID(name, id, place)
    }
    return values
  }

  /// Values of the subject's attribute with this object identifier, in order.
  func subject(oid: String) -> [String] {
    guard let object = OBJ_txt2obj(oid, 1) else { return [] }
    defer { ASN1_OBJECT_free(object) }
    guard let name = X509_get_subject_name(handle) else { return [] }
    var values: [String] = []
    var place = X509_NAME_get_index_by_OBJ(name, object, -1)
    while place >= 0 {
      if let entry = X509_NAME_get_entry(name, place), let text = Self.text(X509_NAME_ENTRY_get_data(entry)) {
        values.append(text)
      }
      place = X509_NAME_get_index_by_OBJ(name, object, place)
    }
    return values
  }

  private static func text(_ string: UnsafePointer<ASN1_STRING>?) -> String? {
    guard let string else { return nil }
    var utf8: UnsafeMutablePointer<UInt8>?
    let count = ASN1_STRING_to_UTF8(&utf8, string)
    guard count >= 0, let utf8 else { return nil }
    defer { CRYPTO_free(utf8, "", 0) }
    return String(decoding: UnsafeBufferPointer(start: utf8, count: Int(count)), as: UTF8.self)
  }

  /// The names in subjectAltName.
  struct AlternativeNames: Sendable, Equatable {
    var dns: [String] = []
    var emails: [String] = []
    var uris: [String] = []
    /// In their textual form.
    var addresses: [String] = []
  }

  var alternativeNames: AlternativeNames {
    var names = AlternativeNames()
    guard let raw = X509_get_ext_d2i(handle, NID_subject_alt_name, nil, nil) else { return names }
    let list = OpaquePointer(raw)
    defer { GENERAL_NAMES_free(list) }
    for place in 0..<copenssl_general_name_count(list) {
      guard let name = copenssl_general_name(list, place) else { continue }
      let type = copenssl_general_name_type(name)
      guard [GEN_DNS, GEN_EMAIL, GEN_URI, GEN_IPADD].contains(type), let string = copenssl_general_name_string(name),
        let bytes = ASN1_STRING_get0_data(string)
      else { continue }
      let value = UnsafeRawBufferPointer(start: bytes, count: Int(ASN1_STRING_length(string)))
      switch type {
      case GEN_DNS: names.dns.append(String(decoding: value, as: UTF8.self))
      case GEN_EMAIL: names.emails.append(String(decoding: value, as: UTF8.self))
      case GEN_URI: names.uris.append(String(decoding: value, as: UTF8.self))
      default: if let address = Self.address(value) { names.addresses.append(address) }
      }
    }
    return names
  }

  private static func address(_ bytes: UnsafeRawBufferPointer) -> String? {
    guard bytes.count == 4 || bytes.count == 16 else { return nil }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN) + 1)
    guard inet_ntop(bytes.count == 4 ? AF_INET : AF_INET6, bytes.baseAddress, &text, socklen_t(text.count)) != nil
    else { return nil }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// SHA-256 of the encoded certificate, in hexadecimal.
  var fingerprint: String {
    var digest = [UInt8](repeating: 0, count: Int(EVP_MAX_MD_SIZE))
    var count: UInt32 = 0
    guard X509_digest(handle, EVP_sha256(), &digest, &count) == 1 else { return "" }
    return Hex.text(digest.prefix(Int(count)), .lower)
  }
}

/// OpenSSL's file that lives in memory. Owns its handle.
struct MemoryBIO: ~Copyable {
  let handle: OpaquePointer

  /// An empty one to write into; nil when memory is out.
  init?() {
    guard let handle = BIO_new(BIO_s_mem()) else { return nil }
    self.handle = handle
  }

  /// One that holds a copy of `bytes`.
  static func holding(_ bytes: [UInt8]) -> MemoryBIO? {
    guard let bio = MemoryBIO() else { return nil }
    let count = Int32(clamping: bytes.count)
    guard count == 0 || BIO_write(bio.handle, bytes, count) == count else { return nil }
    return bio
  }

  deinit { BIO_free(handle) }

  /// What it holds.
  var bytes: [UInt8] {
    var start: UnsafeMutablePointer<CChar>?
    let count = copenssl_bio_mem_data(handle, &start)
    guard let start, count > 0 else { return [] }
    return Array(UnsafeRawBufferPointer(start: start, count: count))
  }
}
