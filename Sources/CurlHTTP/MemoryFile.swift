import CNetwork
import Glibc

/// Bytes under a file's name, in memory alone: libcurl wants certificates as files.
public enum MemoryFile {
  /// The path, which this process can open as long as it lives; nil where there is no memory for it. `name`: what the
  /// system lists it as.
  public static func path(named name: String, holding bytes: some Sequence<UInt8>) -> String? {
    let bytes = Array(bytes)
    let descriptor = cnetwork_memory_file(name)
    guard descriptor >= 0 else { return nil }
    guard write(descriptor, bytes, bytes.count) == bytes.count else {
      close(descriptor)
      return nil
    }
    return "/proc/self/fd/\(descriptor)"
  }
}
