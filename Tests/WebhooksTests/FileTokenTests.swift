import FoundationEssentials
import TestSupport
import Testing

@testable import Webhooks

@Suite struct `A token in a file` {
  @Test func `it is read again when it is old, and stays when it can't be`() async throws {
    let folder = try TemporaryFolder()
    let path = folder.file("token")
    func write(_ text: String) throws { try text.write(toFile: path, atomically: true, encoding: .utf8) }
    #expect(FileToken(path) == nil)
    try write("\n")
    #expect(FileToken(path) == nil)
    try write("one\n")
    let lasting = try #require(FileToken(path))
    let brief = try #require(FileToken(path, lifetime: .milliseconds(1)))
    try write("two\n")
    try await Task.sleep(for: .milliseconds(5))
    #expect(await lasting.current() == "one")
    #expect(await brief.current() == "two")
    try FileManager.default.removeItem(atPath: path)
    try await Task.sleep(for: .milliseconds(5))
    #expect(await brief.current() == "two")
    try write("three")
    try await Task.sleep(for: .milliseconds(5))
    #expect(await brief.current() == "three")
  }
}
