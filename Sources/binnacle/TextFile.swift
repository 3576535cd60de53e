import ByteBuffers
import Glibc
import JSON
import Schema

/// Small files that settings name.
enum TextFile {
  static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// A folder, if it is not there; nobody else reads it. Its parent must be there.
  static func makeFolder(_ path: String, flag: String) throws {
    guard mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw StartFailure("\(flag): can't make \(path): \(String(cString: strerror(errno)))")
    }
  }

  /// The folder that a file is to be in, and those above it; nobody else reads them.
  static func makeFolders(above file: String, flag: String) throws {
    var made = file.hasPrefix("/") ? "/" : ""
    for part in file.split(separator: "/").dropLast() {
      made += (made.isEmpty || made.hasSuffix("/") ? "" : "/") + part
      try makeFolder(made, flag: flag)
    }
  }

  /// Writes a file that others see whole or not at all.
  static func write(_ bytes: [UInt8], to file: String, mode: mode_t, flag: String) throws {
    let draft = "\(file).\(getpid())"
    let descriptor = open(draft, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode)
    guard descriptor >= 0 else {
      throw StartFailure("\(flag): can't write \(draft): \(String(cString: strerror(errno)))")
    }
    let isWritten = Glibc.write(descriptor, bytes, bytes.count) == bytes.count && fsync(descriptor) == 0
    let code = errno
    close(descriptor)
    guard isWritten, rename(draft, file) == 0 else {
      unlink(draft)
      throw StartFailure("\(flag): can't write \(file): \(String(cString: strerror(isWritten ? errno : code)))")
    }
  }

  /// Why a folder that may have to be made, with those above it, can't be; nil where nothing speaks against it. Makes
  /// nothing.
  static func problemMaking(folder: String) -> String? {
    var path = folder
    var facts = stat()
    while stat(path, &facts) != 0 {
      guard errno == ENOENT else { return String(cString: strerror(errno)) }
      let slash = path.reversed().drop { $0 == "/" }.firstIndex(of: "/")?.base
      path =
        slash.map { $0 == path.index(after: path.startIndex) ? "/" : String(path[..<path.index(before: $0)]) } ?? "."
    }
    guard facts.st_mode & S_IFMT == S_IFDIR else { return String(cString: strerror(ENOTDIR)) }
    guard access(path, W_OK | X_OK) == 0 else { return String(cString: strerror(errno)) }
    // These say yes to root and then make nothing.
    if path != folder, ["/proc", "/sys"].contains(where: { path == $0 || path.hasPrefix($0 + "/") }) {
      return String(cString: strerror(ENOENT))
    }
    return nil
  }

  /// Why a file can't be written, or made in its folder; nil where nothing speaks against it. Makes nothing.
  static func problemWriting(file path: String) -> String? {
    var facts = stat()
    if stat(path, &facts) == 0 {
      if facts.st_mode & S_IFMT == S_IFDIR { return String(cString: strerror(EISDIR)) }
      return access(path, W_OK) == 0 ? nil : String(cString: strerror(errno))
    }
    guard errno == ENOENT else { return String(cString: strerror(errno)) }
    let folder = path.lastIndex(of: "/").map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    guard stat(folder, &facts) == 0 else { return String(cString: strerror(errno)) }
    return path.hasSuffix("/") ? String(cString: strerror(EISDIR)) : problemMaking(folder: folder)
  }

  /// What YAML says, and complaints of names given twice. Throws the reader's error, also for a second document.
  static func tree(yaml bytes: [UInt8]) throws -> (tree: JSONValue, duplicates: [String]) {
    var duplicates: [String] = []
    let tree = try JSONValue(yamlFile: ByteSlice(SharedBytes(bytes)), duplicates: &duplicates)
    return (tree, duplicates)
  }

  /// At most 1 MiB; throws a `StartFailure` that names `flag` and the file.
  static func contents(of path: String, flag: String) throws -> [UInt8] {
    guard let file = fopen(path, "re") else {
      throw StartFailure("\(flag): can't read \(path): \(String(cString: strerror(errno)))")
    }
    defer { fclose(file) }
    var bytes = [UInt8](repeating: 0, count: 1 << 20)
    let count = fread(&bytes, 1, bytes.count, file)
    guard ferror(file) == 0 else {
      throw StartFailure("\(flag): can't read \(path): \(String(cString: strerror(errno)))")
    }
    guard count < bytes.count else { throw StartFailure("\(flag): \(path) is larger than 1 MiB") }
    return Array(bytes.prefix(count))
  }
}
