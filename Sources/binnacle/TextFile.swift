import ByteBuffers
import Glibc
import JSON
import Schema

/// Small files that settings name.
enum TextFile {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// A folder, if it is not there; nobody else reads it. Its parent must be there.
  static func makeFolder(_ path: String, flag: String) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else { throw StartFailure("\(flag): can't make \(path): \(String(cString: strerror(errno)))") }
  }

  /// What YAML says, and complaints of names given twice. Throws the reader's error, also for a second document.
  static func tree(yaml bytes: [UInt8]) throws -> (tree: JSONValue, duplicates: [String]) {
    var duplicates: [String] = []
    let tree = try JSONValue(yamlFile: ByteSlice(SharedBytes(bytes)), duplicates: &duplicates)
    return (tree, duplicates)
  }

  /// At most 1 MiB; throws a `StartFailure` that names `flag` and the file.
  static func contents(of path: String, flag: String) throws -> [UInt8] {
    guard let file = fopen(path, "re") else { throw StartFailure("\(flag): can't read \(path): \(String(cString: strerror(errno)))") }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 else { throw StartFailure("\(flag): can't read \(path): \(String(cString: strerror(errno)))") }
    guard count < bytes.count else { throw StartFailure("\(flag): \(path) is larger than 1 MiB") }
    return Array(bytes.prefix(count))
  }
}
