import ByteBuffers
import JSON
import Machinery

/// Files of one volume that get in each other's way. (Kubernetes: pkg/api/pod, `warningsForOverlappingVirtualPaths`)
enum VolumePathOverlaps {
  private struct File: Equatable {
    var path: String
    let source: String
    var shown: String { GoText.quoted(path) + (source.isEmpty ? "" : " (\(source))") }
    static func == (a: File, b: File) -> Bool { a.path == b.path && a.source == b.source }
  }

  /// How many files of one volume are compared with each other: each is, with all before it.
  private static let filesMax = 1_000

  static func warnings(_ volume: JSONValue) -> [String] {
    let name = GoText.quoted(volume.string(at: "name"))
    func files(_ source: JSONValue?, _ shown: String) -> [File] {
      (source?.array(at: "items") ?? []).map { File(path: $0.string(at: "path"), source: shown) }
    }
    var warnings: [String] = []
    func overlaps(_ files: [File], _ kind: String) {
      for text in overlapping(files) { warnings.append("volume \(name) (\(kind)): overlapping paths: \(text)") }
    }
    if let source = volume["configMap"], !source.isNull {
      overlaps(files(source, ""), "ConfigMap \(GoText.quoted(source.string(at: "name")))")
    }
    if let source = volume["secret"], !source.isNull {
      overlaps(files(source, ""), "Secret \(GoText.quoted(source.string(at: "secretName")))")
    }
    if let source = volume["downwardAPI"], !source.isNull { overlaps(files(source, ""), "DownwardAPI") }
    guard let projected = volume["projected"], !projected.isNull else { return warnings }
    var all: [File] = []
    for source in projected.array(at: "sources") {
      if source.object?.isEmpty != false {
        warnings.append("volume \(name) (Projected) has no sources provided")
        continue
      }
      if let map = source["configMap"], !map.array(at: "items").isEmpty {
        all += files(map, "ConfigMap \(GoText.quoted(map.string(at: "name")))")
      } else if let secret = source["secret"], !secret.array(at: "items").isEmpty {
        all += files(secret, "Secret \(GoText.quoted(secret.string(at: "name")))")
      } else if let fields = source["downwardAPI"], !fields.array(at: "items").isEmpty {
        all += files(fields, "DownwardAPI")
      } else if let token = source["serviceAccountToken"], !token.isNull {
        all.append(File(path: token.string(at: "path"), source: "ServiceAccountToken"))
      }
    }
    overlaps(all, "Projected")
    return warnings
  }

  private static func overlapping(_ files: [File]) -> [String] {
    var texts: [String] = []
    var before: [File] = []
    for var file in files.prefix(filesMax) {
      while file.path.hasSuffix("/") { file.path.removeLast() }
      if !file.path.isEmpty {
        for other in before where !other.path.isEmpty {
          let isOne =
            other == file || "\(other.path)/".hasPrefix("\(file.path)/") || "\(file.path)/".hasPrefix("\(other.path)/")
          if isOne { texts.append("\(file.shown) with \(other.shown)") }
        }
      }
      before.append(file)
    }
    return texts
  }
}
