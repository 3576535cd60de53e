import Cacher
import ArgumentParser
import Cacher
import CustomResources
import JSON
import Machinery
import Registry
import Resources
import Storage
import StorageEncryption

/// `binnacle storage`: an operator's look at what is stored, and work on it. It takes the storage flags of `serve` (and
/// its config file), and needs the storage for itself where `serve` does: SQLite has one process at a time, an etcd any
/// number.
struct StorageCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "storage", abstract: "Look at the storage, compact it, verify it, write it anew, move it.",
    subcommands: [
      StorageStatus.self, StorageCompact.self, StorageVerify.self, StorageRewrite.self, StorageSnapshot.self,
      StorageRestore.self, StorageMigrate.self,
    ])
}

/// An open storage with what the commands ask of it.
struct OpenStorage: Sendable {
  let settings: Settings
  let raw: any Storage

  /// Opens the storage of the settings, runs `body` and closes it. Throws `StartFailure` with one line.
  static func with(_ options: ServeOptions, _ body: (OpenStorage) async throws -> Void) async throws {
    let settings = try options.checked()
    var config = settings.storage
    // Nothing happens that was not asked for.
    config.compactionInterval = .zero
    let raw: any Storage
    let destroy: DestroyFunc
    do {
      (raw, destroy) = try await newRawStorage(config, factory: BackendFactory())
    } catch StorageError.invalidConfiguration(let why) {
      throw StartFailure(why)
    }
    do { try await body(OpenStorage(settings: settings, raw: raw)) } catch let error as StorageError {
      await destroy()
      throw StartFailure("storage \(settings.summary): \(error)")
    } catch {
      await destroy()
      throw error
    }
    await destroy()
  }

  /// Everything of one kind.
  struct Resource: Sendable {
    let name: GroupResource
    let kind: String
    /// Whole key prefix, ending in "/".
    let prefix: String
    let isNamespaced: Bool
    let codec: ResourceCodec
    /// The storage with the values as they were written.
    let storage: any Storage
  }

  /// All of them, with what clients have defined.
  func resources() async throws -> [Resource] {
    let builtIn = BuiltInResources.all().map(resource)
    return builtIn + (try await defined(builtIn)).map(resource)
  }

  private func resource(_ definition: ResourceDefinition) -> Resource {
    let storage: any Storage =
      if let transformer = settings.encryption?.transformer(for: definition.groupResource) {
        TransformedStorage(raw, transformer: transformer)
      } else { raw }
    return Resource(
      name: definition.groupResource, kind: definition.kind,
      prefix: "\(settings.storage.prefix)/\(definition.folder)/", isNamespaced: definition.isNamespaced,
      codec: ResourceCodec(definition, mediaType: settings.options.storageMediaType), storage: storage)
  }

  /// What clients have defined. A definition that can't be read is told of when definitions themselves are looked at.
  private func defined(_ builtIn: [Resource]) async throws -> [ResourceDefinition] {
    let name = GroupResource(group: "apiextensions.k8s.io", resource: "customresourcedefinitions")
    guard let definitions = builtIn.first(where: { $0.name == name }) else { return [] }
    var found: [ResourceDefinition] = []
    try await definitions.storage.forEach(prefix: definitions.prefix) { stored in
      guard let object = try? definitions.codec.decode(stored),
        let definition = try? JSONValue(parsing: object.object)
      else { return }
      if let resource = try? CustomResource.resource(definition) { found.append(resource) }
    }
    return found
  }
}

extension Storage {
  /// Shows every object under `prefix` as of one revision, page by page, so that memory stays flat.
  func forEach(prefix: String, _ body: (StoredObject) async throws -> Void) async throws {
    var options = StorageListOptions(limit: 500)
    while true {
      let page = try await getList(prefix: prefix, options: options)
      for object in page.objects { try await body(object) }
      guard page.hasMore, let last = page.objects.last else { return }
      options.startKey = last.key + "\0"
      options.exactRevision = page.revision
    }
  }
}
