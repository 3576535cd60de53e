import ByteBuffers
import FoundationEssentials
import Glibc
import Storage
import TestSupport
import Testing

@testable import StorageSQLite

@Suite struct `Opening the database` {
  @Test func `an empty store is at revision 1 and its first write at 2`() async throws {
    let folder = try TemporaryFolder()
    try await withDatabase(folder.file("a/b/c/store.db")) { storage in
      let empty = try await storage.currentRevision()
      #expect(empty == Revision(1))
      #expect(storage.revisionInProcess == Revision(1))
      #expect(try await storage.create("/a", "x") == Revision(2))
    }
  }

  @Test func `nobody else may read the objects`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("data/store.db")
    try await withDatabase(path) { storage in
      _ = try await storage.create("/a", "x")
      for file in [path, path + "-wal", path + "-reserve"] {
        let mode = try FileManager.default.attributesOfItem(atPath: file)[.posixPermissions] as? Int
        #expect(mode == 0o600)
      }
    }
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("data")).sorted()
    #expect(left == ["store.db", "store.db-reserve"])
  }

  @Test func `what was written is there after closing, and revisions go on`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let last = try await result(path) { storage in
      for number in 0..<100 { _ = try await storage.put("/k\(number % 10)", "\(number)") }
      return try await storage.delete(key: "/k3", origin: nil) { _ in }.revision
    }
    try await withDatabase(path) { storage in
      #expect(try await storage.currentRevision() == last)
      #expect(
        try await storage.list().objects.map(\.value.text) == ["90", "91", "92", "94", "95", "96", "97", "98", "99"])
      // History too: a watch of before goes on.
      let watch = try await storage.watch(prefix: "/", after: Revision(last.rawValue - 20))
      #expect(try await collect(watch, count: 20).last?.revision == last)
      watch.cancel()
      #expect(try await storage.create("/k3", "again").rawValue == last.rawValue + 1)
    }
  }

  @Test func `revisions go on although compaction left no row of the last one`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let last = try await result(path) { storage in
      _ = try await storage.create("/a", "x")
      let last = try await storage.delete(key: "/a", origin: nil) { _ in }.revision
      try await storage.compact(through: last)
      return last
    }
    try await withDatabase(path) { storage in
      let current = try await storage.currentRevision()
      #expect(current == last)
      #expect(try await storage.oldestWatchableRevision(atMostBack: 100) == last)
      await #expect(throws: StorageError.compacted(requested: Revision(2), compacted: last)) {
        try await storage.list(at: Revision(2))
      }
      #expect(try await storage.create("/a", "y").rawValue == last.rawValue + 1)
    }
  }

  @Test func `a second storage of this process on one file is refused`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try FileManager.default.createSymbolicLink(atPath: folder.file("other.db"), withDestinationPath: path)
    try await withDatabase(path) { storage in
      _ = try await storage.create("/a", "x")
      #expect(try await refusal(path) == "SQLite storage \(path): this process has it open already")
      #expect(try await refusal(folder.file("other.db")).hasSuffix("this process has it open already"))
      _ = try await storage.create("/b", "x")
    }
    #expect(try await result(path) { try await $0.count(prefix: "/") } == 2)
  }

  @Test func `another process can neither open the file nor keep it from being opened later`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    let look = [
      "python3", "-c",
      "import sqlite3, sys; print(sqlite3.connect(sys.argv[1], timeout=0).execute('select count(*) from history').fetchone()[0])",
      path,
    ]
    try await withDatabase(path) { storage in
      _ = try await storage.create("/a", "x")
      let result = try await run(look)
      #expect(result.status != 0 && result.output.contains("locked"))
    }
    let result = try await run(look)
    #expect(result.status == 0 && result.output.contains("1"))
  }

  @Test func `a file that another process holds is refused`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await withDatabase(path) { _ = try await $0.create("/a", "x") }
    let script = """
      import sqlite3, sys, time
      db = sqlite3.connect(sys.argv[1]); db.execute("pragma locking_mode=exclusive"); db.execute("begin exclusive"); print("held", flush=True); time.sleep(60)
      """
    let holder = try ChildProcess(["python3", "-c", script, path], outputFile: folder.file("out"))
    try await eventually("the lock") { holder.output.contains("held") }
    #expect(try await refusal(path) == "SQLite storage \(path): another process has it open")
    holder.signal(SIGKILL)
    try await holder.wait()
    #expect(try await result(path) { try await $0.text("/a") } == "x")
  }

  @Test func `files that are not ours are refused and left as they are`() async throws {
    let folder = try TemporaryFolder()
    let text = folder.file("text")
    try Data("not a database at all".utf8).write(to: URL(filePath: text))
    let foreign = folder.file("foreign.db")
    let newer = folder.file("newer.db")
    try await withDatabase(newer) { _ = try await $0.create("/a", "x") }
    _ = try await run([
      "python3", "-c",
      "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('create table t(a)'); c.commit()", foreign,
    ])
    _ = try await run([
      "python3", "-c",
      "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute('pragma user_version=7'); c.commit()", newer,
    ])
    for (path, reason) in [
      (text, "not a SQLite database (or damaged in its first bytes)"), (foreign, "the database of another program"),
      (newer, "written by a newer Binnacle (schema 7, this one reads up to 1)"), (folder.path, "not a file"),
    ] {
      let before = path == folder.path ? "" : try await contents(path)
      #expect(try await refusal(path) == "SQLite storage \(path): \(reason)")
      let after = path == folder.path ? "" : try await contents(path)
      #expect(after == before)
    }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == [
        "foreign.db", "newer.db", "newer.db-reserve", "text",
      ])
  }

  @Test func `places where no file can be are refused in one line`() async throws {
    let folder = try TemporaryFolder()
    try Data().write(to: URL(filePath: folder.file("plain")))
    #expect(try await refusal("") == "the SQLite storage has no file: set its path")
    #expect(try await refusal(folder.file("plain/store.db")).hasSuffix("plain/store.db: Not a directory"))
    #expect(try await refusal("/proc/nowhere/store.db").contains("No such file or directory"))
    // Root may write anywhere.
    if geteuid() != 0 {
      let locked = folder.file("locked")
      try FileManager.default.createDirectory(
        atPath: locked, withIntermediateDirectories: false, attributes: [.posixPermissions: 0o500])
      #expect(try await refusal(locked + "/store.db").hasSuffix("Permission denied"))
      #expect(try await refusal(locked + "/below/store.db").hasSuffix("Permission denied"))
    }
  }

  @Test(arguments: [
    ("DELETE FROM history WHERE rev = 5", "missing"),
    ("UPDATE history SET create_rev = 0 WHERE rev = 5", "makes no sense"), ("DELETE FROM meta", "missing"),
    ("DROP TABLE history", "no such table"),
  ])
  func `a history with holes is refused`(damage: String, word: String) async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await withDatabase(path) { for number in 0..<10 { _ = try await $0.put("/\(number % 2)", "\(number)") } }
    _ = try await run([
      "python3", "-c", "import sqlite3, sys; c = sqlite3.connect(sys.argv[1]); c.execute(sys.argv[2]); c.commit()",
      path, damage,
    ])
    let text = try await refusal(path)
    #expect(text.contains(path) && text.contains(word) && !text.contains("\n"))
  }

  @Test func `a file with a damaged page is refused or serves what is whole, and never crashes`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try await withDatabase(path) { storage in
      for number in 0..<200 { _ = try await storage.create("/\(number)", String(repeating: "x", count: 3_000)) }
    }
    let whole = try Data(contentsOf: URL(filePath: path))
    var refused = 0
    for page in stride(from: 1, to: whole.count / 4_096, by: 7) {
      var broken = whole
      for offset in 0..<200 { broken[page * 4_096 + offset] = UInt8(truncatingIfNeeded: offset &* 37 &+ page) }
      let copy = folder.file("copy.db")
      try broken.write(to: URL(filePath: copy))
      do {
        let (storage, destroy) = try await SQLiteStorage.make(config(copy))
        _ = try? await storage.getList(prefix: "/", options: StorageListOptions())
        await destroy()
      } catch StorageError.invalidConfiguration(let text) {
        #expect(text.contains("damaged"))
        refused += 1
      }
      try FileManager.default.removeItem(atPath: copy)
    }
    #expect(refused > 0)
  }

  @Test func `a half made file of an earlier start is no obstacle`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    try Data("half".utf8).write(to: URL(filePath: "\(path).new-\(getpid())"))
    try await withDatabase(path) { _ = try await $0.create("/a", "x") }
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted() == ["store.db", "store.db-reserve"])
  }

  @Test func `opening and destroying 50 times leaves no descriptor and no thread`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("store.db")
    func openOnce(_ number: Int) async throws {
      try await withDatabase(path) { storage in
        let watch = try await storage.watch(prefix: "/", after: nil)
        _ = try await storage.create("/\(number)", "x")
        _ = try await storage.text("/\(number)")
        watch.cancel()
      }
    }
    func own() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").filter { name in
        (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/fd/\(name)"))?.hasPrefix(folder.path)
          ?? false
      }.count
    }
    for number in 0..<50 { try await openOnce(number) }
    #expect(try own() == 0)
    #expect(try await result(path) { try await $0.count(prefix: "/") } == 50)
  }
}
