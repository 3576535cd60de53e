import ByteBuffers
import JSON

/// Between bytes and etcd2's values, which are text: they travel in JSON, and a snapshot of etcd2 turns what is not
/// UTF-8 into question marks.
///
/// UTF-8, and so every JSON object, is stored as it is and as a kube-apiserver of old stored it. Other bytes (protobuf,
/// ciphertexts) are stored as `base64:` and their base64, and so is text that begins that way.
enum ValueText {
  private static let mark: StaticString = "base64:"

  /// The form body `value=…` of a write. Only what has a meaning in a form is escaped: JSON passes nearly as it is.
  static func form(_ value: SharedBytes, ttlSeconds: Int64?) -> SharedBytes {
    value.withUnsafeBytes { bytes in
      var form: [UInt8] = []
      form.reserveCapacity(bytes.count + bytes.count / 8 + 64)
      form.append(contentsOf: "value=".utf8)
      if isMarked(bytes) || !isText(bytes) {
        form.append(contentsOf: mark.description.utf8)
        for byte in Base64.text(Array(bytes)).utf8 { append(byte, to: &form) }
      } else {
        for byte in bytes { append(byte, to: &form) }
      }
      if let ttlSeconds { form.append(contentsOf: "&ttl=\(ttlSeconds)".utf8) }
      return SharedBytes(form)
    }
  }

  private static func append(_ byte: UInt8, to form: inout [UInt8]) {
    switch byte {
    case UInt8(ascii: "%"), UInt8(ascii: "&"), UInt8(ascii: "+"), UInt8(ascii: ";"), 0..<0x20, 0x7F:
      let digits: StaticString = "0123456789ABCDEF"
      form.append(UInt8(ascii: "%"))
      form.append(digits.utf8Start[Int(byte >> 4)])
      form.append(digits.utf8Start[Int(byte & 15)])
    default: form.append(byte)
    }
  }

  /// The bytes behind the text of an answer. A mark without base64 is not ours: the text is handed up as it is, for
  /// whoever decodes it.
  static func bytes(_ node: JSONNode) -> SharedBytes {
    let text =
      if node.isEscaped { SharedBytes(node.string ?? "") } else { node.withContent { SharedBytes($0) } }
    return text.withUnsafeBytes { bytes in
      guard isMarked(bytes) else { return text }
      return Base64.decode(UnsafeRawBufferPointer(rebasing: bytes[mark.utf8CodeUnitCount...])) ?? text
    }
  }

  private static func isMarked(_ bytes: UnsafeRawBufferPointer) -> Bool {
    bytes.count >= mark.utf8CodeUnitCount && bytes.prefix(mark.utf8CodeUnitCount).elementsEqual(mark.description.utf8)
  }

  private static func isText(_ bytes: UnsafeRawBufferPointer) -> Bool {
    // A NUL is UTF-8, and no text that anybody stores.
    !bytes.contains(0) && String(validating: bytes, as: UTF8.self) != nil
  }
}
