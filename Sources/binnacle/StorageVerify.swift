import ArgumentParser
import ByteBuffers
import Cacher
import Machinery
import Registry
import Storage

/// `binnacle storage verify`: every object can be read and stands under its own name. Exit code 1 when one does not.
struct StorageVerify: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract: "Read every object; print the keys of those that can't be read or stand under another name.")
  @OptionGroup var options: ServeOptions

  func run() async throws {
    var problems = 0
    try await OpenStorage.with(options) { open in
      for resource in try await open.resources() {
        var progress = ProgressLine(
          "verifying \(resource.name)", of: try await resource.storage.count(prefix: resource.prefix))
        var stale = 0
        try await resource.storage.forEach(prefix: resource.prefix) { stored in
          if resource.isStale(stored) { stale += 1 }
          if let problem = resource.problem(with: stored) {
            problems += 1
            progress.interrupt("\(stored.key): \(problem)")
          }
          progress.advance()
        }
        progress.finish()
        if stale > 0 {
          print("\(resource.name): \(stale) would be stored otherwise today: run `binnacle storage rewrite`")
        }
      }
      let known = try await open.resources().map(\.prefix)
      let others = try await open.raw.count(prefix: open.settings.storage.prefix + "/") - problemsAside(open, known)
      if others > 0 {
        print(
          "\(others) keys under \(open.settings.storage.prefix)/ are of kinds that this build does not know; they were not looked at"
        )
      }
      print(problems == 0 ? "all is well" : "\(problems) objects with a problem")
    }
    if problems > 0 { throw ExitCode.failure }
  }

  private func problemsAside(_ open: OpenStorage, _ prefixes: [String]) async throws -> Int {
    var count = 0
    for prefix in prefixes { count += try await open.raw.count(prefix: prefix) }
    return count
  }
}

extension OpenStorage.Resource {
  /// Would it be stored otherwise today: under another key, or in another form?
  func isStale(_ stored: StoredObject) -> Bool { (try? codec.decode(stored).isStale) ?? stored.isStale }

  /// What is wrong with a stored object; nil for nothing.
  func problem(with stored: StoredObject) -> String? {
    do {
      let object = try codec.decode(stored)
      let name = object.fields["metadata.name"] ?? ""
      let place = stored.key.dropFirst(prefix.count).split(separator: "/", omittingEmptySubsequences: false)
      guard place.count == (isNamespaced ? 2 : 1), let last = place.last else {
        return "the key is not one of \(self.name)"
      }
      return name == last ? nil : "holds the object named \"\(name)\""
    } catch StorageError.untransformable(_, let reason) {
      return "can't be decrypted: \(reason)"
    } catch StorageError.corruptObject(_, let reason) {
      return "can't be decoded: \(reason)"
    } catch { return "\(error)" }
  }
}

/// `binnacle storage rewrite`: the end of a change of encryption keys or of the stored form.
struct StorageRewrite: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rewrite",
    abstract:
      "Write again what would be stored otherwise today: under another encryption key, or in another form. Safe beside running servers."
  )
  @OptionGroup var options: ServeOptions

  func run() async throws {
    var failures = 0
    try await OpenStorage.with(options) { open in
      for resource in try await open.resources() {
        var progress = ProgressLine(
          "rewriting \(resource.name)", of: try await resource.storage.count(prefix: resource.prefix))
        var written = 0
        try await resource.storage.forEach(prefix: resource.prefix) { stored in
          do { if try await resource.rewrite(stored) { written += 1 } } catch StorageError.keyNotFound {
            // Deleted meanwhile.
          } catch let error as StorageError {
            failures += 1
            progress.interrupt("\(stored.key): \(resource.problem(with: stored) ?? "\(error)")")
          }
          progress.advance()
        }
        progress.finish()
        print("\(resource.name): \(written) written again")
      }
    }
    if failures > 0 { throw ExitCode.failure }
  }
}

extension OpenStorage.Resource {
  /// Writes an object as it would be written today, if it is not so already; false when it was. Throws what reading it
  /// throws.
  func rewrite(_ stored: StoredObject) async throws -> Bool {
    @Sendable func wanted(_ shown: StoredObject) throws -> SharedBytes? {
      let value = codec.storedBytes(of: try codec.decode(shown))
      return shown.isStale || !value.hasSameBytes(as: shown.value) ? value : nil
    }
    // A key with a time to live would get another one; it goes by itself.
    guard stored.lease == 0, try wanted(stored) != nil else { return false }
    let outcome = try await storage.guaranteedUpdate(key: stored.key, ignoreNotFound: false, origin: nil) { shown in
      guard let shown, shown.lease == 0, let value = try wanted(shown) else { return .keep }
      return .write(value, ttl: nil)
    }
    return outcome.wasWritten
  }
}
