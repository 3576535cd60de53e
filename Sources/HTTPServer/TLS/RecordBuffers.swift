import COpenSSL

/// The buffers that OpenSSL makes its records in.
public enum RecordBuffers {
  /// Keeps one of them on each thread, warm for the next record (`COpenSSL.c`). Once a process, before anything asks OpenSSL for memory; later it
  /// changes nothing.
  public static func keep() { _ = copenssl_keep_record_buffers() }
}
