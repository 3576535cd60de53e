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
    return lead + String(descriptor)
  }
  private static let lead = "/proc/self/fd/"

  /// Gives back the memory of a path that nobody opens any more.
  public static func remove(_ path: String) {
    if path.hasPrefix(lead), let descriptor = Int32(path.dropFirst(lead.count)) { close(descriptor) }
  }
}
